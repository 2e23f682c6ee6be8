package notifier

import (
	"fmt"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// stats are what was traded against what was planned, and the account before
// and after: the fills of this run, and the account as the broker reported it
// after the last of them. In neutral mode slippage alone is left of them.
func (s summary) stats() []Stat {
	slip, slipped := s.slippage()
	if s.Neutral {
		if slipped {
			return []Stat{{Name: "Slippage", Value: slip.Value}}
		}
		return nil
	}
	var out []Stat
	switch plan := s.p.Plan; {
	case s.p.Outcome == events.OutcomeDryRun && plan != nil:
		out = append(out, Stat{Name: "To sell", Value: usd(plan.Sells)}, Stat{Name: "To buy", Value: usd(plan.Buys)})
	case len(s.p.Legs) > 0:
		out = append(out, s.traded(events.Sell), s.traded(events.Buy))
	}
	out = append(out, s.holdings()...)
	if slipped {
		out = append(out, slip)
	}
	return out
}

func (s summary) traded(side events.Side) Stat {
	stat, planned := Stat{Name: "Sold", Value: usd(s.p.Totals.Sold)}, events.Decimal("")
	if s.p.Plan != nil {
		planned = s.p.Plan.Sells
	}
	if side == events.Buy {
		stat = Stat{Name: "Bought", Value: usd(s.p.Totals.Bought)}
		if s.p.Plan != nil {
			planned = s.p.Plan.Buys
		}
	}
	if planned != "" {
		stat.Note = "planned " + usd(planned)
	}
	if n := s.pending(side); n > 0 {
		stat.Note = plural(n, "price") + " pending"
	}
	return stat
}

// pending counts the fills whose price the broker has not named: a total
// lacks them.
func (s summary) pending(side events.Side) int {
	n := 0
	for _, l := range s.p.Legs {
		if l.PricePending && l.Side == side {
			n++
		}
	}
	return n
}

// holdings are cash and equity.
func (s summary) holdings() []Stat {
	plan, after := s.p.Plan, s.p.AccountAfter
	switch {
	case after != nil && plan != nil && len(s.p.Legs) > 0:
		return []Stat{{"Cash", usd(after.Cash), "before " + usd(plan.Cash)}, {"Equity", usd(after.Equity), "before " + usd(plan.Equity)}}
	case after != nil:
		return []Stat{{Name: "Cash", Value: usd(after.Cash)}, {Name: "Equity", Value: usd(after.Equity)}}
	case plan != nil:
		return []Stat{{"Cash", usd(plan.Cash), "when planned"}, {"Equity", usd(plan.Equity), "when planned"}}
	}
	return nil
}

// slippage is what the fills cost against the middle of the market when their
// orders began: Σ value × bps of the legs ÷ Σ value, positive is a cost.
func (s summary) slippage() (Stat, bool) {
	cost, traded := money.Zero(), money.Zero()
	for _, l := range s.p.Legs {
		if l.Value == nil || l.SlippageBps == nil {
			continue
		}
		if value, ok := number(*l.Value); ok {
			cost = cost.Add(value.Mul(money.FromInt(*l.SlippageBps)).Shift(-4))
			traded = traded.Add(value)
		}
	}
	if traded.Sign() <= 0 {
		return Stat{}, false
	}
	stat := Stat{Name: "Slippage", Value: signed(cost.Quo(traded).Shift(4).Fixed(1)) + " bps", Note: "nothing lost"}
	if amount := events.Decimal(cost.Abs().Round(2).String()); cost.Round(2).Sign() > 0 {
		stat.Note = "about " + usd(amount) + " lost"
	} else if cost.Round(2).Sign() < 0 {
		stat.Note = "about " + usd(amount) + " gained"
	}
	return stat, true
}

// signed shows a number with its sign, and zero without.
func signed(s string) string {
	n, err := money.Parse(s)
	switch {
	case err != nil:
		return none
	case n.Sign() > 0:
		return "+" + s
	case n.Sign() < 0:
		return "−" + s[1:]
	}
	return "0"
}

func bps(n int64) string { return signed(fmt.Sprint(n)) }
