package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/alchemiser/alchemiser/pkg/ledger"
)

func newShowCommand() *cobra.Command {
	var o operator
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show RUN",
		Short: "Show what the ledger knows of a run",
		Long: "Show prints a run's record: its claim and outcome, what every function decided and when,\n" +
			"the legs of its execution and its mail. RUN is the run's id, as every mail and log line has it.",
		Example: "  alchemiser show 6f56e1c6-736e-51c9-bef6-1ef189e414d3 --env prod\n  alchemiser show 6f56e1c6-736e-51c9-bef6-1ef189e414d3 --endpoint http://127.0.0.1:4566 --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := o.ledger(cmd.Context())
			if err != nil {
				return err
			}
			items, err := l.Run(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if len(items) == 0 {
				return fmt.Errorf("%s has no run %s; ids are in the mails, and --env chooses the environment", o.name("state"), args[0])
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), documents(items))
			}
			return printRecord(cmd.OutOrStdout(), items)
		},
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print every document of the run as one JSON document")
	return cmd
}

// document is a stored document as --json prints it.
type document struct {
	Key     string          `json:"key"`
	Version int64           `json:"version"`
	Value   json.RawMessage `json:"value"`
}

func documents(items []ledger.Item) []document {
	out := make([]document, 0, len(items))
	for _, i := range items {
		out = append(out, document{i.SK, i.Version, i.Body})
	}
	return out
}

// work is one delivery in a run's record.
type work struct {
	consumer string
	ledger.Inbox
}

func printRecord(w io.Writer, items []ledger.Item) error {
	var inbox []work
	var others []ledger.Item
	for _, i := range items {
		kind, rest, _ := strings.Cut(i.SK, "#")
		switch kind {
		case "META":
			var m ledger.Meta
			if err := json.Unmarshal(i.Body, &m); err != nil {
				return fmt.Errorf("document %s: %w", i.Key, err)
			}
			printMeta(w, m)
		case "IN":
			d := work{consumer: strings.Split(rest, "#")[0]}
			if err := json.Unmarshal(i.Body, &d.Inbox); err != nil {
				return fmt.Errorf("document %s: %w", i.Key, err)
			}
			inbox = append(inbox, d)
		default:
			others = append(others, i)
		}
	}
	slices.SortStableFunc(inbox, func(a, b work) int { return int(a.ClaimedAt - b.ClaimedAt) })
	fmt.Fprintln(w, "\n  claimed                   function       event                         took      tries  result")
	for _, d := range inbox {
		took := "–"
		if d.DoneAt > 0 {
			took = millis(time.Duration(d.DoneAt-d.ClaimedAt) * time.Millisecond)
		}
		result := d.Result
		if d.State != ledger.Done {
			result = "not decided"
			if d.LastError != "" {
				result += ": " + d.LastError
			}
		} else if d.Pub == ledger.Pending {
			result += " (not published yet)"
		}
		fmt.Fprintf(w, "  %-25s %-14s %-29s %-9s %-6d %s\n", instant(d.ClaimedAt), d.consumer, orDefault(d.EventType, "command"), took, d.Attempts, result)
	}
	if len(others) > 0 {
		fmt.Fprintln(w, "\nOther documents (--json shows them whole)")
		for _, i := range others {
			fmt.Fprintf(w, "  %-60s version %d, %d bytes\n", i.SK, i.Version, len(i.Body))
		}
	}
	return nil
}

func printMeta(w io.Writer, m ledger.Meta) {
	fmt.Fprintf(w, "Run %s\n  session   %s\n  account   %s (%s)\n  opened    %s\n  deadline  %s\n", m.RunKey, m.Session, m.Account, m.TradingMode, instant(m.OpenedAt), instant(m.NotAfter))
	if m.State == ledger.RunOpen {
		fmt.Fprintf(w, "  state     open; it counts as stalled from %s on\n", instant(m.StalledAt))
		return
	}
	fmt.Fprintf(w, "  outcome   %s\n  closed    %s\n", m.Outcome, instant(m.ClosedAt))
	if m.LateEvent != "" {
		fmt.Fprintf(w, "  late      an outcome arrived after the close: event %s\n", m.LateEvent)
	}
}

func instant(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
