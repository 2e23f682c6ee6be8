package cloudwatch

import (
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/template"
)

// State is an alarm at one moment.
type State struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Value       *float64 `json:"value"` // of the newest period that has one
	Threshold   float64  `json:"threshold"`
	Firing      bool     `json:"firing"`  // now
	Fired       bool     `json:"fired"`   // now or at any time since the start
	Actions     []string `json:"actions"` // ARNs of whom AWS tells; nobody is told here
}

// Evaluate looks at every period that has passed. The one under way counts as soon as its outcome is certain: sums and maxima only
// grow.
func (s *Store) Evaluate(a *template.Alarm, now time.Time) State {
	s.mu.Lock()
	defer s.mu.Unlock()
	series := make([]map[int64]point, len(a.Queries))
	for i, q := range a.Queries {
		series[i] = s.series[key(q.Metric)]
	}
	state := State{Name: a.Name, Description: a.Description, Threshold: a.Threshold, Actions: a.Actions}
	period := int64(a.Queries[0].Period)
	first := max(s.since.UnixNano(), now.Add(-kept).UnixNano()) / period
	last := now.UnixNano() / period
	window := make([]bool, a.Periods) // of the newest periods, whether they breach
	for i := first; i <= last; i++ {
		value, known := value(a.Queries, series, i)
		whole := i < last && time.Unix(0, i*period).Compare(s.since) >= 0
		if known {
			state.Value = &value
		}
		breach := known && breaches(a, value) || !known && a.Missing == template.MissingBreaching
		if !whole && (!known || !strings.HasPrefix(a.Comparison, "Greater")) {
			breach = false // it may still turn out otherwise
			if i == last {
				continue
			}
		}
		window[i%int64(len(window))] = breach
		count := 0
		for _, b := range window {
			if b {
				count++
			}
		}
		// The period under way speaks only when it breaches; until then the last whole one does.
		if firing := count >= a.Datapoints; i < last || breach {
			state.Firing = firing
			s.fired[a.Name] = s.fired[a.Name] || firing
		}
	}
	state.Fired = s.fired[a.Name]
	return state
}

func breaches(a *template.Alarm, value float64) bool {
	switch a.Comparison {
	case template.AtLeast:
		return value >= a.Threshold
	case template.Above:
		return value > a.Threshold
	case template.Below:
		return value < a.Threshold
	default: // the loader knows these four
		return value <= a.Threshold
	}
}
