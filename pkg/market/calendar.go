package market

import (
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// Calendar is the calendar of the US stock exchanges from 2000 to 2099,
// computed from the rules of the NYSE (rule 7.2 and its published holidays and
// early closings) and from the list of days on which it closed for other
// reasons. The zero value is ready to use. Days outside of those years have no
// session: a gate that asks about them stays shut.
//
//	var calendar market.Calendar
//	session, open := calendar.Session("2026-11-27") // open 14:30Z, close 18:00Z, EarlyClose
//	asOf, ok := calendar.LastClosedBefore(now, 20*time.Minute)
type Calendar struct {
	replaced map[events.Date]Session // exceptions; a zero session is a closed day
}

const (
	firstYear = 2000
	lastYear  = 2099
)

// With is the calendar with the given sessions put in the place of its own.
func (c Calendar) With(sessions ...Session) Calendar {
	return c.replace(func(m map[events.Date]Session) {
		for _, s := range sessions {
			m[s.Date] = s
		}
	})
}

// Without is the calendar with the given days closed.
func (c Calendar) Without(dates ...events.Date) Calendar {
	return c.replace(func(m map[events.Date]Session) {
		for _, d := range dates {
			m[d] = Session{}
		}
	})
}

func (c Calendar) replace(change func(map[events.Date]Session)) Calendar {
	m := make(map[events.Date]Session, len(c.replaced)+1)
	for d, s := range c.replaced {
		m[d] = s
	}
	change(m)
	return Calendar{replaced: m}
}

// Session is the session of a date; false when the exchange is closed that day.
func (c Calendar) Session(date events.Date) (Session, bool) {
	if s, ok := c.replaced[date]; ok {
		return s, s.Date != ""
	}
	day := date.In(time.UTC)
	if day.IsZero() || day.Year() < firstYear || day.Year() > lastYear {
		return Session{}, false
	}
	if isWeekend(day) || isHoliday(day) || closedSpecially(date) {
		return Session{}, false
	}
	y, m, d := day.Date()
	s := Session{
		Date:       date,
		Open:       time.Date(y, m, d, 9, 30, 0, 0, NewYork()).UTC(),
		Close:      time.Date(y, m, d, 16, 0, 0, 0, NewYork()).UTC(),
		EarlyClose: closesEarly(day),
	}
	if s.EarlyClose {
		s.Close = time.Date(y, m, d, 13, 0, 0, 0, NewYork()).UTC()
	}
	return s, true
}

// Sessions are the sessions from one date to another, both inclusive.
func (c Calendar) Sessions(from, to events.Date) []Session {
	first, last := events.Date("2000-01-01"), events.Date("2099-12-31")
	var out []Session
	for d := max(from, first); d <= min(to, last); d = d.AddDays(1) {
		if s, ok := c.Session(d); ok {
			out = append(out, s)
		}
	}
	return out
}

// Next is the first session after a date; false when there is none.
func (c Calendar) Next(date events.Date) (Session, bool) { return c.walk(date, 1) }

// Previous is the last session before a date; false when there is none.
func (c Calendar) Previous(date events.Date) (Session, bool) { return c.walk(date, -1) }

// walk stops after 30 days: the longest closure in our years is seven.
func (c Calendar) walk(date events.Date, step int) (Session, bool) {
	for range 30 {
		date = date.AddDays(step)
		if s, ok := c.Session(date); ok {
			return s, true
		}
	}
	return Session{}, false
}

// LastClosedBefore is the newest session that closed at least grace before t:
// the newest one whose bar is finished.
func (c Calendar) LastClosedBefore(t time.Time, grace time.Duration) (Session, bool) {
	today := events.DateOf(t, NewYork())
	s, ok := c.Session(today)
	if ok && !s.Close.Add(grace).After(t) {
		return s, true
	}
	for s, ok = c.Previous(today); ok; s, ok = c.Previous(s.Date) {
		if !s.Close.Add(grace).After(t) {
			return s, true
		}
	}
	return Session{}, false
}

// At is the session that contains t; false when the exchange is closed then.
func (c Calendar) At(t time.Time) (Session, bool) {
	s, ok := c.Session(events.DateOf(t, NewYork()))
	return s, ok && s.Contains(t)
}
