package money_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/money"
	"pgregory.net/rapid"
)

func ExampleDecimal_QuoFloor() {
	price := money.MustParse("301.25")
	fmt.Println(money.MustParse("1000").QuoFloor(price, 6))
	// Output: 3.319502
}

func TestString(t *testing.T) {
	for in, want := range map[string]string{
		"1.500": "1.5", "-0": "0", "-0.000": "0", "100": "100", "1E+3": "1000", "1e-9": "0.000000001",
		"7.2273576": "7.2273576", "-12.340": "-12.34", "0.10": "0.1",
	} {
		if got := money.MustParse(in).String(); got != want {
			t.Errorf("Parse(%q) prints %q, want %q", in, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{"", "x", "NaN", "Infinity", "-inf", "1..2", "1e9999", " 1", "0x10"} {
		if d, err := money.Parse(in); err == nil {
			t.Errorf("Parse(%q) = %s, want an error", in, d)
		}
	}
}

func TestRounding(t *testing.T) {
	d := money.MustParse[string]
	for _, c := range []struct{ name, got, want string }{
		{"floor", d("7.2273576").Floor(6).String(), "7.227357"},
		{"floor of a negative", d("-7.2273571").Floor(6).String(), "-7.227358"},
		{"ceil", d("7.2273571").Ceil(6).String(), "7.227358"},
		{"truncate", d("-7.2273576").Truncate(6).String(), "-7.227357"},
		{"half to even down", d("2.125").Round(2).String(), "2.12"},
		{"half to even up", d("2.135").Round(2).String(), "2.14"},
		{"fixed", d("2.1").Fixed(2), "2.10"},
		{"fixed negative zero", d("-0.001").Fixed(2), "0.00"},
		{"tick below a dollar", money.FloorTick(d("0.123456")).String(), "0.1234"},
		{"tick above a dollar", money.CeilTick(d("1.001")).String(), "1.01"},
		{"tick size", money.Tick(d("0.99")).String(), "0.0001"},
		{"shift", d("1.5").Shift(-4).String(), "0.00015"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.name, c.got, c.want)
		}
	}
}

func decimals() *rapid.Generator[money.Decimal] {
	return rapid.Custom(func(t *rapid.T) money.Decimal {
		n := rapid.Int64Range(-1e15, 1e15).Draw(t, "coefficient")
		places := rapid.Int32Range(0, 9).Draw(t, "places")
		return money.FromUnits(big.NewInt(n), places)
	})
}

func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := decimals().Draw(t, "a"), decimals().Draw(t, "b")
		before := a.String() + " " + b.String()
		if !a.Add(b).Sub(b).Equal(a) {
			t.Fatalf("%s + %s − %s ≠ %s", a, b, b, a)
		}
		if !a.Mul(b).Equal(b.Mul(a)) {
			t.Fatalf("%s × %s depends on the order", a, b)
		}
		if back := money.MustParse(a.String()); !back.Equal(a) || back.String() != a.String() {
			t.Fatalf("%s reads back as %s", a, back)
		}
		f := a.Floor(3)
		if a.Less(f) || a.Sub(f).Cmp(money.MustParse("0.001")) >= 0 {
			t.Fatalf("floor of %s is %s", a, f)
		}
		u, err := a.Units(9)
		if err != nil || !money.FromUnits(u, 9).Equal(a) {
			t.Fatalf("units of %s: %v %v", a, u, err)
		}
		raw, err := json.Marshal(a)
		var back money.Decimal
		if err != nil || json.Unmarshal(raw, &back) != nil || !back.Equal(a) {
			t.Fatalf("JSON of %s: %s %v", a, raw, err)
		}
		if a.String()+" "+b.String() != before {
			t.Fatal("an operation changed its operand")
		}
	})
}

func TestDivisionByZeroPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fatal("1 ÷ 0 returned")
		}
	}()
	money.One().Quo(money.Zero())
}
