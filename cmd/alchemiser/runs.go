package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/market"
)

// runsFlags choose what runs lists.
type runsFlags struct {
	where
	since, until string
	outcomes     []string
	limit        int
	asJSON       bool
}

func newRunsCommand() *cobra.Command {
	var f runsFlags
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List the runs, newest first",
		Long: `Runs lists what ran and how it ended, newest first. A run that was skipped is
listed, too. It reads one partition of the ledger and the listed runs, never the
whole table.

--outcome takes the beginning of an outcome, in any case: completed, no_trades,
partial, failed, unknown, skipped, dry_run, open. "problem" stands for those
that somebody should look at: partial, failed, unknown and open.

Exit codes: 0 listed, also when there is none; 1 wrong usage or no answer.`,
		Example: `  alchemiser runs
  alchemiser runs --env prod --since 2026-11-01 --outcome problem
  alchemiser runs --env prod --outcome skipped --limit 0 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return f.at(cmd, false, "reading the runs of", func(ctx context.Context, p *place) error {
				list, err := f.list(ctx, p)
				if err != nil {
					return err
				}
				if f.asJSON {
					return printJSON(cmd.OutOrStdout(), list)
				}
				f.print(newScreen(cmd), p, list)
				return nil
			})
		},
	}
	f.flags(cmd)
	cmd.Flags().StringVar(&f.since, "since", "", "first session, YYYY-MM-DD")
	cmd.Flags().StringVar(&f.until, "until", "", "last session, YYYY-MM-DD")
	cmd.Flags().StringSliceVar(&f.outcomes, "outcome", nil, "only runs that ended so; several with commas")
	cmd.Flags().IntVarP(&f.limit, "limit", "n", 20, "list at most so many; 0 means all")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document")
	_ = cmd.RegisterFlagCompletionFunc("outcome", cobra.FixedCompletions(outcomeNames(), cobra.ShellCompDirectiveNoFileComp)) // the flag exists
	return cmd
}

func outcomeNames() []string {
	return []string{"problem", "completed", "no_trades", "partial", "failed", "unknown", "skipped", "dry_run", "open"}
}

func (f *runsFlags) check() error {
	for name, date := range map[string]string{"--since": f.since, "--until": f.until} {
		if _, err := events.ParseDate(date); date != "" && err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if f.limit < 0 {
		return fmt.Errorf("--limit is %d; expected a number from 1 on, or 0 for all", f.limit)
	}
	for _, o := range f.outcomes {
		if !slices.ContainsFunc(outcomeNames(), func(n string) bool {
			return strings.HasPrefix(strings.ToLower(o), n) || strings.HasPrefix(n, strings.ToLower(o))
		}) {
			return fmt.Errorf("--outcome is %q; outcomes are %s", o, strings.Join(outcomeNames(), ", "))
		}
	}
	return nil
}

// runList is what runs --json prints.
type runList struct {
	Place    string        `json:"place"`
	Accounts []accountLine `json:"accounts"`
	Runs     []runLine     `json:"runs"` // newest first
	More     int           `json:"more"` // older ones that --limit left out
}

// accountLine is an account and its halt switch.
type accountLine struct {
	Account string              `json:"account"`
	State   events.ControlState `json:"state"`
	Reason  string              `json:"reason,omitempty"`
	SetBy   string              `json:"set_by,omitempty"`
	SetAt   *events.Time        `json:"set_at,omitempty"`
}

// runLine is a run in the list.
type runLine struct {
	RunID    string       `json:"run_id"`
	RunKey   string       `json:"run_key"`
	Account  string       `json:"account"`
	Session  events.Date  `json:"session"`
	Schedule string       `json:"schedule"`
	Slot     string       `json:"slot"` // UTC
	DryRun   bool         `json:"dry_run"`
	Outcome  string       `json:"outcome"` // OPEN while it has not ended
	OpenedAt *events.Time `json:"opened_at,omitempty"`
	ClosedAt *events.Time `json:"closed_at,omitempty"`
	Duration *int64       `json:"duration_ms,omitempty"`
	Late     bool         `json:"late_outcome"` // an outcome arrived after the end
}

func (f *runsFlags) list(ctx context.Context, p *place) (*runList, error) {
	accounts, err := p.accounts(ctx)
	if err != nil {
		return nil, err
	}
	list := &runList{Place: p.title, Accounts: []accountLine{}, Runs: []runLine{}}
	for _, a := range accounts {
		control, err := p.ledger.Control(ctx, a)
		if err != nil {
			return nil, err
		}
		line := accountLine{Account: a, State: control.State, Reason: control.Reason, SetBy: control.SetBy}
		if control.SetAt > 0 {
			line.SetAt = instantAt(control.SetAt)
		}
		list.Accounts = append(list.Accounts, line)
	}
	scheduled, err := p.scheduled(ctx, commonPrefix(f.since, f.until))
	if err != nil {
		return nil, err
	}
	scheduled = slices.DeleteFunc(scheduled, func(r ledger.ScheduledRun) bool {
		return f.since != "" && string(r.Session) < f.since || f.until != "" && string(r.Session) > f.until
	})
	for len(scheduled) > 0 {
		n := min(readAtOnce, len(scheduled))
		lines, err := p.lines(ctx, scheduled[:n])
		if err != nil {
			return nil, err
		}
		for i, l := range lines {
			if !f.wants(l) {
				continue
			}
			if f.limit > 0 && len(list.Runs) == f.limit {
				list.More = len(scheduled) - i
				return list, nil
			}
			list.Runs = append(list.Runs, l)
		}
		scheduled = scheduled[n:]
	}
	return list, nil
}

// commonPrefix is the beginning that all dates between two have in common, so
// that only their part of the partition is read.
func commonPrefix(since, until string) string {
	if since == "" || until == "" {
		return ""
	}
	n := 0
	for n < len(since) && n < len(until) && since[n] == until[n] {
		n++
	}
	return since[:n]
}

// readAtOnce is how many runs are read side by side.
const readAtOnce = 16

func (p *place) lines(ctx context.Context, runs []ledger.ScheduledRun) ([]runLine, error) {
	lines, errs := make([]runLine, len(runs)), make([]error, len(runs))
	var all sync.WaitGroup
	for i, r := range runs {
		all.Go(func() { lines[i], errs[i] = p.line(ctx, r) })
	}
	all.Wait()
	return lines, cmp.Or(errs...)
}

func (p *place) line(ctx context.Context, r ledger.ScheduledRun) (runLine, error) {
	doc, err := ledger.LoadOr[ledger.Meta](ctx, p.ledger, ledger.MetaKey(r.RunID))
	if err != nil {
		return runLine{}, err
	}
	m := doc.Value
	l := runLine{
		RunID: r.RunID, RunKey: m.RunKey, Account: m.Account, Session: r.Session, Schedule: r.Schedule, Slot: r.At, DryRun: r.DryRun,
		Outcome: m.Outcome, Late: m.LateEvent != "",
	}
	switch {
	case doc.Version == 0:
		l.Outcome = "NOT_RECORDED"
	case m.State == ledger.RunOpen:
		l.Outcome = "OPEN"
	}
	if m.OpenedAt > 0 {
		l.OpenedAt = instantAt(m.OpenedAt)
	}
	if m.ClosedAt > 0 {
		took := m.ClosedAt - m.OpenedAt
		l.ClosedAt, l.Duration = instantAt(m.ClosedAt), &took
	}
	return l, nil
}

func (f *runsFlags) wants(l runLine) bool {
	outcome := strings.ToLower(l.Outcome)
	for _, want := range f.outcomes {
		want = strings.ToLower(want)
		if strings.HasPrefix(outcome, want) || strings.HasPrefix("problem", want) && needsLook(l.Outcome) {
			return true
		}
	}
	return len(f.outcomes) == 0
}

// needsLook tells whether an outcome is one that somebody should look at.
func needsLook(outcome string) bool {
	for _, p := range []string{"PARTIAL", "FAILED", "UNKNOWN", "OPEN", "NOT_RECORDED"} {
		if strings.HasPrefix(outcome, p) {
			return true
		}
	}
	return false
}

// outcomeStyle is the colour of an outcome.
func outcomeStyle(outcome string) style {
	switch {
	case strings.HasPrefix(outcome, "FAILED"), strings.HasPrefix(outcome, "UNKNOWN"):
		return bad
	case needsLook(outcome):
		return care
	case strings.HasPrefix(outcome, "COMPLETED"), strings.HasPrefix(outcome, "NO_TRADES"), strings.HasPrefix(outcome, "DRY_RUN"):
		return good
	}
	return plain
}

func (f *runsFlags) print(s *screen, p *place, list *runList) {
	for _, a := range list.Accounts {
		if a.State != events.Active {
			s.printf("%s\n", s.paint(bad, fmt.Sprintf("%s is %s since %s, by %s: %s", a.Account, a.State, a.SetAt, a.SetBy, a.Reason)))
		}
	}
	if len(list.Runs) == 0 {
		if f.since+f.until != "" || len(f.outcomes) > 0 {
			s.printf("%s has no such run; leave out a filter to see others.\n", p.title)
			return
		}
		s.printf("%s has no run yet.\n", p.title)
		return
	}
	s.printf("Runs of %s, newest first\n", p.title)
	several := len(list.Accounts) > 1
	t := s.table("")
	heads := []string{"  run", "slot in New York", "schedule", "took", "outcome"}
	if several {
		heads = slices.Insert(heads, 3, "account")
	}
	t.heads(heads...)
	for _, l := range list.Runs {
		outcome := s.paint(outcomeStyle(l.Outcome), l.Outcome)
		if l.DryRun && !strings.HasPrefix(l.Outcome, "DRY_RUN") {
			outcome += " (dry run)"
		}
		if l.Late {
			outcome += s.paint(bad, ", then fills arrived")
		}
		took := "–"
		if l.Duration != nil {
			took = duration(time.Duration(*l.Duration) * time.Millisecond)
		}
		cells := []string{"  " + short(l.RunID), slotInNewYork(l.Slot), l.Schedule, took, outcome}
		if several {
			cells = slices.Insert(cells, 3, l.Account)
		}
		t.row(cells...)
	}
	t.flush()
	if list.More > 0 {
		s.printf("%d older ones are not shown; --limit 0 shows all.\n", list.More)
	}
	s.printf("\n%s\n", s.paint(faint, "alchemiser show "+short(list.Runs[0].RunID)+p.flag+" shows a run, alchemiser why says why."))
}

func newestFirst(runs []ledger.ScheduledRun) {
	slices.SortStableFunc(runs, func(a, b ledger.ScheduledRun) int { return cmp.Compare(b.At, a.At) })
}

// slotInNewYork shows a slot, whose name is in UTC, in the exchange's time.
func slotInNewYork(slot string) string {
	at, err := time.Parse("2006-01-02T15:04Z", slot)
	if err != nil {
		return slot
	}
	return at.In(market.NewYork()).Format("2006-01-02 Mon 15:04")
}

func instantAt(ms int64) *events.Time {
	t := events.At(time.UnixMilli(ms))
	return &t
}

// duration is a time span as a person reads it.
func duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
