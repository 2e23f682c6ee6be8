package execution_test

import (
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/services/execution"
)

// F77: an absent side is absent. Bounds so wide that a zero would pass for a
// price show that the quote is refused for what is missing.
func TestF77AnAbsentSideIsNoPrice(t *testing.T) {
	wide := execution.Config{MaxSpread: d("10"), QuoteMaxAge: time.Minute}
	for name, q := range map[string]broker.Quote{"no bid": {Ask: d("100"), At: monday}, "no ask": {Bid: d("100"), At: monday}} {
		if got, reason := wide.Sane(q, d("50"), monday); reason != "one_sided_quote" || !got.Mid.IsZero() {
			t.Errorf("%s: %+v, reason %q", name, got, reason)
		}
	}
	// The order waits for the other side and is then priced from both.
	w := newWorld(t)
	p := w.plan(w.exit())
	both := w.desk.quotes["OLD"]
	w.desk.quotes["OLD"] = broker.Quote{Ask: both.Ask}
	w.desk.fill = all
	begin := w.clock.Now()
	w.desk.quoted = func(symbol string) {
		if w.clock.Now().Sub(begin) >= 3*time.Second {
			w.desk.quotes[symbol] = both
		}
	}
	e := w.trade(p)
	if e.Outcome != events.OutcomeCompleted || len(w.desk.posts) != 1 || !w.desk.posts[0].Limit.Equal(d("100")) {
		t.Errorf("%s after posts %+v", show(e), w.desk.posts)
	}
}

// F80: by default no market order is ever sent, however long nothing fills.
func TestF80NoMarketOrderByDefault(t *testing.T) {
	w := newWorld(t)
	w.desk.fill = none
	e := w.trade(w.rotation())
	if e.Outcome != events.OutcomeFailed || len(w.desk.posts) < 4 {
		t.Errorf("%s after %d posts", show(e), len(w.desk.posts))
	}
	for _, post := range w.desk.posts {
		if post.Type != broker.Limit || post.Limit == nil {
			t.Errorf("an order without a limit was sent: %+v", post)
		}
	}
}

// F80: where a market order is allowed it is an attempt like any other: it is
// on record, and what the broker says of it decides, at once or afterwards.
func TestF80ARefusedMarketOrderIsNoSuccess(t *testing.T) {
	for name, c := range map[string]struct {
		refuse func(w *world, r broker.OrderRequest) (*broker.Order, error, bool)
		want   events.LegStatus
		reason string
	}{
		"refused at once": {func(*world, broker.OrderRequest) (*broker.Order, error, bool) {
			return nil, rejected(403, 40310000, "the moon is full"), true
		}, events.LegRejected, "other"},
		"rejected afterwards": {func(w *world, r broker.OrderRequest) (*broker.Order, error, bool) {
			o, err := w.desk.place(r)
			for _, placed := range w.desk.orders {
				if placed.ID == o.ID {
					placed.Status = "rejected"
				}
			}
			return &o, err, true
		}, events.LegRejected, "rejected_later"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.change = func(c *execution.Config) { c.MarketFallback = execution.FallbackAll }
			w.desk.fill = none
			market := 0
			w.desk.onSubmit = func(_ int, r broker.OrderRequest) (*broker.Order, error, bool) {
				if r.Type != broker.Market {
					return nil, nil, false
				}
				market++
				return c.refuse(w, r)
			}
			e := w.trade(w.plan(w.exit()))
			leg := e.Legs[0]
			if market == 0 || e.Success || e.Outcome != events.OutcomeFailed || leg.Status != c.want || leg.ReasonCode != c.reason || leg.FilledQty != "0" {
				t.Errorf("%d market orders; %s", market, show(e))
			}
			if len(leg.ClientOrderIDs) != len(w.desk.ids()) || leg.Attempts != len(w.desk.ids()) {
				t.Errorf("%d attempts on record, %d at the broker", leg.Attempts, len(w.desk.ids()))
			}
		})
	}
	w := newWorld(t)
	w.change = func(c *execution.Config) { c.MarketFallback = execution.FallbackAll }
	w.desk.fill = func(o broker.Order) money.Decimal {
		if o.Type == broker.Market {
			return o.Qty
		}
		return money.Zero()
	}
	if e := w.trade(w.plan(w.exit())); e.Outcome != events.OutcomeCompleted || e.Legs[0].FilledQty != "50" {
		t.Errorf("a market order that fills: %s", show(e))
	}
}
