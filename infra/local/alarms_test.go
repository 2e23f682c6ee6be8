package local_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/fault"
)

// fired names the alarms that fired at any time.
func fired(s local.Snapshot) []string {
	names := []string{}
	for _, a := range s.Alarms {
		if a.Fired {
			names = append(names, strings.TrimPrefix(a.Name, "alchemiser-test-"))
		}
	}
	slices.Sort(names)
	return names
}

// Every alarm of the templates fires for its cause, and for nothing else.
func TestAlarmsFireForTheirCause(t *testing.T) {
	const metric = `{"do":"print","name":"{\"_aws\":{\"CloudWatchMetrics\":[{\"Namespace\":\"Alchemiser\",\"Dimensions\":[[\"Environment\"]],\"Metrics\":[{\"Name\":\"NAME\"}]}]},\"Environment\":\"ENV\",\"NAME\":1}"}`
	ours := strings.NewReplacer("ENV", "test", "NAME", "Poison")
	for _, test := range []struct {
		name   string
		edit   [2]string // of the templates
		faults []fault.Fault
		do     func(*testing.T, *local.Cloud)
		want   string
	}{
		{name: "nothing happens", do: func(*testing.T, *local.Cloud) {}},
		{name: "a function that works", do: func(t *testing.T, c *local.Cloud) { put(t, c, "Ping", `{"do":"count"}`) }},
		{name: "a function that fails", want: "echo-errors echo-failure-dlq-depth",
			do: func(t *testing.T, c *local.Cloud) { put(t, c, "Ping", `{"do":"error"}`) }},
		{name: "its event, two hours later", want: "echo-errors echo-failure-dlq-age echo-failure-dlq-depth heartbeat",
			do: func(t *testing.T, c *local.Cloud) {
				put(t, c, "Ping", `{"do":"error"}`)
				quiesce(t, c)
				c.Advance(2 * time.Hour)
			}},
		{name: "no sign of life for two periods", do: func(_ *testing.T, c *local.Cloud) { c.Advance(2 * time.Minute) }},
		{name: "no sign of life", want: "heartbeat", do: func(_ *testing.T, c *local.Cloud) { c.Advance(5 * time.Minute) }},
		{name: "a refused invocation", faults: []fault.Fault{{Do: fault.Throttle, Function: "echo"}}, want: "echo-throttles",
			do: func(t *testing.T, c *local.Cloud) { put(t, c, "Ping", `{"do":"count"}`) }},
		{name: "no such function", faults: []fault.Fault{{Do: fault.Missing, Function: "echo"}}, want: "echo-delivery-dlq-depth echo-rule-failures",
			do: func(t *testing.T, c *local.Cloud) { put(t, c, "Ping", `{"do":"count"}`) }},
		{name: "nor a queue that takes the event", want: "echo-rule-failures echo-rule-losses",
			edit: [2]string{`"aws:SourceArn"`, `"aws:SourceAccount"`},
			do:   func(t *testing.T, c *local.Cloud) { put(t, c, "Unpermitted", `{"do":"count"}`) }},
		{name: "a command that finds no function", faults: []fault.Fault{{Do: fault.Missing, Function: "echo"}},
			want: "echo-delivery-dlq-depth schedule-drops schedule-errors",
			do: func(t *testing.T, c *local.Cloud) {
				if err := c.FireSchedule(t.Context(), "alchemiser-test-echo-daily", monday); err != nil {
					t.Fatal(err)
				}
			}},
		{name: "a failed event that its queue does not take", want: "echo-destination-failures echo-errors",
			edit: [2]string{withoutGrant, withAnother}, do: func(t *testing.T, c *local.Cloud) { put(t, c, "Ping", `{"do":"error"}`) }},
		{name: "a metric of our own", want: "poison", do: func(t *testing.T, c *local.Cloud) { say(t, c, ours.Replace(metric)) }},
		{name: "another environment's metric",
			do: func(t *testing.T, c *local.Cloud) {
				say(t, c, strings.NewReplacer("ENV", "other", "NAME", "Poison").Replace(metric))
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := start(t, func(o *local.Options) {
				o.Faults = &fault.Plan{}
				for _, f := range test.faults {
					if err := o.Faults.Add(f); err != nil {
						t.Fatal(err)
					}
				}
				if test.edit[0] != "" {
					o.Templates = edited(t, test.edit[0], test.edit[1])
				}
			})
			test.do(t, c)
			s := quiesce(t, c)
			if got := strings.Join(fired(s), " "); got != test.want {
				t.Errorf("fired: %q, want %q", got, test.want)
			}
			if len(s.Alarms) != len(c.Model().Alarms) {
				t.Errorf("%d of %d alarms are evaluated", len(s.Alarms), len(c.Model().Alarms))
			}
			for _, a := range s.Alarms {
				if a.Fired && (len(a.Actions) != 1 || a.Actions[0] != "arn:aws:sns:us-east-1:111111111111:alchemiser-test-alarms") {
					t.Errorf("%+v", a)
				}
			}
		})
	}
}

func say(t *testing.T, c *local.Cloud, payload string) {
	t.Helper()
	if _, err := c.Invoke(context.Background(), "echo", []byte(payload)); err != nil {
		t.Fatal(err)
	}
}

// An event that waits for six minutes, because the function is throttled again and again.
func TestAlarmOnTheAgeOfAnEvent(t *testing.T) {
	plan := &fault.Plan{}
	if err := plan.Add(fault.Fault{Do: fault.Throttle, Function: "echo", Times: 3}); err != nil {
		t.Fatal(err)
	}
	var cloud atomic.Pointer[local.Cloud]
	c := start(t, func(o *local.Options) {
		o.Faults = plan
		o.Backoff.Async.ThrottleMin, o.Backoff.Async.ThrottleMax = 50*time.Millisecond, 50*time.Millisecond
		o.Observer = func(e local.Event) {
			if e.Kind == local.Throttled {
				cloud.Load().Advance(2 * time.Minute)
			}
		}
	})
	cloud.Store(c)
	put(t, c, "Ping", `{"do":"count"}`)
	s := quiesce(t, c)
	if got, want := strings.Join(fired(s), " "), "echo-async-age echo-throttles heartbeat"; got != want {
		t.Errorf("fired: %q, want %q", got, want)
	}
}
