package execution

import (
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// TestLegLaws walks one leg at a broker that loses, hides, refuses, fills late
// and forgets, through invocations that die, and checks the laws at every step.
// It needs no ledger and no HTTP, so that it can be run very often:
//
//	go test -run TestLegLaws -rapid.checks=100000
func TestLegLaws(t *testing.T) {
	ends := make(map[events.LegStatus]int)
	rapid.Check(t, func(t *rapid.T) {
		x := &exchange{moves: drawMoves(t), now: at(0), before: make(map[string]broker.Order)}
		w := &legWalk{t: t, x: x, rules: testRules(), asked: make(map[string]bool)}
		kinds := []events.Kind{events.Open, events.Exit, events.Decrease}
		w.leg = testLeg(events.Buy, kinds[x.next(3)])
		w.held = dec([]string{"10", "10.5", "4", "0"}[x.next(4)])
		if w.leg.Kind != events.Open {
			w.leg.Side = events.Sell
		}
		w.leg.Fractionable = x.next(4) != 1
		if x.next(3) == 1 {
			w.rules.Fallback = FallbackAll
		}
		w.rules.MaxSubmits -= x.next(w.rules.MaxSubmits)
		w.walk()
		ends[w.leg.Status()]++
	})
	t.Logf("ends: %v", ends)
}

// drawMoves draws how long the broker misbehaves, which can be shrunk, and how:
// evenly, unlike what is drawn byte by byte.
func drawMoves(t *rapid.T) *moves {
	seed := sha256.Sum256(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "seed"))
	left := make([]byte, rapid.IntRange(60, 400).Draw(t, "moves"))
	rand.NewChaCha8(seed).Read(left)
	return &moves{left}
}

// legWalk is a leg, and the shell around it.
type legWalk struct {
	t     *rapid.T
	x     *exchange
	rules Rules
	leg   Leg
	held  money.Decimal
	stop  string
	asked map[string]bool // client ids
}

// walk plays the rounds of a run: the broker becomes honest when the moves are
// used up, and the run's stop follows.
func (w *legWalk) walk() {
	const most = 600 // a minute for what does not show, and a second per look
	for round := 0; !w.leg.Ended; round++ {
		if round > most {
			w.t.Fatalf("the leg does not end: %+v", w.leg)
		}
		if w.x.next(40) == 1 || len(w.x.left) == 0 {
			w.stop = reasonCloseOut
		}
		o := w.x.observe(w.leg.Side, w.held)
		o.Stop, o.Hurry = w.stop, w.x.next(6) == 1
		if a := w.leg.open(); a != nil {
			w.x.list(&o, a)
		}
		if !w.pursue(o) {
			w.leg = Resume(w.leg, w.x.now)
		}
		w.x.pass()
	}
	w.checkEnd()
}

// pursue does what trade.pursue does; false: the invocation died.
func (w *legWalk) pursue(o Observation) bool {
	for range maxCommands {
		leg, command := w.rules.Advance(w.leg, o)
		if leg.FilledQty().Less(w.leg.FilledQty()) {
			w.t.Fatalf("%s were booked, then %s", w.leg.FilledQty(), leg.FilledQty())
		}
		w.leg = leg
		if command != nil {
			w.checkCommand(*command, o)
		}
		if w.check(); command == nil {
			return true
		}
		death := w.x.next(24)
		if death == 1 {
			return false // before the call
		}
		reply := w.x.perform(*command)
		if death == 2 {
			return false // after it
		}
		o.Now, o.Order, o.Reply = w.x.now, nil, &reply
		o.Available, o.Power = nil, nil
		o.Wait = o.Wait || errors.Is(reply.Err, errNotSent)
	}
	w.t.Fatalf("the leg does not come to rest: %+v", w.leg)
	return false
}

// checkCommand holds a call against the laws before it is made.
func (w *legWalk) checkCommand(c Command, o Observation) {
	if c.Do != Submit {
		return
	}
	r, l := c.Request, &w.leg
	if o.Stop != "" || o.Wait {
		w.t.Fatalf("%s is posted although nothing may be", r.ClientID)
	}
	if !w.asked[r.ClientID] {
		w.asked[r.ClientID] = true
		for _, order := range w.x.orders {
			if !order.Status.Terminal() {
				w.t.Fatalf("%s is made while %s is %s", r.ClientID, order.ClientID, order.Status)
			}
		}
		w.checkNoneOnItsWay(r.ClientID)
		if o.Available != nil && l.Side == events.Sell && o.Available.Less(r.Qty) {
			w.t.Fatalf("%s of %s available", r.Qty, o.Available)
		}
	}
	if a := l.open(); a == nil || a.ClientOrderID != r.ClientID || a.Posts == 0 {
		w.t.Fatalf("%s is posted and not on record", r.ClientID)
	}
	if r.Qty.Sign() <= 0 || l.Side == events.Sell && w.held.Less(w.x.filled().Add(r.Qty)) && w.x.find(func(o *broker.Order) bool { return o.ClientID == r.ClientID }) == nil {
		w.t.Fatalf("%s of %s after %s", r.Qty, w.held, w.x.filled())
	}
	if r.Type == broker.Market && r.Limit == nil && w.rules.Fallback != FallbackOff {
		return
	}
	limit, capAt := *r.Limit, w.rules.capOf(l)
	if limit.Sign() <= 0 || !money.FloorTick(limit).Equal(limit) || better(l.Side, limit, capAt) && !limit.Equal(capAt) {
		w.t.Fatalf("limit %s with the cap at %s", limit, capAt)
	}
}

// check holds the leg against the broker's truth.
func (w *legWalk) check() {
	l, truth := &w.leg, w.x.filled()
	switch {
	case l.Intended.Less(truth):
		w.t.Fatalf("%s traded, %s intended", truth, l.Intended)
	case l.Side == events.Sell && w.held.Less(truth):
		w.t.Fatalf("%s sold, %s held", truth, w.held)
	case truth.Less(l.FilledQty()):
		w.t.Fatalf("%s booked, %s traded", l.FilledQty(), truth)
	case l.Intended.Less(l.Qty.Add(l.Dust)):
		w.t.Fatalf("%s and %s of dust, %s intended", l.Qty, l.Dust, l.Intended)
	case l.Submissions() > w.rules.MaxSubmits:
		w.t.Fatalf("%d submissions", l.Submissions())
	}
	for i := range l.Attempts {
		if i < len(l.Attempts)-1 && !l.Attempts[i].State.Terminal() {
			w.t.Fatalf("attempt %d is %s and not the last", i+1, l.Attempts[i].State)
		}
	}
}

// checkEnd: what is reported is what was traded, attempt by attempt, and
// nothing works on unless it is said that this is not known.
func (w *legWalk) checkEnd() {
	l := &w.leg
	if l.Status() == events.LegUnknown {
		if l.open() == nil {
			w.t.Fatalf("unknown without an open attempt: %+v", l)
		}
		return
	}
	if !l.FilledQty().Equal(w.x.filled()) {
		w.t.Fatalf("%s reported, %s traded", l.FilledQty(), w.x.filled())
	}
	for _, o := range w.x.orders {
		if !o.Status.Terminal() {
			w.t.Fatalf("%s is left %s", o.ClientID, o.Status)
		}
		for _, a := range l.Attempts {
			if a.ClientOrderID == o.ClientID && !a.Filled.Equal(o.Filled) {
				w.t.Fatalf("%s: %s booked, %s traded", o.ClientID, a.Filled, o.Filled)
			}
		}
	}
	w.checkNoneOnItsWay("")
}

// checkNoneOnItsWay: a POST under an id that the broker knows is harmless; one
// under another may still become an order.
func (w *legWalk) checkNoneOnItsWay(id string) {
	for _, lost := range w.x.inFlight {
		if lost.ClientID != id && w.x.find(func(o *broker.Order) bool { return o.ClientID == lost.ClientID }) == nil {
			w.t.Fatalf("%s is on its way", lost.ClientID)
		}
	}
}
