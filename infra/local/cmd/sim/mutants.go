package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/infra/local/repository"
	"github.com/alchemiser/alchemiser/infra/local/sim/mutant"
)

// findMutants plants the bugs that were asked for, and finds them.
func (c command) findMutants(out io.Writer) error {
	table := mutant.Table()
	if c.mutants != "all" {
		var chosen []mutant.Mutant
		for id := range strings.SplitSeq(c.mutants, ",") {
			k := slices.IndexFunc(table, func(m mutant.Mutant) bool { return m.ID == id })
			if k < 0 {
				return fmt.Errorf("there is no planted bug %q; there are %s to %s, and all", id, table[0].ID, table[len(table)-1].ID)
			}
			chosen = append(chosen, table[k])
		}
		table = chosen
	}
	return c.hunt(table, out)
}

// hunt plants bugs one after the other and says how many seeds it took to find
// each. One that is not found from every starting point is an error.
func (c command) hunt(bugs []mutant.Mutant, out io.Writer) error {
	root, err := repository.Root()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r := mutant.Runner{Root: root, Dir: dir, Starts: c.starts, Limit: c.n}
	var missed []string
	fmt.Fprintln(out, "| Id | Bug planted | Found by | Seeds, median | worst |")
	fmt.Fprintln(out, "|---|---|---|---|---|")
	for _, m := range bugs {
		found, err := r.Run(context.Background(), m)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s |\n", m.ID, m.Bug, found.Invariant, c.seeds(m, found.Median()), c.seeds(m, found.Worst()))
		if found.Worst() == 0 {
			missed = append(missed, m.ID)
		}
	}
	if len(missed) > 0 {
		return fmt.Errorf("not found within %d seeds from each of %d starting points, or not by the crash sweep: %s", c.n, c.starts, strings.Join(missed, ", "))
	}
	return nil
}

// seeds says after how many seeds a bug was found; 0 is not at all.
func (c command) seeds(m mutant.Mutant, n int) string {
	switch {
	case n == 0 && m.Sweep:
		return "not found"
	case n == 0:
		return fmt.Sprintf("> %d", c.n)
	case m.Sweep:
		return "sweep"
	}
	return fmt.Sprint(n)
}
