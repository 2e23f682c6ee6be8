package sim

import "testing"

func TestEveryBundleCompiles(t *testing.T) {
	for n := range bundles {
		if p := bundle(n); len(p.Entries) == 0 {
			t.Errorf("bundle %d is empty", n)
		}
	}
}
