package sim

import (
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
)

// The worlds' years: ten years of sessions with early closes, closures out of
// turn and both changes of the clocks.
const (
	firstDay events.Date = "2016-10-01" // a history before the first world
	lastDay  events.Date = "2027-02-28"
	firstRun events.Date = "2017-01-03"
	lastRun  events.Date = "2026-12-18"
)

// years is the calendar of all worlds, with every day of it worked out once.
type years struct {
	calendar market.Calendar
	sessions []market.Session
	index    map[events.Date]int // of the sessions
	// odd are days on which something about time is special: an early close,
	// the session before or after it, a holiday on a weekday, the days around
	// a change of the clocks.
	odd      []events.Date
	weekdays []events.Date
}

var tenYears = sync.OnceValue(func() *years {
	var computed market.Calendar
	y := &years{sessions: computed.Sessions(firstDay, lastDay), index: make(map[events.Date]int)}
	var closed []events.Date
	for i, s := range y.sessions {
		y.index[s.Date] = i
	}
	offset := func(d events.Date) int { _, o := d.In(market.NewYork()).Add(12 * time.Hour).Zone(); return o }
	for d := firstDay; d <= lastDay; d = d.AddDays(1) {
		i, open := y.index[d]
		if !open {
			closed = append(closed, d)
		}
		day := d.In(time.UTC).Weekday()
		if day == time.Saturday || day == time.Sunday || d < firstRun || d > lastRun {
			continue
		}
		y.weekdays = append(y.weekdays, d)
		clocks := offset(d) != offset(d.AddDays(-3)) || offset(d) != offset(d.AddDays(3))
		early := open && (y.sessions[i].EarlyClose || y.sessions[i-1].EarlyClose || y.sessions[i+1].EarlyClose)
		if !open || early || clocks {
			y.odd = append(y.odd, d)
		}
	}
	y.calendar = computed.With(y.sessions...).Without(closed...)
	return y
})

// before are the n sessions that end with the last one before a date.
func (y *years) before(d events.Date, n int) []market.Session {
	for {
		d = d.AddDays(-1)
		if i, ok := y.index[d]; ok {
			return y.sessions[i-n+1 : i+1]
		}
	}
}
