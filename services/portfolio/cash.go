package portfolio

import (
	"cmp"
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// keepCash makes the lines affordable: buys share what cash and sells leave
// beyond the reserve. Cash that would stay negative is met by corrective sells:
// never by closing everything.
func (m *planner) keepCash() {
	cash := m.book.Cash.Add(m.proceeds())
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

// proceeds is what the sells bring for certain. The part of a share of what
// trades in whole shares is offered, but most likely stays: no buy may wait for
// its money.
func (m *planner) proceeds() money.Decimal {
	sum := money.Zero()
	for _, l := range m.plan.Lines {
		if l.Side != events.Sell {
			continue
		}
		qty := l.Qty
		if !l.Fractionable {
			qty = qty.Floor(0)
		}
		sum = sum.Add(qty.Mul(l.Price))
	}
	return sum
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

// correct raises the deficit R − cash. Equity is cash and positions, so that
//
//	R − cash = Σ position − D = Σ (position − target)
//
// over what the plan leaves: what is held above the targets is worth at least
// the deficit, and raises it without taking anything from its target. Only
// where some of it cannot be sold do all positions share the rest, in
// proportion to their value.
func (m *planner) correct(deficit money.Decimal) {
	left := m.raise(deficit, func(symbol string, h Holding, keeps, _ money.Decimal) money.Decimal {
		return keeps.Mul(*h.Price).Sub(m.targets[symbol].Mul(m.plan.Deployable))
	})
	left = m.raise(left, func(_ string, h Holding, _, sellable money.Decimal) money.Decimal {
		return sellable.Mul(*h.Price)
	})
	if m.policy.BrokerMinUSD.Less(left) {
		m.warn("%s of cash are missing and cannot be raised: nothing else can be sold", left.Fixed(2))
	}
}

// source is a position that can raise cash.
type source struct {
	symbol   string
	holding  Holding
	part     money.Decimal // of the deficit that it should bear, and at most bears, in USD
	sellable money.Decimal // shares
}

// raise sells of every position in proportion to its part, which follows from
// the shares that the plan leaves and those of them that can be sold. It
// returns what is still missing. Whole shares are rounded up and go first, the
// largest part at the front: what they bring too much, others need not sell.
func (m *planner) raise(deficit money.Decimal, part func(symbol string, h Holding, keeps, sellable money.Decimal) money.Decimal) money.Decimal {
	var sources []source
	parts := money.Zero()
	for symbol, h := range m.book.Holdings {
		if h.Price == nil || !h.Tradable || h.Qty.Sign() <= 0 {
			continue
		}
		keeps, sellable := h.Qty, money.Min(h.Qty, h.Available)
		if l := m.lineOf(symbol); l != nil {
			keeps, sellable = keeps.Sub(l.Qty), sellable.Sub(l.Qty)
		}
		sellable = sellable.Floor(places(h))
		if bears := part(symbol, h, keeps, sellable); bears.Sign() > 0 && sellable.Sign() > 0 {
			sources = append(sources, source{symbol, h, bears, sellable})
			parts = parts.Add(bears)
		}
	}
	slices.SortFunc(sources, func(a, b source) int {
		return cmp.Or(cmp.Compare(places(a.holding), places(b.holding)), b.part.Cmp(a.part), cmp.Compare(a.symbol, b.symbol))
	})
	for _, s := range sources {
		if deficit.Sign() <= 0 {
			break
		}
		bears := money.Min(s.part, deficit.Mul(s.part).Quo(parts))
		parts = parts.Sub(s.part)
		qty := bears.Quo(*s.holding.Price).Round(12).Ceil(places(s.holding)) // a quotient of 34 digits is no reason for another share
		qty = money.Min(qty, s.sellable)
		if value := qty.Mul(*s.holding.Price); !value.Less(m.policy.BrokerMinUSD) {
			deficit = deficit.Sub(value)
			m.sellMore(s.symbol, s.holding, qty)
		}
	}
	return deficit
}

// sellMore adds a corrective sell, to an existing line if there is one.
func (m *planner) sellMore(symbol string, h Holding, qty money.Decimal) {
	const reason = "raises cash that would stay negative"
	if l := m.lineOf(symbol); l != nil {
		if l.Qty = l.Qty.Add(qty); !strings.HasSuffix(l.Reason, reason) {
			l.Reason += "; " + reason
		}
		return
	}
	m.plan.Holds = slices.DeleteFunc(m.plan.Holds, func(held Hold) bool { return held.Symbol == symbol })
	m.plan.Lines = append(m.plan.Lines, m.line(symbol, h, m.targets[symbol], events.Sell, events.Decrease, qty, reason))
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
