package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
)

// referenceHelp says what RUN may be, for the help of every verb that takes it.
const referenceHelp = `RUN is one of
  latest                              the newest run
  2026-11-23                          the run of a session
  2026-11-23T14:35Z                   the run of a slot (UTC)
  paper-main/daily/2026-11-23T14:35Z  its run key
  6f56e1c6                            the beginning of its id, or all of it`

var (
	wholeID    = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	partOfID   = regexp.MustCompile(`^[0-9a-f-]{2,35}$`)
	dateForm   = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	slotForm   = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}Z$`)
	runKeyForm = regexp.MustCompile(`^[a-z0-9-]+/[a-z0-9-]+/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}Z$`)
)

// run finds the run that a person names. What is not found, and what could be
// several, ends with exitNotFound.
func (p *place) run(ctx context.Context, reference string) (*history, error) {
	id, err := p.runID(ctx, strings.TrimSpace(reference))
	if err != nil {
		return nil, err
	}
	h, err := p.history(ctx, id)
	if err != nil {
		return nil, err
	}
	if h == nil {
		return nil, p.noRun("%s has no run %s", p.title, reference)
	}
	return h, nil
}

func (p *place) runID(ctx context.Context, reference string) (string, error) {
	lower := strings.ToLower(reference)
	switch {
	case wholeID.MatchString(lower):
		return lower, nil
	case runKeyForm.MatchString(reference):
		return events.RunID(reference), nil
	}
	period, match := "", func(ledger.ScheduledRun) bool { return true }
	switch {
	case reference == "latest":
	case dateForm.MatchString(reference):
		if _, err := events.ParseDate(reference); err != nil {
			return "", err
		}
		period = reference
	case slotForm.MatchString(reference):
		match = func(r ledger.ScheduledRun) bool { return r.At == reference }
	case partOfID.MatchString(lower):
		match = func(r ledger.ScheduledRun) bool { return strings.HasPrefix(r.RunID, lower) }
	default:
		return "", fmt.Errorf("%q names no run.\n%s", reference, referenceHelp)
	}
	all, err := p.scheduled(ctx, period)
	if err != nil {
		return "", err
	}
	var found []ledger.ScheduledRun
	for _, r := range all {
		if match(r) {
			found = append(found, r)
		}
	}
	switch {
	case len(found) == 0 && reference == "latest":
		return "", p.noRun("%s has no run yet", p.title)
	case len(found) == 0:
		return "", p.noRun("%s has no run %s", p.title, reference)
	case len(found) > 1 && reference != "latest":
		return "", ambiguous(reference, found)
	}
	return found[0].RunID, nil
}

// scheduled are the runs of all accounts of the place, newest first within
// each.
func (p *place) scheduled(ctx context.Context, period string) ([]ledger.ScheduledRun, error) {
	accounts, err := p.accounts(ctx)
	if err != nil {
		return nil, err
	}
	var all []ledger.ScheduledRun
	for _, a := range accounts {
		runs, err := p.ledger.ScheduledRuns(ctx, a, period)
		if err != nil {
			return nil, err
		}
		all = append(all, runs...)
	}
	newestFirst(all)
	return all, nil
}

func (p *place) noRun(format string, args ...any) error {
	return exitError{exitNotFound, fmt.Errorf(format+"; alchemiser runs%s lists them", append(args, p.flag)...)}
}

// ambiguous names the candidates.
func ambiguous(reference string, found []ledger.ScheduledRun) error {
	const most = 10
	var b strings.Builder
	fmt.Fprintf(&b, "%s could be any of %d runs:\n", reference, len(found))
	for i, r := range found {
		if i == most {
			fmt.Fprintf(&b, "  … and %d more\n", len(found)-most)
			break
		}
		fmt.Fprintf(&b, "  %s  session %s, %s %s\n", r.RunID, r.Session, r.Schedule, r.At)
	}
	b.WriteString("Type more of the id, or the slot.")
	return exitError{exitNotFound, errors.New(b.String())}
}

// completeRun offers the newest runs to the shell.
func completeRun(w *where) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		list := []cobra.Completion{"latest"}
		if p, err := w.open(cmd.Context(), false); err == nil {
			if runs, err := p.scheduled(cmd.Context(), ""); err == nil {
				for _, r := range runs[:min(10, len(runs))] {
					list = append(list, cobra.CompletionWithDesc(short(r.RunID), string(r.Session)+" "+r.Schedule+" "+r.At))
				}
			}
		}
		return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// short is the beginning of an id that tells a run from any other, nearly always.
func short(id string) string { return id[:min(8, len(id))] }
