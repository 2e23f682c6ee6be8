package mutant

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"

	"github.com/alchemiser/alchemiser/infra/local/sim"
)

// Baseline is the product without its protections: it trades as well as ever
// as long as everything is told once, in order and in time. What it decides
// stays as it is.
func Baseline() Mutant {
	protections := []string{
		"M02", // an event is decided once
		"M04", // what was committed is published, whatever happens
		"M05", // one run at a time
		"M06", // the deadline is checked before an order
		"M07", // no second order while the first is unresolved
		"M08",
		"M11", // the age of the bars
		"M15", // a cancel is confirmed before the next order
		"M17", // a mail is sent once
		"M20", // an order's id is derived from the plan
		"M23", // the halt switch is read before every order
		"M27", // one execution of a plan at a time
		"M28", // a run is closed once
	}
	out := Mutant{ID: "baseline", Bug: "no protection"}
	for _, id := range protections {
		for _, m := range Table() {
			if m.ID == id {
				out.Edits = append(out.Edits, m.Edits...)
			}
		}
	}
	// That an order's id is a random one is no harm yet.
	out.Edits = append(out.Edits, Edit{
		"infra/local/sim/judge_orders.go",
		`	w.blameAt(p.sent, "I1", "the id %s does not follow from the plan %s", p.order.ClientID, r.plan.PlanID)`, "",
	})
	return out
}

// Play builds the simulation over the changed files and plays seeds from 1,
// without sending everything again at the end.
func (r Runner) Play(ctx context.Context, m Mutant, n int) (sim.Report, error) {
	var report sim.Report
	binary, err := r.build(ctx, m)
	if err != nil {
		return report, err
	}
	out, err := exec.CommandContext(ctx, binary, "-n", fmt.Sprint(n), "-keep-on", "-once", "-json").Output()
	// Worlds with violations end it with an error, too: what it printed counts.
	if broken := json.Unmarshal(out, &report); broken != nil {
		return report, fmt.Errorf("mutant %s: its report does not decode: %w; it ended with %w", m.ID, broken, err)
	}
	return report, nil
}
