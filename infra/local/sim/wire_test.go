package sim

import (
	"slices"
	"testing"
)

// Through the adapter, the SDK, HTTP and JSON the same worlds come to the same
// end: the same runs, the same orders, the same fills at the same instants.
func TestTheWireChangesNothing(t *testing.T) {
	seeds, rate := uint64(200), 0.4
	if testing.Short() {
		seeds = 20
	}
	compareWire(t, seeds, Options{Once: true})
	compareWire(t, seeds/4, Options{Once: true, Only: []Fault{11, 12, 14}, Rate: &rate}) // orders whose id is taken
}

func compareWire(t *testing.T, seeds uint64, o Options) {
	t.Helper()
	for seed := range seeds {
		o.Wire = false
		bare := Run(seed, o)
		o.Wire = true
		wired := Run(seed, o)
		report(t, wired, o)
		if bare.Book != wired.Book || !slices.Equal(bare.Outcomes, wired.Outcomes) {
			t.Errorf("seed %d: %v with the book %s; through the wire %v with %s", seed, bare.Outcomes, bare.Book, wired.Outcomes, wired.Book)
		}
	}
}
