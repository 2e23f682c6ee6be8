package execution

import (
	"context"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
)

const (
	controlAge = 2 * time.Second
	clockAge   = 30 * time.Second
	maxSkew    = 30 * time.Second
)

// gate remembers what was last read of the halt switch and of the market's
// clock. Both are read through it before orders are sent. Legs that work side
// by side each go on with a copy of their own: what one of them reads does not
// depend on when another one was scheduled.
type gate struct {
	reducing  bool
	controlAt time.Time
	open      bool
	skew      time.Duration // broker's clock − ours
	clockAt   time.Time
}

// checkGate says whether orders may be sent now: stop is why they may not be
// any more in this run; wait that it cannot be told.
func (t *trade) checkGate(ctx context.Context, g *gate) (stop string, wait bool) {
	began := env.Now(ctx, t.Clock)
	var control ledger.Control
	var controlErr, clockErr error
	var read []func(context.Context) error
	if g.controlAt.IsZero() || began.Sub(g.controlAt) > controlAge {
		read = append(read, func(ctx context.Context) error {
			if control, controlErr = t.Ledger.Control(ctx, t.Account); controlErr == nil && control.State != events.Halted {
				g.reducing, g.controlAt = control.State == events.Reducing, began
			}
			return nil
		})
	}
	if g.clockAt.IsZero() || began.Sub(g.clockAt) > clockAge {
		read = append(read, func(ctx context.Context) error {
			call, cancel := t.limit(ctx)
			defer cancel()
			var clock broker.Clock
			if clock, clockErr = t.Broker.Clock(call); clockErr == nil {
				now := env.Now(ctx, t.Clock)
				g.open, g.skew, g.clockAt = clock.IsOpen, clock.Now.Sub(now), now
			}
			return nil
		})
	}
	_ = env.Together(ctx, t.Tasks, read...) // each says for itself what went wrong
	switch {
	case controlErr != nil:
		t.Log.WarnContext(ctx, "the halt switch could not be read", "error", controlErr.Error())
		return "", true
	case control.State == events.Halted:
		return reasonHalted, false
	case clockErr != nil:
		t.Log.WarnContext(ctx, "the market's clock could not be read", "error", clockErr.Error())
		return "", true
	}
	now := began
	if len(read) > 0 {
		now = env.Now(ctx, t.Clock)
	}
	switch {
	case g.skew.Abs() > maxSkew:
		return reasonClockSkew, false
	case !now.Add(max(g.skew, 0)).Before(t.notAfter):
		return reasonNotAfter, false
	case !g.open:
		return reasonClosed, false
	}
	return "", false
}

// mayPost is the last look before a POST: what was read of the gate may have
// become too old while the order before this one was cancelled.
func (t *trade) mayPost(ctx context.Context, l Leg, g *gate) bool {
	stop, wait := t.checkGate(ctx, g)
	return stop == "" && !wait && (!g.reducing || !l.adds()) && t.Remaining(ctx) >= postBefore
}

// adds tells whether the leg makes a position larger; the exit of a short one
// does not.
func (l *Leg) adds() bool { return l.Side == events.Buy && l.Kind != events.Exit }
