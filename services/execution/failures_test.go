package execution_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/services/execution"
)

var errReset = &broker.Unknown{Op: "submit", Cause: errors.New("connection reset by peer")}

func rejected(status, code int, message string) error {
	return &broker.Rejected{Op: "submit", Status: status, Code: code, Message: message}
}

func all(o broker.Order) money.Decimal { return o.Qty }
func none(broker.Order) money.Decimal  { return money.Zero() }

func part(qty string) func(broker.Order) money.Decimal {
	return func(broker.Order) money.Decimal { return d(qty) }
}
func (w *world) exit() events.PlanLine {
	return w.line(1, "OLD", events.Sell, events.Exit, "50", "100", "50")
}

// ids are the client ids of the POSTs that arrived, without repetition.
func (k *desk) ids() []string {
	var out []string
	seen := map[string]bool{}
	for _, p := range k.posts {
		if !seen[p.ClientID] {
			seen[p.ClientID] = true
			out = append(out, p.ClientID)
		}
	}
	return out
}

func TestF62LostReplyIsAdopted(t *testing.T) {
	w := newWorld(t)
	w.desk.fill = all
	w.desk.onSubmit = func(n int, r broker.OrderRequest) (*broker.Order, error, bool) {
		_, err := w.desk.place(r) // it arrived, and the reply is lost
		if err != nil {
			return nil, err, true
		}
		return nil, errReset, true
	}
	e := w.trade(w.rotation())
	if e.Outcome != events.OutcomeCompleted || len(w.desk.posts) != 2 || len(w.desk.orders) != 2 {
		t.Errorf("%s after %d posts", show(e), len(w.desk.posts))
	}
}

func TestF62LostRequestIsSentAgainUnderItsID(t *testing.T) {
	w := newWorld(t)
	w.desk.fill = all
	w.desk.onSubmit = func(n int, r broker.OrderRequest) (*broker.Order, error, bool) {
		return nil, errReset, n == 1 // it never arrived
	}
	e := w.trade(w.plan(w.exit()))
	if e.Outcome != events.OutcomeCompleted || len(w.desk.posts) != 2 || len(w.desk.ids()) != 1 {
		t.Errorf("%s after posts %+v", show(e), w.desk.posts)
	}
}

func TestF64LookupMissProvesNothing(t *testing.T) {
	w := newWorld(t)
	w.desk.fill, w.desk.hideFor = all, 3*time.Second
	w.desk.onSubmit = func(n int, r broker.OrderRequest) (*broker.Order, error, bool) {
		w.desk.place(r)
		return nil, errReset, true
	}
	e := w.trade(w.plan(w.exit()))
	if e.Outcome != events.OutcomeCompleted || len(w.desk.orders) != 1 || len(w.desk.ids()) != 1 {
		t.Errorf("%s, %d orders", show(e), len(w.desk.orders))
	}
}

func TestF84NothingHeardIsUnknown(t *testing.T) {
	w := newWorld(t)
	w.desk.dark = true
	w.desk.onSubmit = func(int, broker.OrderRequest) (*broker.Order, error, bool) { return nil, errReset, true }
	e := w.trade(w.rotation())
	if e.Outcome != events.OutcomeUnknown || e.Success || len(w.desk.ids()) != 1 {
		t.Errorf("%s after %d posts", show(e), len(w.desk.posts))
	}
	if sell, buy := e.Legs[0], e.Legs[1]; sell.Status != events.LegUnknown || buy.Status != events.LegSkipped {
		t.Errorf("the sell ended %s, the buy %s", sell.Status, buy.Status)
	}
}

// F64, F84: that an order does not show under its id proves nothing while the
// run lasts: the same one is sent three times, and no other. A minute after the
// deadline, when the list of all orders does not hold it either, the broker has
// said that it does not exist.
func TestF84WhatTheBrokerDeniesAtTheCloseOutNeverArrived(t *testing.T) {
	w := newWorld(t)
	w.desk.onSubmit = func(int, broker.OrderRequest) (*broker.Order, error, bool) { return nil, errReset, true }
	e := w.trade(w.rotation())
	if e.Outcome != events.OutcomeSkipped || e.Success || len(w.desk.posts) != 3 || len(w.desk.ids()) != 1 {
		t.Errorf("%s after %d posts", show(e), len(w.desk.posts))
	}
	if sell := e.Legs[0]; sell.Status != events.LegSkipped || sell.ReasonCode != "never_arrived" || len(e.Residuals) != 2 {
		t.Errorf("the sell ended %s %s; %d residuals", sell.Status, sell.ReasonCode, len(e.Residuals))
	}
	if w.clock.Now().Before(monday.Add(16 * time.Minute)) {
		t.Errorf("the broker was believed at %s", w.clock.Now())
	}
}

// An order that shows at last, after the deadline and in the list alone, is
// cancelled and booked.
func TestF64AnOrderThatOnlyTheListShowsIsFoundAtTheCloseOut(t *testing.T) {
	w := newWorld(t)
	w.desk.fill, w.desk.hideFor = part("20"), 24*time.Hour
	w.desk.onSubmit = func(n int, r broker.OrderRequest) (*broker.Order, error, bool) {
		w.desk.place(r)
		return nil, errReset, true
	}
	w.desk.unlisted = monday.Add(15 * time.Minute)
	e := w.trade(w.plan(w.exit()))
	if e.Outcome != events.OutcomePartial || e.Legs[0].FilledQty != "20" || !w.desk.orders[0].Status.Terminal() || len(w.desk.orders) != 1 {
		t.Errorf("%s, %d orders", show(e), len(w.desk.orders))
	}
}

// An early close-out is too near to the POST to believe a miss.
func TestF64AMissAtAnEarlyCloseOutProvesNothing(t *testing.T) {
	w := newWorld(t)
	p := w.plan(w.exit())
	w.desk.onSubmit = func(int, broker.OrderRequest) (*broker.Order, error, bool) { return nil, errReset, true }
	in := w.closeOut(p)
	w.clock.now = monday.Add(4 * time.Second)
	if err := w.deliver(w.planned(p)); err != nil {
		t.Fatal(err)
	}
	w.queue = nil
	w.untilIdle(in)
	if e := w.report(); e.Outcome != events.OutcomeUnknown {
		t.Errorf("%s at %s", show(e), w.clock.Now())
	}
}

// A close-out whose clock is two minutes fast is too near to the POST as well.
func TestF64AMissByAFastClockProvesNothing(t *testing.T) {
	for fast, want := range map[time.Duration]events.Outcome{0: events.OutcomeSkipped, 2 * time.Minute: events.OutcomeUnknown} {
		w := newWorld(t)
		p := w.plan(w.exit())
		w.desk.onSubmit = func(int, broker.OrderRequest) (*broker.Order, error, bool) { return nil, errReset, true }
		in := w.closeOut(p)
		w.clock.now = monday.Add(11*time.Minute + 30*time.Second)
		if err := w.deliver(w.planned(p)); err != nil {
			t.Fatal(err)
		}
		w.queue, w.clock.now, w.desk.skew = nil, monday.Add(17*time.Minute+30*time.Second), -fast
		w.untilIdle(in)
		if e := w.report(); e.Outcome != want {
			t.Errorf("%s at %s, by a clock that is %s fast", show(e), w.clock.Now(), fast)
		}
	}
}

func TestARefusedRepetitionIsRepeated(t *testing.T) {
	for refusals, want := range map[int]events.Outcome{1: events.OutcomeCompleted, 2: events.OutcomeSkipped} {
		w := newWorld(t)
		w.desk.fill = all
		w.desk.onSubmit = func(n int, r broker.OrderRequest) (*broker.Order, error, bool) {
			if n == 1 {
				return nil, errReset, true
			}
			return nil, rejected(403, 40310000, "insufficient qty available for order (requested: 50, available: 0)"), n <= 1+refusals
		}
		e := w.trade(w.plan(w.exit()))
		if e.Outcome != want || len(w.desk.posts) != 3 || len(w.desk.ids()) != 1 {
			t.Errorf("%d refusals: %s after posts %+v", refusals, show(e), w.desk.posts)
		}
	}
}

func TestF65OrderUnderOurIDIsCompared(t *testing.T) {
	w := newWorld(t)
	w.desk.onSubmit = func(n int, r broker.OrderRequest) (*broker.Order, error, bool) {
		other := r
		other.Qty = d("1")
		o, _ := w.desk.place(other)
		return &o, nil, true
	}
	e := w.trade(w.rotation())
	if e.Outcome != events.OutcomeUnknown || len(w.desk.posts) != 1 || e.Legs[0].ReasonCode != "id_conflict" || e.Legs[1].Status != events.LegSkipped {
		t.Errorf("%s", show(e))
	}
	if got := strings.Join(w.published(), " "); !strings.Contains(got, "ErrorNotificationRequested") {
		t.Errorf("published %s, want an alarm", got)
	}
}

func TestF66RedeliveryAfterEveryCrashTradesOnce(t *testing.T) {
	// The ledger fails at its n-th write: the invocation dies there, and the
	// event is delivered again when the lock has ended.
	for crash := 1; crash < 60; crash++ {
		for _, lost := range []bool{false, true} {
			w := newWorld(t)
			breaker := &breakingDriver{Driver: w.driver, at: crash, after: lost}
			w.driver = breaker
			w.rewire()
			plan := w.planned(w.rotation())
			err := w.deliver(plan)
			breaker.mend()
			for tries := 0; tries < 5 && err != nil; tries++ {
				w.clock.Sleep(context.Background(), 90*time.Second)
				err = w.deliver(plan)
			}
			if err != nil {
				t.Fatalf("crash at write %d: %v", crash, err)
			}
			for len(w.queue) > 0 {
				next := w.queue[0]
				w.queue = w.queue[1:]
				if err := w.deliver(next); err != nil {
					t.Fatal(err)
				}
			}
			e := w.report()
			if e.Outcome != events.OutcomeCompleted {
				t.Fatalf("crash at write %d: %s", crash, show(e))
			}
			if breaker.writes < crash {
				return // the whole run has fewer writes
			}
		}
	}
	t.Fatal("the crashes did not reach the end of the run")
}

// The ids of a plan's orders are the same at any time of any day: no clock and
// no chance is in them.
func TestF66TheSamePlanHasTheSameIDsAtAnyTime(t *testing.T) {
	var first []string
	for _, later := range []time.Duration{0, 90 * time.Second} {
		w := newWorld(t)
		plan := w.rotation()
		w.desk.fill = none
		w.clock.Sleep(t.Context(), later)
		w.trade(plan)
		if ids := w.desk.ids(); len(first) == 0 {
			first = ids
		} else if len(ids) != 8 || !slices.Equal(ids, first) {
			t.Errorf("ids %v, and later %v", first, ids)
		}
	}
}

// An order that could meet one of our own is refused by the broker, so none is
// sent: what an older run left is ended before, and every sell before a buy.
func TestF87NothingOfOursStandsAgainstAnOrder(t *testing.T) {
	w := newWorld(t)
	plan := w.rotation()
	low := d("90")
	w.desk.place(broker.OrderRequest{ClientID: "alc-OLD-b01-aaaaaaaaaaaaaaaaaaaaaaaaaa", Symbol: "OLD", Side: events.Buy, Qty: d("1"), Type: broker.Limit, Limit: &low})
	w.desk.cancelTakes = 2 * time.Second
	w.desk.fill = func(o broker.Order) money.Decimal { return o.Qty.Quo(d("2")).Floor(0) } // the rest works on
	w.desk.onSubmit = func(_ int, r broker.OrderRequest) (*broker.Order, error, bool) {
		for _, o := range w.desk.orders {
			if !o.Status.Terminal() && o.Side != r.Side {
				t.Errorf("a %s of %s is sent while the %s %s of %s is %s", r.Side, r.Symbol, o.Side, o.ClientID, o.Symbol, o.Status)
			}
		}
		return nil, nil, false
	}
	e := w.trade(plan)
	if e.Legs[0].Attempts < 2 || e.Legs[1].Attempts < 2 || w.desk.orders[0].Status != "canceled" {
		t.Errorf("%s; the older order is %s", show(e), w.desk.orders[0].Status)
	}
}

func TestF87AWashTradeIsNotTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.desk.onSubmit = func(int, broker.OrderRequest) (*broker.Order, error, bool) {
		return nil, rejected(403, 40310000, "potential wash trade detected. use complex orders"), true
	}
	e := w.trade(w.plan(w.exit()))
	if len(w.desk.posts) != 1 || e.Legs[0].Status != events.LegRejected || e.Legs[0].ReasonCode != "wash_trade" {
		t.Errorf("%s after %d posts", show(e), len(w.desk.posts))
	}
}

func TestF67PartialFillsAddUp(t *testing.T) {
	w := newWorld(t)
	w.desk.fill = func(o broker.Order) money.Decimal { return d("20") }
	e := w.trade(w.plan(w.line(1, "NEW", events.Buy, events.Open, "100", "50", "0")))
	if got := w.desk.traded("NEW", events.Buy); !got.Equal(d("80")) || e.Legs[0].FilledQty != "80" || e.Legs[0].Status != events.LegPartial || e.Legs[0].Attempts != 4 {
		t.Errorf("the broker traded %s; %s", got, show(e))
	}
	for i, want := range []string{"100", "80", "60", "40"} {
		if !w.desk.posts[i].Qty.Equal(d(want)) {
			t.Errorf("attempt %d asked for %s, want %s", i+1, w.desk.posts[i].Qty, want)
		}
	}
}

func TestF68FillDuringCancel(t *testing.T) {
	w := newWorld(t)
	w.desk.fill, w.desk.fillOnCancel = none, true
	e := w.trade(w.rotation())
	if e.Outcome != events.OutcomeCompleted || len(w.desk.posts) != 2 {
		t.Errorf("%s", show(e))
	}
}

func TestF69NoNewOrderBeforeTheOldOneEnded(t *testing.T) {
	w := newWorld(t)
	w.desk.fill, w.desk.cancelTakes = none, 3*time.Second
	w.desk.onSubmit = func(n int, r broker.OrderRequest) (*broker.Order, error, bool) {
		for _, o := range w.desk.orders {
			if o.Symbol == r.Symbol && !o.Status.Terminal() {
				t.Errorf("attempt %s while %s is %s", r.ClientID, o.ClientID, o.Status)
			}
		}
		return nil, nil, false
	}
	e := w.trade(w.plan(w.exit()))
	if e.Outcome != events.OutcomeFailed || e.Legs[0].Status != events.LegUnfilled || len(w.desk.posts) != 4 {
		t.Errorf("%s after %d posts", show(e), len(w.desk.posts))
	}
}

func TestF71StuckCancelBlocksTheLeg(t *testing.T) {
	w := newWorld(t)
	w.desk.fill, w.desk.stuck = none, true
	e := w.trade(w.rotation())
	if e.Outcome != events.OutcomeUnknown || len(w.desk.posts) != 1 || e.Legs[1].Status != events.LegSkipped {
		t.Errorf("%s after %d posts", show(e), len(w.desk.posts))
	}
	if len(w.desk.cancels) < 2 || w.ran > 14 {
		t.Errorf("%d cancels in %d invocations", len(w.desk.cancels), w.ran)
	}
}

// F71: a cancel that is pending for minutes is left to the close-out, and one
// report is made, which knows its end.
func TestF71ACancelThatEndsBeforeTheCloseOutIsReported(t *testing.T) {
	w := newWorld(t)
	w.desk.fill, w.desk.cancelTakes = part("20"), 12*time.Minute
	e := w.trade(w.plan(w.exit()))
	if e.Outcome != events.OutcomePartial || e.Legs[0].Status != events.LegPartial || e.Legs[0].FilledQty != "20" || len(w.desk.posts) != 1 {
		t.Errorf("%s after %d posts", show(e), len(w.desk.posts))
	}
	if now := w.clock.Now(); now.Before(monday.Add(16*time.Minute)) || now.After(monday.Add(17*time.Minute)) || w.ran > 12 {
		t.Errorf("reported at %s after %d invocations", now, w.ran)
	}
}

func TestF73WorkingOrderIsFoundAtTheEnd(t *testing.T) {
	w := newWorld(t)
	// Every POST arrives and its reply is lost; the order shows after two minutes.
	w.desk.fill, w.desk.hideFor = none, 2*time.Minute
	w.desk.onSubmit = func(n int, r broker.OrderRequest) (*broker.Order, error, bool) {
		w.desk.place(r)
		return nil, errReset, true
	}
	e := w.trade(w.plan(w.exit()))
	if w.desk.orders[0].Status != "canceled" {
		t.Errorf("the order was left %s; %s", w.desk.orders[0].Status, show(e))
	}
}

func TestF74OnlyOwnOrdersAreCancelled(t *testing.T) {
	w := newWorld(t)
	price := d("1")
	for _, id := range []string{"alc-XYZ-b01-aaaaaaaaaaaaaaaaaaaaaaaaaa", "by-hand"} {
		w.desk.place(broker.OrderRequest{ClientID: id, Symbol: "XYZ", Side: events.Buy, Qty: d("1"), Type: broker.Limit, Limit: &price})
		w.desk.orders[len(w.desk.orders)-1].Status = "new"
	}
	w.desk.orders[0].Filled, w.desk.orders[1].Filled = money.Zero(), money.Zero()
	w.desk.held["XYZ"] = money.Zero()
	p := w.rotation()
	w.desk.fill = all
	e := w.trade(p)
	if w.desk.orders[0].Status != "canceled" || w.desk.orders[1].Status != "new" || e.Outcome != events.OutcomeCompleted {
		t.Errorf("own %s, foreign %s; %s", w.desk.orders[0].Status, w.desk.orders[1].Status, show(e))
	}
}

func TestF76InsaneQuotesGetNoOrder(t *testing.T) {
	at := monday.Add(-5 * time.Minute)
	for name, q := range map[string]broker.Quote{
		"no ask":     {Bid: d("100")},
		"no bid":     {Ask: d("100")},
		"crossed":    {Bid: d("101"), Ask: d("100")},
		"wide":       {Bid: d("98"), Ask: d("102")},
		"stale":      {Bid: d("99.99"), Ask: d("100.01"), At: at},
		"elsewhere":  {Bid: d("120"), Ask: d("120.01")},
		"negative":   {Bid: d("-1"), Ask: d("100")},
		"future":     {Bid: d("99.99"), Ask: d("100.01"), At: monday.Add(time.Hour)},
		"both zero":  {},
		"bid absurd": {Bid: d("0.01"), Ask: d("100")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.rotation()
			w.desk.quotes["OLD"] = q
			w.desk.fill = all
			e := w.trade(p)
			if e.Legs[0].Status != events.LegSkipped || e.Legs[0].ReasonCode != "no_quote" {
				t.Errorf("%s", show(e))
			}
			for _, post := range w.desk.posts {
				if post.Symbol == "OLD" {
					t.Errorf("an order went out: %+v", post)
				}
			}
		})
	}
}

func TestF78SamePriceKeepsItsOrder(t *testing.T) {
	w := newWorld(t)
	p := w.plan(w.exit())
	w.desk.quotes["OLD"] = broker.Quote{Bid: d("100"), Ask: d("100")} // locked: mid, bid and ask are one price
	w.desk.fill = none
	e := w.trade(p)
	if len(w.desk.posts) != 3 { // the steps 1 and 2 share an order
		t.Errorf("%d posts; %s", len(w.desk.posts), show(e))
	}
}

func TestF79PriceArrivesAfterTheFill(t *testing.T) {
	for _, never := range []bool{false, true} {
		w := newWorld(t)
		w.desk.fill, w.desk.noPrice = all, true
		reads := 0
		w.desk.tick = func(o *broker.Order) {
			if reads++; !never && reads > 2 {
				o.AvgPrice = o.Limit
			}
		}
		e := w.trade(w.plan(w.exit()))
		leg := e.Legs[0]
		if e.Outcome != events.OutcomeCompleted || leg.PricePending != never || (leg.AvgPrice == nil) != never || leg.FilledQty != "50" {
			t.Errorf("never %v: %s, leg %+v", never, show(e), leg)
		}
	}
}

// A read from a replica that is behind tells what fewer shares cost.
func TestF79APriceOfFewerSharesIsNotWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.desk.fill, w.desk.noPrice = all, true
	reads, whole, wrong := 0, money.Zero(), d("1")
	w.desk.tick = func(o *broker.Order) {
		switch reads++; reads {
		case 3:
			whole = o.Filled
			o.Filled, o.AvgPrice = d("20"), &wrong
		case 4:
			o.Filled, o.AvgPrice = whole, o.Limit
		}
	}
	e := w.trade(w.plan(w.exit()))
	if leg := e.Legs[0]; reads < 4 || leg.AvgPrice == nil || !d(string(*leg.AvgPrice)).Equal(*w.desk.orders[0].Limit) {
		t.Errorf("%d reads: %s, leg %+v", reads, show(e), leg)
	}
}

func TestF81APartialFillIsNoSuccess(t *testing.T) {
	w := newWorld(t)
	w.desk.fill = func(o broker.Order) money.Decimal {
		if len(w.desk.orders) == 1 {
			return d("1")
		}
		return money.Zero()
	}
	e := w.trade(w.plan(w.exit()))
	if e.Outcome != events.OutcomePartial || e.Success || e.Legs[0].FilledQty != "1" || e.Totals.Sold != "100" || len(e.Residuals) != 1 || e.Residuals[0].Qty != "49" {
		t.Errorf("%s totals %+v residuals %+v", show(e), e.Totals, e.Residuals)
	}
}

// Somebody's working order holds buying power: all that may be bought is
// bought, and yet a third of the plan is missing. A cut that the planner itself
// would leave alone is none.
func TestF81ABuyThatTheBudgetCutIsNoSuccess(t *testing.T) {
	for _, c := range []struct {
		power   string
		qty     string
		whole   bool // only whole shares
		outcome events.Outcome
		status  events.LegStatus
		reason  string
	}{
		{"6000", "45", false, events.OutcomePartial, events.LegPartial, "buying_power"}, // of 9,000: 3,029.85 less
		{"8800", "45", false, events.OutcomePartial, events.LegPartial, "buying_power"}, // 243.78 less than planned, 200 are an adjustment
		{"8900", "45", false, events.OutcomeCompleted, events.LegFilled, ""},            // 144.28 less
		{"9100", "45", false, events.OutcomeCompleted, events.LegFilled, ""},
		{"8900", "45", true, events.OutcomeCompleted, events.LegFilled, ""}, // rounded to 44 shares, 200 less
		{"300", "2", true, events.OutcomePartial, events.LegPartial, "buying_power"},
	} {
		w := newWorld(t)
		w.desk.fill = all
		w.desk.account.BuyingPower = d(c.power)
		line := w.line(1, "NEW", events.Buy, events.Open, c.qty, "200", "0")
		line.TargetValue, line.Fractionable = line.Value, !c.whole
		p := w.plan(line)
		p.Policy = &events.PlanPolicy{ReservePct: "0.01", MinTradePct: "0.01", MinTradeRel: "0.25", MinTradeUSD: "5", BrokerMinUSD: "1"}
		e := w.trade(p)
		if e.Outcome != c.outcome || e.Success != c.outcome.Success() || e.Legs[0].Status != c.status || e.Legs[0].ReasonCode != c.reason {
			t.Errorf("%s shares, power %s: %s, want %s %s %q", c.qty, c.power, show(e), c.outcome, c.status, c.reason)
		}
	}
}

func TestF82SellsAreReportedWhenBuysCannotBe(t *testing.T) {
	w := newWorld(t)
	p := w.rotation()
	w.desk.fill = all
	w.desk.account.BuyingPower = d("-5000") // and the sells do not raise it above zero
	e := w.trade(p)
	if e.Legs[0].Status != events.LegFilled || e.Legs[1].Status != events.LegSkipped || e.Legs[1].ReasonCode != "buying_power" || e.Outcome != events.OutcomePartial {
		t.Errorf("%s", show(e))
	}
}

func TestF83BuysAreCutToTheCashThatIsThere(t *testing.T) {
	w := newWorld(t)
	p := w.rotation()
	w.desk.fill = func(o broker.Order) money.Decimal {
		if o.Side == events.Sell {
			return money.Zero() // nothing is sold: 10000 are there, 14100 were planned for
		}
		return o.Qty
	}
	e := w.trade(p)
	if w.desk.account.Cash.Less(d("200")) || e.Legs[1].Status != events.LegFilled || e.BuyScale == "1" {
		t.Errorf("cash %s, scale %s; %s", w.desk.account.Cash, e.BuyScale, show(e))
	}
}

func TestF83NoBuyWhileASellIsUnresolved(t *testing.T) {
	for name, lost := range map[string]bool{"its cancel does not end": false, "its order never shows": true} {
		w := newWorld(t)
		w.desk.fill, w.desk.stuck = none, true
		w.desk.onSubmit = func(_ int, r broker.OrderRequest) (*broker.Order, error, bool) {
			return nil, errReset, lost && r.Side == events.Sell
		}
		e := w.trade(w.rotation())
		for _, r := range w.desk.posts {
			if r.Side == events.Buy {
				t.Errorf("%s: %s is bought while the sell is %s", name, r.Symbol, e.Legs[0].Status)
			}
		}
		if want := map[bool]events.LegStatus{false: events.LegUnknown, true: events.LegSkipped}[lost]; e.Legs[0].Status != want || e.Legs[1].Status != events.LegSkipped {
			t.Errorf("%s: %s", name, show(e))
		}
	}
}

func TestF83UnsettledCashLimitsTheBuys(t *testing.T) {
	w := newWorld(t)
	p := w.rotation()
	w.desk.fill, w.desk.lagCash = all, true
	e := w.trade(p)
	if bought := d(string(e.Totals.Bought)); d("9800").Less(bought) {
		t.Errorf("bought for %s although 10000 were there and 200 are reserved; %s", bought, show(e))
	}
}

func TestF86Rejections(t *testing.T) {
	for _, c := range []struct {
		name, message string
		status, code  int
		always        bool
		buy           bool
		want          events.LegStatus
		reason        string
		posts         int
	}{
		{"buying power once", "insufficient buying power", 403, 40310000, false, true, events.LegFilled, "", 2},
		{"buying power always", "insufficient buying power", 403, 40310000, true, true, events.LegRejected, "buying_power", 2},
		{"qty once", "insufficient qty available for order (requested: 50, available: 0)", 403, 40310000, false, false, events.LegFilled, "", 2},
		{"qty always", "insufficient qty available for order (requested: 50, available: 0)", 403, 40310000, true, false, events.LegRejected, "insufficient_qty", 2},
		{"wash trade", "potential wash trade detected. use complex orders", 403, 40310000, true, false, events.LegRejected, "wash_trade", 1},
		{"whole shares only", `asset "NEW" is not fractionable`, 403, 40310000, false, true, events.LegFilled, "", 2},
		{"minimum of a sell", "cost basis must be >= minimal amount of order 1", 403, 40310000, true, false, events.LegSkipped, "below_minimum", 1},
		{"not tradable", `asset "OLD" is not tradable`, 422, 42210000, true, false, events.LegSkipped, "not_tradable", 1},
		{"sub-penny", "invalid limit_price 100.001. sub-penny increment does not fulfill minimum pricing criteria", 422, 42210000, true, false, events.LegRejected, "bad_order", 1},
		{"keys", "unauthorized.", 401, 0, true, false, events.LegRejected, "account_blocked", 1},
		{"forbidden", "forbidden.", 403, 0, true, false, events.LegRejected, "account_blocked", 1},
		{"restricted", "new orders are rejected by account restrictions", 403, 40310000, true, false, events.LegRejected, "account_blocked", 1},
		{"never seen", "the moon is full", 422, 99, true, false, events.LegRejected, "other", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.desk.fill = all
			w.desk.onSubmit = func(n int, r broker.OrderRequest) (*broker.Order, error, bool) {
				return nil, rejected(c.status, c.code, c.message), c.always || n == 1
			}
			line := w.exit()
			if c.reason == "below_minimum" {
				line = w.line(1, "OLD", events.Sell, events.Exit, "0.009", "100", "0.009")
			}
			if c.buy {
				line = w.line(1, "NEW", events.Buy, events.Open, "20.5", "200", "0")
			}
			e := w.trade(w.plan(line))
			leg := e.Legs[0]
			if leg.Status != c.want || c.reason != "" && leg.ReasonCode != c.reason || len(w.desk.posts) != c.posts {
				t.Errorf("%s after %d posts", show(e), len(w.desk.posts))
			}
			if c.reason == "below_minimum" && (len(e.Dust) != 1 || !e.Success && e.Outcome != events.OutcomeCompleted) {
				t.Errorf("dust %+v; %s", e.Dust, show(e))
			}
		})
	}
}

func TestF88NothingSentIsSkippedAndNoSuccess(t *testing.T) {
	for name, set := range map[string]func(w *world){
		"market_closed": func(w *world) { w.desk.open = false },
		"clock_skew":    func(w *world) { w.desk.skew = time.Minute },
		"halted": func(w *world) {
			if err := w.ledger.SetControl(context.Background(), "paper-main", events.Halted, "test", "test"); err != nil {
				t.Fatal(err)
			}
		},
		"state_changed": func(w *world) { w.desk.held["OLD"], w.desk.held["NEW"] = d("49"), d("1") },
		"not_after":     func(w *world) { w.clock.Sleep(context.Background(), 14*time.Minute+50*time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.rotation()
			set(w)
			e := w.trade(p)
			if e.Outcome != events.OutcomeSkipped || e.Success || len(w.desk.posts) != 0 {
				t.Errorf("%s", show(e))
			}
			if got := e.Legs[1].ReasonCode; got != name && got != "position_changed" {
				t.Errorf("reason %s", got)
			}
		})
	}
}

func TestReducingBuysNothing(t *testing.T) {
	w := newWorld(t)
	if err := w.ledger.SetControl(context.Background(), "paper-main", events.Reducing, "test", "test"); err != nil {
		t.Fatal(err)
	}
	w.desk.fill = all
	e := w.trade(w.rotation())
	if e.Legs[0].Status != events.LegFilled || e.Legs[1].Status != events.LegSkipped || e.Legs[1].ReasonCode != "reducing" {
		t.Errorf("%s", show(e))
	}
}

func TestOnlyTheChangedPositionIsSkipped(t *testing.T) {
	w := newWorld(t)
	p := w.rotation()
	w.desk.held["OLD"] = d("40")
	w.desk.fill = all
	e := w.trade(p)
	if e.Legs[0].ReasonCode != "position_changed" || e.Legs[1].Status != events.LegFilled {
		t.Errorf("%s", show(e))
	}
}

func TestF89PricesAreOnTheTick(t *testing.T) {
	w := newWorld(t)
	p := w.plan(w.line(1, "PENNY", events.Buy, events.Open, "1000", "0.7711", "0"))
	w.desk.quotes["PENNY"] = broker.Quote{Bid: d("0.7711"), Ask: d("0.7714")}
	w.desk.fill = none
	w.trade(p)
	for _, post := range w.desk.posts {
		if !money.FloorTick(*post.Limit).Equal(*post.Limit) {
			t.Errorf("limit %s is not on the tick", post.Limit)
		}
	}
	if len(w.desk.posts) == 0 {
		t.Error("no order")
	}
}

func TestF90UnfinishedWorkGoesOn(t *testing.T) {
	w := newWorld(t)
	p := w.rotation()
	w.desk.fill = none
	w.began = w.clock.Now()
	w.clock.Sleep(context.Background(), 0)
	e := w.trade(p)
	if w.ran < 2 || e.Continuations != w.ran-1 {
		t.Errorf("%d invocations, %d continuations; %s", w.ran, e.Continuations, show(e))
	}
	for _, o := range w.desk.orders {
		if !o.Status.Terminal() {
			t.Errorf("order %s was left %s", o.ClientID, o.Status)
		}
	}
}

// A close-out ends what works and reports. It trades no further, however much
// of the plan and of the time is left.
func TestF90ACloseOutSendsNoOrder(t *testing.T) {
	w, p, _ := interrupted(t)
	w.desk.stuck = false
	w.desk.orders[0].Status = "canceled"
	w.desk.fill = all
	w.clock.Sleep(t.Context(), 10*time.Second)
	more := &events.TradeExecutionContinued{PlanID: p.PlanID, N: 1, Phase: events.PhaseClose, CloseOut: true, Reason: "stalled"}
	if err := w.deliver(w.envelope(more, events.SourceOrchestration, events.CloseOutID(events.RunID(runKey)))); err != nil {
		t.Fatal(err)
	}
	e := w.report()
	if len(w.desk.posts) != 1 || e.Outcome != events.OutcomeFailed || e.Legs[1].ReasonCode != "close_out" {
		t.Errorf("%s after %d posts", show(e), len(w.desk.posts))
	}
}

func TestTooManyRequestsKeepsTheID(t *testing.T) {
	w := newWorld(t)
	w.desk.fill = all
	w.desk.onSubmit = func(n int, r broker.OrderRequest) (*broker.Order, error, bool) {
		return nil, &broker.TryLater{Op: "submit", After: 3 * time.Second}, n <= 4
	}
	before := w.clock.Now()
	e := w.trade(w.plan(w.exit()))
	if e.Outcome != events.OutcomeCompleted || len(w.desk.posts) != 5 || len(w.desk.ids()) != 1 || w.clock.Now().Sub(before) < 12*time.Second {
		t.Errorf("%s after %d posts in %s", show(e), len(w.desk.posts), w.clock.Now().Sub(before))
	}
}

func TestLateEventClosesAndReports(t *testing.T) {
	w := newWorld(t)
	p := w.rotation()
	w.desk.fill = none
	w.desk.stuck = true
	if err := w.deliver(w.planned(p)); err != nil {
		t.Fatal(err)
	}
	next := w.queue[0]
	w.queue = nil
	w.clock.Sleep(context.Background(), 20*time.Minute)
	w.desk.orders[0].Status = "canceled"
	posts := len(w.desk.posts)
	if err := w.deliver(next); err != nil {
		t.Fatal(err)
	}
	e := w.report()
	if e.Outcome != events.OutcomeFailed || len(w.desk.posts) != posts {
		t.Errorf("%s, %d posts after the deadline", show(e), len(w.desk.posts)-posts)
	}
	// Twice at work, and twenty minutes between.
	if worked := time.Duration(e.Context.Timings["execution"]) * time.Millisecond; worked < time.Second || worked > 5*time.Minute || e.FinishedAt.Time().Sub(e.StartedAt.Time()) < 20*time.Minute {
		t.Errorf("%s at work, from %s to %s", worked, e.StartedAt, e.FinishedAt)
	}
}

func TestLateEventWithoutAnExecutionExpires(t *testing.T) {
	w := newWorld(t)
	w.clock.Sleep(context.Background(), time.Hour)
	if err := w.deliver(w.planned(w.rotation())); err != nil {
		t.Fatal(err)
	}
	if f := w.failure(); f.FailureCode != "expired" {
		t.Errorf("code %s", f.FailureCode)
	}
	w.out = nil
	more := &events.TradeExecutionContinued{PlanID: events.PlanID("never"), N: 1, Phase: events.PhaseClose, CloseOut: true, Reason: "stalled"}
	if err := w.deliver(w.envelope(more, events.SourceOrchestration, events.CloseOutID(events.RunID(runKey)))); err != nil {
		t.Fatal(err)
	}
	if f := w.failure(); f.FailureCode != "expired" {
		t.Errorf("code %s", f.FailureCode)
	}
}

// A close-out that comes after the report has nothing to add: a second report
// under another id would look like fills that nobody was told of.
func TestFinishedPlanIsReportedOnce(t *testing.T) {
	w := newWorld(t)
	w.desk.fill = all
	p := w.rotation()
	w.trade(p)
	w.out = nil
	posts := len(w.desk.posts)
	w.clock.Sleep(context.Background(), time.Minute)
	more := &events.TradeExecutionContinued{PlanID: p.PlanID, N: 1, Phase: events.PhaseClose, CloseOut: true, Reason: "stalled"}
	if err := w.deliver(w.envelope(more, events.SourceOrchestration, events.CloseOutID(events.RunID(runKey)))); err != nil {
		t.Fatal(err)
	}
	if len(w.out) != 0 || len(w.desk.posts) != posts {
		t.Errorf("published %v after %d posts more", w.published(), len(w.desk.posts)-posts)
	}
}

func TestRefusedPlans(t *testing.T) {
	for code, change := range map[string]func(w *world, p *events.RebalancePlanned){
		"plan_hash_mismatch": func(_ *world, p *events.RebalancePlanned) { p.Lines[0].Qty = "49" },
		"envelope_mismatch": func(w *world, _ *events.RebalancePlanned) {
			w.change = func(c *execution.Config) { c.Limits.MaxLines = 5 }
		},
		"account_guard": func(w *world, _ *events.RebalancePlanned) { w.desk.account.Number = "PA2" },
		"lease_lost": func(w *world, _ *events.RebalancePlanned) {
			if err := w.ledger.ReleaseLease(context.Background(), "paper-main", events.RunID(runKey)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(code, func(t *testing.T) {
			w := newWorld(t)
			p := w.rotation()
			change(w, p)
			if err := w.deliver(w.planned(p)); err != nil {
				t.Fatal(err)
			}
			if f := w.failure(); f.FailureCode != code || len(w.desk.posts) != 0 {
				t.Errorf("code %s, %d posts", f.FailureCode, len(w.desk.posts))
			}
		})
	}
}

func TestDryRunOnlyReads(t *testing.T) {
	w := newWorld(t)
	p := w.rotation()
	in := w.planned(p)
	in.DryRun = true
	w.desk.open = false
	if err := w.deliver(in); err != nil {
		t.Fatal(err)
	}
	e := w.report()
	if e.Outcome != events.OutcomeDryRun || !e.Success || len(w.desk.posts)+len(w.desk.cancels) != 0 || len(e.Legs) != 2 {
		t.Errorf("%s", show(e))
	}
}

func TestStaleReadNeverLowersAFill(t *testing.T) {
	w := newWorld(t)
	w.desk.fill = func(broker.Order) money.Decimal { return d("20") }
	reads := 0
	w.desk.tick = func(o *broker.Order) {
		if reads++; reads == 2 && o.Status == "partially_filled" {
			o.Filled, o.Status = d("5"), "canceled" // an old copy, with an end that is not true
		} else if reads == 3 {
			o.Filled, o.Status = d("20"), "partially_filled"
		}
	}
	e := w.trade(w.plan(w.exit()))
	if e.Legs[0].FilledQty != "50" || !w.desk.posts[1].Qty.Equal(d("30")) {
		t.Errorf("%s; second order for %s", show(e), w.desk.posts[1].Qty)
	}
}

func TestTwoInvocationsDoNotWorkOnOnePlan(t *testing.T) {
	w := newWorld(t)
	p := w.rotation()
	w.desk.fill = all
	var second error
	once := false
	w.desk.onSubmit = func(int, broker.OrderRequest) (*broker.Order, error, bool) {
		if once {
			return nil, nil, false
		}
		once = true
		w.desk.mu.Unlock() // the close-out comes while the first one trades
		defer w.desk.mu.Lock()
		more := &events.TradeExecutionContinued{PlanID: p.PlanID, N: 1, Phase: events.PhaseClose, CloseOut: true, Reason: "stalled"}
		second = w.deliver(w.envelope(more, events.SourceOrchestration, events.CloseOutID(events.RunID(runKey))))
		return nil, nil, false
	}
	if err := w.deliver(w.planned(p)); err != nil {
		t.Fatal(err)
	}
	if second == nil || !strings.Contains(second.Error(), "in_progress") {
		t.Errorf("the second invocation ended with %v", second)
	}
	if e := w.report(); e.Outcome != events.OutcomeCompleted {
		t.Errorf("%s", show(e))
	}
}
