package execution

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/envelope"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/record"
)

func testRules() Rules {
	limits := envelope.FromVars(env.Read(nil), events.Paper)
	return Rules{PlanID: "plan", Cap: dec("0.005"), Fallback: FallbackOff, Limits: limits, MaxSubmits: limits.MaxSubmitsPerLeg}
}

func testLeg(side events.Side, kind events.Kind) Leg {
	return Leg{record.Leg{Seq: 1, Symbol: "MSFT", Side: side, Kind: kind, Price: dec("100"), Intended: dec("10"), Qty: dec("10"), Fractionable: true}}
}

func at(seconds float64) time.Time {
	return time.Unix(1_800_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

func market(now time.Time) Observation {
	available, power := dec("10"), dec("5000")
	return Observation{Now: now, Quote: &Quote{Bid: dec("99.99"), Ask: dec("100.01"), Mid: dec("100")}, Available: &available, Power: &power}
}

// states is a leg in every state that its open or last attempt can have.
func states(t *testing.T, side events.Side) map[record.State]Leg {
	t.Helper()
	out := make(map[record.State]Leg)
	for _, s := range []record.State{record.Intended, record.Submitted, record.Partial, record.Unknown, record.Filled, record.Canceled, record.Expired, record.Rejected, record.NotPlaced} {
		l, command := testRules().Advance(testLeg(side, events.Exit), market(at(0)))
		if command == nil || command.Do != Submit || l.last().State != record.Intended || l.last().Posts != 1 {
			t.Fatalf("the first step is %+v with %+v", command, l)
		}
		a := l.last()
		a.State, a.BrokerOrderID = s, "o1"
		switch s {
		case record.Intended, record.NotPlaced:
			a.Posts = 0
		case record.Partial:
			a.Filled = dec("4")
		case record.Filled:
			a.Filled = dec("10")
		case record.Rejected:
			a.ReasonCode = reasonInsufficientQty
		case record.Unknown:
			a.UnknownSince = at(0)
		}
		out[s] = l
	}
	return out
}

func observations(l Leg) map[string]Observation {
	a := l.last()
	order := func(status broker.Status, filled string) *broker.Order {
		return &broker.Order{ID: "o1", ClientID: a.ClientOrderID, Symbol: l.Symbol, Side: l.Side, Type: a.Type, Qty: a.Qty, Limit: a.LimitPrice, Status: status, Filled: dec(filled)}
	}
	out := map[string]Observation{}
	for _, seconds := range []float64{0, 0.1, 3, 8, 100, 1000} {
		for _, status := range []broker.Status{"new", "partially_filled", "pending_cancel", "canceled", "filled", "expired", "rejected", "replaced", "done_for_day", "moonlit"} {
			filled := map[broker.Status]string{"filled": "10", "partially_filled": "4", "canceled": "4"}[status]
			if filled == "" {
				filled = "0"
			}
			o := market(at(seconds))
			o.Order = order(status, filled)
			out[fmt.Sprintf("%gs order %s", seconds, status)] = o
			for _, do := range []Do{Submit, Lookup, Read} {
				o := market(at(seconds))
				o.Reply = &Reply{Do: do, Order: order(status, filled)}
				out[fmt.Sprintf("%gs %s answered %s", seconds, do, status)] = o
			}
		}
		for _, do := range []Do{Submit, Lookup, Read, Cancel} {
			for _, err := range []error{
				errors.New("reset"), broker.ErrNotFound, errNotSent, &broker.Unknown{Op: "x", Cause: errors.New("eof")},
				&broker.TryLater{Op: "x"}, &broker.Rejected{Op: "x", Status: 403, Code: 40310000, Message: "insufficient qty available"},
			} {
				o := market(at(seconds))
				o.Reply = &Reply{Do: do, Err: err}
				out[fmt.Sprintf("%gs %s failed %v", seconds, do, err)] = o
			}
		}
		for name, change := range map[string]func(*Observation){
			"nothing": func(*Observation) {}, "no quote": func(o *Observation) { o.Quote = nil }, "stop": func(o *Observation) { o.Stop = "halted" },
			"wait": func(o *Observation) { o.Wait = true }, "nothing available": func(o *Observation) { zero := money.Zero(); o.Available = &zero },
			"blind": func(o *Observation) { o.Available, o.Power, o.Quote = nil, nil, nil },
		} {
			o := market(at(seconds))
			change(&o)
			out[fmt.Sprintf("%gs %s", seconds, name)] = o
		}
	}
	return out
}

// F70: every state meets every observation. Nothing panics, nothing that was
// passed in is changed, and no new order is made while one is unresolved.
func TestF70EveryStateMeetsEveryObservation(t *testing.T) {
	for _, side := range []events.Side{events.Buy, events.Sell} {
		all := make(map[string]Leg)
		for state, l := range states(t, side) {
			all[string(state)] = l
			if state.Terminal() {
				continue
			}
			for name, sent := range map[string]time.Time{"cancelling": {}, "cancelled": at(0)} {
				l.Attempts = slices.Clone(l.Attempts)
				l.last().CancelAt, l.last().CancelSent = at(0), sent
				all[string(state)+" "+name] = l
			}
		}
		for state, l := range all {
			for name, o := range observations(l) {
				before := fmt.Sprintf("%+v", l)
				next, command := testRules().Advance(l, o)
				if after := fmt.Sprintf("%+v", l); after != before {
					t.Fatalf("%s %s, %s: the leg that was passed in changed", side, state, name)
				}
				wrong := func(format string, args ...any) {
					t.Errorf("%s %s, %s: %s; command %+v", side, state, name, fmt.Sprintf(format, args...), command)
				}
				if len(next.Attempts) > len(l.Attempts) && !next.last().Replacement {
					if previous := next.Attempts[len(next.Attempts)-2]; !previous.State.Terminal() {
						wrong("attempt %d although %d is %s", next.last().N, previous.N, previous.State)
					}
				}
				if command != nil && command.Do == Submit {
					switch {
					case o.Stop != "" || o.Wait:
						wrong("an order although none may be sent")
					case next.last().ClientOrderID != command.Request.ClientID || next.last().Posts == 0:
						wrong("the intent is not on record")
					case next.Remaining().Less(command.Request.Qty):
						wrong("more than remains")
					}
				}
				if next.FilledQty().Less(l.FilledQty()) {
					wrong("fills were lost")
				}
				if next.Ended && command != nil {
					wrong("an ended leg acts")
				}
				again, repeated := testRules().Advance(l, o)
				if !reflect.DeepEqual(again, next) || !reflect.DeepEqual(repeated, command) {
					wrong("the decision is not repeatable")
				}
			}
		}
	}
}

// F78: a step's time is an instant on record. Another invocation goes on with
// it, and begins no new one.
func TestF78AResumedStepKeepsItsTime(t *testing.T) {
	l := states(t, events.Sell)[record.Submitted]
	until := l.last().StepUntil
	if l = Resume(l, until.Add(-time.Second)); !l.last().StepUntil.Equal(until) {
		t.Errorf("the step ends %s instead of %s", l.last().StepUntil, until)
	}
	_, command := testRules().Advance(Resume(l, until.Add(time.Minute)), market(until.Add(time.Minute)))
	if command == nil || command.Do != Cancel {
		t.Errorf("after the step's time there is %+v", command)
	}
}

func TestResumedIntentIsLookedFor(t *testing.T) {
	l, _ := testRules().Advance(testLeg(events.Buy, events.Open), market(at(0)))
	l = Resume(l, at(60))
	l, command := testRules().Advance(l, market(at(60)))
	if command == nil || command.Do != Lookup || command.ID != l.last().ClientOrderID || l.last().State != record.Unknown {
		t.Errorf("a resumed intent leads to %+v", command)
	}
}

func TestMarketFallback(t *testing.T) {
	for _, c := range []struct {
		fallback Fallback
		kind     events.Kind
		ask      string
		want     bool
	}{
		{FallbackOff, events.Exit, "100.01", false},
		{FallbackExits, events.Exit, "100.01", true},
		{FallbackExits, events.Decrease, "100.01", false},
		{FallbackAll, events.Decrease, "100.01", true},
		{FallbackAll, events.Decrease, "100.80", false}, // too wide
	} {
		r := testRules()
		r.Fallback = c.fallback
		l, _ := r.Advance(testLeg(events.Sell, c.kind), market(at(0)))
		a := l.last()
		a.State, a.Step = record.Canceled, lastStep
		o := market(at(20))
		o.Quote.Ask = dec(c.ask)
		o.Quote.Mid = o.Quote.Bid.Add(o.Quote.Ask).Quo(dec("2"))
		_, command := r.Advance(l, o)
		if got := command != nil && command.Request.Type == broker.Market && command.Request.Limit == nil; got != c.want {
			t.Errorf("%s for %s at %s: %+v", c.fallback, c.kind, c.ask, command)
		}
	}
}

func TestOutcomes(t *testing.T) {
	leg := func(state record.State, filled string, reason string) Leg {
		l := testLeg(events.Buy, events.Open)
		l.Ended, l.ReasonCode = true, reason
		if state != "" {
			l.Attempts = []record.Attempt{{N: 1, State: state, Qty: dec("10"), Filled: dec(filled), Posts: 1}}
		}
		return l
	}
	full, part, none := leg(record.Filled, "10", ""), leg(record.Canceled, "4", reasonUnfilled), leg(record.Canceled, "0", reasonUnfilled)
	refused, skipped, unknown := leg(record.Rejected, "0", reasonOther), leg("", "0", reasonNoQuote), leg(record.Unknown, "0", reasonUnknown)
	dust := testLeg(events.Sell, events.Exit)
	dust.Attempts = []record.Attempt{{N: 1, State: record.Rejected, Posts: 1, ReasonCode: reasonBelowMinimum}}
	dust.end(reasonBelowMinimum)
	dust.leave(dust.Qty)
	for _, c := range []struct {
		name string
		legs []Leg
		want events.Outcome
	}{
		{"no line", nil, events.OutcomeNoTrades},
		{"all filled", []Leg{full, full}, events.OutcomeCompleted},
		{"dust apart", []Leg{full, dust}, events.OutcomeCompleted},
		{"one of a hundred", []Leg{part}, events.OutcomePartial},
		{"one leg left out", []Leg{full, skipped}, events.OutcomePartial},
		{"nothing filled", []Leg{none, refused}, events.OutcomeFailed},
		{"nothing sent", []Leg{skipped}, events.OutcomeSkipped},
		{"one unresolved", []Leg{full, unknown}, events.OutcomeUnknown},
	} {
		if got := Outcome(c.legs); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	for want, l := range map[events.LegStatus]Leg{
		events.LegFilled: full, events.LegPartial: part, events.LegUnfilled: none, events.LegRejected: refused, events.LegSkipped: skipped, events.LegUnknown: unknown,
	} {
		if got := l.Status(); got != want {
			t.Errorf("status %s, want %s", got, want)
		}
	}
}

func TestConfig(t *testing.T) {
	v := env.Read(map[string]string{"CAP_BPS": "0", "MAX_SPREAD_BPS": "501", "MARKET_FALLBACK": "sometimes", "MAX_CONTINUATIONS": "11", "QUOTE_MAX_AGE": "-1s"})
	ReadConfig(v, events.Live, broker.AccountGuard{})
	err := v.Err()
	if err == nil {
		t.Fatal("no mistake was found")
	}
	for _, name := range []string{"CAP_BPS", "MAX_SPREAD_BPS", "MARKET_FALLBACK", "MAX_CONTINUATIONS", "QUOTE_MAX_AGE", "MAX_ORDER_USD"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %s", name)
		}
	}
	v = env.Read(nil)
	c := ReadConfig(v, events.Paper, broker.AccountGuard{})
	if v.Err() != nil || c.Cap.String() != "0.005" || c.MaxSpread.String() != "0.01" || c.MarketFallback != FallbackOff || c.MaxContinuations != 10 || c.Limits.MaxSubmitsPerLeg != 7 {
		t.Errorf("defaults %+v, %v", c, v.Err())
	}
}

// A cancel that certainly did not reach the broker is owed until it does: an
// order that is believed to be cancelled would rest there for the whole day.
func TestACancelThatWasNotSentIsSentAgain(t *testing.T) {
	for name, err := range map[string]error{"try later": &broker.TryLater{Op: "cancel", After: 2 * time.Second}, "not sent": errNotSent} {
		t.Run(name, func(t *testing.T) {
			l := states(t, events.Sell)[record.Submitted]
			stop := market(at(1))
			stop.Stop = reasonCloseOut
			l, command := testRules().Advance(l, stop)
			for try := range 4 {
				if command == nil || command.Do != Cancel || command.ID != "o1" {
					t.Fatalf("try %d: %+v, want the cancel", try, command)
				}
				stop.Reply = &Reply{Do: Cancel, Err: err}
				l, command = testRules().Advance(l, stop)
				if command != nil && command.Do == Cancel {
					t.Fatalf("try %d: repeated at once", try)
				}
				stop.Reply, stop.Now = nil, stop.Now.Add(2*time.Second)
				l, command = testRules().Advance(l, stop)
			}
			stop.Reply = &Reply{Do: Cancel}
			l, _ = testRules().Advance(l, stop)
			if a := l.last(); !a.CancelAgainAt.IsZero() {
				t.Errorf("a cancel that was sent is still owed at %s", a.CancelAgainAt)
			}
		})
	}
}

// The broker told the price of the first fills and not yet that of all: it is
// pending, not the old one.
func TestThePriceOfSomeFillsIsNotThePriceOfAll(t *testing.T) {
	l := states(t, events.Buy)[record.Submitted]
	seen := func(status broker.Status, filled string, price *money.Decimal) {
		a := l.last()
		o := market(at(3))
		o.Order = &broker.Order{ID: "o1", ClientID: a.ClientOrderID, Symbol: l.Symbol, Side: l.Side, Type: a.Type, Qty: a.Qty, Limit: a.LimitPrice, Status: status, Filled: dec(filled), AvgPrice: price}
		l, _ = testRules().Advance(l, o)
	}
	first := dec("99.5")
	seen("partially_filled", "4", &first)
	seen("partially_filled", "4", nil)
	if got := l.last().AvgPrice; got == nil || !got.Equal(first) {
		t.Errorf("the price of the same fills was forgotten: %v", got)
	}
	seen("filled", "10", nil)
	if got := l.last().AvgPrice; got != nil || !l.last().Filled.Equal(dec("10")) {
		t.Errorf("ten shares cost %v, which was the price of four", got)
	}
	if l.AvgPrice() != nil {
		t.Error("the leg has a price that nobody told")
	}
}
