package monitor

import (
	"fmt"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
)

// Config is what monitor reads from its environment beside what every function
// reads.
type Config struct {
	// Schedules are expected to have begun a run on every session.
	Schedules []Schedule
	// ExpectedAfter is how long after its time a schedule counts as missing.
	ExpectedAfter time.Duration
}

// Schedule is a time of day in New York at which a run begins.
type Schedule struct {
	Name string
	At   time.Duration // since midnight
}

// ReadConfig reads SCHEDULES (name=hh:mm, comma-separated; "none" where no
// schedule is switched on) and EXPECTED_AFTER; mistakes are collected in v.
func ReadConfig(v *env.Vars) Config {
	daily := []Schedule{{Name: "daily", At: 9*time.Hour + 35*time.Minute}}
	return Config{
		Schedules:     env.Parsed(v, "SCHEDULES", daily, "name=hh:mm, for example daily=09:35, or none", parseSchedules),
		ExpectedAfter: v.Duration("EXPECTED_AFTER", 30*time.Minute),
	}
}

func parseSchedules(s string) ([]Schedule, error) {
	if s == "none" {
		return nil, nil
	}
	var out []Schedule
	for part := range strings.SplitSeq(s, ",") {
		name, clock, ok := strings.Cut(strings.TrimSpace(part), "=")
		at, err := time.Parse("15:04", clock)
		if !ok || name == "" || err != nil {
			return nil, fmt.Errorf("%q is not name=hh:mm", part)
		}
		out = append(out, Schedule{Name: name, At: time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute})
	}
	return out, nil
}
