package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/alchemiser/alchemiser/infra/local/replay"
	"github.com/alchemiser/alchemiser/pkg/runfile"
)

func newReplayCommand() *cobra.Command {
	var w where
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "replay RUN|FILE",
		Short: "Decide a recorded run again and compare",
		Long: `Replay hands every delivery of a recorded run to the handlers of this build once
more, with the recorded answers of clock, ledger, broker, market and mail server.
It needs no network and sends nothing. What comes out is compared byte for byte:
events, mails, orders and ledger writes.

After a change of the code it answers whether today's build would have decided
the same; the first difference of every delivery is shown with its place.

FILE is what alchemiser export wrote, or run.jsonl in the folder of a run.
` + referenceHelp + `

Exit codes: 0 identical; 1 wrong usage, a damaged file or no answer;
5 no such run, or several; 6 something differs, or could not be repeated.`,
		Example: `  alchemiser replay latest
  alchemiser replay run.jsonl
  alchemiser replay 2026-11-23 --env prod --json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRun(&w),
		RunE: func(cmd *cobra.Command, args []string) error {
			run, err := w.recorded(cmd, args[0])
			if err != nil {
				return err
			}
			result := replay.Run(cmd.Context(), run)
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), struct {
					*replay.Result
					Identical bool `json:"identical"`
				}{result, result.Identical()})
			} else {
				printReplay(newScreen(cmd), run, result)
			}
			if err == nil && !result.Identical() {
				return exitError{code: exitDiffers}
			}
			return err
		},
	}
	w.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// recorded reads a file, or a run's record from its place.
func (w *where) recorded(cmd *cobra.Command, name string) (run *runfile.Run, err error) {
	if info, statErr := os.Stat(name); statErr == nil && info.Mode().IsRegular() {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		if run, err = runfile.Read(file); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return run, nil
	}
	if strings.ContainsRune(name, os.PathSeparator) && strings.HasSuffix(name, ".jsonl") {
		return nil, fmt.Errorf("there is no file %s", name)
	}
	err = w.at(cmd, false, "reading the run from", func(ctx context.Context, p *place) error {
		run, err = p.record(ctx, name)
		return err
	})
	return run, err
}

func printReplay(s *screen, run *runfile.Run, r *replay.Result) {
	s.printf("Run %s", r.RunID)
	if run.Head.RunKey != "" {
		s.printf(" (%s, %s)", run.Head.RunKey, orDefault(run.Head.Outcome, "open"))
	}
	s.printf(", decided again by this build\n\n")
	var all replay.Compared
	for _, d := range r.Deliveries {
		verdict := s.paint(good, "identical")
		switch {
		case d.Skipped != "" && d.Decided:
			verdict = s.paint(bold, "not repeated")
		case d.Skipped != "":
			verdict = s.paint(faint, "nothing to repeat")
		case len(d.Differences) > 0:
			verdict = s.paint(bold, "differs")
		}
		s.printf("  %-13s  %-28s  %-28s  %s\n", d.Stage, d.EventType, d.Result, verdict)
		if d.Skipped != "" {
			s.printf("      %s\n", d.Skipped)
		}
		printDifferences(s, d.Differences)
		c := d.Compared
		all.Events, all.Orders, all.Mails = all.Events+c.Events, all.Orders+c.Orders, all.Mails+c.Mails
		all.Writes, all.Answers = all.Writes+c.Writes, all.Answers+c.Answers
	}
	s.printf("\nCompared byte for byte: %s, %s, %s, %s; %s given.\n", plural(all.Events, "event"), plural(all.Orders, "order call"),
		plural(all.Mails, "mail"), plural(all.Writes, "ledger write"), plural(all.Answers, "recorded answer"))
	switch {
	case r.Identical():
		s.printf("%s: %s\n", s.paint(good, "identical"), plural(len(r.Deliveries), "decision"))
	case r.Differing() == 0:
		s.printf("%s: %d of %d decisions could not be repeated\n", s.paint(bold, "incomplete"), r.Skipped(), len(r.Deliveries))
	default:
		orders := "on the recorded plan the broker is told the same"
		if n := r.Orders(); n > 0 {
			orders = plural(n, "order call") + " among the differences"
		}
		s.printf("%s: %d of %d decisions came out otherwise; %s\n", s.paint(bold, "different"), r.Differing(), len(r.Deliveries), orders)
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// printDifferences shows the first ones: those behind them mostly follow.
func printDifferences(s *screen, all []replay.Difference) {
	const most = 5
	for i, d := range all {
		if i == most {
			s.printf("      … and %d more (--json shows all)\n", len(all)-most)
			return
		}
		place := d.What
		if d.Path != "" {
			place += " at " + d.Path
		}
		if d.Note != "" {
			place += ": " + d.Note
		}
		s.printf("      %s\n", place)
		if d.Recorded != "" || d.Replayed != "" {
			s.printf("        recorded  %s\n        replayed  %s\n", orDefault(d.Recorded, "nothing"), orDefault(d.Replayed, "nothing"))
		}
	}
}
