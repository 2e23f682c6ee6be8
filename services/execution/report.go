package execution

import (
	"maps"
	"slices"
	"time"

	"github.com/alchemiser/alchemiser/pkg/amount"
	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/record"
)

// report is the TradeExecuted of a plan. Every value in it comes from fills.
func report(plan *events.RebalancePlanned, exec record.Execution, legs []Leg, account *broker.Account, now time.Time) *events.TradeExecuted {
	e := &events.TradeExecuted{
		PlanID: plan.PlanID, Outcome: Outcome(legs), BuyScale: "1", StartedAt: events.At(exec.StartedAt), FinishedAt: events.At(now),
		Continuations: exec.Continuations, Dust: slices.Clone(plan.Dust), Lines: plan.Lines, Holds: plan.Holds, Context: plan.Context,
	}
	e.Success = e.Outcome.Success()
	if exec.Budget != nil {
		e.BuyScale = events.Decimal(exec.Budget.Scale.Floor(8).String())
	}
	if account != nil {
		e.AccountAfter = &events.AccountAfter{Equity: amount.USD(account.Equity), Cash: amount.USD(account.Cash)}
	}
	bought, sold := money.Zero(), money.Zero()
	codes := make(map[string]bool)
	warnings := append(slices.Clone(plan.Context.Warnings), exec.Warnings...)
	for i := range legs {
		l := &legs[i]
		e.Legs = append(e.Legs, l.result())
		e.Totals.Orders += l.Submissions()
		if l.Status() == events.LegFilled {
			e.Totals.FilledLegs++
		}
		if avg := l.AvgPrice(); avg != nil {
			value := l.FilledQty().Mul(*avg).Round(2) // so that the legs add up to the totals
			if l.Side == events.Sell {
				sold = sold.Add(value)
			} else {
				bought = bought.Add(value)
			}
		}
		if l.Dust.Sign() > 0 {
			reason := reasonBelowMinimum
			if l.count(reasonNotFractionable) > 0 {
				reason = reasonNotFractionable
			}
			e.Dust = append(e.Dust, events.Dust{Symbol: l.Symbol, Qty: amount.Quantity(l.Dust), Value: amount.USD(l.Dust.Mul(l.Price)), Reason: reason})
		}
		if rest := l.Intended.Sub(l.Dust).Sub(l.FilledQty()); rest.Sign() > 0 {
			e.Residuals = append(e.Residuals, events.Residual{Symbol: l.Symbol, Side: l.Side, Qty: amount.Quantity(rest)})
		}
		if l.ReasonCode != "" && l.Status() != events.LegFilled && !l.isDust() {
			codes[l.ReasonCode] = true
		}
		warnings = append(warnings, l.Warnings...)
	}
	e.Totals.Bought, e.Totals.Sold = amount.USD(bought), amount.USD(sold)
	e.FailureCodes = slices.Sorted(maps.Keys(codes))
	e.Context.Warnings = warnings
	e.Context.Timings = maps.Clone(plan.Context.Timings)
	if e.Context.Timings == nil {
		e.Context.Timings = make(events.Timings)
	}
	e.Context.Timings["execution"] = exec.WorkedMS
	fit(e)
	return e
}
