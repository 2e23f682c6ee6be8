package tapemarket_test

import (
	"fmt"
	"maps"
	"math"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/synthmarket"
	"github.com/alchemiser/alchemiser/pkg/market/tapemarket"
)

func made(t testing.TB, symbols int) market.Bars {
	t.Helper()
	r := market.Request{From: "2022-01-03", To: "2024-03-12"}
	for i := range symbols {
		r.Symbols = append(r.Symbols, fmt.Sprintf("S%02d", i))
	}
	bars, err := synthmarket.New(7).DailyBars(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return bars
}

// The closes come back to the bit, whatever they are.
func TestDecodeGivesTheClosesBack(t *testing.T) {
	bars := made(t, 3)
	gap := maps.Clone(bars)
	gap["GAP"] = append(append(market.Series{}, bars["S00"][3:40]...), bars["S00"][55:70]...)
	gap["LATE"] = bars["S01"][100:]
	fine := market.Series{}
	for i, b := range bars["S02"] {
		c := b.Close * math.Pi / float64(i+3)
		fine = append(fine, market.Bar{Date: b.Date, Open: c, High: c, Low: c, Close: c})
	}
	for name, set := range map[string]market.Bars{
		"none": {}, "three": bars, "gaps": gap, "no decimal fractions": {"FINE": fine, "S00": bars["S00"]},
		"tiny and huge": {"T": {{Date: "2024-01-02", Open: 1e-9, High: 1e-9, Low: 1e-9, Close: 1e-9}, {Date: "2024-01-03", Open: 1, High: 1, Low: 1, Close: 9.87654321e15}}},
	} {
		content, err := tapemarket.Encode(set)
		if err != nil {
			t.Fatal(name, err)
		}
		got, err := tapemarket.Decode(content)
		if err != nil {
			t.Fatal(name, err)
		}
		if got.Digest() != set.Digest() || len(got) != len(set) {
			t.Errorf("%s: other bars came back", name)
		}
	}
}

// Bars that do not hold come back as they are: the refusal is repeated.
func TestDecodeGivesBadBarsBack(t *testing.T) {
	for _, bad := range []market.Series{
		{{Date: "2024-01-02", Open: 1, High: math.Inf(1), Low: 1, Close: 1, Volume: 7}},
		{{Date: "2024-01-02", Open: 1, High: 1, Low: math.NaN(), Close: 1}},
		{{Date: "2024-01-03", Open: 1, High: 1, Low: 1, Close: 1}, {Date: "2024-01-02", Open: 1, High: 1, Low: 1, Close: 1}},
		{{Date: "2024-01-02", Open: 1, High: 1, Low: 1, Close: -0.25}},
	} {
		content, err := tapemarket.Encode(market.Bars{"X": bad})
		if err != nil {
			t.Fatal(err)
		}
		got, err := tapemarket.Decode(content)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got["X"]) != fmt.Sprint(bad) || got["X"].Validate("X") == nil {
			t.Errorf("%v came back as %v", bad, got["X"])
		}
	}
}

func TestDecodeRefusesDamage(t *testing.T) {
	content, err := tapemarket.Encode(market.Bars{"X": {{Date: events.Date("2024-01-02"), Open: 1, High: 1, Low: 1, Close: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{nil, []byte("{}"), content[:len(content)-6]} {
		if _, err := tapemarket.Decode(b); err == nil {
			t.Errorf("%d bytes decoded", len(b))
		}
	}
}

// The bars of a run: 20 symbols over two years.
func BenchmarkEncode(b *testing.B) {
	bars := made(b, 20)
	n := 0
	for _, s := range bars {
		n += len(s)
	}
	var size int
	for b.Loop() {
		content, err := tapemarket.Encode(bars)
		if err != nil {
			b.Fatal(err)
		}
		size = len(content)
	}
	b.ReportMetric(float64(n), "bars")
	b.ReportMetric(float64(size)/1000, "KB")
}
