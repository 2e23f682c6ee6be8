package main

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/record"
	"github.com/alchemiser/alchemiser/pkg/strategy"
)

// section is a part of a run's record: how people read it, and as JSON.
type section struct {
	name, about string
	print       func(*showPrinter)
	json        func(*history) any
}

func sections() []section {
	return []section{
		{"timeline", "what every function made of what it got, and when", (*showPrinter).timeline, func(h *history) any { return h.timelineJSON() }},
		{"events", "every event, in order", (*showPrinter).events, func(h *history) any { return orEmpty(h.events) }},
		{"decisions", "what the strategies decided, and on what", (*showPrinter).decisions, func(h *history) any { return orEmpty(h.receipts) }},
		{"plan", "trades, holds and dust, and the account they were planned for", (*showPrinter).plan, func(h *history) any { return h.plan() }},
		{"legs", "how each planned trade ended", (*showPrinter).legs, func(h *history) any { return orEmpty(h.legResults()) }},
		{"orders", "every order that was meant, and what the broker said of it", (*showPrinter).orders, func(h *history) any { return orEmpty(h.legs) }},
		{"fills", "what was bought and sold, and what it cost", (*showPrinter).fills, func(h *history) any { return orEmpty(h.filled()) }},
		{"mail", "what was mailed", (*showPrinter).mail, func(h *history) any { return orEmpty(h.mails) }},
	}
}

func sectionNames() []string {
	var names []string
	for _, s := range sections() {
		names = append(names, s.name)
	}
	return names
}

func newShowCommand() *cobra.Command {
	var w where
	var asJSON bool
	var about strings.Builder
	for _, s := range sections() {
		fmt.Fprintf(&about, "  %-10s %s\n", s.name, s.about)
	}
	cmd := &cobra.Command{
		Use:   "show RUN [SECTION…]",
		Short: "Show what happened in a run",
		Long: `Show prints the record of a run: how it ended, and all sections or the named ones.

` + about.String() + `
` + referenceHelp + `

--json prints one object: "run" (id, outcome and the run's own document), the
sections under their names, and "unreadable", documents that this build does not
understand. Events, plan and legs are the payloads of docs/events; times are UTC.

Exit codes: 0 shown; 1 wrong usage or no answer; 5 no such run, or several.`,
		Example: `  alchemiser show latest
  alchemiser show 2026-11-23 --env prod
  alchemiser show 6f56e1c6 plan orders
  alchemiser show latest --json | jq .plan.lines`,
		Args: cobra.MinimumNArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return completeRun(&w)(cmd, args, typed)
			}
			return sectionNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted, err := chosen(args[1:])
			if err != nil {
				return err
			}
			return w.at(cmd, false, "reading the run from", func(ctx context.Context, p *place) error {
				h, err := p.run(ctx, args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), h.json(wanted))
				}
				printer := &showPrinter{screen: newScreen(cmd), place: p, h: h, alone: len(args) > 1}
				printer.print(wanted)
				return nil
			})
		},
	}
	w.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// chosen are the named sections, in their order; all of them if none is named.
func chosen(names []string) ([]section, error) {
	all := sections()
	if len(names) == 0 {
		return all, nil
	}
	for _, n := range names {
		if !slices.Contains(sectionNames(), n) {
			return nil, fmt.Errorf("there is no section %q; the sections are %s", n, strings.Join(sectionNames(), ", "))
		}
	}
	return slices.DeleteFunc(all, func(s section) bool { return !slices.Contains(names, s.name) }), nil
}

// runDocument is the part "run" of show --json.
type runDocument struct {
	RunID   string `json:"run_id"`
	Outcome string `json:"outcome"`
	*ledger.Meta
}

func (h *history) json(wanted []section) map[string]any {
	out := map[string]any{"run": runDocument{h.id, h.outcome(), h.meta}, "unreadable": orEmpty(h.unreadable)}
	for _, s := range wanted {
		out[s.name] = s.json(h)
	}
	return out
}

// timelineEntry is a delivery in show --json.
type timelineEntry struct {
	Function  string             `json:"function"`
	EventID   string             `json:"event_id"`
	EventType string             `json:"event_type"` // command for what begins a run
	State     ledger.InboxState  `json:"state"`
	Result    string             `json:"result"`
	Published ledger.Publication `json:"published"`
	ClaimedAt *events.Time       `json:"claimed_at"`
	DoneAt    *events.Time       `json:"done_at,omitempty"`
	Attempts  int                `json:"attempts"`
	LastError string             `json:"last_error,omitempty"`
}

func (h *history) timelineJSON() []timelineEntry {
	list := make([]timelineEntry, 0, len(h.deliveries))
	for _, d := range h.deliveries {
		e := timelineEntry{
			Function: d.Function, EventID: d.EventID, EventType: orDefault(d.EventType, "command"), State: d.State, Result: d.Result, Published: d.Pub,
			ClaimedAt: instantAt(d.ClaimedAt), Attempts: d.Attempts, LastError: d.LastError,
		}
		if d.DoneAt > 0 {
			e.DoneAt = instantAt(d.DoneAt)
		}
		list = append(list, e)
	}
	return list
}

// legResults are the results of the report; nothing before there is one.
func (h *history) legResults() []events.LegResult {
	if x := h.executed(); x != nil {
		return x.Legs
	}
	return nil
}

// fill is an order with what it traded.
type fill struct {
	Symbol      string           `json:"symbol"`
	Side        events.Side      `json:"side"`
	Qty         events.Decimal   `json:"qty"`
	Price       *events.Decimal  `json:"price"`
	Value       *events.Decimal  `json:"value"`
	SlippageBps *int64           `json:"slippage_bps"` // of the whole leg; positive is a cost
	Attempts    []filledAttempt  `json:"orders"`
	Status      events.LegStatus `json:"status"`
}

type filledAttempt struct {
	ClientOrderID string          `json:"client_order_id"`
	Qty           events.Decimal  `json:"qty"`
	Price         *events.Decimal `json:"price"`
}

// filled are the legs that traded something.
func (h *history) filled() []fill {
	var list []fill
	for _, leg := range h.legs {
		qty := leg.FilledQty()
		if qty.IsZero() {
			continue
		}
		f := fill{Symbol: leg.Symbol, Side: leg.Side, Qty: events.Decimal(qty.String()), Status: "WORKING", Attempts: []filledAttempt{}}
		for _, a := range leg.Attempts {
			if a.Filled.IsZero() {
				continue
			}
			one := filledAttempt{ClientOrderID: a.ClientOrderID, Qty: events.Decimal(a.Filled.String())}
			if a.AvgPrice != nil {
				price := events.Decimal(a.AvgPrice.String())
				one.Price = &price
			}
			f.Attempts = append(f.Attempts, one)
		}
		for _, r := range h.legResults() {
			if r.Seq == leg.Seq {
				f.Price, f.Value, f.SlippageBps, f.Status = r.AvgPrice, r.Value, r.SlippageBps, r.Status
			}
		}
		list = append(list, f)
	}
	return list
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func keysOf[M ~map[K]V, K comparable, V any](m M) iter.Seq[K] { return maps.Keys(m) }

// took is how long a delivery's deciding attempt and those before it lasted.
func (d delivery) took() string {
	if d.DoneAt == 0 {
		return "–"
	}
	return duration(time.Duration(d.DoneAt-d.ClaimedAt) * time.Millisecond)
}

// stateOf says where an attempt stands, with the reason.
func stateOf(a record.Attempt) string {
	return strings.TrimSpace(strings.ToLower(string(a.State)) + " " + orDefault(a.BrokerMessage, a.ReasonCode))
}

// receiptOf is the receipt of a strategy; nil when there is none.
func (h *history) receiptOf(name string) *strategy.Receipt {
	i := slices.IndexFunc(h.receipts, func(r *strategy.Receipt) bool { return r.Strategy == name })
	if i < 0 {
		return nil
	}
	return h.receipts[i]
}
