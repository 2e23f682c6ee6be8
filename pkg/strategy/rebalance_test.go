package strategy

import (
	"strings"
	"testing"
)

func TestDecide(t *testing.T) {
	target := Allocation{"A": One / 2, "B": One / 2}
	monday := DayOf(2025, 3, 3)
	last := func(d Day) *Applied {
		return &Applied{SHA256: "s", TradeDate: d, Weights: Allocation{"A": One / 2, "C": One / 2}}
	}
	doubled := func(s string) (float64, bool) { return map[string]float64{"A": 3, "C": 1}[s], true }
	missing := func(string) (float64, bool) { return 0, false }

	held, err := Rule{Frequency: Weekly}.Decide("s", target, monday+4, last(monday), doubled, false)
	if err != nil || held.Apply || held.Reason != "period" || asStrings(held.Weights)["A"] != "0.75000000" || *held.LargestDifference != 0.5 {
		t.Errorf("held: %+v, %v", held, err)
	}
	forced, err := Rule{Frequency: Weekly}.Decide("s", target, monday+4, last(monday), doubled, true)
	if err != nil || !forced.Apply || forced.Reason != "forced" || forced.Weights["B"] != One/2 {
		t.Errorf("forced: %+v, %v", forced, err)
	}
	if _, err := (Rule{Frequency: Weekly}).Decide("s", target, monday+4, last(monday), missing, false); err == nil || !strings.Contains(err.Error(), "no close of A") {
		t.Errorf("held without closes: %v", err)
	}
	if o, err := (Rule{}).Decide("s", target, monday+1, last(monday), missing, false); err != nil || !o.Apply {
		t.Errorf("a daily application needs no old closes: %+v, %v", o, err)
	}
}

func TestPeriods(t *testing.T) {
	for _, c := range []struct {
		frequency Frequency
		a, b      Day
		same      bool
	}{
		{Weekly, DayOf(2025, 3, 3), DayOf(2025, 3, 9), true},
		{Weekly, DayOf(2025, 3, 9), DayOf(2025, 3, 10), false},
		{Weekly, DayOf(2024, 12, 30), DayOf(2025, 1, 3), true}, // one ISO week, two years
		{Weekly, DayOf(1969, 12, 28), DayOf(1969, 12, 29), false},
		{Monthly, DayOf(2025, 3, 1), DayOf(2025, 3, 31), true},
		{Monthly, DayOf(2024, 3, 1), DayOf(2025, 3, 1), false},
		{Quarterly, DayOf(2025, 1, 1), DayOf(2025, 3, 31), true},
		{Quarterly, DayOf(2025, 3, 31), DayOf(2025, 4, 1), false},
		{Yearly, DayOf(2025, 1, 1), DayOf(2025, 12, 31), true},
		{Yearly, DayOf(2024, 12, 31), DayOf(2025, 1, 1), false},
	} {
		if same := c.frequency.period(c.a) == c.frequency.period(c.b); same != c.same {
			t.Errorf("%s: %s and %s in one period: %v", c.frequency, c.a, c.b, same)
		}
	}
}
