// Package money holds the exact arithmetic of the system: an immutable decimal
// value, explicit rounding, and the tick sizes of US equities.
//
// Every amount, price, quantity and weight that can move money is a [Decimal].
// Operations are exact or round where their name says so; nothing passes
// through binary floating point.
//
//	price := money.MustParse("301.25")
//	qty := money.MustParse("1000").QuoFloor(price, 6) // 3.319502
package money

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// precision is the number of significant digits of every operation. 34 is
// decimal128's precision: amounts of this system need fewer than 25.
const precision = 34

// Decimal is an exact decimal number. It is a value: operations return new
// values and never change their operands. The zero value is 0. Compare with
// Equal or Cmp, not with ==, because 1.0 and 1.00 differ in representation.
type Decimal struct {
	d apd.Decimal // never changed after construction, so copies may share it
}

// Zero is the number 0.
func Zero() Decimal { return Decimal{} }

// One is the number 1.
func One() Decimal { return FromInt(1) }

// Parse reads plain or exponent notation. NaN and infinities are refused.
func Parse[S ~string](s S) (Decimal, error) {
	var d Decimal
	_, cond, err := d.d.SetString(string(s))
	if err != nil || cond.Any() {
		return Decimal{}, fmt.Errorf("money: %q is not a decimal number", string(s))
	}
	if d.d.Form != apd.Finite {
		return Decimal{}, fmt.Errorf("money: %q is not a finite number", string(s))
	}
	if d.d.NumDigits() > precision || d.d.Exponent > precision || d.d.Exponent < -precision {
		return Decimal{}, fmt.Errorf("money: %q has more than %d digits", string(s), precision)
	}
	return d, nil
}

// MustParse is Parse for literals and for text that was validated before; it
// panics on anything else.
func MustParse[S ~string](s S) Decimal {
	d, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return d
}

// FromInt returns n as a decimal.
func FromInt(n int64) Decimal {
	var d Decimal
	d.d.SetInt64(n)
	return d
}

// FromShortest returns the shortest decimal that reads back as f, for prices
// that reach us as JSON numbers. It refuses NaN and infinities.
func FromShortest(f float64) (Decimal, error) {
	var d Decimal
	if _, err := d.d.SetFloat64(f); err != nil || d.d.Form != apd.Finite {
		return Decimal{}, fmt.Errorf("money: %v is not a finite number", f)
	}
	return d, nil
}

// Float64 is the nearest binary number, for display and for statistics only.
func (a Decimal) Float64() float64 {
	f, err := a.d.Float64()
	if err != nil { // beyond the range of float64: no amount of ours is
		panic(err)
	}
	return f
}

// Sign is -1, 0 or +1.
func (a Decimal) Sign() int { return a.d.Sign() }

// IsZero reports whether a is 0.
func (a Decimal) IsZero() bool { return a.d.Sign() == 0 }

// Cmp is -1, 0 or +1 as a is less than, equal to or greater than b.
func (a Decimal) Cmp(b Decimal) int { return a.d.Cmp(&b.d) }

// Equal reports whether a and b are the same number.
func (a Decimal) Equal(b Decimal) bool { return a.Cmp(b) == 0 }

// Less reports whether a < b.
func (a Decimal) Less(b Decimal) bool { return a.Cmp(b) < 0 }

// Neg is -a.
func (a Decimal) Neg() Decimal {
	var r Decimal
	r.d.Neg(&a.d)
	return r
}

// Abs is |a|.
func (a Decimal) Abs() Decimal {
	var r Decimal
	r.d.Abs(&a.d)
	return r
}

// Add is a + b.
func (a Decimal) Add(b Decimal) (r Decimal) {
	c := context()
	_, err := c.Add(&r.d, &a.d, &b.d)
	check("add", a, b, err)
	return r
}

// Sub is a − b.
func (a Decimal) Sub(b Decimal) (r Decimal) {
	c := context()
	_, err := c.Sub(&r.d, &a.d, &b.d)
	check("subtract", a, b, err)
	return r
}

// Mul is a × b.
func (a Decimal) Mul(b Decimal) (r Decimal) {
	c := context()
	_, err := c.Mul(&r.d, &a.d, &b.d)
	check("multiply", a, b, err)
	return r
}

// Quo is a ÷ b to 34 significant digits, half to even. It panics when b is 0,
// as integer division does: callers check first.
func (a Decimal) Quo(b Decimal) (r Decimal) {
	c := context()
	_, err := c.Quo(&r.d, &a.d, &b.d)
	check("divide", a, b, err)
	return r
}

// QuoFloor is a ÷ b rounded towards negative infinity at the given number of
// fractional digits. It panics when b is 0.
func (a Decimal) QuoFloor(b Decimal, places int32) Decimal { return a.Quo(b).Floor(places) }

// Floor rounds towards negative infinity at the given number of fractional digits.
func (a Decimal) Floor(places int32) Decimal {
	return a.round(places, func(negative bool) bool { return negative })
}

// Ceil rounds towards positive infinity at the given number of fractional digits.
func (a Decimal) Ceil(places int32) Decimal {
	return a.round(places, func(negative bool) bool { return !negative })
}

// Truncate rounds towards zero at the given number of fractional digits.
func (a Decimal) Truncate(places int32) Decimal {
	return a.round(places, func(bool) bool { return false })
}

// Round rounds half to even at the given number of fractional digits; it is
// for reporting, never for sizing.
func (a Decimal) Round(places int32) Decimal {
	c := context()
	var r Decimal
	if a.d.Exponent >= -places {
		return a
	}
	if _, err := c.Quantize(&r.d, &a.d, -places); err != nil {
		panic(fmt.Errorf("money: round %s to %d places: %w", a, places, err))
	}
	return r
}

// round cuts the digits behind places and asks away whether what was cut (it
// was not zero) moves the result away from zero. It works on integers because
// apd's Quantize takes a number below half a unit for zero in every rounding
// mode: floor(-0.00001) at 3 digits must be -0.001.
func (a Decimal) round(places int32, away func(negative bool) bool) Decimal {
	drop := -places - a.d.Exponent
	if drop <= 0 {
		return a // nothing to cut
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(drop)), nil)
	kept, cut := new(big.Int).QuoRem(a.d.Coeff.MathBigInt(), unit, new(big.Int))
	if cut.Sign() != 0 && away(a.d.Negative) {
		kept.Add(kept, big.NewInt(1))
	}
	if a.d.Negative {
		kept.Neg(kept)
	}
	return FromUnits(kept, places)
}

// String is plain notation: no exponent, no trailing fractional zeros, never
// "-0". It is the form of decimals in events.
func (a Decimal) String() string {
	if a.d.Sign() == 0 {
		return "0"
	}
	s := a.d.Text('f')
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// Fixed is plain notation with exactly the given number of fractional digits,
// rounded half to even, for tables and mails.
func (a Decimal) Fixed(places int32) string {
	c := context()
	var r apd.Decimal
	if _, err := c.Quantize(&r, &a.d, -places); err != nil {
		panic(fmt.Errorf("money: print %s with %d places: %w", a, places, err))
	}
	if r.Sign() == 0 {
		r.Negative = false
	}
	return r.Text('f')
}

// Shift is a × 10^places, exact.
func (a Decimal) Shift(places int32) Decimal {
	r := a
	r.d.Exponent += places
	return r
}

// Units is a × 10^places as an integer; a must have no more fractional digits
// than that.
func (a Decimal) Units(places int32) (*big.Int, error) {
	if !a.Truncate(places).Equal(a) {
		return nil, fmt.Errorf("money: %s has more than %d fractional digits", a, places)
	}
	c := context()
	var r apd.Decimal
	if _, err := c.Quantize(&r, &a.d, -places); err != nil {
		return nil, fmt.Errorf("money: %s in units of 1e-%d: %w", a, places, err)
	}
	n := r.Coeff.MathBigInt()
	if r.Negative {
		n.Neg(n)
	}
	return n, nil
}

// FromUnits is n ÷ 10^places.
func FromUnits(n *big.Int, places int32) Decimal {
	var d Decimal
	d.d = *apd.NewWithBigInt(new(apd.BigInt).SetMathBigInt(n), -places)
	if n.Sign() < 0 {
		d.d.Negative = true
		d.d.Coeff.Abs(&d.d.Coeff)
	}
	return d
}

// MarshalText writes String, so that JSON holds a string.
func (a Decimal) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what Parse reads.
func (a *Decimal) UnmarshalText(text []byte) error {
	d, err := Parse(string(text))
	if err != nil {
		return err
	}
	*a = d
	return nil
}

// Sum adds up its arguments; the sum of nothing is 0.
func Sum(terms ...Decimal) Decimal {
	total := Zero()
	for _, t := range terms {
		total = total.Add(t)
	}
	return total
}

// Min is the smaller of a and b.
func Min(a, b Decimal) Decimal {
	if b.Less(a) {
		return b
	}
	return a
}

// Max is the larger of a and b.
func Max(a, b Decimal) Decimal {
	if a.Less(b) {
		return b
	}
	return a
}

func context() apd.Context {
	c := apd.BaseContext
	c.Precision, c.Rounding = precision, apd.RoundHalfEven
	return c
}

// check panics when an operation failed.
func check(verb string, a, b Decimal, err error) {
	if err != nil {
		panic(fmt.Errorf("money: %s %s and %s: %w", verb, a, b, err))
	}
}
