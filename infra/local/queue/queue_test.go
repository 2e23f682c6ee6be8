package queue

import (
	"context"
	"sync"
	"testing"
	"time"
)

// clock is a clock the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(context.Context, time.Duration) error { return nil }

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestVisibility(t *testing.T) {
	ctx := context.Background()
	c := &clock{now: time.Date(2026, 1, 5, 14, 35, 0, 0, time.UTC)}
	q := New("q", Options{Clock: c, Visibility: 30 * time.Second, Retention: time.Hour})
	q.Send("one", map[string]string{"ERROR_CODE": "NO_PERMISSIONS"})
	first := q.Receive(ctx, 10, -1, 0)
	if len(first) != 1 || first[0].Receives != 1 || first[0].Attributes["ERROR_CODE"] != "NO_PERMISSIONS" {
		t.Fatalf("%+v", first)
	}
	if again := q.Receive(ctx, 10, -1, 0); len(again) != 0 {
		t.Errorf("a hidden message was received: %+v", again)
	}
	c.advance(30 * time.Second)
	second := q.Receive(ctx, 10, -1, 0)
	if len(second) != 1 || second[0].Receives != 2 || second[0].ID != first[0].ID {
		t.Fatalf("%+v", second)
	}
	q.Delete(first[0].Receipt)
	if visible, hidden := q.Count(); visible != 0 || hidden != 1 {
		t.Errorf("a stale receipt deleted the message: %d visible, %d hidden", visible, hidden)
	}
	if !q.ChangeVisibility(second[0].Receipt, 0) || q.ChangeVisibility("other", 0) {
		t.Error("visibility")
	}
	third := q.Receive(ctx, 10, -1, 0)
	if len(third) != 1 {
		t.Fatal("the message shown again was not received")
	}
	q.Delete(third[0].Receipt)
	if list := q.Peek(); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}

func TestRetention(t *testing.T) {
	c := &clock{now: time.Unix(0, 0)}
	q := New("q", Options{Clock: c, Retention: time.Hour})
	q.Send("one", nil)
	c.advance(time.Hour)
	if visible, hidden := q.Count(); visible+hidden != 0 {
		t.Error("an expired message is still there")
	}
}

func TestLongPoll(t *testing.T) {
	q := New("q", Options{Clock: &clock{now: time.Unix(0, 0)}, Visibility: time.Minute})
	got := make(chan []Message)
	go func() { got <- q.Receive(context.Background(), 1, -1, 20*time.Second) }()
	q.Send("one", nil)
	if m := <-got; len(m) != 1 || m[0].Body != "one" {
		t.Errorf("%+v", m)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if m := q.Receive(ctx, 1, -1, 20*time.Second); len(m) != 0 {
		t.Errorf("%+v", m)
	}
}
