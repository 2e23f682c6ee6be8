package strategy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
)

// Groups with symbols in common, in blends that are merged several times, hold
// what adding up in a map gives.
func TestBlendAddsUpLikeAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	symbols := names(150)
	series := walk(r, symbols, 3, 0)
	bars, err := NewBars(series)
	if err != nil {
		t.Fatal(err)
	}
	for _, groups := range []int{1, 2, 7, 60} {
		var src strings.Builder
		src.WriteString(`(defsymphony "blend" {} (weight-specified`)
		sum, want := 0.0, map[string]float64{}
		for g := range groups {
			sum += float64(1 + g%3)
		}
		for g := range groups {
			count := 1 + r.IntN(90)
			fmt.Fprintf(&src, ` %d (group "g" [`, 1+g%3)
			local := map[string]float64{}
			for range count {
				s := symbols[r.IntN(len(symbols))]
				fmt.Fprintf(&src, ` (asset "%s")`, s)
				local[s] += 1 / float64(count)
			}
			src.WriteString("])")
			for s, w := range local {
				want[s] += float64(w * (float64(1+g%3) / sum))
			}
		}
		src.WriteString("))")
		got, _, err := Evaluate(mustCompile(t, "x.clj", []byte(src.String())), bars, bars.calendar[2])
		if err != nil {
			t.Fatal(err)
		}
		rounded, err := Round(want)
		if err != nil || !maps.Equal(got, rounded) {
			t.Errorf("%d groups: got %v, want %v, %v", groups, got, rounded, err)
		}
	}
}
