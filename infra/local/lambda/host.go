// Package lambda runs function binaries the way Lambda does: each execution environment is a child process that fetches its work
// from a Runtime API of its own. A process is frozen by not answering its request for work, reused last-in first-out, and never
// reused after a timeout or an exit.
//
//	host, err := lambda.NewHost(lambda.Options{Clock: clock, Sink: logs})
//	defer host.Close()
//	f := host.Add(lambda.Spec{Name: "alchemiser-dev-signal", Folder: "dist/signal", Timeout: 30 * time.Second, …})
//	result := f.Invoke(ctx, lambda.Invocation{RequestID: id, Payload: event})
package lambda

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/pkg/env"
)

// Options configure a Host.
type Options struct {
	Clock  env.Clock
	Faults *fault.Plan
	// Sink receives the lines an environment printed, in order, after each invocation and at its end. It must not block.
	Sink func(Output)
}

// Output is what an environment printed since the last time.
type Output struct {
	Function, LogGroup, Environment, RequestID string
	Lines                                      []string
}

// Spec describes one function.
type Spec struct {
	Name, Service string
	ARN           string // unqualified
	Folder        string // holds bootstrap; becomes LAMBDA_TASK_ROOT
	LogGroup      string
	Timeout       time.Duration
	MemoryMB      int
	Limit         int // concurrent invocations; 0 means 2
	// Variables returns the whole environment of a new child but for what the Runtime API adds. environment is its id, which the
	// caller may pass on as a session token to know the child by it.
	Variables func(environment string) map[string]string
}

const (
	// DefaultLimit is the number of concurrent invocations of one function.
	DefaultLimit = 2
	// initTimeout is how long a child may take from its start to its first request for work.
	initTimeout = 10 * time.Second
	// MaxSync and MaxAsync are Lambda's limits of payload and response, in bytes.
	MaxSync  = 6 << 20
	MaxAsync = 256 << 10
)

// Host runs functions. Close ends every child.
type Host struct {
	options Options
	spawn   chan func()
	closed  chan struct{}
	ctx     context.Context
	cancel  context.CancelFunc

	mu           sync.Mutex
	closing      bool
	functions    []*Function
	environments map[string]*environment
	ending       sync.WaitGroup
}

// NewHost returns a host without functions.
func NewHost(o Options) *Host {
	ctx, cancel := context.WithCancel(context.Background())
	h := &Host{options: o, spawn: make(chan func()), closed: make(chan struct{}), ctx: ctx, cancel: cancel,
		environments: map[string]*environment{}}
	go h.spawner()
	return h
}

// spawner starts children on one thread that lives as long as the host: the parent-death signal of a child is bound to the thread
// that started it.
func (h *Host) spawner() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		select {
		case start := <-h.spawn:
			start()
		case <-h.closed:
			return
		}
	}
}

// startEnvironment makes the environment known and starts its child on the spawner's thread.
func (h *Host) startEnvironment(e *environment) error {
	if !h.register(e) {
		return errors.New("the host is closing")
	}
	result := make(chan error, 1)
	h.spawn <- func() { result <- e.launch() } // the spawner lives until all that is registered has ended
	err := <-result
	if err != nil {
		h.unregister(e)
	}
	return err
}

// Add makes a function known.
func (h *Host) Add(s Spec) *Function {
	if s.Limit == 0 {
		s.Limit = DefaultLimit
	}
	f := &Function{Spec: s, host: h}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.functions = append(h.functions, f)
	return f
}

// Kill ends the process of an environment at once, as a crash would. It reports whether there is one.
func (h *Host) Kill(environment string) bool {
	h.mu.Lock()
	e, ok := h.environments[environment]
	h.mu.Unlock()
	if ok {
		e.kill()
	}
	return ok
}

// Recycle ends every process that waits for work, as the service does after some time. What runs goes on.
func (h *Host) Recycle() {
	h.mu.Lock()
	functions := slices.Clone(h.functions)
	h.mu.Unlock()
	for _, f := range functions {
		f.mu.Lock()
		idle := f.idle
		f.idle = nil
		f.mu.Unlock()
		for _, e := range idle {
			e.kill()
		}
	}
}

// Environments is the number of child processes per function.
func (h *Host) Environments() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	count := map[string]int{}
	for _, e := range h.environments {
		count[e.function.Name]++
	}
	return count
}

// Close kills every child, waits until all have exited and frees what they used. Running invocations end with an error.
func (h *Host) Close() {
	h.mu.Lock()
	if h.closing {
		h.mu.Unlock()
		h.ending.Wait()
		return
	}
	h.closing = true
	all := make([]*environment, 0, len(h.environments))
	for _, e := range h.environments {
		all = append(all, e)
	}
	h.mu.Unlock()
	h.cancel()
	for _, e := range all {
		e.kill()
	}
	h.ending.Wait()
	close(h.closed)
}

// register makes the environment known unless the host is closing.
func (h *Host) register(e *environment) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return false
	}
	h.environments[e.id] = e
	h.ending.Add(1)
	return true
}

func (h *Host) unregister(e *environment) {
	h.mu.Lock()
	delete(h.environments, e.id)
	h.mu.Unlock()
	h.ending.Done()
}
