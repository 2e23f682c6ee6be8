package local_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/alchemiser/alchemiser/infra/local"
)

// edited returns the fixture templates with one text replaced everywhere.
func edited(t *testing.T, from, to string) fstest.MapFS {
	t.Helper()
	fsys := fstest.MapFS{}
	found := false
	for _, part := range []string{"foundation", "echo", "sink", "alarms"} {
		name := "alchemiser-test-" + part + ".template.json"
		text, err := os.ReadFile("testdata/templates/" + name)
		if err != nil {
			t.Fatal(err)
		}
		found = found || strings.Contains(string(text), from)
		fsys[name] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(string(text), from, to))}
	}
	if !found {
		t.Fatalf("%q does not occur", from)
	}
	return fsys
}

// monday is 09:35 in New York on a Monday.
var monday = time.Date(2026, 1, 5, 14, 35, 0, 0, time.UTC)

// An enabled schedule fires by the rehearsal clock at its planned time, and Quiesce waits for one that is about to.
func TestScheduleFiresByTheRehearsalClock(t *testing.T) {
	var r recorder
	c := start(t, func(o *local.Options) {
		o.Templates = edited(t, `"DISABLED"`, `"ENABLED"`)
		o.ManualSchedules = false
		o.Backoff = local.Run()
		o.ClockOffset = time.Until(monday.Add(-500 * time.Millisecond))
		o.Observer = r.observe
	})
	s := quiesce(t, c)
	if len(s.Events) != 1 || s.Events[0].Event.Resources[0] != "correlation:2026-01-05T14:35:00Z" || len(s.Denials) != 0 {
		t.Errorf("%+v", s.Events)
	}
	if fired := r.of(local.ScheduleFired); len(fired) != 1 || !fired[0].Planned.Equal(monday) {
		t.Errorf("%+v", fired)
	}
}

func TestDisabledScheduleStaysSilent(t *testing.T) {
	c := start(t, func(o *local.Options) {
		o.ManualSchedules = false
		o.Backoff = local.Run()
		o.ClockOffset = time.Until(monday.Add(-100 * time.Millisecond))
	})
	time.Sleep(300 * time.Millisecond)
	if s := quiesce(t, c); len(s.Events) != 0 || len(s.Invocations) != 0 {
		t.Errorf("%+v", s.Invocations)
	}
}

// What Scheduler may do is the role's business: without a grant the event goes to the delivery queue, without trust nowhere.
func TestScheduleNeedsItsRole(t *testing.T) {
	for _, test := range []struct {
		name, from, to string
		queued         int
	}{
		{"no grant to invoke", `"lambda:InvokeFunction",
       "Effect"`, `"lambda:GetFunction",
       "Effect"`, 1},
		{"no trust", "scheduler.amazonaws.com", "events.amazonaws.com", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := start(t, func(o *local.Options) { o.Templates = edited(t, test.from, test.to) })
			if err := c.FireSchedule(t.Context(), "alchemiser-test-echo-daily", monday); err != nil {
				t.Fatal(err)
			}
			s := quiesce(t, c)
			if len(s.Invocations) != 0 || len(s.Denials) == 0 || len(s.Queue(deliveryDLQ).Messages) != test.queued || (test.queued == 0) != (len(s.Problems) == 1) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// The grant of echo to send to its failure queue, and what is put in its place.
const (
	withoutGrant = `"sqs:SendMessage",
       "Effect": "Allow",
       "Resource": {
        "Fn::GetAtt": [
         "FailureDlq"`
	withAnother = `"sqs:GetQueueUrl",
       "Effect": "Allow",
       "Resource": {
        "Fn::GetAtt": [
         "FailureDlq"`
)

// The record of a failed event needs the function's own grant; without it the loss is a problem, not silence.
func TestOnFailureNeedsTheFunctionsGrant(t *testing.T) {
	c := start(t, func(o *local.Options) {
		o.Templates = edited(t, withoutGrant, withAnother)
	})
	put(t, c, "Ping", `{"do":"error"}`)
	s := quiesce(t, c)
	if len(s.Queue(failureDLQ).Messages) != 0 || len(s.Denials) != 1 || len(s.Problems) != 1 {
		t.Errorf("%+v", s)
	}
}
