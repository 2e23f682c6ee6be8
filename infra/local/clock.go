package local

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
)

// Clock is a rehearsal clock: the machine's, moved, and movable on. It may be used concurrently.
type Clock struct{ offset atomic.Int64 }

// NewClock returns a clock that is ahead of the machine's.
func NewClock(offset time.Duration) *Clock {
	c := &Clock{}
	c.Advance(offset)
	return c
}

// Now implements env.Clock.
func (c *Clock) Now() time.Time { return env.SystemClock(c.Offset()).Now() }

// Sleep implements env.Clock. A sleep under way is not shortened by Advance.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	return env.SystemClock(0).Sleep(ctx, d)
}

// Offset is how far the clock is ahead of the machine's.
func (c *Clock) Offset() time.Duration { return time.Duration(c.offset.Load()) }

// Advance moves the clock on.
func (c *Clock) Advance(d time.Duration) { c.offset.Add(int64(d)) }
