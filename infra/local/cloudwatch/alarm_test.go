package cloudwatch

import (
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/template"
)

var errors = template.Metric{Namespace: "AWS/Lambda", Name: "Errors"}

// epoch is the beginning of a period of five minutes.
var epoch = time.Date(2026, 1, 5, 14, 35, 0, 0, time.UTC)

func at(text string) time.Time {
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return epoch.Add(d)
}

func TestEvaluate(t *testing.T) {
	type data map[string]float64 // by time since the epoch
	alarm := func(edit func(*template.Alarm)) *template.Alarm {
		a := &template.Alarm{Name: "a", Comparison: template.AtLeast, Threshold: 3, Periods: 1, Datapoints: 1, Missing: template.MissingNotBreaching,
			Queries: []template.Query{{Metric: errors, Statistic: template.Sum, Period: time.Minute}}}
		if edit != nil {
			edit(a)
		}
		return a
	}
	silence := func(a *template.Alarm) {
		a.Comparison, a.Threshold, a.Missing, a.Periods, a.Datapoints = template.Below, 1, template.MissingBreaching, 3, 3
		a.Queries[0].Period = 5 * time.Minute
	}
	for _, tt := range []struct {
		name          string
		edit          func(*template.Alarm)
		data          data
		since, now    string
		firing, fired bool
	}{
		{"below", nil, data{"10s": 2}, "0s", "20s", false, false},
		{"at the threshold, in the period under way", nil, data{"10s": 2, "20s": 1}, "0s", "30s", true, true},
		{"in the period before", nil, data{"10s": 3}, "0s", "70s", true, true},
		{"and over", nil, data{"10s": 3}, "0s", "3m", false, true},
		{"over two periods", nil, data{"50s": 2, "70s": 2}, "0s", "90s", false, false},
		{"above, at the threshold", func(a *template.Alarm) { a.Comparison = template.Above }, data{"10s": 3}, "0s", "20s", false, false},
		{"above", func(a *template.Alarm) { a.Comparison = template.Above }, data{"10s": 3.5}, "0s", "20s", true, true},
		{"the greatest", func(a *template.Alarm) { a.Queries[0].Statistic = template.Maximum }, data{"10s": 2, "11s": 2}, "0s", "20s", false, false},
		{"the greatest of negative ones", func(a *template.Alarm) { a.Queries[0].Statistic, a.Threshold = template.Maximum, -2 }, data{"10s": -5, "11s": -2}, "0s", "20s", true, true},
		{"one of two metrics", func(a *template.Alarm) {
			a.Queries = append(a.Queries, template.Query{Metric: template.Metric{Name: "none"}, Statistic: template.Sum, Period: time.Minute})
		}, data{"10s": 3}, "0s", "20s", true, true},
		{"two metrics added up", func(a *template.Alarm) { a.Queries = append(a.Queries, a.Queries[0]) }, data{"10s": 1.5}, "0s", "20s", true, true},
		{"two of three periods", func(a *template.Alarm) { a.Periods, a.Datapoints = 3, 2 }, data{"10s": 3, "2m10s": 3}, "0s", "2m20s", true, true},
		{"two of four, wanted of three", func(a *template.Alarm) { a.Periods, a.Datapoints = 3, 2 }, data{"10s": 3, "3m10s": 3}, "0s", "3m20s", false, false},
		{"missing counts as breaching", func(a *template.Alarm) { a.Missing = template.MissingBreaching }, nil, "0s", "70s", true, true},
		{"but not in the period under way", func(a *template.Alarm) { a.Missing = template.MissingBreaching }, nil, "0s", "50s", false, false},
		{"nor in one that began before the cloud", func(a *template.Alarm) { a.Missing = template.MissingBreaching }, nil, "30s", "70s", false, false},
		{"below, in the period under way", func(a *template.Alarm) { a.Comparison = template.Below }, data{"10s": 1}, "0s", "20s", false, false},
		{"below, in a whole period", func(a *template.Alarm) { a.Comparison = template.Below }, data{"10s": 1}, "0s", "70s", true, true},
		{"at most", func(a *template.Alarm) { a.Comparison = template.AtMost }, data{"10s": 3}, "0s", "70s", true, true},
		{"silence for two periods", silence, data{"1m": 1}, "0s", "15m", false, false},
		{"silence for three", silence, data{"1m": 1}, "0s", "20m", true, true},
		{"silence that ended", silence, data{"1m": 1, "21m": 1}, "0s", "25m", false, true},
		{"a beat in every period", silence, data{"1m": 1, "6m": 1, "11m": 1, "16m": 1}, "0s", "20m", false, false},
		{"older than a day", nil, data{"10s": 3}, "0s", "25h", false, false},
	} {
		s := NewStore(at(tt.since))
		for when, value := range tt.data {
			s.Add(at(when), value, errors)
		}
		if got := s.Evaluate(alarm(tt.edit), at(tt.now)); got.Firing != tt.firing || got.Fired != tt.fired {
			t.Errorf("%s: firing %t, fired %t; want %t, %t", tt.name, got.Firing, got.Fired, tt.firing, tt.fired)
		}
	}
}

// What an alarm did is remembered longer than the data.
func TestAnAlarmRemembersThatItFired(t *testing.T) {
	s := NewStore(epoch)
	a := &template.Alarm{Name: "a", Comparison: template.AtLeast, Threshold: 1, Periods: 1, Datapoints: 1, Missing: "ignore",
		Queries: []template.Query{{Metric: errors, Statistic: template.Sum, Period: time.Minute}}}
	s.Add(epoch, 1, errors)
	if state := s.Evaluate(a, at("10s")); !state.Firing || *state.Value != 1 {
		t.Errorf("%+v", state)
	}
	s.Add(at("30h"), 0, errors)
	if n := len(s.series[key(errors)]); n != 1 {
		t.Errorf("%d minutes are kept after more than a day, want 1", n)
	}
	if state := s.Evaluate(a, at("30h30s")); state.Firing || !state.Fired || *state.Value != 0 {
		t.Errorf("%+v", state)
	}
}
