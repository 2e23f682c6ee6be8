package execution

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/ledger"
)

// maxCommands bounds what one leg does in one round; it is never reached
// unless a decision goes round in circles.
const maxCommands = 40

// freshLook is how long a look at the market holds while legs wait for their
// turn at the broker.
const freshLook = 10 * time.Second

// pursue advances one leg until it has nothing to do at present. Whatever was
// decided is stored before it is done.
func (t *trade) pursue(ctx context.Context, doc *ledger.Doc[Leg], o Observation) error {
	ctx = env.InLane(ctx, fmt.Sprintf("leg-%03d", doc.Value.Seq))
	g := t.gate
	looked := o.Now
	for range maxCommands {
		if o.Now = env.Now(ctx, t.Clock); o.Now.Sub(looked) > freshLook || t.Remaining(ctx) < postBefore {
			o.Wait = true // for the next round's quote, or the next invocation
		}
		before := doc.Value
		leg, command := t.rules.Advance(before, o)
		if !reflect.DeepEqual(before, leg) {
			doc.Value = leg
			t.logOrders(ctx, before, leg)
			if err := t.saveLeg(ctx, doc); err != nil {
				return err
			}
		}
		if command == nil {
			return nil
		}
		reply := Reply{Do: Submit, Err: errNotSent}
		if command.Do != Submit || t.mayPost(ctx, leg, &g) {
			reply = t.perform(ctx, *command)
		}
		o.Order, o.Reply = nil, &reply
		o.Available, o.Power = nil, nil // an order of ours holds shares or cash now, or did a moment ago
		if errors.Is(reply.Err, errNotSent) {
			o.Wait = true
		}
	}
	return fmt.Errorf("execution: the leg of %s does not come to rest", doc.Value.Symbol)
}

// limit bounds one call to the broker, so that a slow one leaves the
// invocation the time to put its work on record.
func (t *trade) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return env.WithTimeout(ctx, t.Clock, max(min(callLimit, t.Remaining(ctx)-recordTime), 0))
}

// perform makes one call to the broker, once.
func (t *trade) perform(ctx context.Context, c Command) Reply {
	call, cancel := t.limit(ctx)
	defer cancel()
	reply := Reply{Do: c.Do}
	var order broker.Order
	switch c.Do {
	case Submit:
		order, reply.Err = t.Broker.Submit(call, c.Request)
	case Lookup:
		order, reply.Err = t.Broker.OrderByClientID(call, c.ID)
	case Read:
		order, reply.Err = t.Broker.Order(call, c.ID)
	case Cancel:
		if reply.Err = t.Broker.Cancel(call, c.ID); reply.Err != nil {
			t.Log.InfoContext(ctx, "cancel not confirmed", "id", c.ID, "error", reply.Err.Error())
		}
		return reply
	}
	if reply.Err == nil {
		reply.Order = &order
	} else {
		t.Log.InfoContext(ctx, "broker call without an order", "do", string(c.Do), "client_id", c.Request.ClientID, "id", c.ID, "error", reply.Err.Error())
	}
	return reply
}

// logOrders writes one line for every change of an order's state.
func (t *trade) logOrders(ctx context.Context, before, after Leg) {
	for i, a := range after.Attempts {
		if i < len(before.Attempts) && before.Attempts[i].State == a.State && before.Attempts[i].CancelAt.Equal(a.CancelAt) {
			continue
		}
		limit := "market"
		if a.LimitPrice != nil {
			limit = a.LimitPrice.String()
		}
		t.Log.InfoContext(ctx, "order", "client_id", a.ClientOrderID, "state", string(a.State), "symbol", after.Symbol,
			"side", string(after.Side), "qty", a.Qty.String(), "limit", limit, "filled", a.Filled.String(), "step", a.Step,
			"cancelling", !a.CancelAt.IsZero() && !a.State.Terminal(), "reason", a.ReasonCode, "broker_code", a.BrokerCode)
	}
}
