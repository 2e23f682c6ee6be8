// Package sim is the deterministic simulation: the real handlers of all six
// stages in one process under virtual time, with every fault that we can name.
// One seed is one world is one exact trace. The broker's own book judges what
// the functions did; their ledger is believed in nothing.
//
//	result := sim.Run(8123, sim.Options{})
//	for _, v := range result.Violations { fmt.Println(v) }
package sim

import (
	"fmt"
	"time"
)

// Options choose what happens in a world beside its seed.
type Options struct {
	Rate    *float64 // of faults; nil: 0.05, 0.15 in every tenth seed, 0 in every hundredth
	Days    int      // 0: drawn
	Only    []Fault
	Without []Fault
	Strikes []Strike // exactly these; nil: drawn
	Trace   bool     // keep the lines

	Wire bool // reach the broker's book through the adapter, the SDK, HTTP and JSON

	Once bool // without sending everything again at the end

	threads *threads // of worlds that are played one after the other; nil: a world's own
}

// rateOf is the rate of faults in a seed's world.
func (o Options) rateOf(seed uint64) float64 {
	switch {
	case o.Rate != nil:
		return *o.Rate
	case seed%100 == 0:
		return 0
	case seed%10 == 0:
		return 0.15
	}
	return 0.05
}

// Violation is a broken invariant.
type Violation struct {
	Invariant string // I1 … I22
	Seed      uint64
	At        time.Time
	Text      string
}

func (v Violation) String() string {
	return fmt.Sprintf("FAIL %s seed=%d t=%s %s", v.Invariant, v.Seed, v.At.UTC().Format("2006-01-02T15:04:05.000Z"), v.Text)
}

// Result is what came of a world.
type Result struct {
	Seed        uint64
	Hash        string // of the trace
	Book        string // digest of the broker's orders and fills
	Rate        float64
	Violations  []Violation
	Strikes     []Strike
	Fired, Seen [faultCount + 1]int
	Stages      [faultCount + 1][stageCount + 1]hits // of a fault's opportunities
	Effects     int
	Invocations int
	Steps       int
	Outcomes    []string   // of the runs that began, as their records say
	Recoveries  []Recovery // of the runs that were hit
	Lines       []string
}

// Run plays the world of a seed.
func Run(seed uint64, o Options) Result {
	if o.threads == nil {
		o.threads = &threads{}
		defer o.threads.end()
	}
	w := newWorld(seed, o)
	w.play()
	w.judge()
	w.outlive()
	r := Result{
		Seed: seed, Hash: w.trace.sum(), Book: w.bookDigest(), Rate: w.faults.rate, Violations: w.wrong, Strikes: w.faults.struck, Effects: w.effects,
		Invocations: w.invoked, Steps: w.loop.steps, Outcomes: w.outcomes, Recoveries: w.recoveries, Lines: w.trace.lines,
	}
	for i := range r.Violations {
		r.Violations[i].Seed = seed
	}
	for x := range w.faults.kinds {
		r.Fired[x], r.Seen[x], r.Stages[x] = w.faults.kinds[x].fired, w.faults.kinds[x].seen, w.faults.kinds[x].stages
	}
	return r
}

// bookDigest names what was traded.
func (w *world) bookDigest() string {
	var b []byte
	for _, o := range w.book {
		b = fmt.Appendf(b, "%s %s %s %s\n", o.ClientID, o.Side, o.Symbol, o.Status)
		for _, f := range o.Fills {
			b = fmt.Appendf(b, "%d %s %s\n", f.At.UnixNano(), f.Qty, f.Price)
		}
	}
	return digest(b)
}

// play lets the days pass, then ends the faults, empties the queues and lets
// twenty more days pass.
func (w *world) play() {
	w.scheduleAll()
	end := w.days[len(w.days)-1].date.AddDays(1).In(time.UTC).UnixNano() + int64(26*time.Hour)
	w.loop.run(end)
	w.settledEffects = w.effects
	w.redriveSome()
	w.loop.run(end + int64(7*24*time.Hour))
	w.faults.on = false
	for range 4 {
		if !w.redriveAll() {
			break
		}
		w.loop.run(w.loop.now + int64(2*time.Hour))
	}
	w.loop.run(w.loop.now + int64(time.Hour))
	w.repeatEverything()
}

// redriveSome sends some messages again while faults still strike.
func (w *world) redriveSome() {
	for _, m := range w.lambda.queues {
		if w.strikesAt(34, 4, m.function.Name) {
			w.loop.at(w.until(w.loop.now+between(w.how(34), time.Minute, 6*24*time.Hour)), func() { w.redrive(m) })
		}
	}
}

// redrive sends a message again, as the operator's tool does: the same event.
func (w *world) redrive(m *message) {
	if m.redriven++; m.event.EventID != "" {
		detail := w.detail[m.event.EventID]
		w.route(m.event.Source, m.event.EventType, detail)
		return
	}
	w.enqueue(&job{function: m.function, payload: m.payload, command: m.command, event: m.event})
}

// redriveAll sends every message again that is no poison and was not; it
// reports whether there was one.
func (w *world) redriveAll() bool {
	any := false
	for _, m := range w.lambda.queues {
		if m.poison || m.redriven > 2 || m.command != "" {
			continue
		}
		m.redriven = 3
		any = true
		w.redrive(m)
	}
	return any
}
