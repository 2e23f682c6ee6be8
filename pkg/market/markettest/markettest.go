// Package markettest is the conformance suite of market.Source: what every
// driver must do, wherever its bars come from.
//
//	func TestConformance(t *testing.T) {
//		markettest.Run(t, func(t *testing.T) market.Source { … })
//	}
package markettest

import (
	"context"
	"slices"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
)

// The bars that a source under test must have: of both symbols, for every
// session of the exchange from First to Last. It need not have others.
const (
	First events.Date = "2026-10-26" // the week before summer time ends
	Last  events.Date = "2026-11-23"
)

// Symbols are the symbols that a source under test must have.
func Symbols() []string { return []string{"AAA", "BBB"} }

// Missing is a symbol that it must not have.
const Missing = "NONE"

// Run runs the suite; each case gets a source of its own.
func Run(t *testing.T, build func(t *testing.T) market.Source) {
	for name, test := range map[string]func(*testing.T, market.Source){
		"every session once, in order":    testSessions,
		"both ends are inclusive":         testRange,
		"what there is not is absent":     testMissing,
		"the same request, the same bars": testRepeat,
		"an ended context ends the call":  testContext,
	} {
		t.Run(name, func(t *testing.T) { test(t, build(t)) })
	}
}

func fetch(t *testing.T, s market.Source, r market.Request) market.Bars {
	t.Helper()
	bars, err := s.DailyBars(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	for symbol, series := range bars {
		if err := series.Validate(symbol); err != nil {
			t.Error(err)
		}
		if !slices.Contains(r.Symbols, symbol) {
			t.Errorf("%s was not asked for", symbol)
		}
	}
	return bars
}

func testSessions(t *testing.T, s market.Source) {
	bars := fetch(t, s, market.Request{Symbols: Symbols(), From: First, To: Last})
	var calendar market.Calendar
	var want []events.Date
	for _, session := range calendar.Sessions(First, Last) {
		want = append(want, session.Date)
	}
	for _, symbol := range Symbols() {
		var got []events.Date
		for _, b := range bars[symbol] {
			got = append(got, b.Date)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has bars on %v, want %v", symbol, got, want)
		}
	}
}

func testRange(t *testing.T, s market.Source) {
	all := fetch(t, s, market.Request{Symbols: Symbols(), From: First, To: Last})
	for _, r := range [][2]events.Date{
		{"2026-10-30", "2026-11-02"}, // over the end of summer time
		{"2026-11-20", "2026-11-20"},
		{"2026-11-21", "2026-11-22"}, // a weekend
		{"2026-11-23", "2026-11-20"}, // the wrong way round
	} {
		got := fetch(t, s, market.Request{Symbols: Symbols(), From: r[0], To: r[1]})
		for _, symbol := range Symbols() {
			var want market.Series
			for _, b := range all[symbol] {
				if b.Date >= r[0] && b.Date <= r[1] {
					want = append(want, b)
				}
			}
			if series, there := got[symbol]; !slices.Equal(series, want) || there != (len(want) > 0) {
				t.Errorf("%s from %s to %s: %v, want %v", symbol, r[0], r[1], series, want)
			}
		}
	}
}

func testMissing(t *testing.T, s market.Source) {
	bars := fetch(t, s, market.Request{Symbols: []string{Missing, "AAA"}, From: First, To: Last})
	if _, there := bars[Missing]; there || len(bars) != 1 {
		t.Errorf("bars of %v", bars.Symbols())
	}
	if bars := fetch(t, s, market.Request{From: First, To: Last}); len(bars) != 0 {
		t.Errorf("bars of nothing: %v", bars.Symbols())
	}
}

func testRepeat(t *testing.T, s market.Source) {
	r := market.Request{Symbols: Symbols(), From: First, To: Last}
	first := fetch(t, s, r).Digest()
	if again := fetch(t, s, r).Digest(); again != first {
		t.Error("two answers to one question")
	}
}

func testContext(t *testing.T, s market.Source) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if bars, err := s.DailyBars(ctx, market.Request{Symbols: Symbols(), From: First, To: Last}); err == nil {
		t.Errorf("%d series and no error", len(bars))
	}
}
