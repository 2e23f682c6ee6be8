package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// runPrinter shows a run to a person.
type runPrinter struct {
	*screen
	quiet bool
}

func (p *runPrinter) printf(format string, args ...any) {
	if !p.quiet {
		p.screen.printf(format, args...)
	}
}

func (p *runPrinter) begin() {
	p.printf("Building the six functions and starting the cloud …\n")
}

func (p *runPrinter) ready(r *rehearsal.Rehearsal) {
	what := "at Alpaca"
	if r.Paper != nil {
		what = "on paper"
	}
	p.printf("\nTrading %s, session %s, on closes of %s. It is %s in New York.\n\n",
		what, r.Session.Date, r.AsOf, r.Slot.In(market.NewYork()).Format("15:04 on Monday, 2 January 2006"))
	p.printf("    time  #  event                         function   took          what it did\n")
}

// line shows one invocation as soon as it has ended.
func (p *runPrinter) line(l rehearsal.Line) {
	note := ""
	if l.Cold {
		note = " cold"
	}
	if l.Attempt > 1 {
		note += fmt.Sprintf(", try %d", l.Attempt)
	}
	p.printf("%7.3fs  %d  %-28s  %-9s  %-12s  %s\n", l.Offset.Seconds(), l.N, l.Trigger, l.Function, millis(l.Duration)+note, l.Did)
}

// waits says why nothing happens for a while.
func (p *runPrinter) waits(until time.Time) {
	p.printf("\nAn order at the broker did not end. Its run is closed out at %s; until then the broker may still say what became of it.\n\n",
		until.In(market.NewYork()).Format("15:04:05"))
}

func (p *runPrinter) report(r *rehearsal.Report) {
	if p.quiet {
		return
	}
	if s := r.Summary; s != nil {
		p.targets(s)
		p.legs(s)
	}
	p.orders(r.Orders)
	p.accounts(r.Before, r.After)
	p.latency(r)
	for _, m := range r.Mails {
		p.printf("\nMail to %s: %s\n  %s\n  %s\n", strings.Join(m.To, ", "), m.Subject, here(m.EML), here(m.HTML))
	}
	p.printf("\nEverything else of this run: %s (run %s)\n", here(r.Dir), r.RunID)
	p.verdict(r)
}

func (p *runPrinter) targets(s *rehearsal.Summary) {
	if len(s.Strategies) == 0 {
		return
	}
	p.printf("\nTargets, on closes of %s\n", s.AsOfSession)
	for _, b := range s.Strategies {
		p.printf("  %-16s %6s %% of the capital: %s\n", b.Name, percent(b.Weight), weights(b.Holdings))
		for _, step := range strings.Split(b.Reason, "; ") {
			p.printf("      %s\n", step)
		}
	}
	p.printf("  together: %s\n", weights(s.TargetWeights))
}

func (p *runPrinter) legs(s *rehearsal.Summary) {
	if len(s.Legs) == 0 {
		return
	}
	p.printf("\nPlan and fills\n")
	t := p.table("")
	t.row("  #", "symbol", "side", "kind", "before %", "target %", "shares", "plan price", "filled", "price", "value", "slippage", "status")
	for _, leg := range s.Legs {
		line := lineOf(s.Lines, leg.Seq)
		t.row(fmt.Sprintf("  %d", leg.Seq), leg.Symbol, string(leg.Side), string(leg.Kind),
			percent(line.CurrentWeight), percent(line.TargetWeight), string(leg.IntendedQty), dollars(&line.Price),
			string(leg.FilledQty), dollars(leg.AvgPrice), dollars(leg.Value), bps(leg.SlippageBps), string(leg.Status)+reasonOf(leg))
	}
	t.flush()
}

func (p *runPrinter) orders(orders []rehearsal.Order) {
	if len(orders) == 0 {
		return
	}
	p.printf("\nOrders, as the broker has them\n")
	t := p.table("")
	t.row("  client order id", "symbol", "side", "shares", "limit", "filled", "price", "status")
	for _, o := range orders {
		t.row("  "+o.ClientID, o.Symbol, string(o.Side), o.Qty.String(), price(o.Limit), o.Filled.String(), price(o.AvgPrice), string(o.Status))
	}
	t.flush()
}

func (p *runPrinter) accounts(before, after rehearsal.Account) {
	p.printf("\nAccount\n")
	t := p.table("")
	t.row("  ", "before", "after")
	t.row("  cash", "$"+before.Cash.Fixed(2), "$"+after.Cash.Fixed(2))
	held := map[string][2]string{}
	for i, a := range []rehearsal.Account{before, after} {
		for _, pos := range a.Positions {
			pair := held[pos.Symbol]
			pair[i] = pos.Qty.String()
			held[pos.Symbol] = pair
		}
	}
	symbols := make([]string, 0, len(held))
	for s := range held {
		symbols = append(symbols, s)
	}
	slices.Sort(symbols)
	for _, s := range symbols {
		t.row("  "+s, orDefault(held[s][0], "–"), orDefault(held[s][1], "–"))
	}
	t.row("  equity", "$"+before.Equity.Fixed(2), "$"+after.Equity.Fixed(2))
	t.flush()
}

func (p *runPrinter) latency(r *rehearsal.Report) {
	p.printf("\nLatency: %s from the schedule to the mail\n", millis(r.Chain))
	t := p.table("")
	t.row("  function", "cold", "warm self-test")
	for _, l := range r.Latency {
		warm := "failed"
		if l.Warm > 0 {
			warm = millis(l.Warm)
		}
		t.row("  "+l.Function, millis(l.First), warm)
	}
	t.flush()
}

func (p *runPrinter) verdict(r *rehearsal.Report) {
	p.printf("\n%s", r.Outcome)
	if s := r.Summary; s != nil {
		switch {
		case s.Failure != nil:
			p.printf(" in %s: %s: %s\n  %s", s.Failure.Stage, s.Failure.Code, s.Failure.Message, s.Failure.Hint)
		case s.Skipped != nil:
			p.printf(": %s: %s", s.Skipped.ReasonCode, s.Skipped.Detail)
		case len(s.Legs) > 0:
			p.printf(": %d of %d legs filled", s.Totals.FilledLegs, len(s.Legs))
		}
	}
	p.printf("\n")
	for _, problem := range r.Problems {
		p.printf("  problem: %s\n", problem)
	}
}

func lineOf(lines []events.PlanLine, seq int) events.PlanLine {
	for _, l := range lines {
		if l.Seq == seq {
			return l
		}
	}
	return events.PlanLine{}
}

func reasonOf(leg events.LegResult) string {
	if leg.ReasonCode == "" {
		return ""
	}
	return " (" + leg.ReasonCode + ")"
}

// weights lists an allocation, largest share first.
func weights(w events.Weights) string {
	symbols := make([]string, 0, len(w))
	for s := range w {
		symbols = append(symbols, s)
	}
	slices.SortFunc(symbols, func(a, b string) int {
		if c := money.MustParse(w[b]).Cmp(money.MustParse(w[a])); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	parts := make([]string, 0, len(symbols))
	for _, s := range symbols {
		parts = append(parts, s+" "+percent(w[s])+" %")
	}
	return strings.Join(parts, ", ")
}

func percent(d events.Decimal) string {
	if d == "" {
		return ""
	}
	return money.MustParse(d).Shift(2).Fixed(2)
}

func dollars(d *events.Decimal) string {
	if d == nil || *d == "" {
		return "–"
	}
	return "$" + money.MustParse(*d).Fixed(2)
}

// price has cents at least, and all digits where there are more.
func price(d *money.Decimal) string {
	switch {
	case d == nil:
		return "–"
	case d.Round(2).Equal(*d):
		return d.Fixed(2)
	}
	return d.String()
}

func bps(n *int64) string {
	if n == nil {
		return "–"
	}
	return fmt.Sprintf("%d bp", *n)
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// here is a path as one would type it from the current folder.
func here(path string) string {
	dir, err := filepath.Abs(".")
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(dir, path); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return path
}
