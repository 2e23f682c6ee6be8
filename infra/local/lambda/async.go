package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/infra/local/work"
	"github.com/alchemiser/alchemiser/pkg/env"
)

// Backoff is how long the asynchronous queue waits. Ages are never scaled with it.
type Backoff struct {
	Retries     []time.Duration // after the first, second, … failed attempt; the last one repeats
	ThrottleMin time.Duration   // after the first refusal, doubling
	ThrottleMax time.Duration
	// Quiet, when set, stands for the minutes that the service waits before a retry, in which everything else ends: the retry waits until
	// nothing else is under way, and Quiet is called right before it; the times in Retries do not count then.
	Quiet func()
}

// AWS is what the service does: a minute, then two; after throttling a second, doubling to five minutes.
func AWS() Backoff {
	return Backoff{Retries: []time.Duration{time.Minute, 2 * time.Minute}, ThrottleMin: time.Second, ThrottleMax: 5 * time.Minute}
}

// Run is short enough to watch.
func Run() Backoff {
	return Backoff{Retries: []time.Duration{time.Second, 2 * time.Second}, ThrottleMin: 100 * time.Millisecond, ThrottleMax: 2 * time.Second}
}

// Test is as short as possible.
func Test() Backoff {
	return Backoff{Retries: []time.Duration{10 * time.Millisecond, 20 * time.Millisecond}, ThrottleMin: time.Millisecond, ThrottleMax: 20 * time.Millisecond}
}

// Horizon is the longest wait of the profile.
func (b Backoff) Horizon() time.Duration {
	longest := b.ThrottleMax
	for _, d := range b.Retries {
		longest = max(longest, d)
	}
	return longest
}

// retry is the wait after failed attempt n, from 1.
func (b Backoff) retry(n int) time.Duration {
	if len(b.Retries) == 0 {
		return 0
	}
	return b.Retries[min(n, len(b.Retries))-1]
}

// throttle is the wait after refusal n, from 1.
func (b Backoff) throttle(n int) time.Duration {
	d := b.ThrottleMin
	for ; n > 1 && d < b.ThrottleMax; n-- {
		d *= 2
	}
	return min(d, b.ThrottleMax)
}

// AsyncConfig says what becomes of asynchronous invocations that fail.
type AsyncConfig struct {
	Retries int
	MaxAge  time.Duration
	// OnFailure receives the record of an event that was given up; nil drops it.
	OnFailure func(record []byte)
}

// Async accepts events and works on them until they succeed or are given up.
type Async struct {
	Backoff Backoff
	Tracker *work.Tracker
	Clock   env.Clock
	Faults  *fault.Plan
	// Observe is told before and after every attempt that ran. It must not block.
	Observe func(f *Function, i Invocation, r *Result)
	// ResponseFieldsAlways puts responseContext into the record of an event that never ran. What AWS does is unknown.
	ResponseFieldsAlways bool

	held held
}

// Accept takes an event: the caller is answered before the function runs. It fails only when the event is too large.
func (a *Async) Accept(f *Function, i Invocation, c AsyncConfig) error {
	if len(i.Payload) > MaxAsync {
		return fmt.Errorf("function %s: the event has %d bytes, asynchronous invocations take %d", f.Name, len(i.Payload), MaxAsync)
	}
	a.begin(f, i, c)
	if _, ok := a.Faults.Take(fault.Occurrence{Do: fault.DeliverTwice, Function: f.Service, EventType: i.EventType}); ok {
		a.begin(f, i, c)
	}
	return nil
}

func (a *Async) begin(f *Function, i Invocation, c AsyncConfig) {
	i.Accepted = a.Clock.Now()
	a.Tracker.Begin()
	var turn chan struct{}
	reversed, ok := a.Faults.Take(fault.Occurrence{Do: fault.DeliverReversed, Function: f.Service, EventType: i.EventType})
	if ok {
		turn = a.held.push(f)
	}
	go func() {
		defer a.Tracker.End()
		if turn != nil && !a.held.wait(f.host.ctx, f, turn, reversed.Delay) {
			return
		}
		defer a.held.pop(f)
		a.work(f.host.ctx, f, i, c)
	}()
}

// work tries until success, the last retry, the age limit or the end of the host.
func (a *Async) work(ctx context.Context, f *Function, i Invocation, c AsyncConfig) {
	failures, refusals := 0, 0
	var last *Result
	if d, ok := a.Faults.Take(fault.Occurrence{Do: fault.DelayDelivery, Function: f.Service, EventType: i.EventType}); ok {
		if a.Clock.Sleep(ctx, d.Delay) != nil {
			return
		}
	}
	for {
		if a.Clock.Now().Sub(i.Accepted) > c.MaxAge {
			a.giveUp(i, c, "EventAgeExceeded", failures, last)
			return
		}
		i.Attempt = failures + 1
		r := a.attempt(ctx, f, i)
		switch {
		case r.Throttled:
			refusals++
			if a.Clock.Sleep(ctx, a.Backoff.throttle(refusals)) != nil {
				return
			}
		case !r.Failed:
			return
		default:
			failures++
			last = &r
			if failures > c.Retries {
				a.giveUp(i, c, "RetriesExhausted", failures, last)
				return
			}
			if a.rest(ctx, failures) != nil {
				return
			}
		}
	}
}

// rest is what lies between failed attempt n and the next one.
func (a *Async) rest(ctx context.Context, n int) error {
	if a.Backoff.Quiet == nil {
		return a.Clock.Sleep(ctx, a.Backoff.retry(n))
	}
	if err := a.Tracker.Rest(ctx); err != nil {
		return err
	}
	a.Backoff.Quiet()
	return nil
}

func (a *Async) attempt(ctx context.Context, f *Function, i Invocation) Result {
	if a.Observe == nil {
		return f.Invoke(ctx, i)
	}
	a.Observe(f, i, nil)
	r := f.Invoke(ctx, i)
	a.Observe(f, i, &r)
	return r
}

// record is the message an on-failure destination receives (fields documented).
type record struct {
	Version         string           `json:"version"`
	Timestamp       string           `json:"timestamp"`
	RequestContext  requestContext   `json:"requestContext"`
	RequestPayload  json.RawMessage  `json:"requestPayload"`
	ResponseContext *responseContext `json:"responseContext,omitempty"`
	ResponsePayload json.RawMessage  `json:"responsePayload,omitempty"`
}

type requestContext struct {
	RequestID              string `json:"requestId"`
	FunctionARN            string `json:"functionArn"`
	Condition              string `json:"condition"`
	ApproximateInvokeCount int    `json:"approximateInvokeCount"`
}

type responseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError,omitempty"`
}

func (a *Async) giveUp(i Invocation, c AsyncConfig, condition string, attempts int, last *Result) {
	if c.OnFailure == nil {
		return
	}
	r := record{Version: "1.0", Timestamp: a.Clock.Now().Format("2006-01-02T15:04:05.000Z"), RequestPayload: i.Payload,
		RequestContext: requestContext{i.RequestID, i.ARN, condition, attempts}}
	if last != nil {
		r.ResponseContext = &responseContext{200, "1", "Unhandled"}
		r.ResponsePayload = last.Payload
	} else if a.ResponseFieldsAlways {
		r.ResponseContext = &responseContext{200, "1", "Unhandled"}
		r.ResponsePayload = json.RawMessage("null")
	}
	text, err := json.Marshal(r)
	if err != nil { // a payload that is not JSON: keep it readable
		r.RequestPayload, _ = json.Marshal(string(i.Payload))
		if r.ResponsePayload != nil {
			r.ResponsePayload, _ = json.Marshal(string(last.Payload))
		}
		if text, err = json.Marshal(r); err != nil {
			text = []byte(err.Error())
		}
	}
	c.OnFailure(text)
}
