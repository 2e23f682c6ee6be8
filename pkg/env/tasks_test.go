package env_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
)

func TestGoroutinesRunEveryPieceAndFewAtOnce(t *testing.T) {
	var running, most, done atomic.Int64
	tasks := env.Goroutines()
	var lock sync.Mutex
	tasks.Do(40, 3, func(int) {
		now := running.Add(1)
		lock.Lock()
		most.Store(max(most.Load(), now))
		lock.Unlock()
		done.Add(1)
		running.Add(-1)
	})
	if done.Load() != 40 || most.Load() > 3 {
		t.Errorf("%d pieces ran, %d at once", done.Load(), most.Load())
	}
}

func TestWithTimeoutWithoutAClockOfItsOwn(t *testing.T) {
	ctx, cancel := env.WithTimeout(t.Context(), env.SystemClock(0), time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Error(ctx.Err())
	}
}
