package strategy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"
)

// Weight is an exact share of a whole in units of 1e-8. It prints, and
// marshals, with 8 fractional digits: "0.60000000".
type Weight int64

// One is the whole.
const One Weight = 100_000_000

// String prints the weight with exactly 8 fractional digits.
func (w Weight) String() string {
	sign, v := "", uint64(w)
	if w < 0 {
		sign, v = "-", -v
	}
	return fmt.Sprintf("%s%d.%08d", sign, v/uint64(One), v%uint64(One))
}

// MarshalText prints the weight with exactly 8 fractional digits.
func (w Weight) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads a decimal of at most 8 fractional digits.
func (w *Weight) UnmarshalText(b []byte) error {
	v, err := ParseWeight(string(b))
	if err == nil {
		*w = v
	}
	return err
}

// ParseWeight reads a decimal between 0 and 1 with at most 8 fractional
// digits and no exponent.
func ParseWeight(s string) (Weight, error) {
	whole, fraction, dotted := strings.Cut(s, ".")
	ok := (whole == "0" || whole == "1") && len(fraction) <= 8 && (!dotted || fraction != "")
	v := Weight(0)
	for _, c := range []byte(whole + fraction + strings.Repeat("0", max(0, 8-len(fraction)))) {
		ok = ok && isDigit(c)
		if ok {
			v = v*10 + Weight(c-'0')
		}
	}
	if !ok || v > One {
		return 0, fmt.Errorf(`%q is not a weight: write a decimal from 0 to 1 with at most 8 digits after the point, e.g. "0.35"`, clip(s))
	}
	return v, nil
}

// Allocation is which part of the money each symbol gets. The weights of a
// strategy's allocation add up to exactly One.
type Allocation map[string]Weight

// Symbols are the symbols held, ascending.
func (a Allocation) Symbols() []string { return slices.Sorted(maps.Keys(a)) }

// Sum adds up the weights.
func (a Allocation) Sum() Weight {
	var sum Weight
	for _, w := range a {
		sum += w
	}
	return sum
}

// MarshalJSON gives an object ordered by symbol; nil is an empty object.
func (a Allocation) MarshalJSON() ([]byte, error) {
	m := make(map[string]string, len(a))
	for s, w := range a {
		m[s] = w.String()
	}
	return json.Marshal(m)
}

// Round turns binary weights ≥ 0 of any positive sum into an allocation of
// exactly One, by largest remainder; equal remainders go to the symbol that
// comes first. Symbols that round to nothing are dropped. It fails when a
// weight is negative or the sum is not positive and finite.
//
// Remainders are looked at with 14 digits, so that noise in the last bits of
// the weights does not decide between equal ones.
func Round(weights map[string]float64) (Allocation, error) {
	symbols := slices.Sorted(maps.Keys(weights))
	sum := 0.0
	for _, s := range symbols {
		if w := weights[s]; !(w >= 0) {
			return nil, fmt.Errorf("weight of %s is %v, it must not be negative", s, w)
		}
		sum += weights[s]
	}
	if !(sum > 0) || math.IsInf(sum, 0) {
		return nil, fmt.Errorf("weights add up to %v, the sum must be positive", sum)
	}
	const fine = 1_000_000 // 1e14 fine steps to One
	parts := make([]part, len(symbols))
	for i, s := range symbols {
		q := scaled(weights[s] / sum)
		parts[i] = part{symbol: s, units: q / fine, rest: q % fine}
	}
	return distribute(parts, One), nil
}

// scaled is x × 10¹⁴ rounded half to even, without the error that a binary
// multiplication would add.
func scaled(x float64) int64 {
	var f big.Float
	f.SetPrec(256).SetFloat64(x)
	f.Mul(&f, big.NewFloat(1e14))
	q, _ := f.Int64()
	f.Sub(&f, new(big.Float).SetInt64(q))
	switch c := f.Cmp(big.NewFloat(0.5)); {
	case c > 0, c == 0 && q%2 == 1:
		q++
	}
	return q
}

// part is a symbol's share in whole units, and what is left over.
type part struct {
	symbol      string
	units, rest int64
}

// distribute gives the units that are missing to the largest remainders.
func distribute(parts []part, total Weight) Allocation {
	left := int64(total)
	for _, p := range parts {
		left -= p.units
	}
	slices.SortFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(b.rest, a.rest), cmp.Compare(a.symbol, b.symbol))
	})
	a := make(Allocation, len(parts))
	for i, p := range parts {
		if int64(i) < left {
			p.units++
		}
		if p.units > 0 {
			a[p.symbol] = Weight(p.units)
		}
	}
	return a
}
