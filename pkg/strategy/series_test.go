package strategy

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestNewBars(t *testing.T) {
	d := DayOf(2025, 1, 2)
	for name, c := range map[string]struct {
		series Series
		want   string
	}{
		"good":       {Series{[]Day{d, d + 1}, []float64{1, 2}}, ""},
		"empty":      {Series{}, ""},
		"descending": {Series{[]Day{d + 1, d}, []float64{1, 2}}, "bars of A: 2025-01-02 follows 2025-01-03"},
		"twice":      {Series{[]Day{d, d}, []float64{1, 2}}, "bars of A: 2025-01-02 follows 2025-01-02"},
		"zero":       {Series{[]Day{d}, []float64{0}}, "bars of A: close of 2025-01-02 is 0"},
		"negative":   {Series{[]Day{d}, []float64{-1}}, "bars of A: close of 2025-01-02 is -1"},
		"nan":        {Series{[]Day{d}, []float64{math.NaN()}}, "close of 2025-01-02 is NaN"},
		"infinite":   {Series{[]Day{d}, []float64{math.Inf(1)}}, "close of 2025-01-02 is +Inf"},
		"lengths":    {Series{[]Day{d}, nil}, "bars of A: 1 dates and 0 closes"},
	} {
		_, err := NewBars(map[string]Series{"A": c.series})
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var got Diagnostic
		if !errors.As(err, &got) || got.Class != "bad-bars" || got.Line != 1 || got.Col != 1 || !strings.Contains(got.Message, c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestLastClose(t *testing.T) {
	d := DayOf(2025, 1, 2)
	b, err := NewBars(map[string]Series{"A": {[]Day{d, d + 3}, []float64{1, 2}}, "B": {[]Day{d + 1, d + 5}, []float64{1, 1}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		day  Day
		want float64
		at   Day
		ok   bool
	}{{d - 1, 0, 0, false}, {d, 1, d, true}, {d + 2, 1, d, true}, {d + 3, 2, d + 3, true}, {d + 99, 2, d + 3, true}} {
		got, at, ok := b.LastClose("A", c.day)
		if got != c.want || at != c.at || ok != c.ok {
			t.Errorf("at %s: %v of %s, %v", c.day, got, at, ok)
		}
	}
	if _, _, ok := b.LastClose("C", d); ok {
		t.Error("a symbol without bars has a close")
	}
}

func TestDay(t *testing.T) {
	for _, s := range []string{"1970-01-01", "2024-02-29", "2025-11-28", "1969-12-31"} {
		d, err := ParseDay(s)
		if err != nil || d.String() != s {
			t.Errorf("%s became %s, %v", s, d, err)
		}
	}
	for _, s := range []string{"", "2025-02-29", "2025-1-2", "2025-11-28T00:00:00Z", "28.11.2025"} {
		if _, err := ParseDay(s); err == nil {
			t.Errorf("%q is taken for a date", s)
		}
	}
}

// An indicator without a finite value fails; it is not traded on.
func TestNonFinite(t *testing.T) {
	d := DayOf(2025, 1, 2)
	b, err := NewBars(map[string]Series{"A": {[]Day{d, d + 1}, []float64{math.MaxFloat64, math.MaxFloat64}}, "B": {[]Day{d, d + 1}, []float64{5e-324, 1e300}}})
	if err != nil {
		t.Fatal(err)
	}
	for src, place := range map[string]int{
		`(if (> (moving-average-price "A" {:window 2}) 1) (asset "A") (asset "B"))`:         28,
		`(filter (cumulative-return {:window 1}) (select-top 1) [(asset "A") (asset "B")])`: 89,
	} {
		p := mustCompile(t, "x.clj", []byte(`(defsymphony "x" {} `+src+`)`))
		_, _, err := Evaluate(p, b, d+1)
		var got Diagnostic
		if !errors.As(err, &got) || got.Class != "non-finite" || got.Col != place {
			t.Errorf("%s: got %v, class %s at %d", src, err, got.Class, got.Col)
		}
	}
}
