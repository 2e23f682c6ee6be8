package topology_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// Registry and topology are the only two lists of event types; this is the
// proof that they agree (F05).
func TestF05TopologyAgreesWithTheRegistry(t *testing.T) {
	published := map[topology.Subscription]bool{}
	for _, f := range topology.Functions() {
		for _, typ := range f.Publishes {
			entry, err := events.Lookup(typ)
			if err != nil {
				t.Errorf("%s publishes %s: %v", f.Name, typ, err)
				continue
			}
			admitted := false
			for _, s := range f.Sources() {
				if entry.Admits(s) {
					admitted = true
					published[topology.Subscription{Source: s, Type: typ}] = true
				}
			}
			if !admitted {
				t.Errorf("%s may publish %s, but the registry admits none of its sources %v", f.Name, typ, f.Sources())
			}
		}
	}
	for _, f := range topology.Functions() {
		for _, s := range f.Consumes {
			if !published[s] {
				t.Errorf("%s consumes %s from %s, which nobody publishes", f.Name, s.Type, s.Source)
			}
		}
	}
	for pair := range published {
		n := len(topology.Consumers(pair.Source, pair.Type))
		if audit := pair.Type == events.TypeWorkflowCompleted; audit != (n == 0) {
			t.Errorf("%s from %s has %d consumers", pair.Type, pair.Source, n)
		}
	}
	for _, e := range events.Registry() {
		if !slices.ContainsFunc(topology.Functions(), func(f topology.Function) bool { return f.MayPublish(e.Type) }) {
			t.Errorf("nobody publishes %s", e.Type)
		}
	}
}

// An error in the handling of errors must not create events (F02).
func TestF02NoLoops(t *testing.T) {
	notifier, err := topology.Lookup(topology.Notifier)
	if err != nil || len(notifier.Publishes) != 0 {
		t.Fatalf("notifier publishes %v (%v)", notifier.Publishes, err)
	}
	if got := topology.Consumers(events.SourceNotifications, events.TypeErrorNotificationRequested); !slices.Equal(got, []topology.Name{topology.Notifier}) {
		t.Errorf("error notifications reach %v, want only notifier", got)
	}
	for _, f := range topology.Functions() {
		for _, s := range f.Consumes {
			own := f.MayPublish(s.Type) && slices.Contains(f.Sources(), s.Source)
			bounded := f.Name == topology.Execution && s.Type == events.TypeTradeExecutionContinued || // n ≤ 10
				f.Name == topology.Monitor && s.Type == events.TypeWorkflowFailed // one per run, derived id
			if own && !bounded {
				t.Errorf("%s consumes its own %s", f.Name, s.Type)
			}
		}
	}
}

func TestF20DeliveryEndsWithTheRun(t *testing.T) {
	for _, f := range topology.Functions() {
		for _, s := range f.Consumes {
			e, err := events.Lookup(s.Type)
			if err != nil {
				t.Fatal(err)
			}
			if e.Class == events.Trading && f.Delivery.MaxAge > 15*time.Minute {
				t.Errorf("%s is delivered to %s for up to %s, longer than a run", s.Type, f.Name, f.Delivery.MaxAge)
			}
		}
		if f.Async.MaxAge < 5*time.Minute {
			t.Errorf("%s: an async age of %s cuts off the second retry", f.Name, f.Async.MaxAge)
		}
		for _, s := range f.Schedules {
			if !json.Valid([]byte(s.Input)) {
				t.Errorf("schedule %s of %s: input is not JSON", s.Name, f.Name)
			}
		}
	}
}
