package execution

import (
	"context"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/stage"
)

// preflight makes sure that the plan still fits the account before anything
// is sent. In later invocations it only looks whether going on is allowed.
func (t *trade) preflight(ctx context.Context) error {
	if t.exec.Value.Stop != "" {
		return nil // nothing will be sent
	}
	t.checkDeadline()
	var orders []broker.Order
	var ordersErr error
	err := env.Together(ctx, t.Tasks,
		t.mayGoOn,
		func(ctx context.Context) error {
			call, cancel := t.limit(ctx)
			defer cancel()
			orders, ordersErr = t.Broker.OpenOrders(call)
			return nil
		},
	)
	if err != nil || t.exec.Value.Stop != "" {
		return err
	}
	if ordersErr != nil {
		return stage.Transient("broker_unavailable", ordersErr)
	}
	late, err := t.clearStaleOrders(ctx, orders)
	if err != nil || t.exec.Value.Stop != "" || t.exec.Value.Preflight {
		return err
	}
	// Only now: an order that was filled meanwhile would show in neither.
	if err := t.readPositions(ctx); err != nil {
		return stage.Transient("broker_unavailable", err)
	}
	positions := make([]broker.Position, 0, len(t.available))
	for _, p := range t.available {
		positions = append(positions, p)
	}
	if err := t.skipChanged(ctx, changed(t.plan, positions), late); err != nil {
		return err
	}
	t.exec.Value.Preflight = true
	if len(t.working(t.indexes(events.Sell))) == 0 {
		return nil // nothing is sent before the buys' budget is stored, and this with it
	}
	return t.save(ctx)
}

// mayGoOn repeats the checks whose answer may change between invocations. The
// first invocation made them before the plan's record was written.
func (t *trade) mayGoOn(ctx context.Context) error {
	if stop, wait := t.checkGate(ctx, &t.gate); stop != "" {
		t.stop(stop)
		return nil
	} else if wait && !t.exec.Value.Preflight {
		return stage.Transient("gate_unreadable", errGate)
	}
	if t.exec.Version == 1 {
		return nil
	}
	held, err := t.Ledger.HeldLease(ctx, t.Account, t.runID)
	if err != nil {
		return err
	}
	if !held {
		t.stop(reasonLeaseLost)
		return nil
	}
	account, err := t.account(ctx)
	if err != nil {
		return stage.Transient("broker_unavailable", err)
	}
	if err := broker.GuardAccount(account, t.Config.Guard); err != nil {
		t.exec.Value.Warnings = append(t.exec.Value.Warnings, err.Error())
		t.stop(reasonGuard)
	}
	return nil
}

// clearStaleOrders cancels what an older run of ours left working, and waits
// for the end of it. Orders of anybody else are never touched. It reports
// whether one of ours was filled late.
func (t *trade) clearStaleOrders(ctx context.Context, orders []broker.Order) (late bool, err error) {
	mine := make(map[string]bool)
	for i := range t.legs {
		for _, a := range t.legs[i].Value.Attempts {
			mine[a.ClientOrderID], mine[a.BrokerOrderID] = true, true
		}
	}
	for _, o := range orders {
		if !strings.HasPrefix(o.ClientID, ownPrefix) || mine[o.ClientID] || mine[o.ID] || o.Status.Terminal() {
			continue
		}
		ended, err := t.cancelStale(ctx, o)
		if err != nil {
			return late, err
		}
		t.exec.Value.Warnings = append(t.exec.Value.Warnings, "an order of an older run was cancelled: "+o.ClientID)
		if !ended.Status.Terminal() {
			t.alarm("stale_order", "order %s of an older run does not end", o.ClientID)
			t.stop(reasonStateChanged)
			return late, nil
		}
		late = late || ended.Filled.Sign() > 0
	}
	return late, nil
}

// cancelStale asks for the cancel of an order and waits up to ten seconds.
func (t *trade) cancelStale(ctx context.Context, o broker.Order) (broker.Order, error) {
	began := t.Clock.Now()
	for polls := 0; ; polls++ {
		if t.Remaining(ctx) < stopBefore {
			return o, errOutOfTime
		}
		if polls == 0 || polls == 6 {
			t.perform(ctx, Command{Do: Cancel, ID: o.ID})
		}
		if reply := t.perform(ctx, Command{Do: Read, ID: o.ID}); reply.Order != nil {
			o = *reply.Order
		}
		if o.Status.Terminal() || t.Clock.Now().Sub(began) >= restLimit {
			return o, nil
		}
		if err := t.Clock.Sleep(ctx, pollWait(polls+1)); err != nil {
			return o, err
		}
	}
}

// changed are the symbols of the plan whose position is not the one it was
// made for.
func changed(plan *events.RebalancePlanned, positions []broker.Position) []string {
	held := make(map[string]money.Decimal, len(positions))
	for _, p := range positions {
		held[p.Symbol] = p.Qty
	}
	var out []string
	for _, l := range plan.Lines {
		if !held[l.Symbol].Truncate(9).Equal(money.MustParse(l.CurrentQty)) {
			out = append(out, l.Symbol)
		}
	}
	return out
}

// skipChanged leaves out legs whose position changed. When that is most of the
// plan, or when an older order was filled late, the plan is void.
func (t *trade) skipChanged(ctx context.Context, symbols []string, late bool) error {
	affected, all := money.Zero(), money.Zero()
	isChanged := make(map[string]bool, len(symbols))
	for _, s := range symbols {
		isChanged[s] = true
	}
	for i := range t.legs {
		l := &t.legs[i].Value
		value := l.Intended.Mul(l.Price)
		all = all.Add(value)
		if isChanged[l.Symbol] {
			affected = affected.Add(value)
			if err := t.endLeg(ctx, &t.legs[i], reasonChanged); err != nil {
				return err
			}
		}
	}
	if late || all.Less(affected.Add(affected)) {
		t.stop(reasonStateChanged)
	}
	return nil
}
