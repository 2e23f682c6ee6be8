package sim

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// Worlds played in parts, in any order, add up to what they are together.
func TestReportsAdd(t *testing.T) {
	text := func(r Report) string {
		r.Seconds, r.CoreSeconds, r.Workers = 0, 0, 0
		raw, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	first, second, third := Many(Batch{From: 1, N: 3}), Many(Batch{From: 4, N: 2}), Many(Batch{From: 9, N: 2})
	var read Report // as a file would give it back
	if err := json.Unmarshal([]byte(text(second)), &read); err != nil {
		t.Fatal(err)
	}
	all, err := Merged(third, read, first)
	if err != nil {
		t.Fatal(err)
	}
	whole := Many(Batch{From: 1, N: 5})
	if err := whole.Merge(third); err != nil {
		t.Fatal(err)
	}
	if text(all) != text(whole) {
		t.Errorf("parts\n%s\nwhole\n%s", text(all), text(whole))
	}
	if whole.Ranges[0] != (Range{1, 5}) || whole.Ranges[1] != (Range{9, 2}) || whole.Seeds != 7 {
		t.Errorf("seeds %s", whole.seeds())
	}
	if err := whole.Merge(second); err == nil || !strings.Contains(err.Error(), "seed 4") {
		t.Errorf("the same worlds again: %v", err)
	}
	rate := 0.5
	if _, err := Merged(first, Many(Batch{From: 20, N: 1, Options: Options{Rate: &rate}})); err == nil {
		t.Error("other options were added")
	}
}

// A run of many worlds that left a fault out, or a function, says so.
func TestUncoveredIsNamed(t *testing.T) {
	r := newReport(Options{})
	r.Seeds = manyWorlds
	for x := Fault(1); x <= faultCount; x++ {
		r.Coverage[x.String()] = Coverage{Opportunities: 1000, Fired: 200, Stages: map[string]int{"execution": leastStrike}}
	}
	if err := r.Err(); err != nil {
		t.Errorf("everything was played: %v", err)
	}
	r.Coverage["X12"] = Coverage{Opportunities: 1000, Fired: 105, Stages: map[string]int{"execution": leastStrike, "monitor": 5}}
	r.Coverage["X20"] = Coverage{}
	err := r.Err()
	if err == nil || !strings.Contains(err.Error(), "X12 struck monitor 5 times") || !strings.Contains(err.Error(), "X20 never fired") {
		t.Errorf("%v", err)
	}
	r.Seeds--
	if err := r.Err(); err != nil {
		t.Errorf("a short run need not play everything: %v", err)
	}
}

// A quantile is never less than the true one, and hardly more.
func TestQuantiles(t *testing.T) {
	h := make(Histogram)
	for s := 1; s <= 1000; s++ {
		h.add(time.Duration(s) * time.Second)
	}
	for share, want := range map[float64]time.Duration{0: time.Second, 0.5: 501 * time.Second, 0.99: 991 * time.Second, 1: 1000 * time.Second} {
		if got := h.Quantile(share); got < want || got > want+want/60 {
			t.Errorf("quantile %g is %s, not %s", share, got, want)
		}
	}
}
