package execution

import (
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/record"
)

// Funds are the amounts a budget is made from, in USD.
type Funds struct {
	Cash, BuyingPower money.Decimal // the broker's, now
	Expected          money.Decimal // snapshot's cash and what the sells brought
	Reserve           money.Decimal
}

const scalePlaces = 12

// NewBudget scales the buys so that the cash stays above the reserve at the
// mids and above zero even if every buy fills at its cap:
//
//	scale = min(1, (cash − R − exits × mid) / Σ qty × mid, (cash − exits × cap) / Σ qty × cap, (buying power − exits × cap) / Σ qty × cap)
//
// mids holds a mid for every buy that is to be made, by seq. The exits are
// those of short positions: they are not scaled, and the others share what
// they leave.
func NewBudget(buys []Leg, mids map[int]money.Decimal, f Funds, limit money.Decimal) record.Budget {
	b := record.Budget{Cash: money.Min(f.Cash, f.Expected).Floor(scalePlaces), Scale: money.One(), Buys: make(map[int]record.BudgetBuy)}
	atMid, atCap := money.Zero(), money.Zero()
	left, leftAtCap, power := b.Cash.Sub(f.Reserve), b.Cash, f.BuyingPower
	for _, l := range buys {
		mid, ok := mids[l.Seq]
		if !ok {
			continue
		}
		costs, costsAtCap := l.Intended.Mul(mid), l.Intended.Mul(capPrice(events.Buy, mid, limit))
		if l.Kind == events.Exit {
			left, leftAtCap, power = left.Sub(costs), leftAtCap.Sub(costsAtCap), power.Sub(costsAtCap)
			continue
		}
		atMid, atCap = atMid.Add(costs), atCap.Add(costsAtCap)
	}
	if atMid.Sign() > 0 {
		b.Scale = money.Min(b.Scale, left.Quo(atMid))
		b.Scale = money.Min(b.Scale, leftAtCap.Quo(atCap))
		b.Scale = money.Min(b.Scale, power.Quo(atCap))
		b.Scale = money.Max(b.Scale, money.Zero()).Floor(scalePlaces) // a quotient of 34 digits would not read back
	}
	for _, l := range buys {
		mid, ok := mids[l.Seq]
		if !ok {
			continue
		}
		qty := l.Intended
		if b.Scale.Less(money.One()) && l.Kind != events.Exit {
			places := int32(qtyPlaces)
			if !l.Fractionable {
				places = 0
			}
			qty = qty.Mul(b.Scale).Floor(places)
		}
		b.Buys[l.Seq] = record.BudgetBuy{Qty: qty, Mid: mid}
	}
	return b
}

// share gives a buy its part of the budget.
func (l *Leg) share(b record.Budget) {
	buy, ok := b.Buys[l.Seq]
	switch {
	case len(l.Attempts) > 0 || l.Ended:
	case !ok:
		l.end(reasonNoQuote)
	case b.Scale.IsZero() && l.Kind != events.Exit:
		l.Qty = money.Zero()
		l.end(reasonNoCash)
	case buy.Qty.Mul(buy.Mid).Less(brokerMinimum()):
		l.Qty = buy.Qty
		l.end(reasonBelowMinimum)
	default:
		l.Qty, l.ArrivalMid = buy.Qty, &buy.Mid
	}
}
