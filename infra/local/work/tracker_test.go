package work

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
)

func TestIdleWaitsForAChain(t *testing.T) {
	var tracker Tracker
	var ended atomic.Int32
	var step func(n int)
	step = func(n int) {
		defer tracker.End()
		if n > 0 {
			tracker.Begin() // counted before this step ends
			go step(n - 1)
		}
		ended.Add(1)
	}
	tracker.Begin()
	go step(100)
	if err := tracker.Idle(context.Background()); err != nil {
		t.Fatal(err)
	}
	if ended.Load() != 101 || tracker.Count() != 0 {
		t.Errorf("%d steps had ended", ended.Load())
	}
}

func TestIdleEndsWithContext(t *testing.T) {
	var tracker Tracker
	tracker.Begin()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := tracker.Idle(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	tracker.End()
	defer func() {
		if recover() == nil {
			t.Error("End without Begin did not panic")
		}
	}()
	tracker.End()
}

// What rests goes on one at a time, and only when nothing else is going on.
func TestRestWaitsForEverythingElse(t *testing.T) {
	var tracker Tracker
	var ended atomic.Int32 // of what does not rest
	var going atomic.Int32 // of what does, at the same time
	for range 3 {
		tracker.Begin()
	}
	for range 2 {
		go func() {
			defer tracker.End()
			if err := tracker.Rest(context.Background()); err != nil {
				t.Error(err)
			}
			if ended.Load() != 1 {
				t.Error("woken while something was under way")
			}
			if going.Add(1) != 1 {
				t.Error("woken together")
			}
			runtime.Gosched()
			going.Add(-1)
		}()
	}
	go func() {
		defer tracker.End()
		runtime.Gosched()
		ended.Add(1)
	}()
	if err := tracker.Idle(context.Background()); err != nil {
		t.Fatal(err)
	}
	tracker.Begin()
	tracker.Begin()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := tracker.Rest(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
