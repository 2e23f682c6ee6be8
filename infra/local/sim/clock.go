package sim

import (
	"context"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
)

// bookClock is the broker's: the true time. Nobody sleeps on it.
type bookClock struct{ loop *loop }

func (c bookClock) Now() time.Time { return time.Unix(0, c.loop.now).UTC() }

func (bookClock) Sleep(context.Context, time.Duration) error {
	panic("sim: the book does not wait")
}

// machineClock is the clock of an invocation's machine: the true time and a
// skew of its own. Sleeping on it lets the world go on.
type machineClock struct{ of *invocation }

var (
	_ env.Clock    = machineClock{}
	_ env.Timeouts = machineClock{}
	_ env.Tasks    = (*invocation)(nil)
)

func (c machineClock) Now() time.Time { return time.Unix(0, c.of.world.loop.now+c.of.skew).UTC() }

func (c machineClock) Sleep(ctx context.Context, d time.Duration) error {
	l := c.of.world.loop
	until, err := l.now+int64(max(d, 0)), ctx.Err()
	if end, ok := deadlineOf(ctx); ok && end < until {
		until, err = max(end, l.now), context.DeadlineExceeded
	}
	if err != nil && until == l.now {
		return err
	}
	l.current.sleep(until)
	return err
}

type deadlineKey struct{}

func deadlineOf(ctx context.Context) (int64, bool) {
	end, ok := ctx.Value(deadlineKey{}).(int64)
	return end, ok
}

// WithTimeout implements env.Timeouts: deadlines pass in virtual time.
func (c machineClock) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	end := c.of.world.loop.now + int64(d)
	if outer, ok := deadlineOf(ctx); ok && outer < end {
		end = outer
	}
	return context.WithValue(ctx, deadlineKey{}, end), func() {}
}

// Do implements env.Tasks: the pieces of work are processes of the invocation
// and take turns where they wait.
func (i *invocation) Do(n, most int, f func(k int)) {
	if n <= 1 {
		for k := range n {
			f(k)
		}
		return
	}
	l := i.world.loop
	parent, next, running := l.current, 0, min(n, most)
	for range running {
		l.spawn(i, func() {
			for next < n {
				k := next
				next++
				f(k)
			}
		}, func() {
			if running--; running == 0 {
				l.wakeAt(parent, l.now)
			}
		})
	}
	parent.park()
}
