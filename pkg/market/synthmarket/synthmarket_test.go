package synthmarket_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/markettest"
	"github.com/alchemiser/alchemiser/pkg/market/synthmarket"
	"pgregory.net/rapid"
)

func ExampleNew() {
	source := synthmarket.New(7)
	bars, _ := source.DailyBars(context.Background(), market.Request{Symbols: []string{"MSFT"}, From: "2026-11-25", To: "2026-11-30"})
	for _, b := range bars["MSFT"] {
		fmt.Println(b.Date)
	}
	// Output:
	// 2026-11-25
	// 2026-11-27
	// 2026-11-30
}

func fetch(t *rapid.T, s *synthmarket.Source, symbol string, from, to events.Date) market.Series {
	bars, err := s.DailyBars(context.Background(), market.Request{Symbols: []string{symbol}, From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	return bars[symbol]
}

// A bar depends on seed, symbol and session alone, whatever was asked before.
func TestBarsDoNotDependOnTheRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		symbol := rapid.StringMatching(`[A-Z]{1,5}`).Draw(t, "symbol")
		day := func(label string) events.Date {
			return synthmarket.Start.AddDays(rapid.IntRange(-20, 1500).Draw(t, label))
		}
		from, to := day("from"), day("to")
		used := synthmarket.New(seed)
		fetch(t, used, "OTHER", day("f1"), day("t1"))
		fetch(t, used, symbol, day("f2"), day("t2"))
		got, want := fetch(t, used, symbol, from, to), fetch(t, synthmarket.New(seed), symbol, from, to)
		if !slices.Equal(got, want) {
			t.Fatalf("bars of %s from %s to %s depend on earlier requests", symbol, from, to)
		}
		if err := got.Validate(symbol); err != nil {
			t.Fatal(err)
		}
		for _, b := range got {
			if b.High < max(b.Open, b.Close) || b.Low > min(b.Open, b.Close) || b.Volume <= 0 || b.Date < from || b.Date > to {
				t.Fatalf("impossible bar %+v", b)
			}
			if c := b.Close * 100; math.Abs(c-math.Round(c)) > 1e-6 {
				t.Fatalf("close %v is not in cents", b.Close)
			}
		}
	})
}

func TestSeedsAndSymbolsDiffer(t *testing.T) {
	last := func(seed uint64, symbol string) float64 {
		bars, err := synthmarket.New(seed).DailyBars(context.Background(), market.Request{Symbols: []string{symbol}, From: "2026-11-23", To: "2026-11-23"})
		if err != nil || len(bars[symbol]) != 1 {
			t.Fatalf("%v %v", bars, err)
		}
		return bars[symbol][0].Close
	}
	if last(1, "A") == last(2, "A") || last(1, "A") == last(1, "B") {
		t.Error("another seed or symbol gives the same bar")
	}
}

// Every symbol has bars here, so the suite's missing one is hidden from it.
type listed struct{ *synthmarket.Source }

func (l listed) DailyBars(ctx context.Context, r market.Request) (market.Bars, error) {
	r.Symbols = slices.DeleteFunc(slices.Clone(r.Symbols), func(s string) bool { return s == markettest.Missing })
	return l.Source.DailyBars(ctx, r)
}

func TestConformance(t *testing.T) {
	markettest.Run(t, func(*testing.T) market.Source { return listed{synthmarket.New(1)} })
}
