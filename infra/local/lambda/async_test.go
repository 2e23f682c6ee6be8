package lambda

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/infra/local/work"
	"github.com/alchemiser/alchemiser/pkg/env"
)

// giveUp runs one event for a function without a binary, whose every attempt fails, and returns the record of its failure.
func giveUp(t *testing.T, f fault.Fault, maxAge time.Duration, always bool) (record map[string]json.RawMessage, attempts int) {
	t.Helper()
	plan := &fault.Plan{}
	if f.Do != "" {
		if err := plan.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	clock := env.SystemClock(0)
	host := NewHost(Options{Clock: clock, Faults: plan})
	defer host.Close()
	function := host.Add(Spec{Name: "f", Service: "f", Folder: t.TempDir(), Timeout: time.Second})
	var tracker work.Tracker
	async := &Async{Backoff: Test(), Tracker: &tracker, Clock: clock, Faults: plan, ResponseFieldsAlways: always,
		Observe: func(_ *Function, _ Invocation, r *Result) {
			if r != nil && !r.Throttled {
				attempts++
			}
		}}
	err := async.Accept(function, Invocation{RequestID: "r", ARN: "arn:f:live", Payload: []byte(`{"a":1}`)}, AsyncConfig{Retries: 2, MaxAge: maxAge,
		OnFailure: func(text []byte) {
			if err := json.Unmarshal(text, &record); err != nil {
				t.Error(err)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	if err := tracker.Idle(context.Background()); err != nil {
		t.Fatal(err)
	}
	return record, attempts
}

func TestRecordOfAnEventThatFailed(t *testing.T) {
	record, attempts := giveUp(t, fault.Fault{}, time.Minute, false)
	var c struct {
		Condition              string
		ApproximateInvokeCount int
	}
	if err := json.Unmarshal(record["requestContext"], &c); err != nil {
		t.Fatal(err)
	}
	if attempts != 3 || c.Condition != "RetriesExhausted" || c.ApproximateInvokeCount != 3 || string(record["requestPayload"]) != `{"a":1}` {
		t.Errorf("%d attempts, %s", attempts, record)
	}
}

// Throttling counts as no attempt, but an event does not wait for ever. F20: the age is never scaled with the waits.
func TestF20RecordOfAnEventThatNeverRan(t *testing.T) {
	for _, always := range []bool{false, true} {
		record, attempts := giveUp(t, fault.Fault{Do: fault.Throttle, Times: -1}, 30*time.Millisecond, always)
		var c struct{ Condition string }
		if err := json.Unmarshal(record["requestContext"], &c); err != nil {
			t.Fatal(err)
		}
		if _, has := record["responseContext"]; attempts != 0 || c.Condition != "EventAgeExceeded" || has != always {
			t.Errorf("%d attempts, %s", attempts, record)
		}
	}
}

func TestEventTooLarge(t *testing.T) {
	host := NewHost(Options{Clock: env.SystemClock(0)})
	defer host.Close()
	f := host.Add(Spec{Name: "f"})
	async := &Async{Tracker: &work.Tracker{}, Clock: env.SystemClock(0)}
	if err := async.Accept(f, Invocation{Payload: make([]byte, MaxAsync+1)}, AsyncConfig{}); err == nil {
		t.Error("an event above the limit was accepted")
	}
}

func TestBackoff(t *testing.T) {
	b := AWS()
	if b.retry(1) != time.Minute || b.retry(2) != 2*time.Minute || b.retry(9) != 2*time.Minute {
		t.Error("retries wait one minute, then two")
	}
	for n, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 20: 5 * time.Minute} {
		if got := b.throttle(n); got != want {
			t.Errorf("refusal %d waits %s, want %s", n, got, want)
		}
	}
}
