package execution

import (
	"cmp"

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
// those of short positions: they may take all of the cash, and the others share
// what they leave; they themselves are cut where they would lead into debt.
func NewBudget(buys []Leg, mids map[int]money.Decimal, f Funds, limit money.Decimal) record.Budget {
	b := record.Budget{Cash: money.Min(f.Cash, f.Expected).Floor(scalePlaces), Buys: make(map[int]record.BudgetBuy)}
	atMid, atCap, exitsAtMid, exitsAtCap := money.Zero(), money.Zero(), money.Zero(), money.Zero()
	for _, l := range buys {
		mid, ok := mids[l.Seq]
		if !ok {
			continue
		}
		costs, costsAtCap := l.Intended.Mul(mid), l.Intended.Mul(capPrice(events.Buy, mid, limit))
		if l.Kind == events.Exit {
			exitsAtMid, exitsAtCap = exitsAtMid.Add(costs), exitsAtCap.Add(costsAtCap)
		} else {
			atMid, atCap = atMid.Add(costs), atCap.Add(costsAtCap)
		}
	}
	exits := factor(part{b.Cash, exitsAtCap})
	b.Scale = factor(part{b.Cash.Sub(f.Reserve).Sub(exitsAtMid), atMid}, part{b.Cash.Sub(exitsAtCap), atCap})
	if exits.Less(money.One()) || b.Scale.Less(money.One()) {
		b.Reason = reasonNoCash
	}
	if lent := factor(part{f.BuyingPower.Sub(exitsAtCap), atCap}); lent.Less(b.Scale) {
		b.Scale, b.Reason = lent, reasonBuyingPower
	}
	for _, l := range buys {
		mid, ok := mids[l.Seq]
		if !ok {
			continue
		}
		scale := b.Scale
		if l.Kind == events.Exit {
			scale = exits
		}
		b.Buys[l.Seq] = record.BudgetBuy{Qty: scaled(l, scale), Mid: mid}
	}
	return b
}

// part is money that there is for what buys cost.
type part struct{ money, costs money.Decimal }

// factor is what of every buy the money is enough for, 0 to 1.
func factor(parts ...part) money.Decimal {
	out := money.One()
	for _, p := range parts {
		if p.costs.Sign() > 0 {
			out = money.Min(out, p.money.Quo(p.costs))
		}
	}
	return money.Max(out, money.Zero()).Floor(scalePlaces) // a quotient of 34 digits would not read back
}

// scaled is the part of a buy that the budget leaves, in sendable shares.
func scaled(l Leg, scale money.Decimal) money.Decimal {
	if !scale.Less(money.One()) {
		return l.Intended
	}
	places := int32(qtyPlaces)
	if !l.Fractionable {
		places = 0
	}
	return l.Intended.Mul(scale).Floor(places)
}

// share gives a buy its part of the budget. tolerance is how much less than
// planned it may be worth and still be the plan; nil: any amount. An exit is
// made as a whole or not complete.
func (l *Leg) share(b record.Budget, tolerance *money.Decimal) {
	buy, ok := b.Buys[l.Seq]
	switch {
	case len(l.Attempts) > 0 || l.Ended:
	case !ok:
		l.end(reasonNoQuote)
	case b.Scale.IsZero() && l.Kind != events.Exit:
		l.Qty = money.Zero()
		l.end(cmp.Or(b.Reason, reasonNoCash))
	case l.Intended.Mul(buy.Mid).Less(brokerMinimum()):
		l.Qty = buy.Qty
		l.end(reasonBelowMinimum)
	case buy.Qty.Mul(buy.Mid).Less(brokerMinimum()): // not even one share, or one dollar
		l.Qty = buy.Qty
		l.end(cmp.Or(b.Reason, reasonNoCash))
	default:
		l.Qty, l.ArrivalMid = buy.Qty, &buy.Mid
		// Before it is rounded to whole shares, which the planner does as well.
		less := l.Intended.Mul(l.Price).Sub(l.Intended.Mul(b.Scale).Mul(buy.Mid))
		if l.Qty.Less(l.Intended) && (l.Kind == events.Exit || tolerance != nil && !less.Less(*tolerance)) {
			l.Cut = cmp.Or(b.Reason, reasonNoCash)
		}
	}
}

// tolerance is how much less of a buy, in USD, the planner itself would have
// left: the threshold of an adjustment. Nil for plans of builds that did not
// record their figures.
//
//	max(USD, min(pct × equity, rel × max(target, current)))
func tolerance(plan *events.RebalancePlanned, line events.PlanLine) *money.Decimal {
	p := plan.Policy
	if p == nil {
		return nil
	}
	value := money.Max(money.MustParse(line.TargetValue), money.MustParse(line.CurrentQty).Mul(money.MustParse(line.Price)))
	most := money.Min(money.MustParse(p.MinTradePct).Mul(money.MustParse(plan.Equity)), money.MustParse(p.MinTradeRel).Mul(value))
	most = money.Max(money.MustParse(p.MinTradeUSD), most)
	return &most
}
