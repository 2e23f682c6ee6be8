package execution_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// TestLaws trades random plans at a broker that loses replies, hides orders,
// fills parts, refuses, sticks and fills during cancels, while invocations die
// at random writes, and checks what must hold whatever happens.
func TestLaws(t *testing.T) {
	outcomes := make(map[events.Outcome]int)
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		lines, held := randomLines(t, w)
		plan := w.plan(lines...)
		cash := w.desk.account.Cash
		misbehave(t, w)
		breaker := &breakingDriver{Driver: w.driver, at: rapid.IntRange(1, 40).Draw(t, "crash"), after: rapid.Bool().Draw(t, "lost"), whole: !rapid.Bool().Draw(t, "crashes")}
		w.driver = breaker
		w.rewire()
		e := w.survive(plan, breaker)
		outcomes[e.Outcome]++

		if len(e.Legs) != len(lines) {
			t.Fatalf("%d legs of %d lines", len(e.Legs), len(lines))
		}
		for _, l := range e.Legs {
			booked := w.desk.traded(l.Symbol, l.Side)
			if d(string(l.IntendedQty)).Less(booked) {
				t.Fatalf("%s: %s traded, %s intended", l.Symbol, booked, l.IntendedQty)
			}
			if l.Side == events.Sell && held[l.Symbol].Less(booked) {
				t.Fatalf("%s: %s sold, %s held", l.Symbol, booked, held[l.Symbol])
			}
			if l.Status == "" || l.Attempts != len(l.ClientOrderIDs) {
				t.Fatalf("leg %+v", l)
			}
		}
		unknown := e.Outcome == events.OutcomeUnknown
		for _, o := range w.desk.orders {
			if !unknown && !o.Status.Terminal() {
				t.Fatalf("order %s was left %s; %s", o.ClientID, o.Status, show(e))
			}
		}
		if cash.Sign() >= 0 && w.desk.account.Cash.Sign() < 0 {
			t.Fatalf("the cash fell from %s to %s", cash, w.desk.account.Cash)
		}
	})
	t.Logf("outcomes: %v", outcomes)
}

// survive delivers the plan again after crashes, and every continuation, as
// the bus, the queue and the sweep would.
func (w *world) survive(plan *events.RebalancePlanned, breaker *breakingDriver) *events.TradeExecuted {
	pending := []events.Envelope{w.planned(plan)}
	for tries := 0; len(pending) > 0; tries++ {
		if tries > 40 {
			w.t.Fatalf("no end after %d invocations; published %v", tries, w.published())
		}
		if err := w.deliver(pending[0]); err != nil {
			breaker.mend()
			w.clock.Sleep(context.Background(), time.Minute)
			continue
		}
		pending = append(pending[1:], w.queue...)
		w.queue = nil
		if len(pending) == 0 && len(w.out) == 0 {
			pending = append(pending, w.closeOut(plan))
		}
	}
	return w.report()
}

func randomLines(t *rapid.T, w *world) ([]events.PlanLine, map[string]money.Decimal) {
	// Plans may cost more than there is, so that buys are scaled.
	w.limits.MaxTurnover, w.limits.MaxPositionWeight, w.limits.MaxGross = d("1000"), d("1000"), d("1000")
	held := make(map[string]money.Decimal)
	var lines []events.PlanLine
	add := func(name string, side events.Side, kind events.Kind, qty, position int) {
		symbol := fmt.Sprintf("%s%d", name, len(lines))
		price := rapid.IntRange(1, 300).Draw(t, "price")
		line := w.line(len(lines)+1, symbol, side, kind, fmt.Sprint(qty), fmt.Sprint(price), fmt.Sprint(position))
		line.Fractionable = rapid.Bool().Draw(t, "fractionable")
		held[symbol] = money.FromInt(int64(position))
		lines = append(lines, line)
	}
	for range rapid.IntRange(0, 3).Draw(t, "sells") {
		qty := rapid.IntRange(1, 40).Draw(t, "qty")
		if rapid.Bool().Draw(t, "exit") {
			add("X", events.Sell, events.Exit, qty, qty)
		} else {
			add("D", events.Sell, events.Decrease, qty, qty+rapid.IntRange(1, 5).Draw(t, "kept"))
		}
	}
	for range rapid.IntRange(1, 3).Draw(t, "buys") {
		add("B", events.Buy, events.Open, rapid.IntRange(1, 40).Draw(t, "qty"), 0)
	}
	return lines, held
}

// misbehave scripts the desk from drawn choices. The choices are drawn
// beforehand, because the legs are worked on side by side.
func misbehave(t *rapid.T, w *world) {
	const moves = 64
	answers := rapid.SliceOfN(rapid.IntRange(0, 9), moves, moves).Draw(t, "answers")
	fills := rapid.SliceOfN(rapid.IntRange(0, 4), moves, moves).Draw(t, "fills")
	w.desk.hideFor = time.Duration(rapid.IntRange(0, 5).Draw(t, "hide")) * time.Second
	w.desk.fillOnCancel = rapid.Bool().Draw(t, "fillOnCancel")
	w.desk.stuck = rapid.IntRange(0, 5).Draw(t, "stuck") == 0
	w.desk.lagCash = rapid.IntRange(0, 5).Draw(t, "lagCash") == 0
	w.desk.noPrice = rapid.IntRange(0, 5).Draw(t, "noPrice") == 0
	w.desk.fill = func(o broker.Order) money.Decimal {
		share := money.FromInt(int64(fills[len(w.desk.orders)%moves]))
		return o.Qty.Mul(share).QuoFloor(money.FromInt(4), 6)
	}
	ticks := 0
	unresolved := make(map[string]string) // by symbol: the id whose fate nobody heard of
	w.desk.tick = func(o *broker.Order) {
		delete(unresolved, o.Symbol)
		if ticks++; fills[ticks%moves] == 4 && !o.Status.Terminal() && o.Status != "pending_cancel" {
			w.desk.execute(o, d("1"))
		}
	}
	ids := make(map[string]int) // by leg: the attempt that was posted last
	w.desk.onSubmit = func(n int, r broker.OrderRequest) (*broker.Order, error, bool) {
		w.checkPost(r, ids)
		if id := unresolved[r.Symbol]; id != "" && id != r.ClientID {
			w.t.Fatalf("%s is posted although nothing is known of %s", r.ClientID, id)
		}
		switch answers[n%moves] {
		case 0: // lost on the way
			unresolved[r.Symbol] = r.ClientID
			return nil, errReset, true
		case 1: // lost on the way back
			unresolved[r.Symbol] = r.ClientID
			if _, err := w.desk.place(r); err != nil {
				return nil, err, true
			}
			return nil, errReset, true
		case 2:
			return nil, &broker.TryLater{Op: "submit", After: time.Second}, true
		case 3:
			return nil, rejected(403, 40310000, "insufficient qty available for order"), true
		case 4:
			return nil, rejected(403, 40310000, "insufficient buying power"), true
		}
		delete(unresolved, r.Symbol)
		return nil, nil, false
	}
}

// checkPost holds every POST against the laws of attempts: one working order
// in a symbol, a new id only after the order before it ended, prices on the
// tick, and no POST after the run's deadline.
func (w *world) checkPost(r broker.OrderRequest, ids map[string]int) {
	var n int
	if _, err := fmt.Sscanf(r.ClientID[len(r.ClientID)-29:], "%2d-", &n); err != nil {
		w.t.Fatalf("client id %s: %v", r.ClientID, err)
	}
	if n < ids[r.Symbol] {
		w.t.Fatalf("%s: attempt %d after %d", r.Symbol, n, ids[r.Symbol])
	}
	ids[r.Symbol] = n
	for _, o := range w.desk.orders {
		if o.Symbol == r.Symbol && o.ClientID != r.ClientID && !o.Status.Terminal() {
			w.t.Fatalf("%s is posted while %s is %s", r.ClientID, o.ClientID, o.Status)
		}
	}
	if r.Limit == nil || r.Limit.Sign() <= 0 || !money.FloorTick(*r.Limit).Equal(*r.Limit) {
		w.t.Fatalf("limit %v of %s", r.Limit, r.ClientID)
	}
	if r.Qty.Sign() <= 0 || !w.desk.open {
		w.t.Fatalf("quantity %s of %s", r.Qty, r.ClientID)
	}
	if !w.clock.Now().Before(monday.Add(15 * time.Minute)) {
		w.t.Fatalf("%s is posted at %s", r.ClientID, w.clock.Now())
	}
}
