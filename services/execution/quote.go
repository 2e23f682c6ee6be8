package execution

import (
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// Quote is a quote that may be traded on: both sides are there and positive,
// they do not cross, and the spread, the age and the distance from the plan's
// price are within bounds.
type Quote struct{ Bid, Ask, Mid money.Decimal }

// clockSlack is how far a quote's time may lie ahead of our clock.
const clockSlack = 30 * time.Second

// maxPlanDistance bounds |mid / plan price − 1|: beyond it the plan was made
// for another market.
func maxPlanDistance() money.Decimal { return money.MustParse("0.05") }

// Sane checks a quote against the plan's price. It returns a reason when the
// quote may not be used; a price is never invented, repaired or clamped.
func (c Config) Sane(q broker.Quote, planPrice money.Decimal, now time.Time) (Quote, string) {
	switch {
	case q.Bid.Sign() <= 0 || q.Ask.Sign() <= 0:
		return Quote{}, "one_sided_quote"
	case q.Ask.Less(q.Bid):
		return Quote{}, "crossed_quote"
	case q.At.IsZero() || now.Sub(q.At) > c.QuoteMaxAge:
		return Quote{}, "stale_quote"
	case q.At.Sub(now) > clockSlack:
		return Quote{}, "quote_from_the_future"
	}
	mid := q.Bid.Add(q.Ask).Quo(money.FromInt(2))
	if c.MaxSpread.Less(q.Ask.Sub(q.Bid).Quo(mid)) {
		return Quote{}, "wide_spread"
	}
	if planPrice.Sign() <= 0 || maxPlanDistance().Less(mid.Quo(planPrice).Sub(money.One()).Abs()) {
		return Quote{}, "far_from_plan_price"
	}
	return Quote{Bid: q.Bid, Ask: q.Ask, Mid: mid}, ""
}
