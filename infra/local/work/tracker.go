// Package work counts what is under way, so that a test can wait until nothing is, without sleeping. Whoever starts work counts it
// before the work that caused it is done; so the count reaches zero only when a whole chain has ended.
//
//	var t work.Tracker
//	t.Begin()
//	go func() { defer t.End(); deliver() }()
//	err := t.Idle(ctx)
package work

import (
	"context"
	"slices"
	"sync"
)

// Tracker is a count of things under way. The zero value is ready.
type Tracker struct {
	mu      sync.Mutex
	count   int
	idle    chan struct{}   // closed when count returns to zero; nil while nobody waits
	resting []chan struct{} // of those that wait in Rest, oldest first
}

// Begin counts one more thing under way.
func (t *Tracker) Begin() {
	t.mu.Lock()
	t.count++
	t.mu.Unlock()
}

// End counts one thing less. It panics when nothing is under way, because the count would then lie for ever.
func (t *Tracker) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count == 0 {
		panic("work: End without Begin")
	}
	t.count--
	if t.count == 0 && t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
	t.wake()
}

// Count is the number of things under way.
func (t *Tracker) Count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// Rest is called by something under way. It returns when everything else under way has ended or rests as well, one of those that rest
// after the other, or with the context's error.
func (t *Tracker) Rest(ctx context.Context) error {
	turn := make(chan struct{})
	t.mu.Lock()
	t.resting = append(t.resting, turn)
	t.wake()
	t.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		t.mu.Lock()
		defer t.mu.Unlock()
		t.resting = slices.DeleteFunc(t.resting, func(c chan struct{}) bool { return c == turn })
		return ctx.Err()
	}
}

// wake ends the oldest rest once nothing else is going on.
func (t *Tracker) wake() {
	if len(t.resting) > 0 && t.count == len(t.resting) {
		close(t.resting[0])
		t.resting = t.resting[1:]
	}
}

// Idle returns when nothing is under way, or with the context's error.
func (t *Tracker) Idle(ctx context.Context) error {
	t.mu.Lock()
	if t.count == 0 {
		t.mu.Unlock()
		return nil
	}
	if t.idle == nil {
		t.idle = make(chan struct{})
	}
	idle := t.idle
	t.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
