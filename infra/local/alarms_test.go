package local_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/fault"
)

func firing(s local.Snapshot) []string {
	names := []string{}
	for _, a := range s.Alarms {
		if a.Firing {
			names = append(names, a.Name)
		}
	}
	slices.Sort(names)
	return names
}

func TestAlarmsOfAFailingFunction(t *testing.T) {
	c := start(t, nil)
	if s := c.Snapshot(); len(firing(s)) != 0 || len(s.Alarms) == 0 {
		t.Fatalf("before anything happened: %+v", s.Alarms)
	}
	put(t, c, "Ping", `{"do":"error"}`)
	s := quiesce(t, c)
	if got, want := firing(s), []string{"alchemiser-test-echo-errors", "alchemiser-test-echo-failure-dlq-depth"}; !slices.Equal(got, want) {
		t.Fatalf("firing: %v, want %v", got, want)
	}
	for _, a := range s.Alarms {
		if a.Firing && (len(a.Actions) != 1 || a.Actions[0] != "arn:aws:sns:us-east-1:111111111111:alchemiser-test-alarms" || a.Threshold != 1) {
			t.Errorf("%+v", a)
		}
		if a.Name == "alchemiser-test-echo-errors" && (a.Value != 3 || a.Metric != "AWS/Lambda/Errors") {
			t.Errorf("%+v", a)
		}
	}
	var unknown []string
	for _, a := range s.Unevaluated {
		unknown = append(unknown, a.Name)
		if a.Reason == "" {
			t.Errorf("%s: no reason", a.Name)
		}
	}
	slices.Sort(unknown)
	if want := []string{"alchemiser-test-echo-async-age", "alchemiser-test-echo-rule-losses", "alchemiser-test-heartbeat", "alchemiser-test-sink-async-age"}; !slices.Equal(unknown, want) {
		t.Errorf("not evaluated: %v, want %v", unknown, want)
	}
}

func TestAlarmsOnOwnMetricsAndThrottles(t *testing.T) {
	plan := &fault.Plan{}
	if err := plan.Add(fault.Fault{Do: fault.Throttle, Function: "echo"}); err != nil {
		t.Fatal(err)
	}
	c := start(t, func(o *local.Options) { o.Faults = plan })
	put(t, c, "Ping", `{"do":"count"}`)
	quiesce(t, c)
	metric := `{"do":"print","name":"{\"_aws\":{\"CloudWatchMetrics\":[{\"Namespace\":\"Alchemiser\",\"Dimensions\":[[\"Environment\"]],\"Metrics\":[{\"Name\":\"Poison\"}]}]},\"Environment\":\"ENV\",\"Poison\":1}"}`
	for _, environment := range []string{"other", "test"} {
		if environment == "test" && slices.Contains(firing(c.Snapshot()), "alchemiser-test-poison") {
			t.Error("another environment's metric fires the alarm")
		}
		if _, err := c.Invoke(context.Background(), "echo", []byte(strings.Replace(metric, "ENV", environment, 1))); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := firing(quiesce(t, c)), []string{"alchemiser-test-echo-throttles", "alchemiser-test-poison"}; !slices.Equal(got, want) {
		t.Errorf("firing: %v, want %v", got, want)
	}
}
