package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/infra/local/sim/mutant"
)

// findMutants plants bugs one after the other and says how many seeds it took
// to find each. One that is not found is an error.
func (c command) findMutants(out io.Writer) error {
	root, err := repository()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r := mutant.Runner{Root: root, Dir: dir, Starts: c.starts, Limit: c.n}
	wanted := strings.Split(c.mutants, ",")
	var missed []string
	fmt.Fprintln(out, "| Id | Bug planted | Found by | Seeds, median | worst |")
	fmt.Fprintln(out, "|---|---|---|---|---|")
	for _, m := range mutant.Table() {
		if c.mutants != "all" && !slices.Contains(wanted, m.ID) {
			continue
		}
		found, err := r.Run(context.Background(), m)
		if err != nil {
			return err
		}
		count := func(n int) string {
			if n == 0 {
				return fmt.Sprintf("> %d", c.n)
			}
			return fmt.Sprint(n)
		}
		if m.Sweep {
			count = func(int) string { return "sweep" }
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s |\n", m.ID, m.Bug, found.Invariant, count(found.Median()), count(found.Worst()))
		if found.Median() == 0 {
			missed = append(missed, m.ID)
		}
	}
	if len(missed) > 0 {
		return fmt.Errorf("not found: %s", strings.Join(missed, ", "))
	}
	return nil
}
