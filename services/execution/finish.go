package execution

import (
	"context"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/record"
)

// reconcile asks the broker once more which orders work, before the plan is
// done: one of ours among them belongs to a leg that was given up. Its leg is
// opened again, to be cancelled and booked.
func (t *trade) reconcile(ctx context.Context) (reopened bool) {
	if t.reconciled {
		return false
	}
	t.reconciled = true
	call, cancel := t.limit(ctx)
	defer cancel()
	orders, err := t.Broker.OpenOrders(call)
	if err != nil {
		t.exec.Value.Warnings = append(t.exec.Value.Warnings, "the open orders could not be read at the end")
		return false
	}
	for i := range t.legs {
		l := &t.legs[i].Value
		a := l.last()
		if a == nil || !l.Ended || l.ReasonCode == reasonIDConflict {
			continue
		}
		for _, o := range orders {
			if o.ClientID == a.ClientOrderID && !o.Status.Terminal() {
				l.Ended, reopened = false, true
				a.State, a.BrokerOrderID, a.NextAt = record.Submitted, o.ID, t.Clock.Now()
				l.warn("order " + o.ClientID + " was found working at the end")
			}
		}
	}
	return reopened
}

// finish waits for late prices, reads the account and makes the report part of
// the plan's record. The record and the end of the phase are one write.
func (t *trade) finish(ctx context.Context) error {
	if err := t.awaitPrices(ctx); err != nil {
		return err
	}
	for i := range t.legs {
		reason := reasonUnknown
		if t.legs[i].Value.open() == nil {
			reason = t.exec.Value.Stop
		}
		if err := t.endLeg(ctx, &t.legs[i], reason); err != nil {
			return err
		}
	}
	var after *broker.Account
	if account, err := t.account(ctx); err == nil {
		after = &account
	} else {
		t.exec.Value.Warnings = append(t.exec.Value.Warnings, "the account could not be read after the last order")
	}
	t.worked()
	e := &t.exec.Value
	e.Final = report(t.plan, *e, t.values(), after, t.Clock.Now())
	e.Phase, e.Plan = events.PhaseDone, nil
	return nil // stored together with the lock's release
}

// awaitPrices polls filled orders whose average price the broker has not told.
func (t *trade) awaitPrices(ctx context.Context) error {
	began := t.Clock.Now()
	for {
		pending := 0
		for i := range t.legs {
			n, err := t.readPrices(ctx, i)
			if err != nil {
				return err
			}
			pending += n
		}
		if pending == 0 || t.Clock.Now().Sub(began) >= settleLimit || t.Remaining(ctx) < stopBefore {
			return nil
		}
		if err := t.Clock.Sleep(ctx, pollWait(3)); err != nil {
			return err
		}
	}
}

// readPrices reads the orders of one leg that have fills and no price; it
// returns how many are left.
func (t *trade) readPrices(ctx context.Context, i int) (pending int, err error) {
	doc := &t.legs[i]
	found := false
	for k := range doc.Value.Attempts {
		a := &doc.Value.Attempts[k]
		if a.Filled.IsZero() || a.AvgPrice != nil {
			continue
		}
		reply := t.perform(ctx, Command{Do: Read, ID: a.BrokerOrderID})
		if o := reply.Order; o == nil || o.AvgPrice == nil || !o.Filled.Equal(a.Filled) { // what fewer shares cost is not the price of more
			pending++
			continue
		}
		a.AvgPrice = reply.Order.AvgPrice
		found = true
	}
	if found {
		err = t.saveLeg(ctx, doc)
	}
	return pending, err
}
