package execution_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// exits are n positions that are left.
func (w *world) exits(n int) []events.PlanLine {
	var lines []events.PlanLine
	for i := range n {
		lines = append(lines, w.line(i+1, fmt.Sprintf("X%d", i), events.Sell, events.Exit, "1", "100", "1"))
	}
	return lines
}

// A list that says that an order has ended is not acted on until the order
// itself says so.
func TestF69AnEndInAListIsReadSinglyFirst(t *testing.T) {
	w := newWorld(t)
	w.desk.fill = none
	w.desk.listed = func(o *broker.Order) { o.Status = "canceled" }
	w.desk.onSubmit = func(_ int, r broker.OrderRequest) (*broker.Order, error, bool) {
		for _, o := range w.desk.orders {
			if o.Symbol == r.Symbol && !o.Status.Terminal() {
				t.Errorf("attempt %s while %s is %s", r.ClientID, o.ClientID, o.Status)
			}
		}
		return nil, nil, false
	}
	e := w.trade(w.plan(w.exits(3)...))
	if e.Outcome != events.OutcomeFailed || len(w.desk.posts) != 12 || w.desk.lists == 0 || w.desk.reads == 0 {
		t.Errorf("%s after %d posts, %d lists and %d single reads", show(e), len(w.desk.posts), w.desk.lists, w.desk.reads)
	}
}

// A whole fill in a list needs no look at the order itself: nothing follows.
func TestWholeFillsAreReadTogether(t *testing.T) {
	w := newWorld(t)
	w.desk.fill = none
	w.desk.listed = func(o *broker.Order) {
		for _, own := range w.desk.orders {
			if own.ID == o.ID {
				w.desk.execute(own, own.Qty)
				*o = *own
			}
		}
	}
	e := w.trade(w.plan(w.exits(20)...))
	if e.Outcome != events.OutcomeCompleted || len(w.desk.posts) != 20 || w.desk.reads != 0 || w.desk.lists > 2 {
		t.Errorf("%s after %d posts, %d lists and %d single reads", show(e), len(w.desk.posts), w.desk.lists, w.desk.reads)
	}
}

// A few legs are walked from the mid, through all steps. So many that the
// broker would not take the requests for that begin at the far touch; the one
// that does not fill has time for its other steps when the rest is done.
func TestManyLegsAreNotWalkedFromTheMid(t *testing.T) {
	for _, c := range []struct {
		legs int
		want string
	}{{10, "[100 99.99 99.9 99.75]"}, {150, "[99.99 99.9 99.75]"}} {
		w := newWorld(t)
		w.limits.MaxLines = c.legs
		w.desk.fill = func(o broker.Order) (filled money.Decimal) {
			if o.Symbol != "X0" {
				filled = o.Qty
			}
			return filled
		}
		p := w.plan(w.exits(c.legs)...)
		w.trade(p)
		var prices []string
		for _, r := range w.desk.posts {
			if r.Symbol == "X0" {
				prices = append(prices, r.Limit.String())
			}
		}
		if fmt.Sprint(prices) != c.want {
			t.Errorf("%d legs: limits %v, want %s", c.legs, prices, c.want)
		}
	}
}

// A cancel that the broker answered is not sent again by the next invocation,
// and a second time in this one only after five seconds and a look.
func TestAnAnsweredCancelIsNotRepeatedAtOnce(t *testing.T) {
	w, _, next := interrupted(t)
	before := len(w.desk.cancels)
	w.desk.stuck = false
	w.clock.Sleep(t.Context(), time.Second)
	w.desk.tick = func(o *broker.Order) { o.Status = "canceled" }
	if err := w.deliver(next); err != nil {
		t.Fatal(err)
	}
	for _, id := range w.desk.cancels[before:] {
		if id == "o1" {
			t.Errorf("the cancel of %s was answered and is sent again", id)
		}
	}
}
