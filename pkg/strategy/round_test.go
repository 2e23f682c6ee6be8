package strategy

import (
	"math"
	"strings"
	"testing"
)

func TestParseWeight(t *testing.T) {
	for s, want := range map[string]Weight{"0": 0, "1": One, "0.35": 35_000_000, "0.00000001": 1, "1.00000000": One, "0.5": One / 2} {
		if got, err := ParseWeight(s); err != nil || got != want {
			t.Errorf("%q is %s, %v", s, got, err)
		}
	}
	for _, s := range []string{"", ".5", "0.", "1.00000001", "2", "-0.1", "+0.1", "0.000000001", "5e-1", "0,5", "00.5", " 0.5", "0.5 ", "0.5x", "٠.٥"} {
		if got, err := ParseWeight(s); err == nil {
			t.Errorf("%q is taken for %s", s, got)
		}
	}
}

func TestRoundRefuses(t *testing.T) {
	for name, w := range map[string]map[string]float64{
		"nothing":  {},
		"zero":     {"A": 0},
		"negative": {"A": 2, "B": -1},
		"nan":      {"A": math.NaN()},
		"infinite": {"A": math.Inf(1)},
	} {
		if a, err := Round(w); err == nil {
			t.Errorf("%s: got %v", name, a)
		}
	}
}

func TestMergeRefuses(t *testing.T) {
	all := Allocation{"A": One}
	for want, c := range map[string]struct {
		slices []Slice
		cash   Weight
	}{
		"add up to 0.90000000": {[]Slice{{"x", One / 2, all}, {"y", 4 * One / 10, all}}, 0},
		"merged twice":         {[]Slice{{"x", One / 2, all}, {"x", One / 2, all}}, 0},
		"must be above 0":      {[]Slice{{"x", 0, all}, {"y", One, all}}, 0},
		"to 0.50000000, not":   {[]Slice{{"x", One, Allocation{"A": One / 2}}}, 0},
		"cash is -0.10000000":  {[]Slice{{"x", One, all}}, -One / 10},
		"must not be negative": {[]Slice{{"x", One, Allocation{"A": 2 * One, "B": -One}}}, 0},
	} {
		if m, err := Merge(c.slices, c.cash); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v, %v", want, m.Allocation, err)
		}
	}
}

func TestExact(t *testing.T) {
	for e, want := range map[Exact]string{0: "0", 1: "0.0000000000000001", exactOne: "1", exactOne / 10: "0.1", -exactOne / 4: "-0.25"} {
		if got := e.String(); got != want {
			t.Errorf("%d is %s, want %s", e, got, want)
		}
	}
}

func TestScaledRoundsHalfToEven(t *testing.T) {
	for x, want := range map[float64]int64{
		1.0 / (1 << 15): 3051757812, // …812.5
		3.0 / (1 << 15): 9155273438, // …437.5
		1:               1e14,
		0:               0,
		1.0 / 3:         33333333333333,
		2.0 / 3:         66666666666667,
	} {
		if got := scaled(x); got != want {
			t.Errorf("%v is %d, want %d", x, got, want)
		}
	}
}
