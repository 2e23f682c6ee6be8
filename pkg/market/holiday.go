package market

import (
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// isHoliday reports whether a weekday is a regular holiday of the exchange,
// on its own date or as the observed day of one that fell on a weekend.
func isHoliday(day time.Time) bool {
	y, m, d := day.Date()
	weekday := day.Weekday()
	switch m {
	case time.January:
		// New Year's Day on a Saturday is not made up for: 31 December ends a year's books.
		return d == 1 || d == 2 && weekday == time.Monday ||
			weekday == time.Monday && nth(d) == 3 // Martin Luther King Jr. Day, since 1998
	case time.February:
		return weekday == time.Monday && nth(d) == 3 // Washington's Birthday
	case time.March, time.April:
		return day.AddDate(0, 0, 2).Equal(easter(y)) // Good Friday
	case time.May:
		return weekday == time.Monday && d > 24 // Memorial Day, the last Monday
	case time.June:
		return y >= 2022 && observed(d, weekday, 19) // Juneteenth
	case time.July:
		return observed(d, weekday, 4)
	case time.September:
		return weekday == time.Monday && nth(d) == 1 // Labor Day
	case time.November:
		return weekday == time.Thursday && nth(d) == 4 // Thanksgiving
	case time.December:
		return observed(d, weekday, 25)
	}
	return false
}

// observed reports whether day d is the holiday itself, the Friday before a
// Saturday holiday, or the Monday after a Sunday one.
func observed(d int, weekday time.Weekday, holiday int) bool {
	return d == holiday ||
		d == holiday-1 && weekday == time.Friday ||
		d == holiday+1 && weekday == time.Monday
}

// closesEarly reports whether a session ends at 13:00.
func closesEarly(day time.Time) bool {
	y, m, d := day.Date()
	weekday := day.Weekday()
	switch {
	case m == time.July && d == 3: // a Friday 3 July is the holiday's observed day
		return weekday != time.Wednesday || y >= 2013
	case m == time.July && d == 5: // until 2012 the Friday after a Thursday holiday took its place
		return weekday == time.Friday && y <= 2012
	case m == time.November: // the day after Thanksgiving
		return weekday == time.Friday && d >= 23 && d <= 29
	case m == time.December && d == 24:
		return true
	}
	return y == 2003 && m == time.December && d == 26 // by decision of the exchange
}

// closedSpecially reports days on which the exchange stayed shut for reasons
// that no rule foresees.
func closedSpecially(date events.Date) bool {
	switch date {
	case "2001-09-11", "2001-09-12", "2001-09-13", "2001-09-14", // attacks of 11 September
		"2004-06-11",               // mourning for Ronald Reagan
		"2007-01-02",               // mourning for Gerald Ford
		"2012-10-29", "2012-10-30", // hurricane Sandy
		"2018-12-05", // mourning for George H. W. Bush
		"2025-01-09": // mourning for Jimmy Carter
		return true
	}
	return false
}

func isWeekend(day time.Time) bool {
	w := day.Weekday()
	return w == time.Saturday || w == time.Sunday
}

// nth is the ordinal of a day's weekday within its month: 1 for days 1 to 7.
func nth(dayOfMonth int) int { return (dayOfMonth + 6) / 7 }

// easter is Easter Sunday in the Gregorian calendar, by the algorithm of
// Meeus, Jones and Butcher (J. Meeus, Astronomical Algorithms, 2nd ed., ch. 8).
func easter(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	g := (8*b + 13) / 25
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 19*l) / 433
	month := (h + l - 7*m + 90) / 25
	day := (h + l - 7*m + 33*month + 19) % 32
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}
