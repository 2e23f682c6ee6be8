package execution

import (
	"context"
	"slices"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/record"
)

// gone is how long after its last POST an order that the broker denies cannot
// come into being any more, by our clock and by the broker's: gateways give up
// after a minute, and nothing was sent by a clock that differs from the broker's
// by more than maxSkew.
const gone = 5 * time.Minute

// unresolved are the legs with an order whose end the broker has not told. Under
// the id of one that is in conflict there is an order that we did not mean.
func (t *trade) unresolved() []*Leg {
	var out []*Leg
	for i := range t.legs {
		if l := &t.legs[i].Value; l.open() != nil && l.ReasonCode != reasonIDConflict {
			out = append(out, l)
		}
	}
	return out
}

// leaves tells whether the report waits for the close-out: a cancel that is
// pending for minutes, or an order that does not show, is often known by then.
// Before its time the close-out is sure to come, unless it has been here.
func (t *trade) leaves() bool {
	return !t.exec.Value.ClosedOut && len(t.unresolved()) > 0 && t.Clock.Now().Before(t.notAfter.Add(ledger.CloseOutAfter))
}

// lookAgain takes up the orders that were unresolved when the plan was left.
func (t *trade) lookAgain() {
	for _, l := range t.unresolved() {
		l.Ended, l.ReasonCode = false, ""
		a := l.open()
		a.NextAt, a.CancelTwice = t.Clock.Now(), false
		if a.State == record.Unknown {
			a.UnknownSince, a.Lookups = t.Clock.Now(), 0
		}
	}
}

// miss looks for an order that does not show under its id in the list of all
// orders. When that does not hold it either, long after its POST and after the
// run's deadline, it never arrived.
func (t *trade) miss(ctx context.Context, a *record.Attempt, o *Observation) {
	now := t.Clock.Now()
	if a.State != record.Unknown || a.Lookups < enoughLookups || !t.exec.Value.ClosedOut || a.PostedAt.IsZero() ||
		now.Before(t.notAfter) || now.Sub(a.PostedAt) < gone {
		return
	}
	call, cancel := t.limit(ctx)
	defer cancel()
	clock, err := t.Broker.Clock(call)
	if err != nil {
		t.Log.WarnContext(ctx, "the market's clock could not be read", "error", err.Error())
		return
	}
	if clock.Now.Sub(a.PostedAt) < gone {
		return
	}
	orders, err := t.Broker.OrdersSince(call, a.IntendedAt.Add(-gone))
	if err != nil {
		t.Log.WarnContext(ctx, "orders could not be read", "error", err.Error())
		return
	}
	k := slices.IndexFunc(orders, func(x broker.Order) bool { return x.ClientID == a.ClientOrderID })
	if o.Missing = k < 0; !o.Missing {
		o.Order = &orders[k]
	}
}
