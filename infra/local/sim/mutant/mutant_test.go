package mutant

import (
	"fmt"
	"testing"
)

// Every planted bug still finds its place in the product.
func TestEveryMutantApplies(t *testing.T) {
	table := Table()
	if len(table) < 30 {
		t.Errorf("%d mutants", len(table))
	}
	for i, m := range table {
		if m.ID != fmt.Sprintf("M%02d", i+1) || len(m.MustBreak) == 0 || m.Bug == "" {
			t.Errorf("entry %d: %+v", i, m)
		}
		if _, err := m.Apply("../../../.."); err != nil {
			t.Error(err)
		}
	}
}

func TestTheBaselineApplies(t *testing.T) {
	if _, err := Baseline().Apply("../../../.."); err != nil {
		t.Error(err)
	}
}
