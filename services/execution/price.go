package execution

import (
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// The price walk: mid, the far touch, and two steps through it. The short
// first step is worth two seconds for half a spread, not ten.
const (
	stepMid = iota + 1
	stepTouch
	stepThrough
	stepFurther
	lastStep   = stepFurther
	stepMarket = lastStep + 1 // only where a market order is allowed
)

// following is the step after the given one (0: none yet). In a hurry the walk
// begins at the far touch and has one step more: a step that does not fill
// costs an order, a cancel and a look, of which the broker takes only so many.
func following(step int, hurry bool) int {
	step++
	if hurry && (step == stepMid || step == stepThrough) {
		step++
	}
	return step
}

// dwell is how long an order of the step works before the next one. In a hurry
// requests are scarcer than time: an order that fills slowly is left alone.
func dwell(step int, hurry bool) time.Duration {
	if hurry {
		return 10 * time.Second
	}
	switch step {
	case stepMid:
		return 2 * time.Second
	case stepTouch, stepThrough:
		return 4 * time.Second
	}
	return 5 * time.Second
}

// capPrice is the worst price the leg may pay or take.
func capPrice(side events.Side, arrivalMid, limit money.Decimal) money.Decimal {
	if side == events.Sell {
		return arrivalMid.Mul(money.One().Sub(limit))
	}
	return arrivalMid.Mul(money.One().Add(limit))
}

// stepPrice is the limit price of a step, rounded to the tick away from the
// market, never beyond the cap. It also tells whether the cap decided.
func stepPrice(side events.Side, step int, q Quote, capAt money.Decimal) (price money.Decimal, capped bool) {
	through := money.Zero()
	switch step {
	case stepThrough:
		through = money.MustParse("0.0010")
	case stepFurther:
		through = money.MustParse("0.0025")
	}
	price = q.Mid
	if side == events.Sell {
		if step != stepMid {
			price = q.Bid.Mul(money.One().Sub(through))
		}
		capped = price.Less(capAt)
		return money.CeilTick(money.Max(price, capAt)), capped
	}
	if step != stepMid {
		price = q.Ask.Mul(money.One().Add(through))
	}
	capped = capAt.Less(price)
	return money.FloorTick(money.Min(price, capAt)), capped
}

// better tells whether price a is more likely to fill than b.
func better(side events.Side, a, b money.Decimal) bool {
	if side == events.Sell {
		return a.Less(b)
	}
	return b.Less(a)
}
