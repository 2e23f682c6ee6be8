package paperbroker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// Port is the book behind the trading port, without HTTP and JSON in between:
// what the adapter would make of the server's replies, a hundred times as
// fast. A simulation of many worlds uses it; faults of the wire are its
// caller's to add.
type Port struct {
	server *Server
	clock  env.Clock
}

var _ broker.Broker = (*Port)(nil)

// Port returns the book behind the trading port. What must wait waits on the
// given clock.
func (s *Server) Port(clock env.Clock) *Port { return &Port{server: s, clock: clock} }

// at runs f on the engine, unless ctx has ended.
func (p *Port) at(ctx context.Context, op string, f func(*engine)) error {
	if err := ctx.Err(); err != nil {
		return &broker.Unknown{Op: op, Cause: err}
	}
	p.server.at(f)
	return nil
}

// Account implements broker.Broker.
func (p *Port) Account(ctx context.Context) (out broker.Account, err error) {
	err = p.at(ctx, "account", func(e *engine) {
		a := e.account()
		out = broker.Account{
			ID: a.ID, Number: a.Number, Status: "ACTIVE", Currency: "USD", Cash: a.Cash, AccountBlocked: a.Blocked,
			Equity: a.Equity.Floor(2), LastEquity: a.LastEquity.Floor(2), BuyingPower: a.BuyingPower.Floor(2),
		}
	})
	return out, err
}

// Positions implements broker.Broker.
func (p *Port) Positions(ctx context.Context) (out []broker.Position, err error) {
	err = p.at(ctx, "positions", func(e *engine) {
		for _, h := range e.seenPositions() {
			out = append(out, broker.Position{Symbol: h.Symbol, Qty: h.Qty, Available: h.Available})
		}
	})
	return out, err
}

// Asset implements broker.Broker.
func (p *Port) Asset(ctx context.Context, symbol string) (out broker.Asset, err error) {
	known := false
	if err := p.at(ctx, "asset "+symbol, func(e *engine) {
		var t Traits
		t, known = e.asset(symbol)
		out = broker.Asset{Symbol: symbol, Tradable: !t.Untradable, Fractionable: !t.NotFractionable}
	}); err != nil {
		return out, err
	}
	if !known {
		return broker.Asset{}, fmt.Errorf("asset %s: %w", symbol, broker.ErrNotFound)
	}
	return out, nil
}

// Clock implements broker.Broker.
func (p *Port) Clock(ctx context.Context) (out broker.Clock, err error) {
	err = p.at(ctx, "clock", func(e *engine) {
		now := e.now.Add(e.clockOffset)
		out = broker.Clock{Now: now, IsOpen: e.market.open(now)}
	})
	return out, err
}

// Sessions implements broker.Broker.
func (p *Port) Sessions(ctx context.Context, from, to events.Date) (out []market.Session, err error) {
	err = p.at(ctx, "calendar", func(e *engine) { out = e.market.calendar.Sessions(from, to) })
	return out, err
}

// Quotes implements broker.Broker.
func (p *Port) Quotes(ctx context.Context, symbols []string) (map[string]broker.Quote, error) {
	out := make(map[string]broker.Quote, len(symbols))
	err := p.at(ctx, "quotes", func(e *engine) {
		for _, symbol := range symbols {
			if q, ok := e.market.quote(symbol, e.now); ok {
				out[symbol] = broker.Quote{Bid: q.bid, Ask: q.ask, At: q.at}
			}
		}
	})
	return out, err
}

// Snapshots implements broker.Broker.
func (p *Port) Snapshots(ctx context.Context, symbols []string) (map[string]broker.Snapshot, error) {
	out := make(map[string]broker.Snapshot, len(symbols))
	err := p.at(ctx, "snapshots", func(e *engine) {
		for _, symbol := range symbols {
			bars := e.served(symbol)
			if len(bars) == 0 {
				continue
			}
			var s broker.Snapshot
			if q, ok := e.market.quote(symbol, e.now); ok {
				s.Quote = &broker.Quote{Bid: q.bid, Ask: q.ask, At: q.at}
				s.Trade = &broker.Trade{Price: money.FloorTick(q.mid), At: q.at}
			}
			if before, ok := bars.Until(dateOf(e.now).AddDays(-1)).Last(); ok {
				if price, err := money.FromShortest(before.Close); err == nil && price.Sign() > 0 {
					s.PreviousClose = &price
				}
			}
			out[symbol] = s
		}
	})
	return out, err
}

// OpenOrders implements broker.Broker.
func (p *Port) OpenOrders(ctx context.Context) ([]broker.Order, error) {
	return p.orders(ctx, func(o Order) bool { return !o.Status.Terminal() })
}

// OrdersSince implements broker.Broker.
func (p *Port) OrdersSince(ctx context.Context, t time.Time) ([]broker.Order, error) {
	return p.orders(ctx, func(o Order) bool { return !o.SubmittedAt.Before(t) })
}

func (p *Port) orders(ctx context.Context, want func(Order) bool) (out []broker.Order, err error) {
	err = p.at(ctx, "orders", func(e *engine) {
		for _, o := range e.orders {
			if seen, there := e.visible(o); there && want(seen) {
				out = append(out, ported(seen))
			}
		}
	})
	return out, err
}

// Taken is the refusal of a client order id that exists: the order that has it
// is to be looked for.
type Taken struct{ Rejected *broker.Rejected }

func (e *Taken) Error() string { return e.Rejected.Error() }

// Unwrap is the refusal.
func (e *Taken) Unwrap() error { return e.Rejected }

// Submit implements broker.Broker: Place, and after Taken the order that is
// there.
func (p *Port) Submit(ctx context.Context, r broker.OrderRequest) (broker.Order, error) {
	order, err := p.Place(ctx, r)
	var taken *Taken
	if !errors.As(err, &taken) {
		return order, err
	}
	return Existing(ctx, p.clock, taken, func() (broker.Order, error) { return p.OrderByClientID(ctx, r.ClientID) })
}

// Existing looks for the order of a client id that is taken, as the adapter
// does: it may take some seconds to show.
func Existing(ctx context.Context, clock env.Clock, taken *Taken, look func() (broker.Order, error)) (broker.Order, error) {
	const ms = time.Millisecond
	for _, wait := range []time.Duration{0, 250 * ms, 500 * ms, 1000 * ms, 2000 * ms, 4000 * ms} {
		if err := clock.Sleep(ctx, wait); err != nil {
			return broker.Order{}, &broker.Unknown{Op: "submit", Cause: fmt.Errorf("after %w: %w", taken, err)}
		}
		order, err := look()
		switch {
		case err == nil:
			return order, nil
		case !errors.Is(err, broker.ErrNotFound):
			return broker.Order{}, &broker.Unknown{Op: "submit", Cause: fmt.Errorf("after %w: %w", taken, err)}
		}
	}
	return broker.Order{}, &broker.Unknown{Op: "submit", Cause: fmt.Errorf("no order shows under the client id yet, after %w", taken)}
}

// Place sends an order, once. A client id that exists is refused with *Taken.
func (p *Port) Place(ctx context.Context, r broker.OrderRequest) (out broker.Order, err error) {
	if r.ClientID == "" || len(r.ClientID) > 48 {
		return out, &broker.Rejected{Op: "submit", Message: fmt.Sprintf("client order id %q has %d characters, not 1 to 48", r.ClientID, len(r.ClientID))}
	}
	var refused *refusal
	if err := p.at(ctx, "submit", func(e *engine) {
		qty := r.Qty
		d := draft{clientID: r.ClientID, symbol: r.Symbol, side: r.Side, kind: r.Type, tif: "day", qty: &qty, limit: r.Limit}
		if refused = e.check(&d); refused == nil {
			out = ported(e.submit(d).copy())
		}
	}); err != nil {
		return out, err
	}
	if refused == nil {
		return out, nil
	}
	return out, Refused(&broker.Rejected{Op: "submit", Status: refused.status, Code: refused.code, Message: refused.message})
}

// Refused is the refusal of an order: *Taken where it is for a client order id
// that exists, whatever status the book answers that with.
func Refused(r *broker.Rejected) error {
	if r.Status == http.StatusConflict || strings.Contains(r.Message, idTaken) {
		return &Taken{r}
	}
	return r
}

// OrderByClientID implements broker.Broker.
func (p *Port) OrderByClientID(ctx context.Context, id string) (broker.Order, error) {
	return p.order(ctx, id, func(e *engine) *order {
		if o := e.byClient[id]; o != nil && e.now.Sub(o.SubmittedAt) >= e.switches.LookupLag {
			return o
		}
		return nil
	})
}

// Order implements broker.Broker.
func (p *Port) Order(ctx context.Context, id string) (broker.Order, error) {
	return p.order(ctx, id, func(e *engine) *order { return e.byID[id] })
}

func (p *Port) order(ctx context.Context, id string, find func(*engine) *order) (out broker.Order, err error) {
	found := false
	if err := p.at(ctx, "order", func(e *engine) {
		if o := find(e); o != nil {
			seen, _ := e.visible(o)
			out, found = ported(seen), true
		}
	}); err != nil {
		return out, err
	}
	if !found {
		return out, fmt.Errorf("order %s: %w", id, broker.ErrNotFound)
	}
	return out, nil
}

// Cancel implements broker.Broker.
func (p *Port) Cancel(ctx context.Context, id string) error {
	var refused *refusal
	found := false
	if err := p.at(ctx, "cancel", func(e *engine) {
		if o := e.byID[id]; o != nil {
			refused, found = e.cancel(o), true
		}
	}); err != nil {
		return err
	}
	switch {
	case !found:
		return fmt.Errorf("order %s: %w", id, broker.ErrNotFound)
	case refused != nil:
		return &broker.Rejected{Op: "cancel", Status: refused.status, Code: refused.code, Message: refused.message}
	}
	return nil
}

// ported is an order in the port's words.
func ported(o Order) broker.Order {
	out := broker.Order{
		ID: o.ID, ClientID: o.ClientID, Symbol: o.Symbol, Side: o.Side, Type: o.Type, Limit: o.Limit, Filled: o.Filled,
		AvgPrice: o.AvgPrice, Status: o.Status, ReplacedBy: o.ReplacedBy, SubmittedAt: o.SubmittedAt,
	}
	if o.Qty != nil {
		out.Qty = *o.Qty
	}
	return out
}
