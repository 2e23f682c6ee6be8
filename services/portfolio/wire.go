package portfolio

import (
	"github.com/alchemiser/alchemiser/pkg/envelope"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// Scales of amounts in events: arithmetic uses the unrounded value.
func usd(d money.Decimal) events.Decimal      { return events.Decimal(d.Round(2).String()) }
func price(d money.Decimal) events.Decimal    { return events.Decimal(d.Round(6).String()) }
func quantity(d money.Decimal) events.Decimal { return events.Decimal(d.Truncate(9).String()) }
func weight(d money.Decimal) events.Decimal   { return events.Decimal(d.Round(8).String()) }

func (p *Plan) lines(lines []Line) events.List[events.PlanLine] {
	out := make(events.List[events.PlanLine], 0, len(lines))
	for i, l := range lines {
		out = append(out, events.PlanLine{
			Seq: i + 1, Symbol: l.Symbol, Side: l.Side, Kind: l.Kind, Qty: quantity(l.Qty), Price: price(l.Price), Value: usd(l.Value()),
			CurrentQty: quantity(l.CurrentQty), CurrentWeight: weight(l.Current.Quo(p.Equity)), TargetWeight: weight(l.TargetWeight),
			TargetValue: usd(l.Target), Fractionable: l.Fractionable, Reason: l.Reason,
		})
	}
	return out
}

func (p *Plan) holds() events.List[events.Hold] {
	out := make(events.List[events.Hold], 0, len(p.Holds))
	for _, h := range p.Holds {
		out = append(out, events.Hold{Symbol: h.Symbol, CurrentWeight: weight(h.Current.Quo(p.Equity)), TargetWeight: weight(h.TargetWeight), Reason: h.Reason})
	}
	return out
}

func (p *Plan) totals() events.PlanTotals {
	buys, sells := total(p.Lines, events.Buy), total(p.Lines, events.Sell)
	return events.PlanTotals{Buys: usd(buys), Sells: usd(sells), Turnover: weight(buys.Add(sells).Quo(p.Equity))}
}

// checked is the plan as the safety envelope sees it.
func (p *Plan) checked(b Book) envelope.Plan {
	c := envelope.Plan{Equity: p.Equity, After: make(map[string]money.Decimal)}
	for symbol, h := range b.Holdings {
		c.After[symbol] = h.value()
	}
	for _, l := range p.Lines {
		c.Lines = append(c.Lines, envelope.Line{Symbol: l.Symbol, Value: l.Value(), Price: l.Price, PreviousClose: b.Holdings[l.Symbol].PreviousClose})
		if l.Side == events.Buy {
			c.After[l.Symbol] = c.After[l.Symbol].Add(l.Value())
		} else {
			c.After[l.Symbol] = c.After[l.Symbol].Sub(l.Value())
		}
	}
	return c
}
