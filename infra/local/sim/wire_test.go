package sim

import (
	"slices"
	"testing"
)

// Through the adapter, the SDK, HTTP and JSON the same worlds come to the same
// end: the same runs, the same orders, the same fills at the same instants.
func TestTheWireChangesNothing(t *testing.T) {
	seeds := uint64(200)
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		bare, wired := Run(seed, Options{Once: true}), Run(seed, Options{Once: true, Wire: true})
		report(t, wired, Options{Once: true, Wire: true})
		if bare.Book != wired.Book || !slices.Equal(bare.Outcomes, wired.Outcomes) {
			t.Errorf("seed %d: %v with the book %s; through the wire %v with %s", seed, bare.Outcomes, bare.Book, wired.Outcomes, wired.Book)
		}
	}
}
