package strategy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Exact is a share of a whole in units of 1e-16: the product of two Weights,
// without rounding. It prints, and marshals, without trailing zeros.
type Exact int64

const exactOne Exact = Exact(One) * Exact(One)

// String prints the exact decimal.
func (e Exact) String() string {
	sign, v := "", uint64(e)
	if e < 0 {
		sign, v = "-", -v
	}
	s := fmt.Sprintf("%s%d.%016d", sign, v/uint64(exactOne), v%uint64(exactOne))
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// MarshalText prints the exact decimal.
func (e Exact) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// Slice is one strategy's part of a portfolio: its weight in the whole, and
// what it holds within.
type Slice struct {
	Strategy   string     `json:"strategy"`
	Weight     Weight     `json:"weight"`
	Allocation Allocation `json:"allocation"`
}

// Merged is the target of the whole portfolio.
type Merged struct {
	// Allocation and Cash add up to exactly One.
	Allocation Allocation `json:"allocation"`
	Cash       Weight     `json:"cash"`
	// Attribution says, by symbol and strategy, what each strategy contributes
	// before the last rounding.
	Attribution map[string]map[string]Exact `json:"attribution"`
}

// Merge adds up the slices of a portfolio in exact decimals and rounds once,
// by largest remainder, to a total of One − cash. It fails when the weights
// and cash do not add up to One, or an allocation does not.
func Merge(slicesOf []Slice, cash Weight) (Merged, error) {
	total := cash
	m := Merged{Cash: cash, Attribution: make(map[string]map[string]Exact)}
	sums := make(map[string]Exact)
	seen := make(map[string]bool)
	if cash < 0 {
		return Merged{}, fmt.Errorf("cash is %s, it must not be negative", cash)
	}
	for _, s := range slicesOf {
		switch {
		case seen[s.Strategy]:
			return Merged{}, fmt.Errorf("strategy %s is merged twice", s.Strategy)
		case s.Weight <= 0 || s.Weight > One:
			return Merged{}, fmt.Errorf("weight of strategy %s is %s, it must be above 0 and at most 1", s.Strategy, s.Weight)
		case s.Allocation.Sum() != One:
			return Merged{}, fmt.Errorf("allocation of strategy %s adds up to %s, not to 1", s.Strategy, s.Allocation.Sum())
		}
		seen[s.Strategy] = true
		total += s.Weight
		for symbol, w := range s.Allocation {
			if w < 0 {
				return Merged{}, fmt.Errorf("strategy %s holds %s of %s, a weight must not be negative", s.Strategy, w, symbol)
			}
			if m.Attribution[symbol] == nil {
				m.Attribution[symbol] = make(map[string]Exact)
			}
			contribution := Exact(s.Weight) * Exact(w)
			m.Attribution[symbol][s.Strategy] = contribution
			sums[symbol] += contribution
		}
	}
	if total != One {
		return Merged{}, fmt.Errorf("weights of the strategies and cash add up to %s, not to 1", total)
	}
	parts := make([]part, 0, len(sums))
	for _, symbol := range slices.Sorted(maps.Keys(sums)) {
		e := int64(sums[symbol])
		parts = append(parts, part{symbol: symbol, units: e / int64(One), rest: e % int64(One)})
	}
	m.Allocation = distribute(parts, One-cash)
	return m, nil
}
