package transcript

import (
	"context"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
)

// Clock is the clock with its readings written down, or the one of the
// transcript that is played: it goes as it went, and waits for nothing.
func (t *Tape) Clock(c env.Clock) env.Clock {
	if t == nil {
		return c
	}
	return clock{t, c}
}

type clock struct {
	tape *Tape
	of   env.Clock
}

// Now implements env.Clock.
func (c clock) Now() time.Time { return c.NowIn("") }

// NowIn is Now for a lane: see env.InLane.
func (c clock) NowIn(lane string) time.Time {
	t := c.tape
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.play != nil {
		return t.play.now(lane, t.inside())
	}
	now := c.of.Now().Round(0) // without the monotonic reading: a repetition has none
	if t.rec != nil {
		last, ok := t.rec.last[lane]
		if !ok {
			last = t.rec.head.Began
		}
		t.rec.head.Readings[lane] = append(t.rec.head.Readings[lane], now.Sub(last).Nanoseconds())
		t.rec.last[lane] = now
	}
	return now
}

// Sleep implements env.Clock.
func (c clock) Sleep(ctx context.Context, d time.Duration) error {
	_, err := Call(ctx, Port{Tape: c.tape, Kinds: contextKinds()}, Request{Op: "clock.sleep", Args: d}, func() (struct{}, error) {
		return struct{}{}, c.of.Sleep(ctx, d)
	})
	return err
}

// Token writes down what make returns: the names of locks.
func (t *Tape) Token(make func() string) func() string {
	if t == nil {
		return make
	}
	return func() string {
		token, err := Call(context.Background(), Port{Tape: t}, Request{Op: "env.token"}, func() (string, error) { return make(), nil })
		if err != nil {
			return "not-recorded"
		}
		return token
	}
}

// Remaining writes down how long an invocation may still last.
func (t *Tape) Remaining(of func(context.Context) time.Duration) func(context.Context) time.Duration {
	if t == nil {
		return of
	}
	return func(ctx context.Context) time.Duration {
		left, err := Call(ctx, Port{Tape: t}, Request{Op: "env.remaining"}, func() (time.Duration, error) { return of(ctx), nil })
		if err != nil {
			return 0
		}
		return left
	}
}
