package portfolio

import (
	"github.com/alchemiser/alchemiser/pkg/amount"
	"github.com/alchemiser/alchemiser/pkg/events"
)

func (p *Plan) lines(lines []Line) events.List[events.PlanLine] {
	out := make(events.List[events.PlanLine], 0, len(lines))
	for i, l := range lines {
		out = append(out, events.PlanLine{
			Seq: i + 1, Symbol: l.Symbol, Side: l.Side, Kind: l.Kind, Qty: amount.Quantity(l.Qty), Price: amount.Price(l.Price), Value: amount.USD(l.Value()),
			CurrentQty: amount.Quantity(l.CurrentQty), CurrentWeight: amount.Weight(l.Current.Quo(p.Equity)), TargetWeight: amount.Weight(l.TargetWeight),
			TargetValue: amount.USD(l.Target), Fractionable: l.Fractionable, Reason: l.Reason,
		})
	}
	return out
}

func (p *Plan) holds() events.List[events.Hold] {
	out := make(events.List[events.Hold], 0, len(p.Holds))
	for _, h := range p.Holds {
		out = append(out, events.Hold{Symbol: h.Symbol, CurrentWeight: amount.Weight(h.Current.Quo(p.Equity)), TargetWeight: amount.Weight(h.TargetWeight), Reason: h.Reason})
	}
	return out
}

func (p *Plan) totals() events.PlanTotals {
	buys, sells := total(p.Lines, events.Buy), total(p.Lines, events.Sell)
	return events.PlanTotals{Buys: amount.USD(buys), Sells: amount.USD(sells), Turnover: amount.Weight(buys.Add(sells).Quo(p.Equity))}
}

// wire is the form of the policy in an event.
func (p Policy) wire() *events.PlanPolicy {
	return &events.PlanPolicy{
		ReservePct: amount.Weight(p.ReservePct), MinTradePct: amount.Weight(p.MinTradePct), MinTradeRel: amount.Weight(p.MinTradeRel),
		MinTradeUSD: amount.USD(p.MinTradeUSD), BrokerMinUSD: amount.USD(p.BrokerMinUSD),
	}
}

// previousCloses are those of the symbols that are traded, where there is one.
func (p *Plan) previousCloses(b Book) events.Prices {
	out := make(events.Prices, len(p.Lines))
	for _, l := range p.Lines {
		if c := b.Holdings[l.Symbol].PreviousClose; c != nil && c.Sign() > 0 {
			out[l.Symbol] = amount.Price(*c)
		}
	}
	return out
}
