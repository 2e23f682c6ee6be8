package strategy

import (
	"slices"
	"testing"
)

// What was kept can be found again, however large it was and whatever followed.
func TestArenaFindsWhatItKept(t *testing.T) {
	var a arena
	type kept struct{ place, count int32 }
	var all []kept
	var want [][]holding
	for i := range 12000 {
		count := 1 + i%211
		switch i {
		case 700, 701, 2500:
			count = arenaChunk + i // larger than a chunk
		case 1200:
			count = arenaChunk
		}
		held := make([]holding, count)
		for k := range held {
			held[k] = holding{int32(i), float64(k)}
		}
		all = append(all, kept{a.keep(held), int32(count)})
		want = append(want, slices.Clone(held))
		clear(held) // the arena has a copy
	}
	for i, k := range all {
		if got := a.at(k.place, k.count); !slices.Equal(got, want[i]) {
			t.Fatalf("slice %d of %d holdings at %d is another one", i, k.count, k.place)
		}
	}
	if n := len(a.chunks); n > 100 {
		t.Fatalf("%d chunks: they stay small", n)
	}
}
