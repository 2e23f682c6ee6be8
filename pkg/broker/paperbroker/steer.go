package paperbroker

import (
	"fmt"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// Steer is the hand of a simulation on the book: what a real market or a real
// person does to it at the worst moment.
type Steer struct{ server *Server }

// Steer returns the hand on the book.
func (s *Server) Steer() Steer { return Steer{s} }

func (s Steer) working(id string, do func(*engine, *order)) (hit bool) {
	s.server.at(func(e *engine) {
		if o := e.byID[id]; o != nil && o.working() {
			do(e, o)
			hit = true
		}
	})
	return hit
}

// FillNow fills what is left of a working order at the far side, whatever its
// limit's place in the market.
func (s Steer) FillNow(id string) bool {
	return s.working(id, func(e *engine, o *order) {
		if q, ok := e.market.quote(o.Symbol, e.now); ok {
			e.fill(o, e.shares(o, q), limited(o, e.farSide(o, q)))
		}
	})
}

// limited keeps a price on the order's side of its limit.
func limited(o *order, price money.Decimal) money.Decimal {
	switch {
	case o.Limit == nil:
		return price
	case o.Side == events.Buy:
		return money.Min(price, *o.Limit)
	}
	return money.Max(price, *o.Limit)
}

// FillOnCancel lets a cancel of the order end in its fill.
func (s Steer) FillOnCancel(id string) bool {
	return s.working(id, func(_ *engine, o *order) { o.fillCancel = true })
}

// StickOnCancel lets a cancel of the order stay pending until the close.
func (s Steer) StickOnCancel(id string) bool {
	return s.working(id, func(_ *engine, o *order) { o.stuck = true })
}

// Unstick ends a cancel that was stuck.
func (s Steer) Unstick(id string) bool {
	return s.working(id, func(e *engine, o *order) {
		if o.stuck = false; o.Status == "pending_cancel" {
			e.become(o, "canceled")
		}
	})
}

// RejectNext lets the next order be accepted and rejected afterwards.
func (s Steer) RejectNext(reject bool) {
	s.server.at(func(e *engine) { e.rejectNext = reject })
}

// SlowNext lets the next order wait so long before each fill, and its first
// fill be the given part of it.
func (s Steer) SlowNext(d time.Duration, portion float64) {
	s.server.at(func(e *engine) { e.slowNext, e.portionNext = d, portion })
}

// CloseNow ends the running session early, as after a halt of the market.
func (s Steer) CloseNow() {
	s.server.at(func(e *engine) {
		if !e.market.open(e.now) {
			return
		}
		e.market.closed = e.now
		e.endOrders()
		e.log("admin", "", "the market closed early")
	})
}

// AddPosition gives or takes shares, as a trade elsewhere would.
func (s Steer) AddPosition(symbol string, qty money.Decimal) {
	s.server.at(func(e *engine) {
		p := e.positions[symbol]
		if p == nil {
			p = &position{}
			e.positions[symbol] = p
		}
		if p.qty = p.qty.Add(qty); p.qty.IsZero() {
			delete(e.positions, symbol)
		}
		e.remember(e.now)
		e.log("admin", "", symbol+" "+qty.String())
	})
}

// CancelByHand cancels a working order, as its owner may.
func (s Steer) CancelByHand(id string) bool {
	return s.working(id, func(e *engine, o *order) { _ = e.cancel(o) }) // what cannot be cancelled stays
}

// AddCash pays in, or out for a negative amount.
func (s Steer) AddCash(amount money.Decimal) {
	s.server.at(func(e *engine) {
		e.cash = e.cash.Add(amount)
		e.log("admin", "", "cash "+amount.String())
	})
}

// Block stops the account from trading, or lets it trade again.
func (s Steer) Block(blocked bool) {
	s.server.at(func(e *engine) {
		e.blocked = blocked
		e.log("admin", "", fmt.Sprintf("blocked %t", blocked))
	})
}

// Place places somebody else's order past the checks of cash and holdings.
func (s Steer) Place(r broker.OrderRequest) (placed Order) {
	s.server.at(func(e *engine) {
		qty := r.Qty
		placed = e.submit(draft{clientID: r.ClientID, symbol: r.Symbol, side: r.Side, kind: r.Type, tif: "day", qty: &qty, limit: r.Limit}).copy()
	})
	return placed
}

// SetLags changes how far reads lag behind: by client id, and all of them.
func (s Steer) SetLags(change func(*Switches)) {
	s.server.at(func(e *engine) { change(&e.switches) })
}

// Order is an order with its fills as the book has it now.
func (s Steer) Order(id string) (out Order, ok bool) {
	s.server.at(func(e *engine) {
		if o := e.byID[id]; o != nil {
			out, ok = o.copy(), true
		}
	})
	return out, ok
}
