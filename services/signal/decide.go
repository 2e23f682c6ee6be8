package signal

import (
	"errors"
	"fmt"
	"slices"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/strategy"
)

// Decision is the merged target with its reasons.
type Decision struct {
	Weights  events.Weights
	Cash     events.Decimal
	Briefs   events.List[events.StrategyBrief]
	Receipts []*strategy.Receipt
}

// Decide evaluates every strategy on bars dated up to asOf and merges what each
// applies or holds. applied is the last application by strategy; tradeDate is
// the session the run trades in.
func Decide(p *strategy.Portfolio, bars market.Bars, asOf, tradeDate events.Date, applied map[string]ledger.Applied, force bool) (*Decision, error) {
	input, err := closes(bars)
	if err != nil {
		return nil, diagnosed(err)
	}
	day, err := strategy.ParseDay(string(asOf))
	if err != nil {
		return nil, err
	}
	trade, err := strategy.ParseDay(string(tradeDate))
	if err != nil {
		return nil, err
	}
	d := &Decision{}
	evaluator := strategy.NewEvaluator(input)
	parts := make([]strategy.Slice, 0, len(p.Entries))
	for _, e := range p.Entries {
		allocation, receipt, err := evaluator.Evaluate(e.Program, day)
		if err != nil {
			return nil, diagnosed(err)
		}
		last, err := lastApplied(e.ID, applied)
		if err != nil {
			return nil, err
		}
		var factor strategy.PriceFactor
		if last != nil {
			factor = input.FactorsSince(last.AsOf, day)
		}
		outcome, err := e.Program.Rule.Decide(e.Program.SHA256, allocation, trade, last, factor, force)
		if err != nil {
			return nil, stage.Permanent("strategy_failed", "", "%s: %v", e.File, err)
		}
		receipt.Rebalance = &outcome
		parts = append(parts, strategy.Slice{Strategy: e.ID, Weight: e.Weight, Allocation: outcome.Weights})
		d.Briefs = append(d.Briefs, brief(e, receipt, outcome, asOf))
		d.Receipts = append(d.Receipts, receipt)
	}
	merged, err := strategy.Merge(parts, p.Cash)
	if err != nil {
		return nil, stage.Permanent("strategy_failed", "correct portfolio.yaml", "%s: %v", strategy.PortfolioFile, err)
	}
	d.Weights, d.Cash = weights(merged.Allocation), decimal(merged.Cash)
	return d, nil
}

// diagnosed makes a failure of the language the end of the run.
func diagnosed(err error) error {
	var one strategy.Diagnostic
	if errors.As(err, &one) {
		return strategyFailed(strategy.Diagnostics{one})
	}
	return err
}

func lastApplied(id string, applied map[string]ledger.Applied) (*strategy.Applied, error) {
	a, ok := applied[id]
	if !ok {
		return nil, nil
	}
	last := &strategy.Applied{SHA256: a.SourceSHA256, Weights: make(strategy.Allocation, len(a.Weights))}
	var errTrade, errAsOf error
	last.TradeDate, errTrade = strategy.ParseDay(string(a.TradeDate))
	last.AsOf, errAsOf = strategy.ParseDay(string(a.AsOf))
	if err := errors.Join(errTrade, errAsOf); err != nil {
		return nil, fmt.Errorf("signal: the last application of %s in the ledger: %w", id, err)
	}
	for symbol, w := range a.Weights {
		parsed, err := strategy.ParseWeight(string(w))
		if err != nil {
			return nil, fmt.Errorf("signal: the last application of %s in the ledger: %w", id, err)
		}
		last.Weights[symbol] = parsed
	}
	return last, nil
}

func brief(e strategy.Entry, r *strategy.Receipt, o strategy.Outcome, asOf events.Date) events.StrategyBrief {
	decision := "hold"
	if o.Apply {
		decision = "apply"
	}
	return events.StrategyBrief{
		Name: e.ID, Weight: decimal(e.Weight), SourceSHA256: e.Program.SHA256, Holdings: weights(o.Weights),
		Decision: decision, AsOf: asOf, Reason: clip(reason(r), 300), LeftOut: leftOut(r),
	}
}

// leftOut are the candidates that could not be ranked.
func leftOut(r *strategy.Receipt) events.List[string] {
	var out events.List[string]
	for _, d := range r.Decisions {
		if d.Filter == nil {
			continue
		}
		for _, c := range d.Filter.Candidates {
			if c.LeftOut != "" && !slices.Contains(out, c.Label) {
				out = append(out, c.Label)
			}
		}
	}
	return out
}

func weights(a strategy.Allocation) events.Weights {
	out := make(events.Weights, len(a))
	for symbol, w := range a {
		out[symbol] = decimal(w)
	}
	return out
}

// decimal is a weight in the canonical text of events.
func decimal(w strategy.Weight) events.Decimal {
	return events.Decimal(money.MustParse(w.String()).String())
}

func clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
