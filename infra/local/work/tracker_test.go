package work

import (
	"context"
	"errors"
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
