package portfolio

import (
	"maps"
	"slices"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// keepCash makes the lines affordable: buys share what cash and sells leave
// beyond the reserve. Cash that would stay negative is met by corrective sells,
// pro rata over what is still held: never by closing everything.
func (m *planner) keepCash() {
	cash := m.book.Cash.Add(total(m.plan.Lines, events.Sell))
	covers := money.Zero()
	for _, l := range m.plan.Lines {
		if l.Side == events.Buy && l.Kind == events.Exit {
			covers = covers.Add(l.Value())
		}
	}
	budget := cash.Sub(m.plan.Reserve).Sub(covers)
	if buys := total(m.plan.Lines, events.Buy).Sub(covers); budget.Less(buys) {
		m.scaleBuys(budget, buys)
	}
	if after := cash.Sub(covers); after.Sign() < 0 {
		m.correct(m.plan.Reserve.Sub(after))
	}
}

// scaleBuys cuts every buy by the same factor and drops what becomes too small.
func (m *planner) scaleBuys(budget, buys money.Decimal) {
	kept := m.plan.Lines[:0]
	for _, l := range m.plan.Lines {
		if l.Side == events.Sell || l.Kind == events.Exit {
			kept = append(kept, l)
			continue
		}
		qty := money.Zero()
		if budget.Sign() > 0 {
			qty = l.Qty.Mul(budget).QuoFloor(buys, places(m.book.Holdings[l.Symbol]))
		}
		if l.Qty = qty; qty.Sign() == 0 || l.Value().Less(m.policy.BrokerMinUSD) {
			m.plan.Holds = append(m.plan.Holds, Hold{l.Symbol, l.Current, l.TargetWeight, "no_cash"})
			continue
		}
		l.Reason += ", scaled to the cash there is"
		kept = append(kept, l)
	}
	m.plan.Lines = kept
}

// correct raises the deficit from all long positions that the plan leaves, in
// proportion to their value.
func (m *planner) correct(deficit money.Decimal) {
	left := make(map[string]money.Decimal) // sellable shares the plan leaves
	sum := money.Zero()
	for symbol, h := range m.book.Holdings {
		if h.Price == nil || !h.Tradable || h.Qty.Sign() <= 0 {
			continue
		}
		qty := money.Min(h.Qty, h.Available)
		if l := m.lineOf(symbol); l != nil {
			qty = qty.Sub(l.Qty)
		}
		if qty.Sign() > 0 {
			left[symbol] = qty
			sum = sum.Add(qty.Mul(*h.Price))
		}
	}
	if sum.Sign() == 0 {
		m.warn("cash stays negative: nothing is left to sell")
		return
	}
	for _, symbol := range slices.Sorted(maps.Keys(left)) {
		h := m.book.Holdings[symbol]
		share := deficit.Mul(left[symbol]).Quo(sum) // shares, because each sells the same fraction
		qty := money.Min(left[symbol].Floor(places(h)), share.Ceil(places(h)))
		if qty.Mul(*h.Price).Less(m.policy.BrokerMinUSD) {
			continue
		}
		m.sellMore(symbol, h, qty)
	}
}

// sellMore adds a corrective sell, to an existing line if there is one.
func (m *planner) sellMore(symbol string, h Holding, qty money.Decimal) {
	const reason = "raises cash that would stay negative"
	if l := m.lineOf(symbol); l != nil {
		l.Qty, l.Reason = l.Qty.Add(qty), l.Reason+"; "+reason
		return
	}
	weight, current := money.Zero(), m.plan.Holds
	for i, held := range current {
		if held.Symbol == symbol {
			weight = held.TargetWeight
			m.plan.Holds = slices.Delete(current, i, i+1)
			break
		}
	}
	m.plan.Lines = append(m.plan.Lines, m.line(symbol, h, weight, events.Sell, events.Decrease, qty, reason))
}

func (m *planner) lineOf(symbol string) *Line {
	for i := range m.plan.Lines {
		if m.plan.Lines[i].Symbol == symbol {
			return &m.plan.Lines[i]
		}
	}
	return nil
}

// total is the value of all lines of one side, in USD.
func total(lines []Line, side events.Side) money.Decimal {
	sum := money.Zero()
	for _, l := range lines {
		if l.Side == side {
			sum = sum.Add(l.Value())
		}
	}
	return sum
}
