package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/infra/local/sim/mutant"
)

// A planted bug that is not found fails the command, and with it make; one that
// is found does not.
func TestABugThatIsNotFoundFails(t *testing.T) {
	if testing.Short() {
		t.Skip("builds two simulations")
	}
	table := mutant.Table()
	easy := table[slices.IndexFunc(table, func(m mutant.Mutant) bool { return m.ID == "M01" })]
	none := mutant.Mutant{ID: "none", Bug: "no bug at all", MustBreak: []string{"I1"}, Edits: []mutant.Edit{
		{File: "services/execution/gate.go", Old: "// gate remembers what was last read", New: "// gate remembers what was read"},
	}}
	var out bytes.Buffer
	c := command{starts: 2, n: 3}
	if err := c.hunt([]mutant.Mutant{easy}, &out); err != nil || !strings.Contains(out.String(), "| M01 |") {
		t.Errorf("M01 was not found: %v\n%s", err, out.String())
	}
	err := c.hunt([]mutant.Mutant{none, easy}, &out)
	if err == nil || !strings.HasSuffix(err.Error(), ": none") || !strings.Contains(out.String(), "| > 3 | > 3 |") {
		t.Errorf("no bug was planted, and the hunt says %v\n%s", err, out.String())
	}
}

func TestABugThatIsNotPlantedIsNamed(t *testing.T) {
	if err := run([]string{"-mutants", "M01,M99"}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), `"M99"`) {
		t.Errorf("-mutants M01,M99: %v", err)
	}
}
