package start

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"
)

// Command asks for a run. Whoever sends it fixes ScheduledTime, so that a
// repetition asks for the same run.
type Command struct {
	Mode          string `json:"mode"` // trade
	Schedule      string `json:"schedule"`
	ScheduledTime string `json:"scheduled_time"` // RFC 3339
	DryRun        bool   `json:"dry_run,omitempty"`
	Force         bool   `json:"force,omitempty"`
	RequestedBy   string `json:"requested_by,omitempty"` // scheduler (default) or cli
}

var scheduleForm = regexp.MustCompile(`^[a-z0-9-]{1,16}$`)

// ParseCommand reads a command strictly: an unknown or missing key, a wrong
// type or anything behind the object is an error, and nothing happens.
func ParseCommand(raw []byte) (Command, time.Time, error) {
	var c Command
	fail := func(format string, args ...any) (Command, time.Time, error) {
		return Command{}, time.Time{}, fmt.Errorf("start: "+format, args...)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return fail("the command does not decode: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fail("more than one JSON value in the command")
	}
	if c.RequestedBy == "" {
		c.RequestedBy = "scheduler"
	}
	at, err := time.Parse(time.RFC3339, c.ScheduledTime)
	switch {
	case c.Mode != "trade":
		return fail("mode is %q; the only command is trade", c.Mode)
	case !scheduleForm.MatchString(c.Schedule):
		return fail("schedule is %q; expected 1 to 16 of a-z, 0-9 and -", c.Schedule)
	case err != nil:
		return fail("scheduled_time is %q; expected a time such as 2026-11-23T14:35:00Z", c.ScheduledTime)
	case c.RequestedBy != "scheduler" && c.RequestedBy != "cli":
		return fail("requested_by is %q; expected scheduler or cli", c.RequestedBy)
	}
	return c, at.UTC().Truncate(time.Minute), nil
}

// Slot names a scheduled time, to the minute, in UTC.
func Slot(at time.Time) string { return at.UTC().Format("2006-01-02T15:04Z") }

// RunKey names the run of an account's schedule at a slot.
func RunKey(account, schedule string, at time.Time) string {
	return account + "/" + schedule + "/" + Slot(at)
}
