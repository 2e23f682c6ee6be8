package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/strategy"
)

func newWhyCommand() *cobra.Command {
	var w where
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "why RUN [SYMBOL]",
		Short: "Say why a symbol was bought, sold or held in a run",
		Long: `Why follows a symbol through a run: which strategies wanted how much of it, on
which conditions, with both values of each and how close it was to flipping; what
the planner made of it, with the figures it used; and what was traded. Without
SYMBOL it lists all symbols of the run in a line each.

Everything comes from what the run has stored; nothing is computed anew.

` + referenceHelp + `

--json prints a list with one object a symbol: symbol, verdict, target_weight,
current_weight, "strategies" (name, weight, share, decision, receipt), "line",
"hold" and "leg" as in the events, and "planner" (the sentences printed here).

Exit codes: 0 explained; 1 wrong usage or no answer; 5 no such run, or several,
or a symbol the run had nothing to do with.`,
		Example: `  alchemiser why latest
  alchemiser why latest TQQQ
  alchemiser why 2026-11-23 SHY --env prod`,
		Args: cobra.RangeArgs(1, 2),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return completeRun(&w)(cmd, args, typed)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return w.at(cmd, false, "reading the run from", func(ctx context.Context, p *place) error {
				h, err := p.run(ctx, args[0])
				if err != nil {
					return err
				}
				if h.target() == nil {
					return exitError{exitNotFound, fmt.Errorf("run %s decided nothing%s; alchemiser show %s%s says how it ended", short(h.id), reasonNothing(h), short(h.id), p.flag)}
				}
				reasons := h.reasons()
				if len(args) == 2 {
					symbol := strings.ToUpper(args[1])
					i := slices.IndexFunc(reasons, func(r reason) bool { return r.Symbol == symbol })
					if i < 0 {
						return exitError{exitNotFound, fmt.Errorf("run %s had nothing to do with %s: it was neither held nor named by a strategy; alchemiser why %s%s lists what was", short(h.id), symbol, short(h.id), p.flag)}
					}
					reasons = reasons[i : i+1]
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), reasons)
				}
				s := newScreen(cmd)
				if len(args) == 2 {
					printReason(s, h, reasons[0])
				} else {
					printReasons(s, p, h, reasons)
				}
				return nil
			})
		},
	}
	w.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func reasonNothing(h *history) string {
	if f, ok := last[*events.WorkflowFailed](h); ok {
		return " (it failed in " + f.Stage + ": " + f.FailureCode + ")"
	}
	if s, ok := last[*events.WorkflowSkipped](h); ok {
		return " (it was skipped: " + s.ReasonCode + ")"
	}
	return ""
}

// reason is what a run did with a symbol, and why.
type reason struct {
	Symbol        string            `json:"symbol"`
	Verdict       string            `json:"verdict"`
	TargetWeight  events.Decimal    `json:"target_weight"`
	CurrentWeight *events.Decimal   `json:"current_weight,omitempty"` // before; absent: no plan was made
	Strategies    []wish            `json:"strategies"`               // those that name the symbol
	Planner       []string          `json:"planner"`
	Line          *events.PlanLine  `json:"line,omitempty"`
	Suppressed    bool              `json:"suppressed"` // the line was not traded, because of the halt switch
	Hold          *events.Hold      `json:"hold,omitempty"`
	Dust          *events.Dust      `json:"dust,omitempty"`
	Leg           *events.LegResult `json:"leg,omitempty"`
}

// wish is what a strategy that could choose the symbol made of it.
type wish struct {
	Name     string            `json:"name"`
	Weight   events.Decimal    `json:"weight"` // of the strategy, in the capital
	Share    events.Decimal    `json:"share"`  // of the symbol, in the strategy; 0: not wanted
	Decision string            `json:"decision"`
	Receipt  *strategy.Receipt `json:"receipt,omitempty"`
}

// reasons are those of every symbol that was wanted, held or named.
func (h *history) reasons() []reason {
	target, plan := h.target(), h.plan()
	found := make(map[string]*reason)
	of := func(symbol string) *reason {
		r := found[symbol]
		if r == nil {
			r = &reason{Symbol: symbol, TargetWeight: "0", Strategies: []wish{}, Planner: []string{}}
			found[symbol] = r
		}
		return r
	}
	for symbol, w := range target.TargetWeights {
		of(symbol).TargetWeight = w
	}
	for _, b := range target.Context.Strategies {
		receipt := h.receiptOf(b.Name)
		for symbol := range b.Holdings {
			of(symbol)
		}
		if receipt != nil {
			for symbol := range receipt.Bars {
				of(symbol)
			}
			for _, symbol := range receipt.Without {
				of(symbol)
			}
		}
	}
	if plan != nil {
		for i := range plan.Lines {
			of(plan.Lines[i].Symbol).Line = &plan.Lines[i]
		}
		for i := range plan.Suppressed {
			r := of(plan.Suppressed[i].Symbol)
			r.Line, r.Suppressed = &plan.Suppressed[i], true
		}
		for i := range plan.Holds {
			of(plan.Holds[i].Symbol).Hold = &plan.Holds[i]
		}
		for i := range plan.Dust {
			of(plan.Dust[i].Symbol).Dust = &plan.Dust[i]
		}
		for _, position := range plan.Snapshot.Positions {
			of(position.Symbol)
		}
	}
	results := h.legResults()
	for i := range results {
		of(results[i].Symbol).Leg = &results[i]
	}
	list := make([]reason, 0, len(found))
	for _, symbol := range slices.Sorted(keysOf(found)) {
		r := found[symbol]
		r.Strategies = h.wishes(symbol)
		r.CurrentWeight = currentWeight(plan, symbol)
		r.Verdict = r.verdict(plan)
		r.Planner = append(r.Planner, planned(plan, r)...)
		list = append(list, *r)
	}
	slices.SortStableFunc(list, func(a, b reason) int { return a.rank() - b.rank() })
	return list
}

// wishes are those of all strategies that name the symbol, as the portfolio
// orders them.
func (h *history) wishes(symbol string) []wish {
	wishes := []wish{}
	for _, b := range h.target().Context.Strategies {
		receipt := h.receiptOf(b.Name)
		share, wanted := b.Holdings[symbol]
		if wanted || receipt != nil && receipt.Mentions(symbol) {
			wishes = append(wishes, wish{b.Name, b.Weight, events.Decimal(orDefault(string(share), "0")), b.Decision, receipt})
		}
	}
	return wishes
}

// rank puts what was traded first, then what was held, then the rest.
func (r *reason) rank() int {
	switch {
	case r.Line != nil && !r.Suppressed:
		return r.Line.Seq
	case r.Hold != nil || r.Line != nil || r.Dust != nil:
		return 1000
	}
	return 2000
}

func currentWeight(plan *events.RebalancePlanned, symbol string) *events.Decimal {
	if plan == nil {
		return nil
	}
	w := events.Decimal("0")
	equity := money.MustParse(plan.Equity)
	for _, position := range plan.Snapshot.Positions {
		if position.Symbol == symbol && position.Price != nil && equity.Sign() > 0 {
			w = events.Decimal(money.MustParse(position.Qty).Mul(money.MustParse(*position.Price)).Quo(equity).Round(8).String())
		}
	}
	return &w
}

// verdict is what happened to the symbol, in a few words.
func (r *reason) verdict(plan *events.RebalancePlanned) string {
	traded := map[events.Side]string{events.Buy: "bought", events.Sell: "sold"}
	switch {
	case r.Leg != nil && r.Leg.FilledQty != "0":
		text := traded[r.Leg.Side] + " " + string(r.Leg.FilledQty)
		if r.Leg.AvgPrice != nil {
			text += " at " + dollars(r.Leg.AvgPrice)
		}
		if r.Leg.Status != events.LegFilled {
			text += " of " + string(r.Leg.IntendedQty) + " (" + string(r.Leg.Status) + ")"
		}
		return text
	case r.Leg != nil:
		return fmt.Sprintf("not %s: %s%s", traded[r.Leg.Side], r.Leg.Status, reasonOf(*r.Leg))
	case r.Suppressed:
		return "not bought: the halt switch allows sells only"
	case r.Line != nil:
		return fmt.Sprintf("to be %s: %s", traded[r.Line.Side], r.Line.Qty)
	case r.Hold != nil:
		return "left as it is: " + holdReason(r.Hold.Reason)
	case r.Dust != nil:
		return "too little to sell"
	case r.TargetWeight != "0" && plan == nil:
		return "wanted; no plan was made"
	}
	return "neither wanted nor held"
}

// holdReason puts the planner's reason for not trading into words.
func holdReason(code string) string {
	words := map[string]string{
		"on_target":       "it is on target",
		"below_threshold": "the difference is below the threshold",
		"below_minimum":   "the trade would be below the broker's minimum",
		"below_one_share": "the trade would be less than one share, and it trades in whole shares",
		"no_cash":         "there was no cash for it",
		"reducing":        "the halt switch allows sells only",
		"frozen":          "it has no price",
		"not_tradable":    "the broker does not trade it",
		"held_quantity":   "open orders hold all of it",
		"ignored":         "IGNORE_SYMBOLS names it",
	}
	return orDefault(words[code], code)
}

// planned is the planner's arithmetic for the symbol:
// target = weight × (equity − reserve), threshold = max(USD, min(pct × equity, rel × larger value)).
func planned(plan *events.RebalancePlanned, r *reason) []string {
	if plan == nil {
		return []string{"No plan was made."}
	}
	if r.Line == nil && r.Hold == nil && r.Dust == nil {
		return nil
	}
	reserve := "the reserve of $" + string(plan.Reserve)
	if p := plan.Policy; p != nil {
		reserve = percent(p.ReservePct) + " % of it, $" + string(plan.Reserve) + ", are kept as reserve"
	}
	equity, deployable := money.MustParse(plan.Equity), money.MustParse(plan.Deployable)
	target := money.MustParse(r.TargetWeight).Mul(deployable)
	if r.Line != nil {
		target = money.MustParse(r.Line.TargetValue) // unrounded weights lead here
	}
	current := money.MustParse(*r.CurrentWeight).Mul(equity)
	delta := target.Sub(current)
	out := []string{
		fmt.Sprintf("The account is worth $%s; %s, $%s can be invested.", plan.Equity, reserve, plan.Deployable),
		fmt.Sprintf("Target %s %% of that is %s; held are %s; the difference is %s.", percent(r.TargetWeight), usd(target), usd(current), usd(delta)),
	}
	return append(out, decided(plan, r, target, current, delta)...)
}

// decided says what followed from the difference.
func decided(plan *events.RebalancePlanned, r *reason, target, current, delta money.Decimal) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	adjusts := r.Hold != nil && (r.Hold.Reason == "on_target" || r.Hold.Reason == "below_threshold") ||
		r.Line != nil && (r.Line.Kind == events.Increase || r.Line.Kind == events.Decrease)
	switch {
	case adjusts && plan.Policy != nil:
		p := plan.Policy
		byEquity := money.MustParse(p.MinTradePct).Mul(money.MustParse(plan.Equity))
		byPosition := money.MustParse(p.MinTradeRel).Mul(money.Max(target, current))
		threshold := money.Max(money.MustParse(p.MinTradeUSD), money.Min(byEquity, byPosition))
		than := "more"
		if delta.Abs().Less(threshold) {
			than = "less"
		}
		say("That is %s than the threshold of $%s: the smaller of %s %% of the account ($%s) and %s %% of the position ($%s), at least $%s.",
			than, threshold.Fixed(2), percent(p.MinTradePct), byEquity.Fixed(2), percent(p.MinTradeRel), byPosition.Fixed(2), p.MinTradeUSD)
	case adjusts:
		say("The threshold was not recorded by the build that planned this run.")
	case r.Line != nil:
		say("Opening and leaving a position is not subject to the threshold.")
	}
	if r.Hold != nil {
		say("So it is not traded: %s.", holdReason(r.Hold.Reason))
	}
	if l := r.Line; l != nil {
		say("Planned: %s %s %s at $%s, worth $%s (%s).", strings.ToLower(string(l.Side)), l.Qty, l.Symbol, fixed(l.Price, 2), l.Value, l.Reason)
		if l.Side == events.Buy {
			say("All buys together are $%s, paid from cash of $%s and sells of $%s; the reserve stays.", plan.Totals.Buys, plan.Cash, plan.Totals.Sells)
		}
	}
	if d := r.Dust; d != nil {
		say("What is left, %s worth $%s, is dust: %s.", d.Qty, d.Value, d.Reason)
	}
	return out
}

func printReasons(s *screen, p *place, h *history, reasons []reason) {
	target := h.target()
	s.printf("Run %s of %s: %s\n", short(h.id), target.Context.Session, s.paint(outcomeStyle(h.outcome()), h.outcome()))
	t := s.table("lrrll")
	t.heads("  symbol", "now %", "target %", "what happened", "wanted by")
	for _, r := range reasons {
		now := "–"
		if r.CurrentWeight != nil {
			now = percent(*r.CurrentWeight)
		}
		var by []string
		for _, w := range r.Strategies {
			if w.Share != "0" {
				by = append(by, w.Name)
			}
		}
		if r.rank() == 2000 {
			continue
		}
		t.row("  "+r.Symbol, now, percent(r.TargetWeight), r.Verdict, orDefault(strings.Join(by, ", "), "–"))
	}
	t.flush()
	var others []string
	for _, r := range reasons {
		if r.rank() == 2000 {
			others = append(others, r.Symbol)
		}
	}
	if len(others) > 0 {
		s.text("  looked at, neither wanted nor held: ", strings.Join(others, ", "))
	}
	s.printf("\n%s\n", s.paint(faint, "alchemiser why "+short(h.id)+" SYMBOL"+p.flag+" says why."))
}

func printReason(s *screen, h *history, r reason) {
	target := h.target()
	s.text("", s.paint(bold, r.Symbol)+": "+r.Verdict)
	s.printf("  run %s of %s, %s\n", short(h.id), target.Context.Session, s.paint(outcomeStyle(h.outcome()), h.outcome()))
	s.heading("What the strategies wanted, on closes of %s", target.AsOfSession)
	if len(r.Strategies) == 0 {
		s.text("  ", "No strategy names it. What is held and not wanted is sold.")
	}
	for _, w := range r.Strategies {
		printWish(s, r.Symbol, w)
	}
	s.text("  together: ", percent(r.TargetWeight)+" % of what can be invested")
	if len(r.Planner) > 0 {
		s.heading("What the planner made of it")
		for _, sentence := range r.Planner {
			s.text("  ", sentence)
		}
	}
	if l := r.Leg; l != nil {
		s.heading("What was traded")
		s.text("  ", fmt.Sprintf("%s%s: %s of %s at %s, %s; orders sent: %d; slippage %s", s.paint(legStyle(l.Status), string(l.Status)), reasonOf(*l), l.FilledQty, l.IntendedQty,
			dollars(l.AvgPrice), dollars(l.Value), l.Attempts, bps(l.SlippageBps)))
		for _, id := range l.ClientOrderIDs {
			s.printf("  %s\n", s.paint(faint, id))
		}
		if l.BrokerMessage != "" {
			s.text("  the broker said: ", l.BrokerMessage)
		}
	}
}

func printWish(s *screen, symbol string, w wish) {
	share := "does not want it"
	if w.Share != "0" {
		share = fmt.Sprintf("%s %% of its %s %% of the capital", percent(w.Share), percent(w.Weight))
	}
	s.text("  "+s.paint(bold, w.Name)+": ", share)
	if w.Receipt == nil {
		s.text("    ", "Its receipt is gone (receipts are kept for 90 days).")
		return
	}
	if w.Decision != "apply" {
		reason := "by its rule for rebalancing"
		if o := w.Receipt.Rebalance; o != nil {
			reason = "by its rule for rebalancing (" + o.Reason + ")"
		}
		s.text("    ", s.paint(care, "It keeps what it applied last, "+reason+"; its new target would be: "+allocation(w.Receipt, symbol)))
	}
	if slices.Contains(w.Receipt.Without, symbol) {
		s.text("    ", s.paint(care, "There were no bars of "+symbol+"."))
	}
	var b strings.Builder
	_ = w.Receipt.ExplainDecisions(&b) // a builder takes everything
	for line := range strings.SplitSeq(strings.TrimRight(b.String(), "\n"), "\n") {
		place := placeInFile.FindString(line)
		if rest := line[len(place):]; rest != "" {
			s.text("    "+place, rest)
		} else {
			s.printf("\n")
		}
	}
}

// placeInFile is what stands before a decision: its indentation, and its line
// and column.
var placeInFile = regexp.MustCompile(`^ *(\d+:\d+ +)?`)

// allocation is the share of a symbol that a strategy computed.
func allocation(r *strategy.Receipt, symbol string) string {
	if w, ok := r.Allocation[symbol]; ok {
		return symbol + " " + percent(events.Decimal(w.String())) + " %"
	}
	return "no " + symbol
}

// usd is an amount with its sign before the currency.
func usd(d money.Decimal) string {
	if d.Sign() < 0 {
		return "-$" + d.Neg().Fixed(2)
	}
	return "$" + d.Fixed(2)
}

func fixed(d events.Decimal, places int32) string { return money.MustParse(d).Fixed(places) }
