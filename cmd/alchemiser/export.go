package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/alchemiser/alchemiser/pkg/runfile"
)

func newExportCommand() *cobra.Command {
	var w where
	var file string
	cmd := &cobra.Command{
		Use:   "export RUN [-o FILE]",
		Short: "Write the record of a run into one file",
		Long: `Export writes everything that is on record of a run as JSON lines: its events,
what every stage was told while it decided (clock, ledger, broker, market, mail),
the bars it decided on, and the documents it left. docs/run-record.md describes
the lines. The file holds no key, no secret and no account number; it does hold
quantities, prices and the addresses of the mails. alchemiser replay reads it.

` + referenceHelp + `

Exit codes: 0 written; 1 wrong usage or no answer; 5 no such run, or several.`,
		Example: `  alchemiser export latest -o run.jsonl
  alchemiser export 2026-11-23 --env prod | gzip > run.jsonl.gz
  alchemiser export latest | jq 'select(.line == "call" and .op == "broker.submit")'`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRun(&w),
		RunE: func(cmd *cobra.Command, args []string) error {
			return w.at(cmd, false, "reading the run from", func(ctx context.Context, p *place) error {
				run, err := p.record(ctx, args[0])
				if err != nil {
					return err
				}
				for _, m := range run.Head.Missing {
					fmt.Fprintf(cmd.ErrOrStderr(), "alchemiser: the record is not whole: %s\n", m)
				}
				if file == "" || file == "-" {
					return run.Write(cmd.OutOrStdout())
				}
				size, err := writeRecord(run, file)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "Wrote %s: run %s, %d events, %d deliveries, %.0f KB.\n", file, run.Head.RunID, len(run.Events), len(run.Deliveries), float64(size)/1000)
				return nil
			})
		},
	}
	w.flags(cmd)
	cmd.Flags().StringVarP(&file, "output", "o", "", "file to write (default: standard output)")
	return cmd
}

// record collects what is on record of the run that a person names.
func (p *place) record(ctx context.Context, reference string) (*runfile.Run, error) {
	h, err := p.run(ctx, reference)
	if err != nil {
		return nil, err
	}
	items, err := p.ledger.Run(ctx, h.id)
	if err != nil {
		return nil, err
	}
	return runfile.Collect(h.id, items)
}

// writeRecord writes the file as a whole: nobody finds half of it.
func writeRecord(run *runfile.Run, file string) (size int, err error) {
	var text bytes.Buffer
	if err := run.Write(&text); err != nil {
		return 0, err
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), ".export-*")
	if err != nil {
		return 0, fmt.Errorf("--output %s: %w", file, err)
	}
	defer os.Remove(temporary.Name()) // once it was renamed there is nothing to remove
	if _, err = temporary.Write(text.Bytes()); err == nil {
		err = temporary.Chmod(0o644)
	}
	if closing := temporary.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		return 0, fmt.Errorf("--output %s: %w", file, err)
	}
	return text.Len(), nil
}
