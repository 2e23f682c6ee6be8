package rehearsal

import (
	"context"
	"slices"
	"time"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/pkg/events"
)

// closeOut plays the sweep after the run's deadline, if the run left an order
// unresolved that waits for it. The clock of a real account cannot be moved on:
// there the time has to pass.
func (r *Rehearsal) closeOut(ctx context.Context) error {
	at, open := leftOpen(r.Cloud.Snapshot())
	if !open {
		return nil
	}
	switch wait := at.Sub(r.Clock.Now()); {
	case wait <= 0:
	case r.moved != nil:
		r.Advance(wait)
	default:
		if r.options.OnWait != nil {
			r.options.OnWait(at)
		}
		if err := r.Clock.Sleep(ctx, wait); err != nil {
			return err
		}
	}
	if err := r.Cloud.FireSchedule(ctx, sweepSchedule, r.Clock.Now()); err != nil {
		return err
	}
	return r.Cloud.Quiesce(ctx)
}

// leftOpen tells whether execution published a plan's continuations and no end
// although nothing died, and when the sweep will ask it to close.
func leftOpen(s local.Snapshot) (at time.Time, open bool) {
	if slices.ContainsFunc(s.Queues, func(q local.QueueState) bool { return q.Visible+q.Hidden > 0 }) {
		return at, false
	}
	const afterDeadline = time.Minute + 5*time.Second // and what two machines' clocks may differ
	for _, record := range s.Events {
		e, err := events.Decode(record.Event.Detail)
		if err != nil {
			continue
		}
		switch e.Payload.(type) {
		case *events.RebalancePlanned:
			at, open = e.NotAfter.Time().Add(afterDeadline), true
		case *events.TradeExecuted, *events.WorkflowFailed, *events.WorkflowSkipped:
			return at, false
		}
	}
	return at, open
}
