package amount_test

import (
	"testing"

	"github.com/alchemiser/alchemiser/pkg/amount"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

func TestScales(t *testing.T) {
	d := money.MustParse[string]
	for _, c := range []struct {
		name      string
		got, want events.Decimal
	}{
		{"a cent, half to even", amount.USD(d("2.125")), "2.12"},
		{"no trailing zeros", amount.USD(d("1234.50")), "1234.5"},
		{"a middle of a quote", amount.Price(d("0.12345651")), "0.123457"},
		{"F57 a quantity is never rounded up", amount.Quantity(d("7.2273576459")), "7.227357645"},
		{"a weight", amount.Weight(d("0.123456785")), "0.12345678"},
		{"never a negative zero", amount.USD(d("-0.001")), "0"},
	} {
		if c.got != c.want || !c.got.Valid() {
			t.Errorf("%s: %s, want %s", c.name, c.got, c.want)
		}
	}
}
