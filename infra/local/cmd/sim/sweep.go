package main

import (
	"fmt"
	"io"

	"github.com/alchemiser/alchemiser/infra/local/sim"
)

// sweepAll plays the crash sweep and prints what was played.
func (c command) sweepAll(out io.Writer) error {
	fmt.Fprintln(out, "| Scenario | Content | Ends as | Effects | Deaths | Second deliveries | Answers | Pairs | Played |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|---|")
	failed, all := 0, sim.Swept{Scenario: "all"}
	for _, s := range sim.Scenarios() {
		r := s.Sweep(c.pairs, c.most)
		row(out, r)
		all.Add(r)
		for _, v := range r.Violations {
			fmt.Fprintln(out, v)
		}
		failed += len(r.Violations)
	}
	row(out, all)
	if failed > 0 {
		return fmt.Errorf("%d violations", failed)
	}
	return nil
}

func row(out io.Writer, r sim.Swept) {
	fmt.Fprintf(out, "| %s | %s | %s | %d | %d | %d | %d | %d | %d |\n", r.Scenario, r.Content, r.Ends, r.Effects, r.Singles, r.Doubles, r.Answers, r.Pairs, r.Played)
}
