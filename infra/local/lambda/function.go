package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/fault"
)

// Function runs invocations, each in an environment of its own while it lasts.
type Function struct {
	Spec
	host *Host

	mu      sync.Mutex
	idle    []*environment // the last one used is at the end
	running int
}

// Invocation is one call of a function. RequestID is the same for all attempts of one asynchronous event.
type Invocation struct {
	RequestID string
	ARN       string // as invoked, with its qualifier
	Payload   []byte
	EventType string    // detail-type of an event, for faults and the timeline; may be empty
	Attempt   int       // from 1
	Accepted  time.Time // by the asynchronous queue; zero for a call that waits for the answer
}

// Result is what became of an invocation. Throttled means that it did not run.
type Result struct {
	Payload   []byte
	Failed    bool // Payload is then {"errorType":…,"errorMessage":…}
	Throttled bool
	Cold      bool
	Started   time.Time
	Duration  time.Duration
}

// Error returns the error's type and message, or two empty texts.
func (r Result) Error() (kind, message string) {
	if !r.Failed {
		return "", ""
	}
	var e struct{ ErrorType, ErrorMessage string }
	if json.Unmarshal(r.Payload, &e) != nil {
		return "Unknown", string(r.Payload)
	}
	return e.ErrorType, e.ErrorMessage
}

// Running is the number of invocations under way.
func (f *Function) Running() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.running
}

// Invoke runs one invocation to its end: a result, an exit or the timeout. The context ends it early, as a timeout would.
func (f *Function) Invoke(ctx context.Context, i Invocation) Result {
	_, throttle := f.host.options.Faults.Take(fault.Occurrence{Do: fault.Throttle, Function: f.Service, EventType: i.EventType})
	f.mu.Lock()
	if throttle || f.running >= f.Limit {
		f.mu.Unlock()
		return Result{Throttled: true}
	}
	f.running++
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.running--
		f.mu.Unlock()
	}()
	started := f.host.options.Clock.Now()
	e, cold, failure := f.acquire(ctx, i.RequestID)
	r := Result{Payload: failure, Failed: true}
	if e != nil {
		r = f.run(ctx, e, i)
	}
	r.Cold, r.Started, r.Duration = cold, started, f.host.options.Clock.Now().Sub(started)
	return r
}

// acquire takes the environment used last or starts one. Without an environment, failure says why.
func (f *Function) acquire(ctx context.Context, requestID string) (e *environment, cold bool, failure []byte) {
	f.mu.Lock()
	for len(f.idle) > 0 {
		e := f.idle[len(f.idle)-1]
		f.idle = f.idle[:len(f.idle)-1]
		if !e.isDead() {
			f.mu.Unlock()
			return e, false, nil
		}
	}
	f.mu.Unlock()
	e, err := f.newEnvironment()
	if err != nil {
		return nil, true, errorPayload("Runtime.InitError", err.Error())
	}
	limit := time.NewTimer(initTimeout)
	defer limit.Stop()
	select {
	case <-e.ready:
		return e, true, nil
	case <-e.dead:
		e.mu.Lock()
		failure := e.initError
		e.mu.Unlock()
		if failure == nil {
			failure = errorPayload("Runtime.ExitError", e.exitMessage(requestID))
		}
		return nil, true, failure
	case <-limit.C:
	case <-ctx.Done():
	case <-f.host.ctx.Done():
	}
	e.kill()
	<-e.dead
	return nil, true, errorPayload("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: init did not end within %s", requestID, initTimeout))
}

// run hands the invocation to the child and waits for its end.
func (f *Function) run(ctx context.Context, e *environment, i Invocation) Result {
	clock := f.host.options.Clock
	h := &handover{Invocation: i, deadline: clock.Now().Add(f.Timeout), reply: make(chan reply, 2)}
	e.mu.Lock()
	e.current = h
	e.mu.Unlock()
	if _, ok := f.host.options.Faults.Take(fault.Occurrence{Do: fault.KillBeforeWork, Function: f.Service, EventType: i.EventType}); ok {
		e.kill()
		<-e.dead
	}
	limit := time.NewTimer(f.Timeout)
	defer limit.Stop()
	select {
	case e.work <- h:
	case <-e.dead:
		return Result{Failed: true, Payload: errorPayload("Runtime.ExitError", e.exitMessage(i.RequestID))}
	case <-limit.C: // the child hung up while it was frozen
		e.kill()
		<-e.dead
		return Result{Failed: true, Payload: timeoutPayload(i.RequestID, f.Timeout)}
	}
	if k, ok := f.host.options.Faults.Take(fault.Occurrence{Do: fault.KillWhileWorking, Function: f.Service, EventType: i.EventType}); ok {
		defer time.AfterFunc(k.Delay, func() { e.killDuring(h) }).Stop()
	}
	r, alive := f.await(ctx, e, h, limit.C)
	e.mu.Lock()
	e.current = nil
	e.mu.Unlock()
	if alive {
		e.flush(i.RequestID)
		f.mu.Lock()
		f.idle = append(f.idle, e)
		f.mu.Unlock()
	}
	return r
}

// await returns the result and whether the environment can be used again. An invocation has ended only when the child asks for the
// next one or exits.
func (f *Function) await(ctx context.Context, e *environment, h *handover, limit <-chan time.Time) (Result, bool) {
	end := func(r Result) (Result, bool) {
		e.kill()
		<-e.dead
		return r, false
	}
	timedOut := Result{Failed: true, Payload: timeoutPayload(h.RequestID, f.Timeout)}
	var result Result
	select {
	case r := <-h.reply:
		result = Result{Payload: r.payload, Failed: r.failed}
	case <-e.dead:
		select {
		case r := <-h.reply: // it answered and exited
			return Result{Payload: r.payload, Failed: r.failed}, false
		default:
		}
		return end(Result{Failed: true, Payload: errorPayload("Runtime.ExitError", e.exitMessage(h.RequestID))})
	case <-limit:
		return end(timedOut)
	case <-ctx.Done():
		return end(timedOut)
	case <-f.host.ctx.Done():
		return end(timedOut)
	}
	select {
	case <-e.ready:
		return result, true
	case <-e.dead:
	case <-limit:
	case <-f.host.ctx.Done():
	}
	return end(result)
}

func timeoutPayload(requestID string, timeout time.Duration) []byte {
	return errorPayload("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", requestID, timeout.Seconds()))
}
