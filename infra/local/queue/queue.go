// Package queue keeps SQS queues in memory: at-least-once delivery with visibility timeouts, receive counts and long polling;
// enough for dead-letter reading and redrive.
//
//	q := queue.New("alchemiser-dev-signal-failure-dlq", queue.Options{Clock: clock, Visibility: 30 * time.Second})
//	q.Send(record, nil)
//	for _, m := range q.Receive(ctx, 10, -1, time.Second) { handle(m); q.Delete(m.Receipt) }
package queue

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
)

// Options configure a Queue.
type Options struct {
	Clock      env.Clock
	Visibility time.Duration // how long a received message stays hidden
	Retention  time.Duration // 0 keeps messages for ever
}

// Queue is one standard queue, safe for concurrent use.
type Queue struct {
	Name    string
	options Options

	mu       sync.Mutex
	messages []*message
	changed  chan struct{} // closed and replaced when a message may have become visible
}

// Message is a message as received. Attributes are message attributes of type String.
type Message struct {
	ID, Receipt, Body string
	Attributes        map[string]string
	Sent              time.Time
	FirstReceived     time.Time
	Receives          int
}

type message struct {
	Message
	visible time.Time
}

// New returns an empty queue.
func New(name string, o Options) *Queue {
	return &Queue{Name: name, options: o, changed: make(chan struct{})}
}

// Send appends a message and returns its id.
func (q *Queue) Send(body string, attributes map[string]string) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.options.Clock.Now()
	m := &message{Message: Message{ID: env.Token(), Body: body, Attributes: maps.Clone(attributes), Sent: now}, visible: now}
	q.messages = append(q.messages, m)
	q.wake()
	return m.ID
}

func (q *Queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// Receive returns up to n visible messages and hides them for the visibility timeout (negative: the queue's). It waits up to the
// given time for the first one.
func (q *Queue) Receive(ctx context.Context, n int, visibility, wait time.Duration) []Message {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	for {
		taken, changed, next := q.take(n, visibility)
		if len(taken) > 0 || wait <= 0 {
			return taken
		}
		again := make(<-chan time.Time)
		if next > 0 {
			again = time.After(next)
		}
		select {
		case <-changed:
		case <-again:
		case <-deadline.C:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// take also returns when to look again: at a change, or after the time until the next hidden message shows (0: none is hidden).
func (q *Queue) take(n int, visibility time.Duration) (taken []Message, changed <-chan struct{}, next time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if visibility < 0 {
		visibility = q.options.Visibility
	}
	now := q.options.Clock.Now()
	q.expire(now)
	for _, m := range q.messages {
		if hidden := m.visible.Sub(now); hidden > 0 {
			if next == 0 || hidden < next {
				next = hidden
			}
			continue
		}
		if len(taken) == n {
			break
		}
		if m.Receives == 0 {
			m.FirstReceived = now
		}
		m.Receives++
		m.Receipt = env.Token()
		m.visible = now.Add(visibility)
		taken = append(taken, m.Message)
	}
	return taken, q.changed, next
}

func (q *Queue) expire(now time.Time) {
	if q.options.Retention == 0 {
		return
	}
	kept := q.messages[:0]
	for _, m := range q.messages {
		if now.Sub(m.Sent) < q.options.Retention {
			kept = append(kept, m)
		}
	}
	q.messages = kept
}

// Delete removes the message received under the receipt. A stale receipt deletes nothing, which SQS does not report either.
func (q *Queue) Delete(receipt string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if m := q.received(receipt); m != nil {
		q.messages = slices.DeleteFunc(q.messages, func(other *message) bool { return other == m })
	}
}

// Duplicate puts a copy of the message received under the receipt back into the queue: a copy that a lost server kept, which
// deleting the message does not reach.
func (q *Queue) Duplicate(receipt string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if m := q.received(receipt); m != nil {
		twin := *m
		twin.Receipt, twin.visible = "", q.options.Clock.Now()
		q.messages = append(q.messages, &twin)
		q.wake()
	}
}

// ChangeVisibility hides the message for another time from now; 0 shows it. It reports whether the receipt is current.
func (q *Queue) ChangeVisibility(receipt string, d time.Duration) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	m := q.received(receipt)
	if m == nil {
		return false
	}
	m.visible = q.options.Clock.Now().Add(d)
	q.wake()
	return true
}

// received is the message that was received last under the receipt, nil if
// there is none. A message that was never received has no receipt.
func (q *Queue) received(receipt string) *message {
	for _, m := range q.messages {
		if m.Receipt == receipt && receipt != "" {
			return m
		}
	}
	return nil
}

// Purge removes everything.
func (q *Queue) Purge() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages = nil
}

// Count returns how many messages can be received now and how many are hidden.
func (q *Queue) Count() (visible, hidden int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.options.Clock.Now()
	q.expire(now)
	for _, m := range q.messages {
		if m.visible.After(now) {
			hidden++
		} else {
			visible++
		}
	}
	return visible, hidden
}

// Peek returns every message without receiving it.
func (q *Queue) Peek() []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := make([]Message, len(q.messages))
	for i, m := range q.messages {
		list[i] = m.Message
		list[i].Attributes = maps.Clone(m.Attributes)
	}
	return list
}

// Defaults returns the visibility timeout and the retention.
func (q *Queue) Defaults() (visibility, retention time.Duration) {
	return q.options.Visibility, q.options.Retention
}
