package market_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"pgregory.net/rapid"
)

func series(dates ...events.Date) market.Series {
	var s market.Series
	for i, d := range dates {
		p := float64(i + 1)
		s = append(s, market.Bar{Date: d, Open: p, High: p, Low: p, Close: p, Volume: 1})
	}
	return s
}

func TestCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.SliceOfNDistinct(rapid.IntRange(0, 60), 0, 20, rapid.ID[int]).Draw(t, "days")
		slices.Sort(days)
		var dates []events.Date
		for _, d := range days {
			dates = append(dates, events.Date("2026-10-01").AddDays(d))
		}
		s := series(dates...)
		cut := events.Date("2026-10-01").AddDays(rapid.IntRange(-2, 62).Draw(t, "cut"))
		until, from := s.Until(cut), s.From(cut)
		bar, there := s.On(cut)
		if there != slices.Contains(dates, cut) || there && bar.Date != cut {
			t.Fatalf("on %s: %v %v of %v", cut, bar, there, dates)
		}
		overlap := 0
		if there {
			overlap = 1
		}
		if len(until)+len(from) != len(s)+overlap {
			t.Fatalf("%d until and %d from %s of %d bars", len(until), len(from), cut, len(s))
		}
		for _, b := range until {
			if b.Date > cut {
				t.Fatalf("until %s: %s", cut, b.Date)
			}
		}
		for _, b := range from {
			if b.Date < cut {
				t.Fatalf("from %s: %s", cut, b.Date)
			}
		}
	})
}

func TestValidate(t *testing.T) {
	if err := series("2026-11-20", "2026-11-23").Validate("A"); err != nil {
		t.Error(err)
	}
	for name, s := range map[string]market.Series{
		"twice":     series("2026-11-23", "2026-11-23"),
		"backwards": series("2026-11-23", "2026-11-20"),
	} {
		if s.Validate("A") == nil {
			t.Errorf("%s passes", name)
		}
	}
	for _, p := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		for field := range 4 {
			s := series("2026-11-23")
			*[]*float64{&s[0].Open, &s[0].High, &s[0].Low, &s[0].Close}[field] = p
			var bad *market.BarError
			if err := s.Validate("A"); !errors.As(err, &bad) || bad.Symbol != "A" || bad.Date != "2026-11-23" {
				t.Errorf("price %v in field %d: %v", p, field, err)
			}
		}
	}
}

func TestDigestAndSpan(t *testing.T) {
	a := market.Bars{"A": series("2026-11-20", "2026-11-23"), "B": series("2026-11-19"), "C": nil}
	if first, last := a.Span(); first != "2026-11-19" || last != "2026-11-23" {
		t.Errorf("span %s to %s", first, last)
	}
	if first, last := (market.Bars{}).Span(); first != "" || last != "" {
		t.Errorf("span of nothing: %s to %s", first, last)
	}
	same := market.Bars{"A": series("2026-11-20", "2026-11-23"), "B": series("2026-11-19"), "C": nil}
	other := market.Bars{"A": series("2026-11-20", "2026-11-23"), "B": series("2026-11-18"), "C": nil}
	if a.Digest() != same.Digest() || a.Digest() == other.Digest() {
		t.Error("the digest does not stand for the data")
	}
	if !slices.Equal(a.Symbols(), []string{"A", "B", "C"}) {
		t.Errorf("symbols %v", a.Symbols())
	}
	if _, ok := a["C"].Last(); ok {
		t.Error("a last bar of nothing")
	}
}
