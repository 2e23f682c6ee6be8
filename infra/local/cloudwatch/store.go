// Package cloudwatch keeps metric data and evaluates alarms over it, by periods as the service does.
//
//	store := cloudwatch.NewStore(clock.Now())
//	store.Add(clock.Now(), 1, template.Metric{Namespace: "AWS/Lambda", Name: "Errors", Dimensions: …})
//	state := store.Evaluate(alarm, clock.Now()) // state.Firing: now; state.Fired: at any time since the start
package cloudwatch

import (
	"fmt"
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/template"
)

const (
	// resolution is the service's finest: data of a minute are kept together.
	resolution = time.Minute
	// kept is how long data are kept; what an alarm did before is remembered by the alarm.
	kept = 24 * time.Hour
)

// point is what a minute's values come to.
type point struct{ sum, max float64 }

// Store keeps metric data, and which alarms have fired. It may be used concurrently.
type Store struct {
	mu     sync.Mutex
	since  time.Time
	series map[string]map[int64]point // by metric, by minute
	fired  map[string]bool            // by alarm
}

// NewStore returns an empty store. Time begins with it: there are no periods before.
func NewStore(now time.Time) *Store {
	return &Store{since: now, series: map[string]map[int64]point{}, fired: map[string]bool{}}
}

func key(m template.Metric) string {
	return fmt.Sprint(m.Namespace, "\x00", m.Name, "\x00", m.Dimensions) // maps print in key order
}

// Add records a value.
func (s *Store) Add(at time.Time, value float64, m template.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	series := s.series[key(m)]
	if series == nil {
		series = map[int64]point{}
		s.series[key(m)] = series
	}
	minute := at.UnixNano() / int64(resolution)
	p, ok := series[minute]
	if !ok {
		p.max = value
		for old := range series {
			if old < minute-int64(kept/resolution) {
				delete(series, old)
			}
		}
	}
	series[minute] = point{p.sum + value, max(p.max, value)}
}

// value is what the queries, each with its series, come to, added up, in the period with this index since the epoch. Queries without data do not count;
// without data of any, there is no value.
func value(queries []template.Query, series []map[int64]point, index int64) (value float64, known bool) {
	for i, q := range queries {
		minutes := int64(q.Period / resolution)
		var p point
		found := false
		for m := index * minutes; m < (index+1)*minutes; m++ {
			if one, ok := series[i][m]; ok && !found {
				p, found = one, true
			} else if ok {
				p = point{p.sum + one.sum, max(p.max, one.max)}
			}
		}
		if !found {
			continue
		}
		known = true
		if q.Statistic == template.Maximum {
			value += p.max
		} else {
			value += p.sum
		}
	}
	return value, known
}
