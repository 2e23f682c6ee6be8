package alpacabroker

import (
	"context"
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
)

// Alpaca takes 200 requests a minute from an account; several functions and
// the account's owner share them. A minute that begins with a burst has at
// most burst + perMinute of ours.
const (
	perMinute = 150
	burst     = 45 // a minute that begins with a full bucket sees 195
	forOrders = 10 // of the burst, that reads leave for orders and cancels
)

type priority int

const (
	reading priority = iota
	ordering
)

// quota is a token bucket.
type quota struct {
	clock env.Clock

	mu     sync.Mutex
	tokens float64
	filled time.Time
}

func newQuota(clock env.Clock) *quota {
	return &quota{clock: clock, tokens: burst, filled: clock.Now()}
}

// take waits for a turn, or for the end of ctx. Without a quota it is always
// the caller's turn.
func (q *quota) take(ctx context.Context, p priority) error {
	if q == nil {
		return ctx.Err()
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		wait := q.try(p)
		if wait == 0 {
			return nil
		}
		if err := q.clock.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// try takes a token, or says how long until there may be one.
func (q *quota) try(p priority) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	const perSecond = perMinute / 60.0
	now := q.clock.Now()
	if passed := now.Sub(q.filled); passed > 0 {
		q.tokens = min(burst, q.tokens+passed.Seconds()*perSecond)
	}
	q.filled = now
	need := 1.0
	if p == reading {
		need += forOrders
	}
	if q.tokens >= need {
		q.tokens--
		return 0
	}
	return time.Duration((need-q.tokens)/perSecond*float64(time.Second)) + time.Millisecond
}
