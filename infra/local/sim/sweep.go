package sim

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
)

// death kills the process that makes an effect; effects are counted over the
// whole world.
type death struct {
	effect int
	in     where
}

// point is one thing that goes wrong in a play of a scenario.
type point struct {
	deaths    []death
	double    int  // effect at which the invocation's event arrives a second time; 0: none
	overtakes bool // and the second delivery is faster
	closeOut  int  // effect of execution at which the sweep's close-out arrives; 0: none
	post      int  // POST that is answered otherwise; 0: none
	cancel    int
	answer    int // which of the answers
}

func (p point) String() string {
	var parts []string
	for _, d := range p.deaths {
		parts = append(parts, fmt.Sprintf("death %s %d", d.in, d.effect))
	}
	switch {
	case p.double > 0:
		parts = append(parts, fmt.Sprintf("second delivery at %d (overtakes: %t)", p.double, p.overtakes))
	case p.closeOut > 0:
		parts = append(parts, fmt.Sprintf("a close-out at %d", p.closeOut))
	case p.post > 0:
		parts = append(parts, fmt.Sprintf("POST %d answered with %d", p.post, p.answer))
	case p.cancel > 0:
		parts = append(parts, fmt.Sprintf("cancel %d answered with %d", p.cancel, p.answer))
	}
	return strings.Join(parts, ", ")
}

// postAnswers are the classes of answers to a POST.
func postAnswers() []affliction {
	const op = "submit"
	out := []affliction{
		{before: &broker.Unknown{Op: op, Cause: errReset}}, {hang: true}, {hang: true, hide: true},
		{hang: true, late: int64(6 * time.Second)}, {hang: true, late: int64(2 * time.Minute)},
		{after: &broker.Unknown{Op: op, Cause: errEOF}}, {after: &broker.Unknown{Op: op, Cause: errEOF}, hide: true},
		{after: &broker.Unknown{Op: op, Cause: errUnreadable}}, {after: &broker.Unknown{Op: op, Cause: errGateway}},
		{before: &broker.TryLater{Op: op}}, {before: &broker.TryLater{Op: op, After: 3 * time.Second}},
	}
	for _, r := range refusals() {
		out = append(out, affliction{before: &r})
	}
	return out
}

// cancelAnswers are the classes of answers to a cancel.
func cancelAnswers() []affliction {
	const op = "cancel"
	return []affliction{
		{before: &broker.Rejected{Op: op, Status: 422, Code: 42210000, Message: `order is already in "filled" state`}},
		{before: fmt.Errorf("cancel: %w", broker.ErrNotFound)},
		{before: &broker.Unknown{Op: op, Cause: context.DeadlineExceeded}}, {after: &broker.Unknown{Op: op, Cause: context.DeadlineExceeded}},
		{before: &broker.Unknown{Op: op, Cause: errGateway}}, {after: &broker.Unknown{Op: op, Cause: errGateway}},
		{before: &broker.TryLater{Op: op}}, {before: &broker.TryLater{Op: op, After: 3 * time.Second}},
	}
}

// play plays the scenario with one point.
func (s Scenario) play(p point, o Options) *world {
	o.Strikes = []Strike{}
	o.threads = &threads{}
	defer o.threads.end()
	w := worldOf(1, s.design(), o)
	w.script, w.point = s.script, p
	w.play()
	w.judge()
	for i := range w.wrong {
		w.wrong[i].Text += fmt.Sprintf(" [%s: %s]", s.Name, p)
	}
	return w
}

// Swept are the counts of a sweep.
type Swept struct {
	Scenario, Content, Ends                  string
	Effects, Posts, Cancels                  int
	Singles, Doubles, Answers, Pairs, Played int
	Violations                               []Violation
}

// Add adds the counts of another scenario's sweep.
func (s *Swept) Add(r Swept) {
	s.Effects, s.Posts, s.Cancels = s.Effects+r.Effects, s.Posts+r.Posts, s.Cancels+r.Cancels
	s.Singles, s.Doubles, s.Answers = s.Singles+r.Singles, s.Doubles+r.Doubles, s.Answers+r.Answers
	s.Pairs, s.Played = s.Pairs+r.Pairs, s.Played+r.Played
}

// deathsAt are the deaths at an effect that leave a state behind which no other
// death leaves. A process that is gone leaves what it wrote, so that a death
// after a write is one before the next write. It is another one before each look
// at the broker, whose orders go on, and before the invocation's first effect.
func deathsAt(effect int, first bool, name string) (out []death) {
	if first || strings.HasPrefix(name, "broker.") {
		out = append(out, death{effect, beforeEffect})
	}
	switch name {
	case "ledger.put", "bus.put", "mail.send", "broker.submit", "broker.cancel":
		out = append(out, death{effect, afterEffect})
	}
	return out
}

// Sweep plays a scenario with every point: each effect dies in each of three
// ways, each event arrives twice at each effect in both orders, each POST and
// cancel gets each answer, and, with pairs, every two deaths that leave states of
// their own behind, the second one up to the next commit. Every single death is
// always played; of second deliveries and answers, and of pairs, at most so many
// as most says, evenly taken (0: all).
func (s Scenario) Sweep(pairs bool, most int) Swept {
	clean := s.play(point{}, Options{})
	out := Swept{
		Scenario: s.Name, Content: s.Content, Ends: strings.Join(clean.outcomes, ", "),
		Effects: clean.settledEffects, Posts: len(clean.requests), Cancels: len(clean.cancels), Violations: clean.wrong,
	}
	if out.Ends != s.ends {
		out.Violations = append(out.Violations, Violation{Invariant: "scenario", Text: fmt.Sprintf("%s ends as %s, not as %s", s.Name, out.Ends, s.ends)})
	}
	var points []point
	for effect := 1; effect <= clean.settledEffects; effect++ {
		for in := beforeEffect; in <= afterAnswer; in++ {
			points = append(points, point{deaths: []death{{effect, in}}})
		}
	}
	out.Singles = len(points)
	for effect := 1; effect <= clean.settledEffects; effect++ {
		points = append(points, point{double: effect}, point{double: effect, overtakes: true}, point{closeOut: effect}, point{closeOut: effect, overtakes: true})
	}
	out.Doubles = len(points) - out.Singles
	for n := range clean.requests {
		for k := range postAnswers() {
			points = append(points, point{post: n + 1, answer: k})
		}
	}
	for n := range clean.cancels {
		for k := range cancelAnswers() {
			points = append(points, point{cancel: n + 1, answer: k})
		}
	}
	out.Answers = len(points) - out.Singles - out.Doubles
	points = append(points[:out.Singles:out.Singles], sample(points[out.Singles:], most)...)
	next := sweepAll(s, points, pairs, &out)
	out.Played = len(points)
	if pairs {
		out.Pairs = len(next)
		next = sample(next, most)
		sweepAll(s, next, false, &out)
		out.Played += len(next)
	}
	return out
}

func sample(points []point, most int) []point {
	if most == 0 || len(points) <= most {
		return points
	}
	out := make([]point, 0, most)
	for k := range most {
		out = append(out, points[k*len(points)/most])
	}
	return out
}

// sweepAll plays the points on all cores. It returns, if asked, the points
// that follow from those with one death.
func sweepAll(s Scenario, points []point, follow bool, out *Swept) (next []point) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	var turn atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for {
				k := int(turn.Add(1)) - 1
				if k >= len(points) {
					return
				}
				p := points[k]
				// That everything can be sent again is looked at in every fourth play.
				w := s.play(p, Options{Once: len(p.deaths) > 1 || k%4 > 0})
				mu.Lock()
				out.Violations = append(out.Violations, w.wrong...)
				if follow && len(p.deaths) == 1 && slices.Contains(w.deaths, p.deaths[0]) {
					for _, second := range w.deaths {
						if second.effect > w.died && second.effect <= w.recommitted {
							next = append(next, point{deaths: []death{p.deaths[0], second}})
						}
					}
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	slices.SortFunc(next, func(a, b point) int { return strings.Compare(a.String(), b.String()) })
	return next
}

// strike lets the point happen at an effect of an invocation.
func (w *world) strike(i *invocation, name string) {
	p := &w.point
	if len(p.deaths) > 0 {
		w.deaths = append(w.deaths, deathsAt(w.effects, i.effects == 1, name)...)
	}
	for n, d := range p.deaths {
		if d.effect == w.effects {
			i.dieAt, i.dieIn, i.first = i.effects, d.in, n == 0
		}
	}
	if w.script.kill == i.job.function.Name && w.faults.on && i.effects == 2 {
		i.dieAt, i.dieIn = i.effects, afterEffect
	}
	if p.double == w.effects || p.closeOut == w.effects {
		again := *i.job
		again.tries = 0
		if p.closeOut > 0 && !w.closingOut(&again) {
			return
		}
		w.enqueue(&again)
		if p.overtakes {
			w.loop.current.sleep(w.loop.now + int64(2*time.Second))
		}
	}
}

// closingOut turns a job of execution into the sweep's close-out of its plan.
func (w *world) closingOut(j *job) bool {
	plan, ok := j.event.Payload.(*events.RebalancePlanned)
	if !ok {
		return false
	}
	root := j.event
	root.EventID, root.Hop, root.EventType = events.CloseOutID(root.CorrelationID), -1, ""
	e, err := events.Child(root, events.SourceOrchestration, events.Event{Payload: &events.TradeExecutionContinued{
		PlanID: plan.PlanID, N: 1, Phase: events.PhaseClose, CloseOut: true, Reason: "stalled",
	}}, 0, w.now(), events.Producer{Service: "monitor", Version: "1"})
	if err != nil {
		panic(err)
	}
	detail, err := events.Encode(e)
	if err != nil {
		panic(err)
	}
	w.detail[e.EventID] = string(detail)
	j.event, j.payload = e, w.payload(e.Source, e.EventType, string(detail))
	return true
}
