// Package cron computes when an EventBridge schedule fires. It reads cron(minutes hours day-of-month month day-of-week year) and
// rate(n unit) and is stricter than the service where that prevents mistakes: weekdays are names only, because a digit means
// another day to the service than to most cron readers. Expressions are evaluated on the wall clock and then placed in the time
// zone: a wall clock time that occurs twice (autumn) fires at its first occurrence only.
//
//	e, err := cron.Parse("cron(35 9 ? * MON-FRI *)", newYork)
//	e.Next(time.Now()) // the next 09:35 of a weekday in New York
package cron

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/cronexpr"
)

// Expression is a parsed schedule expression.
type Expression struct {
	wall  *cronexpr.Expression
	every time.Duration
	zone  *time.Location
	gap   Gap
}

// Gap says what happens to a wall clock time that does not exist on the day the clock is put forward. The service's behaviour
// is not documented.
type Gap int

const (
	// Shift fires as much later as the clock was put forward: 02:30 becomes 03:30.
	Shift Gap = iota
	// Skip does not fire on that day.
	Skip
)

// WithGap returns the expression with another treatment of times that do not exist.
func (e Expression) WithGap(g Gap) Expression {
	e.gap = g
	return e
}

// Parse reads an expression. The zone matters to cron expressions only.
func Parse(text string, zone *time.Location) (Expression, error) {
	e, err := parse(text, zone)
	if err != nil {
		return Expression{}, fmt.Errorf("schedule expression %q: %w", text, err)
	}
	return e, nil
}

// The service's limit of an expression's length, and ours of a rate: a duration has to hold it.
const (
	maxLength = 256
	maxRate   = 10_000
)

func parse(text string, zone *time.Location) (Expression, error) {
	if len(text) > maxLength {
		return Expression{}, fmt.Errorf("longer than %d characters", maxLength)
	}
	body, closed := strings.CutSuffix(text, ")")
	kind, body, opened := strings.Cut(body, "(")
	if !closed || !opened {
		return Expression{}, errors.New("want cron(…) or rate(…)")
	}
	switch kind {
	case "cron":
		return parseCron(body, zone)
	case "rate":
		every, err := parseRate(body)
		return Expression{every: every, zone: zone}, err
	}
	return Expression{}, errors.New("want cron(…) or rate(…)")
}

func parseCron(body string, zone *time.Location) (Expression, error) {
	fields := strings.Fields(body)
	if len(fields) != 6 {
		return Expression{}, fmt.Errorf("want six fields (minutes hours day-of-month month day-of-week year), have %d", len(fields))
	}
	dayOfMonth, dayOfWeek := fields[2], fields[4]
	if (dayOfMonth == "?") == (dayOfWeek == "?") {
		return Expression{}, errors.New("exactly one of day-of-month and day-of-week must be ?")
	}
	for part := range strings.SplitSeq(dayOfWeek, ",") {
		name, _, _ := strings.Cut(part, "#")
		if strings.ContainsAny(name, "0123456789") {
			return Expression{}, errors.New("write weekdays as names: SUN, MON, …")
		}
	}
	for i, field := range fields {
		if i != 2 && i != 4 && strings.Contains(field, "?") {
			return Expression{}, errors.New("? is possible for day-of-month and day-of-week only")
		}
	}
	wall, err := cronexpr.Parse("0 " + strings.Join(fields, " "))
	if err != nil {
		return Expression{}, err
	}
	return Expression{wall: wall, zone: zone}, nil
}

func parseRate(body string) (time.Duration, error) {
	count, unit, _ := strings.Cut(body, " ")
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || n > maxRate {
		return 0, fmt.Errorf("rate wants a whole number from 1 to %d and a unit", maxRate)
	}
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
	singular := unit
	if n > 1 {
		singular = strings.TrimSuffix(unit, "s")
	}
	one, ok := units[singular]
	if !ok || n > 1 && singular == unit {
		return 0, fmt.Errorf("unknown unit %q: 1 takes minute, hour or day, more take minutes, hours or days", unit)
	}
	return time.Duration(n) * one, nil
}

// Next returns the first firing after the instant, or the zero time when there is none. A rate counts from the instant given.
func (e Expression) Next(after time.Time) time.Time {
	if e.wall == nil {
		return after.Add(e.every)
	}
	local := after.In(e.zone)
	wall := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), local.Nanosecond(), time.UTC)
	for {
		own := *e.wall // Next writes into its receiver
		wall = own.Next(wall)
		if wall.IsZero() {
			return time.Time{}
		}
		instant, exists := place(wall, e.zone)
		if (exists || e.gap == Shift) && instant.After(after) {
			return instant
		}
	}
}

// place finds the first instant at which the zone's clock shows the wall time. When there is none it returns the instant the
// clock would have shown it had it not been put forward.
func place(wall time.Time, zone *time.Location) (time.Time, bool) {
	before := offset(wall.Add(-24*time.Hour), zone)
	after := offset(wall.Add(24*time.Hour), zone)
	for _, o := range []time.Duration{max(before, after), min(before, after)} {
		instant := wall.Add(-o)
		if offset(instant, zone) == o {
			return instant.In(zone), true
		}
	}
	return wall.Add(-before).In(zone), false
}

func offset(instant time.Time, zone *time.Location) time.Duration {
	_, seconds := instant.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}
