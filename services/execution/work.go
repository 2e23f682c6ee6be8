package execution

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/record"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

const (
	stopBefore  = 5 * time.Second  // of the invocation's end: what is left goes to the next one
	postBefore  = 6 * time.Second  // no POST within this of the invocation's end
	closeBefore = 20 * time.Second // of the run's deadline: cancel what works
	closeLimit  = 60 * time.Second // how long unresolved orders are looked for after that
	callLimit   = 5 * time.Second
	recordTime  = 2 * time.Second // of the invocation's end, for the ledger
	side        = 8               // legs that talk to the broker at the same time
	// atWork bounds the legs that are worked on at a time. What they have at the
	// broker can be cancelled within one invocation, and their quotes are fresh
	// when their turn comes.
	atWork = 24
	keep   = 400 * 24 * time.Hour
)

// errOutOfTime ends an invocation whose work is not done.
var errOutOfTime = errors.New("execution: the invocation is at its end")

// errUnresolved leaves orders that do not end to the close-out.
var errUnresolved = errors.New("execution: orders are unresolved: the close-out looks at them once more")

// trade is one invocation's work on a plan.
type trade struct {
	*Execution
	runID    string
	began    time.Time
	notAfter time.Time
	exec     ledger.Doc[record.Execution]
	plan     *events.RebalancePlanned
	legs     []ledger.Doc[Leg]
	rules    Rules
	gate     gate
	// available is what may be sold by symbol, as read at availableAt.
	available   map[string]broker.Position
	availableAt time.Time
	justRead    look // the quotes that the budget was made with
	waiting     bool // the last look did not allow orders
	reconciled  bool
}

// work takes the plan's lock, trades until everything is done or the
// invocation ends, and says what follows.
func (x *Execution) work(ctx context.Context, in events.Envelope, doc ledger.Doc[record.Execution], stop string) ([]events.Event, error) {
	switch e := doc.Value; {
	case e.Refused != nil:
		return nil, refused(e.Refused)
	case e.Phase == events.PhaseDone:
		return x.repeat(ctx, in, doc)
	}
	t := &trade{Execution: x, runID: in.CorrelationID, began: x.Clock.Now(), notAfter: in.NotAfter.Time(), exec: doc, plan: doc.Value.Plan}
	if doc.Version == 0 {
		t.began = doc.Value.StartedAt
	}
	if err := t.lock(ctx); err != nil {
		return nil, err
	}
	err := t.run(ctx, stop)
	if t.exec.Value.Owner, t.exec.Value.LeaseUntil = "", (time.Time{}); err != nil {
		t.worked()
	}
	switch {
	case errors.Is(err, errOutOfTime):
		if err := t.save(ctx); err != nil {
			return nil, err
		}
		return []events.Event{{Payload: &events.TradeExecutionContinued{
			PlanID: t.plan.PlanID, N: t.exec.Value.Continuations + 1, Phase: t.exec.Value.Phase, Reason: "deadline",
		}}}, nil
	case errors.Is(err, errUnresolved):
		return nil, t.save(ctx) // the plan stays open, which the sweep finds
	case err != nil:
		// The lock ends by itself; giving it back only spares the next one the wait.
		if free := t.save(context.WithoutCancel(ctx)); free != nil {
			t.Log.WarnContext(ctx, "the plan's lock could not be given back", "error", free.Error())
		}
		return nil, err
	}
	t.exec.Value.ReportedBy = in.EventID
	return final(t.runID, t.exec.Value), t.save(ctx)
}

// worked adds the invocation's time to the record.
func (t *trade) worked() { t.exec.Value.WorkedMS += t.Clock.Now().Sub(t.began).Milliseconds() }

// repeat answers an event about a plan that is done. One event reports, under
// one id: another one, such as a close-out that is driven again, has nothing
// to add unless the first was lost between its record and its commit. As long
// as the first holds its claim it is not lost, only slow.
func (x *Execution) repeat(ctx context.Context, in events.Envelope, doc ledger.Doc[record.Execution]) ([]events.Event, error) {
	if doc.Value.ReportedBy != in.EventID {
		first, err := ledger.LoadOr[ledger.Inbox](ctx, x.Ledger, ledger.InboxKey(in.CorrelationID, string(topology.Execution), doc.Value.ReportedBy))
		if err != nil {
			return nil, err
		}
		switch f := first.Value; {
		case f.State == ledger.Done && f.Result == string(events.TypeTradeExecuted):
			return nil, nil
		case f.State == ledger.Claimed && f.LeaseUntil > x.Clock.Now().UnixMilli():
			return nil, stage.Transient("in_progress", fmt.Errorf("event %s reports plan %s at this moment", doc.Value.ReportedBy, doc.Value.PlanID))
		}
		doc.Value.ReportedBy = in.EventID
		if err := ledger.Save(ctx, x.Ledger, &doc); err != nil {
			return nil, err
		}
	}
	return final(in.CorrelationID, doc.Value), nil
}

// final is what every event about a finished plan is answered with.
func final(runID string, e record.Execution) []events.Event {
	out := []events.Event{{Payload: e.Final}}
	for _, a := range e.Alarms {
		out = append(out, events.Event{Payload: &events.ErrorNotificationRequested{
			Severity: "ERROR", Code: a.Code, Title: "Execution: " + a.Code, Message: a.Message, Stage: "execution", RunID: &runID,
			Details: events.Details{"plan_id": e.PlanID},
		}})
	}
	return out
}

func (t *trade) lock(ctx context.Context) error {
	now := t.Clock.Now()
	e := &t.exec.Value
	if e.Owner != "" && now.Before(e.LeaseUntil) {
		return stage.Transient("in_progress", fmt.Errorf("another invocation works on plan %s until %s", e.PlanID, e.LeaseUntil.Format(time.RFC3339)))
	}
	e.Owner, e.LeaseUntil = t.Owner(), now.Add(topology.Timeout+15*time.Second)
	t.exec.Expires = now.Add(keep)
	return t.save(ctx)
}

func (t *trade) save(ctx context.Context) error { return ledger.Save(ctx, t.Ledger, &t.exec) }

// saveLeg stores one leg; several may be stored at the same time.
func (t *trade) saveLeg(ctx context.Context, doc *ledger.Doc[Leg]) error {
	doc.Expires = t.exec.Expires
	return ledger.Save(ctx, t.Ledger, doc)
}

func newLegs(plan *events.RebalancePlanned) []Leg {
	legs := make([]Leg, 0, len(plan.Lines))
	for _, l := range plan.Lines {
		leg := newLeg(l)
		if c, ok := plan.PreviousCloses[l.Symbol]; ok {
			closing := money.MustParse(c)
			leg.PreviousClose = &closing
		}
		legs = append(legs, leg)
	}
	return legs
}

// load reads the legs as they were left; a leg that was never stored is new.
func (t *trade) load(ctx context.Context) error {
	for _, l := range newLegs(t.plan) {
		t.legs = append(t.legs, ledger.Doc[Leg]{Key: ledger.LegKey(t.runID, t.plan.PlanID, l.Seq), Value: l})
	}
	if t.exec.Version > 1 {
		stored, err := ledger.LoadAll[Leg](ctx, t.Ledger, ledger.RunPK(t.runID), "LEG#"+t.plan.PlanID+"#")
		if err != nil {
			return err
		}
		for _, s := range stored {
			i := slices.IndexFunc(t.legs, func(d ledger.Doc[Leg]) bool { return d.Key == s.Key })
			if i < 0 {
				return stage.Permanent("plan_conflict", "alchemiser show "+t.runID, "leg %s is not in the plan", s.Key)
			}
			s.Value = Resume(s.Value, t.Clock.Now())
			t.legs[i] = s
		}
	}
	if b := t.exec.Value.Budget; b != nil {
		t.applyBudget(*b)
	}
	t.notice(t.all())
	return nil
}

func (t *trade) applyBudget(b record.Budget) {
	for i, line := range t.plan.Lines { // legs are in the order of their lines
		if line.Side == events.Buy {
			t.legs[i].Value.share(b, tolerance(t.plan, line))
		}
	}
}

func (t *trade) values() []Leg {
	out := make([]Leg, 0, len(t.legs))
	for _, d := range t.legs {
		out = append(out, d.Value)
	}
	return out
}

// indexes are the positions of the legs of one side.
func (t *trade) indexes(s events.Side) []int {
	var out []int
	for i := range t.legs {
		if t.legs[i].Value.Side == s {
			out = append(out, i)
		}
	}
	return out
}

// stop ends the sending of orders, for the first reason that is met.
func (t *trade) stop(reason string) {
	if t.exec.Value.Stop == "" {
		t.exec.Value.Stop = reason
	}
}

func (t *trade) alarm(code, format string, args ...any) {
	a := record.Alarm{Code: code, Message: fmt.Sprintf(format, args...)}
	if !slices.Contains(t.exec.Value.Alarms, a) {
		t.exec.Value.Alarms = append(t.exec.Value.Alarms, a)
	}
}

// run goes through the phases.
func (t *trade) run(ctx context.Context, stop string) error {
	c := t.Config
	t.rules = Rules{PlanID: t.plan.PlanID, Cap: c.Cap, Fallback: c.MarketFallback, Limits: c.Limits, MaxSubmits: c.Limits.MaxSubmitsPerLeg}
	if err := t.load(ctx); err != nil {
		return err
	}
	if stop != "" {
		t.stop(stop)
	}
	if stop == reasonCloseOut {
		t.lookAgain()
	}
	if err := t.preflight(ctx); err != nil {
		return err
	}
	for {
		e := &t.exec.Value
		if e.Stop != "" && e.Phase != events.PhaseClose {
			t.close()
		}
		var err error
		switch e.Phase {
		case events.PhaseSells:
			if err = t.pursueAll(ctx, t.indexes(events.Sell)); err == nil && e.Stop == "" {
				err = t.startBuys(ctx)
			}
		case events.PhaseBuys:
			if err = t.pursueAll(ctx, t.indexes(events.Buy)); err == nil {
				t.close()
			}
		case events.PhaseClose:
			if err = t.pursueAll(ctx, t.all()); err != nil {
				return err
			}
			switch {
			case t.reconcile(ctx):
			case t.leaves():
				return errUnresolved
			default:
				return t.finish(ctx)
			}
		default:
			return fmt.Errorf("execution: plan %s is in the unknown phase %q", e.PlanID, e.Phase)
		}
		if err != nil {
			return err
		}
	}
}

func (t *trade) all() []int {
	out := make([]int, len(t.legs))
	for i := range out {
		out[i] = i
	}
	return out
}

// close begins the last phase, in which no order is sent.
func (t *trade) close() {
	t.stop(reasonDone)
	t.exec.Value.Phase = events.PhaseClose
	t.exec.Value.CloseUntil = t.Clock.Now().Add(closeLimit)
}

// pursueAll advances the legs side by side until each has ended, a stop is
// called, or the time is up.
func (t *trade) pursueAll(ctx context.Context, which []int) error {
	closing := t.exec.Value.Phase == events.PhaseClose
	for {
		working := t.working(which)
		if len(working) == 0 {
			return nil
		}
		working = working[:min(len(working), atWork)]
		if !closing {
			t.checkDeadline()
		}
		observed := t.observe(ctx, working)
		if t.exec.Value.Stop != "" && !closing {
			return nil // run goes on with closing
		}
		errs := make([]error, len(working))
		t.Tasks.Do(len(working), side, func(k int) {
			errs[k] = t.pursue(ctx, &t.legs[working[k]], observed[working[k]])
		})
		if err := errors.Join(errs...); err != nil {
			return err
		}
		t.notice(working)
		switch now := t.Clock.Now(); {
		case len(t.working(which)) == 0:
			return nil
		case t.Remaining(ctx) < stopBefore && closing && t.exec.Value.Continuations >= t.Config.MaxContinuations,
			closing && !now.Before(t.exec.Value.CloseUntil):
			return nil // what is still open is left to the close-out, or reported as unknown
		case t.Remaining(ctx) < stopBefore:
			return errOutOfTime
		default:
			if err := t.Clock.Sleep(ctx, t.pause(working, now)); err != nil {
				return err
			}
		}
	}
}

// working are the legs that have not ended.
func (t *trade) working(which []int) []int {
	return slices.DeleteFunc(slices.Clone(which), func(i int) bool { return t.legs[i].Value.Ended })
}

func (t *trade) checkDeadline() {
	if !t.Clock.Now().Before(t.notAfter.Add(-closeBefore)) {
		t.stop(reasonNotAfter)
	}
}

// notice draws the run's consequences from what happened to its legs.
func (t *trade) notice(which []int) {
	for _, i := range which {
		l := &t.legs[i].Value
		switch {
		case l.ReasonCode == reasonIDConflict:
			t.stop(reasonIDConflict)
			t.alarm(reasonIDConflict, "the broker has an order under the id of a %s of %s that is not the one we meant", l.Side, l.Symbol)
		case l.count(reasonBlocked) > 0:
			t.stop(reasonBlocked)
		}
		if l.count(reasonBadOrder) > 0 {
			t.alarm(reasonBadOrder, "the broker refused the form of a %s of %s: %s", l.Side, l.Symbol, l.last().BrokerMessage)
		}
		if a := l.last(); a != nil && !known(a.BrokerStatus) {
			t.alarm("unknown_status", "the broker reports the status %q of order %s, which this build does not know", a.BrokerStatus, a.ClientOrderID)
		}
		if l.count(reasonReplaced) > 0 {
			t.alarm(reasonReplaced, "somebody else replaced our %s of %s", l.Side, l.Symbol)
		}
	}
}

// pause is how long nothing is to be done.
func (t *trade) pause(which []int, now time.Time) time.Duration {
	const atOnce, atMost = 5 * time.Millisecond, time.Second
	wait := atMost
	for _, i := range which {
		l := &t.legs[i].Value
		a := l.open()
		switch {
		case l.Ended:
		case a == nil && l.WaitSince.IsZero() && !t.waiting:
			wait = atOnce // it wants a fresh look at the market
		case a != nil:
			if until := a.NextAt.Sub(now); until > 0 || !t.waiting {
				wait = min(wait, until)
			}
			if a.CancelAt.IsZero() && a.StepUntil.After(now) {
				wait = min(wait, a.StepUntil.Sub(now))
			}
		}
	}
	return max(wait, atOnce)
}
