// Package tapebroker is a broker over another one that writes down in a
// transcript what was asked and answered; over the tape of a transcript it
// answers from that, and there is no other one.
//
//	b := tapebroker.New(tape, alpaca)
package tapebroker

import (
	"context"
	"errors"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/transcript"
)

// Broker is the broker.
type Broker struct {
	port transcript.Port
	of   broker.Broker
}

var _ broker.Broker = (*Broker)(nil)

// New returns a broker over another one; nil when a transcript is played.
func New(tape *transcript.Tape, of broker.Broker) *Broker {
	type later struct {
		Op    string        `json:"op"`
		After time.Duration `json:"after_ns"`
	}
	type unknown struct {
		Op    string `json:"op"`
		Cause string `json:"cause"`
	}
	return &Broker{of: of, port: transcript.Port{Tape: tape, Kinds: []transcript.Kind{
		transcript.Sentinel("broker_not_found", broker.ErrNotFound),
		transcript.Typed("broker_rejected",
			func(e *broker.Rejected) broker.Rejected { return *e },
			func(w broker.Rejected) *broker.Rejected { return &w }),
		transcript.Typed("broker_try_later",
			func(e *broker.TryLater) later { return later{e.Op, e.After} },
			func(w later) *broker.TryLater { return &broker.TryLater{Op: w.Op, After: w.After} }),
		transcript.Typed("broker_unknown",
			func(e *broker.Unknown) unknown {
				w := unknown{Op: e.Op}
				if e.Cause != nil {
					w.Cause = e.Cause.Error()
				}
				return w
			},
			func(w unknown) *broker.Unknown { return &broker.Unknown{Op: w.Op, Cause: errors.New(w.Cause)} }),
	}}}
}

func read[R any](ctx context.Context, b *Broker, op string, args any, do func() (R, error)) (R, error) {
	return transcript.Call(ctx, b.port, transcript.Request{Op: "broker." + op, Args: args}, do)
}

// Account implements broker.Broker. No transcript holds the account's number.
func (b *Broker) Account(ctx context.Context) (broker.Account, error) {
	return read(ctx, b, "account", nil, func() (broker.Account, error) {
		a, err := b.of.Account(ctx)
		b.port.Tape.Hide(a.Number, "OTHER_ACCOUNT_NUMBER") // the configured one has a name already
		b.port.Tape.Hide(a.ID, "ACCOUNT_ID")
		return a, err
	})
}

// Positions implements broker.Broker.
func (b *Broker) Positions(ctx context.Context) ([]broker.Position, error) {
	return read(ctx, b, "positions", nil, func() ([]broker.Position, error) { return b.of.Positions(ctx) })
}

// Asset implements broker.Broker.
func (b *Broker) Asset(ctx context.Context, symbol string) (broker.Asset, error) {
	return read(ctx, b, "asset", symbol, func() (broker.Asset, error) { return b.of.Asset(ctx, symbol) })
}

// Clock implements broker.Broker.
func (b *Broker) Clock(ctx context.Context) (broker.Clock, error) {
	return read(ctx, b, "clock", nil, func() (broker.Clock, error) { return b.of.Clock(ctx) })
}

// Sessions implements broker.Broker.
func (b *Broker) Sessions(ctx context.Context, from, to events.Date) ([]market.Session, error) {
	return read(ctx, b, "sessions", []events.Date{from, to}, func() ([]market.Session, error) { return b.of.Sessions(ctx, from, to) })
}

// Quotes implements broker.Broker.
func (b *Broker) Quotes(ctx context.Context, symbols []string) (map[string]broker.Quote, error) {
	return read(ctx, b, "quotes", symbols, func() (map[string]broker.Quote, error) { return b.of.Quotes(ctx, symbols) })
}

// Snapshots implements broker.Broker.
func (b *Broker) Snapshots(ctx context.Context, symbols []string) (map[string]broker.Snapshot, error) {
	return read(ctx, b, "snapshots", symbols, func() (map[string]broker.Snapshot, error) { return b.of.Snapshots(ctx, symbols) })
}

// OpenOrders implements broker.Broker.
func (b *Broker) OpenOrders(ctx context.Context) ([]broker.Order, error) {
	return read(ctx, b, "open_orders", nil, func() ([]broker.Order, error) { return b.of.OpenOrders(ctx) })
}

// OrdersSince implements broker.Broker.
func (b *Broker) OrdersSince(ctx context.Context, t time.Time) ([]broker.Order, error) {
	return read(ctx, b, "orders_since", t, func() ([]broker.Order, error) { return b.of.OrdersSince(ctx, t) })
}

// Submit implements broker.Broker.
func (b *Broker) Submit(ctx context.Context, r broker.OrderRequest) (broker.Order, error) {
	return transcript.Call(ctx, b.port, transcript.Request{Op: "broker.submit", Args: r, Effect: true},
		func() (broker.Order, error) { return b.of.Submit(ctx, r) })
}

// OrderByClientID implements broker.Broker.
func (b *Broker) OrderByClientID(ctx context.Context, id string) (broker.Order, error) {
	return read(ctx, b, "order_by_client_id", id, func() (broker.Order, error) { return b.of.OrderByClientID(ctx, id) })
}

// Order implements broker.Broker.
func (b *Broker) Order(ctx context.Context, id string) (broker.Order, error) {
	return read(ctx, b, "order", id, func() (broker.Order, error) { return b.of.Order(ctx, id) })
}

// Cancel implements broker.Broker.
func (b *Broker) Cancel(ctx context.Context, id string) error {
	_, err := transcript.Call(ctx, b.port, transcript.Request{Op: "broker.cancel", Args: id, Effect: true},
		func() (struct{}, error) { return struct{}{}, b.of.Cancel(ctx, id) })
	return err
}
