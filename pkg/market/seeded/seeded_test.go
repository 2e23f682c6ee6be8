package seeded_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/market/seeded"
)

// The sequences are part of recorded runs: they never change.
func ExampleNew() {
	dice := seeded.New(7, "fill", "order-1")
	fmt.Println(dice.Uint64(), dice.IntN(6), dice.IntN(6))
	// Output: 9407288714230839939 5 1
}

func TestMoments(t *testing.T) {
	const n = 200_000
	dice := seeded.New(1)
	var sum, square, uniform float64
	for range n {
		x := dice.Normal()
		sum, square, uniform = sum+x, square+x*x, uniform+dice.Float64()
	}
	if mean, variance := sum/n, square/n; math.Abs(mean) > 0.01 || math.Abs(variance-1) > 0.02 || math.Abs(uniform/n-0.5) > 0.005 {
		t.Errorf("normal: mean %v, variance %v; uniform: mean %v", mean, variance, uniform/n)
	}
}

func TestNamesAndSeedsDiffer(t *testing.T) {
	seen := map[uint64]string{}
	for _, names := range [][]string{{}, {""}, {"a"}, {"b"}, {"a", "b"}, {"ab"}, {"a", "", "b"}, {"b", "a"}} {
		for seed := range uint64(50) {
			first := seeded.New(seed, names...).Uint64()
			key := fmt.Sprint(seed, names, len(names))
			if other, twice := seen[first]; twice {
				t.Errorf("%s and %s begin alike", key, other)
			}
			seen[first] = key
		}
	}
}
