package faulttest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// judge holds a run that ended against the broker's book. It returns what is
// wrong, one line each. A run that never sent an order may end without a
// report of its own: the sweep calls it stalled.
func (w *world) judge() (wrong []string) {
	blame := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	book := w.server.State()
	orders := make(map[string][]paperbroker.Order)
	for _, o := range book.Orders {
		if strings.HasPrefix(o.ClientID, "alc-") {
			orders[o.Symbol] = append(orders[o.Symbol], o)
		}
	}
	var reports []*events.TradeExecuted
	if w.final != nil {
		reports = append(reports, w.final)
	}
	switch {
	case len(w.reports) > 1:
		blame("I12: %d reports", len(w.reports))
	case len(reports) == 0 && len(w.failed) == 0 && len(orders) > 0:
		blame("I12: orders were sent, and the run has no report")
	case len(w.failed) > 0 && len(orders) > 0:
		blame("I12: %s although orders were sent", w.failed[0].FailureCode)
	}
	open := 0
	for _, l := range w.plan.Lines {
		filled := money.Zero()
		for i, o := range orders[l.Symbol] {
			if o.Side != l.Side {
				blame("%s: an order on the other side", l.Symbol)
			}
			if i > 0 {
				before := orders[l.Symbol][i-1]
				if before.EndedAt == nil || o.SubmittedAt.Before(*before.EndedAt) {
					blame("I1: %s: order %s was sent while %s was working", l.Symbol, o.ClientID, before.ClientID)
				}
			}
			if o.EndedAt == nil {
				open++
			}
			if !o.SubmittedAt.Before(notAfter.Add(5 * time.Second)) {
				blame("I6: %s: order %s was sent at %s", l.Symbol, o.ClientID, o.SubmittedAt)
			}
			filled = filled.Add(o.Filled)
		}
		if money.MustParse(l.Qty).Less(filled) {
			blame("I1: %s: planned %s, traded %s", l.Symbol, l.Qty, filled)
		}
		for _, report := range reports {
			i := slices.IndexFunc(report.Legs, func(r events.LegResult) bool { return r.Seq == l.Seq })
			if i < 0 {
				blame("I10: leg %d is not in the report", l.Seq)
				continue
			}
			leg := report.Legs[i]
			if said := money.MustParse(leg.FilledQty); leg.Status != events.LegUnknown && !said.Equal(filled) {
				blame("I10: %s: the report says %s of %s, the book %s", l.Symbol, leg.Status, said, filled)
			}
		}
	}
	if book.Account.Cash.Sign() < 0 {
		blame("I5: cash is %s", book.Account.Cash)
	}
	for _, report := range reports {
		if open > 0 && report.Outcome != events.OutcomeUnknown {
			blame("I15: %d orders work on, the report says %s", open, report.Outcome)
		}
		if report.Success != report.Outcome.Success() {
			blame("success %t with %s", report.Success, report.Outcome)
		}
		if report.Outcome == events.OutcomeCompleted {
			w.completed(report, book.Positions, blame)
		}
	}
	return wrong
}

// completed checks that a completed run left what it had to leave: all but a
// fraction of a share that cannot be sold, which the report names.
func (w *world) completed(report *events.TradeExecuted, left []paperbroker.Position, blame func(string, ...any)) {
	exit := w.plan.Lines[0]
	for _, p := range left {
		if p.Symbol != exit.Symbol {
			continue
		}
		named := money.Zero()
		for _, d := range report.Dust {
			if d.Symbol == p.Symbol {
				named = named.Add(money.MustParse(d.Qty))
			}
		}
		price := money.MustParse(exit.Price)
		if !named.Equal(p.Qty) || !p.Qty.Less(money.One()) && !p.Qty.Mul(price).Less(money.One()) {
			blame("I16: completed, and %s %s are left, of which the report calls %s dust", p.Qty, p.Symbol, named)
		}
	}
}

// told is the run in one line.
func (w *world) told() string {
	if w.final == nil {
		var codes []string
		for _, f := range w.failed {
			codes = append(codes, f.FailureCode)
		}
		return "no report; failures: " + strings.Join(codes, ", ")
	}
	s := fmt.Sprintf("%s %v after %s", w.final.Outcome, w.final.FailureCodes, w.clock.Now().Sub(morning))
	for _, l := range w.final.Legs {
		s += fmt.Sprintf("; %s %s %s %s/%s %s (%d)", l.Side, l.Symbol, l.Status, l.FilledQty, l.IntendedQty, l.ReasonCode, l.Attempts)
	}
	return s
}
