package execution

import (
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/envelope"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/record"
)

// qtyPlaces is the precision of fractional quantities that we send, except for
// the exit of a position, which is exact.
const qtyPlaces = 6

// brokerMinimum is the smallest order the broker takes, in USD.
func brokerMinimum() money.Decimal { return money.One() }

// next decides what follows when no order of the leg is open: a further
// attempt for what remains, or the end.
func (r Rules) next(l *Leg, o Observation) *Command {
	if l.Remaining().IsZero() || l.tooLittleLeft() {
		l.end(l.Cut)
		return nil
	}
	if reason := l.refusal(); reason != "" {
		l.end(reason)
		return nil
	}
	switch {
	case o.Stop != "":
		l.end(o.Stop)
	case l.count(reasonReplaced) > 0:
		l.end(reasonReplaced)
	case l.WalkOver:
		l.end(reasonUnfilled)
	case l.Submissions() >= r.MaxSubmits:
		l.end(reasonMaxSubmits)
	case o.Wait:
	case l.Side == events.Sell && o.Available == nil: // read again first: our own order may have held it
	case o.Quote == nil:
		l.wait(o.Now, quoteLimit, reasonNoQuote)
	default:
		return r.attempt(l, o)
	}
	return nil
}

// tooLittleLeft tells whether the rest of an adjustment is below the broker's
// minimum. The rest of an exit is always tried.
func (l *Leg) tooLittleLeft() bool {
	return l.Kind != events.Exit && l.FilledQty().Sign() > 0 && l.Remaining().Mul(l.Price).Less(brokerMinimum())
}

func (l *Leg) wait(now time.Time, limit time.Duration, reason string) {
	if l.WaitSince.IsZero() {
		l.WaitSince = now
	}
	if now.Sub(l.WaitSince) >= limit {
		l.end(reason)
	}
}

// refusal is why the leg must end after its last attempt was refused; "" when
// it may try again.
func (l *Leg) refusal() string {
	a := l.last()
	if a == nil || a.State != record.Rejected {
		return ""
	}
	switch reason := a.ReasonCode; reason {
	case reasonInsufficientQty, reasonBuyingPower, reasonRejectedLater:
		if l.count(reason) > 1 {
			return reason
		}
	case reasonNotFractionable:
		whole := l.Remaining().Floor(0)
		if part := l.Remaining().Sub(whole); l.Kind == events.Exit {
			l.leave(part)
		} else {
			l.Qty = l.Qty.Sub(part)
		}
		if l.Fractionable = false; l.count(reason) > 1 || whole.IsZero() {
			return reason
		}
	case reasonBelowMinimum:
		// A dollar by the broker's price may be a little more by the plan's; a
		// refusal of anything larger has another meaning, and the rest is no dust.
		if l.Side == events.Sell && l.Remaining().Mul(l.Price).Less(brokerMinimum().Add(brokerMinimum())) {
			l.leave(l.Remaining())
		}
		return reason
	default:
		return reason
	}
	return ""
}

// attempt intends and sends the next order.
func (r Rules) attempt(l *Leg, o Observation) *Command {
	if l.ArrivalMid == nil {
		mid := o.Quote.Mid
		l.ArrivalMid = &mid
	}
	step, previous := l.nextStep(o.Hurry)
	kind, limit := broker.Limit, (*money.Decimal)(nil)
	if step > lastStep {
		if !r.mayUseMarket(*l, step, o.Quote) {
			l.end(reasonUnfilled)
			return nil
		}
		kind = broker.Market
	} else {
		price, capped := stepPrice(l.Side, step, *o.Quote, r.capOf(l))
		if price.Sign() <= 0 || capped && previous != nil && !better(l.Side, price, *previous) {
			l.end(reasonUnfilled)
			return nil
		}
		limit = &price
	}
	qty, ok := l.nextQty(o, r.capOf(l))
	if !ok {
		return nil
	}
	l.WaitSince = time.Time{}
	// The order's size counts at the plan's price, as when the plan was checked:
	// the quote is near it. Its own price is held to the collar.
	order := envelope.Line{Symbol: l.Symbol, Value: qty.Mul(l.Price), Price: o.Quote.Mid, PreviousClose: l.PreviousClose}
	if limit != nil {
		order.Price = *limit
	}
	if err := r.Limits.CheckOrder(order); err != nil {
		l.warn(err.Error())
		l.end(reasonEnvelope)
		return nil
	}
	n := len(l.Attempts) + 1
	l.Attempts = append(l.Attempts, record.Attempt{
		N: n, ClientOrderID: ClientOrderID(r.PlanID, l.Symbol, l.Side, n), Step: step, Qty: qty, LimitPrice: limit, Type: kind,
		State: record.Intended, IntendedAt: o.Now, StepUntil: o.Now.Add(dwell(step, o.Hurry)),
	})
	return post(l, l.last(), o.Now)
}

// nextStep is the step of the walk that comes next, and the last price that
// worked. A refused or unsent attempt is repeated at its own step.
func (l *Leg) nextStep(hurry bool) (step int, previous *money.Decimal) {
	step = following(0, hurry)
	for i := range l.Attempts {
		a := &l.Attempts[i]
		switch a.State {
		case record.NotPlaced, record.Rejected:
			step = a.Step
		default:
			step, previous = following(a.Step, hurry), a.LimitPrice
		}
	}
	return step, previous
}

// nextQty is what remains, cut to what may be sold or paid. It waits, and
// after a while gives up, when that is nothing.
func (l *Leg) nextQty(o Observation, capAt money.Decimal) (money.Decimal, bool) {
	qty := l.Remaining()
	if l.Side == events.Sell {
		if o.Available.Less(qty) {
			qty = *o.Available
			l.warn("less of " + l.Symbol + " may be sold than planned: " + qty.String() + " of " + l.Remaining().String())
		}
		if qty.Sign() <= 0 {
			l.wait(o.Now, heldLimit, reasonHeld)
			return qty, false
		}
	}
	if l.count(reasonBuyingPower) > 0 && l.Side == events.Buy {
		if o.Power == nil {
			return qty, false
		}
		qty = money.Min(qty, o.Power.Mul(money.MustParse("0.98")).QuoFloor(capAt, qtyPlaces))
		if !l.Fractionable {
			qty = qty.Floor(0)
		}
	}
	if qty.Sign() <= 0 || l.Side == events.Buy && qty.Mul(l.Price).Less(brokerMinimum()) {
		l.end(reasonBelowMinimum)
		return qty, false
	}
	return qty, true
}
