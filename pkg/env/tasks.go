package env

import (
	"context"
	"sync"
	"time"
)

// Tasks runs pieces of work side by side. It is injected because a goroutine
// runs when the machine likes: a simulation that must repeat itself decides
// that itself.
type Tasks interface {
	// Do runs f(0) … f(n−1), at most that many at the same time as most says,
	// and returns when all of them have.
	Do(n, most int, f func(k int))
}

// Goroutines runs every piece of work in a goroutine of its own.
func Goroutines() Tasks { return goroutines{} }

type goroutines struct{}

func (goroutines) Do(n, most int, f func(k int)) {
	if n == 1 {
		f(0)
		return
	}
	var wait sync.WaitGroup
	turns := make(chan struct{}, most)
	for k := range n {
		turns <- struct{}{}
		wait.Go(func() {
			defer func() { <-turns }()
			f(k)
		})
	}
	wait.Wait()
}

// Timeouts is implemented by clocks in whose time also deadlines pass.
type Timeouts interface {
	WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
}

// WithTimeout is context.WithTimeout in the time of the clock: the machine's,
// unless the clock says otherwise.
func WithTimeout(ctx context.Context, c Clock, d time.Duration) (context.Context, context.CancelFunc) {
	if t, ok := c.(Timeouts); ok {
		return t.WithTimeout(ctx, d)
	}
	return context.WithTimeout(ctx, d)
}
