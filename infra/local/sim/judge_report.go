package sim

import (
	"slices"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// judgeReport: I10, and that what is left is named (I17).
func (w *world) judgeReport(r *run) {
	e := r.executed
	if e == nil || r.plan == nil {
		return
	}
	reported := make(map[legKey]bool)
	complete, anyFill, unknown := true, false, false
	for _, said := range e.Legs {
		key := legKey{said.Symbol, said.Side}
		reported[key] = true
		l := r.legs[key]
		if l == nil || l.line == nil {
			w.blameAt(r.reported, "I10", "leg=%s/%s of the report is not in the plan", said.Symbol, said.Side)
			continue
		}
		if said.Status == events.LegUnknown {
			unknown = true
			if !slices.ContainsFunc(said.ClientOrderIDs, func(id string) bool { _, meant := w.intended[id]; return meant }) {
				w.blameAt(r.reported, "I10", "leg=%s/%s is UNKNOWN and was never meant", said.Symbol, said.Side)
			}
			continue
		}
		w.judgeLegResult(r, said, l)
		anyFill = anyFill || l.filled.Sign() > 0
		if said.Status != events.LegFilled && !dusty(e, said) {
			complete = false
		}
		w.judgeResidual(r, said, l)
	}
	for key, l := range r.legs {
		if l.line != nil && !reported[key] {
			w.blameAt(r.reported, "I10", "leg=%s/%s is not in the report", key.symbol, key.side)
		}
	}
	want := events.OutcomePartial
	switch {
	case r.events[0].DryRun:
		want = events.OutcomeDryRun
	case unknown:
		want = events.OutcomeUnknown
	case len(r.plan.Lines) == 0:
		want = events.OutcomeNoTrades
	case e.Totals.Orders == 0:
		want = events.OutcomeSkipped
	case complete:
		want = events.OutcomeCompleted
	case !anyFill:
		want = events.OutcomeFailed
	}
	if e.Outcome != want || e.Success != want.Success() {
		w.blameAt(r.reported, "I10", "run %s was reported as %s (%t), the book says %s", r.id, e.Outcome, e.Success, want)
	}
}

// dusty reports whether all of a leg is on the list of what is too small.
func dusty(e *events.TradeExecuted, said events.LegResult) bool {
	return slices.ContainsFunc(e.Dust, func(d events.Dust) bool { return d.Symbol == said.Symbol && d.Qty == said.IntendedQty })
}

func (w *world) judgeLegResult(r *run, said events.LegResult, l *leg) {
	if !money.MustParse(said.FilledQty).Equal(l.filled) {
		w.blameAt(r.reported, "I10", "leg=%s/%s %s reported %s, filled %s", said.Symbol, said.Side, said.Status, said.FilledQty, l.filled)
		return
	}
	if said.Value != nil && money.MustParse("0.011").Less(money.MustParse(*said.Value).Sub(l.value).Abs()) {
		w.blameAt(r.reported, "I10", "leg=%s/%s reported at %s, filled for %s", said.Symbol, said.Side, *said.Value, l.value)
	}
	if said.Value == nil && !said.PricePending && l.filled.Sign() > 0 {
		w.blameAt(r.reported, "I10", "leg=%s/%s has fills, and the report no value", said.Symbol, said.Side)
	}
	if said.Status == events.LegFilled && l.filled.Sign() == 0 {
		w.blameAt(r.reported, "I10", "leg=%s/%s is FILLED without a fill", said.Symbol, said.Side)
	}
}

// judgeResidual: what was intended and not traded is named.
func (w *world) judgeResidual(r *run, said events.LegResult, l *leg) {
	left := money.MustParse(said.IntendedQty).Sub(l.filled)
	for _, d := range r.executed.Dust {
		if d.Symbol == said.Symbol && (said.Side == events.Sell || l.line != nil && l.line.Kind == events.Exit) {
			left = left.Sub(money.MustParse(d.Qty))
		}
	}
	for _, x := range r.executed.Residuals {
		if x.Symbol == said.Symbol && x.Side == said.Side {
			left = left.Sub(money.MustParse(x.Qty))
		}
	}
	if left.Sign() > 0 && !r.events[0].DryRun {
		w.blameAt(r.reported, "I17", "leg=%s/%s: %s were not traded, and the report of %s does not say so", said.Symbol, said.Side, left, r.executed.Outcome)
	}
}
