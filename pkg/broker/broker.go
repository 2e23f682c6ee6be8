// Package broker is the trading port in our own words. alpacabroker speaks to
// Alpaca through its official SDK; paperbroker is a server that speaks
// Alpaca's HTTP API, so that the same adapter trades on one machine.
//
// The port has no close-position, close-all, cancel-all or replace: none of
// them carries a client order id, so none of them can be repeated safely.
//
//	order, err := b.Submit(ctx, broker.OrderRequest{ClientID: id, Symbol: "MSFT", Side: events.Buy, Qty: qty, Limit: &price})
//	var rejected *broker.Rejected
//	if errors.As(err, &rejected) { … }
package broker

import (
	"context"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// Account is the broker's view of the account, in USD.
type Account struct {
	ID, Number, Status, Currency                    string
	Cash, Equity, LastEquity, BuyingPower           money.Decimal
	TradingBlocked, AccountBlocked, SuspendedByUser bool
}

// Position is a holding; Qty is negative for a short one. Available is Qty
// less what open sell orders hold. Quantities are exactly the broker's.
type Position struct {
	Symbol         string
	Qty, Available money.Decimal
}

// Asset says how a symbol may be traded.
type Asset struct {
	Symbol                 string
	Tradable, Fractionable bool
}

// Clock is the broker's time.
type Clock struct {
	Now    time.Time
	IsOpen bool
}

// Quote is the best bid and ask; a side that is absent is zero.
type Quote struct {
	Bid, Ask money.Decimal
	At       time.Time
}

// Trade is the last trade.
type Trade struct {
	Price money.Decimal
	At    time.Time
}

// Snapshot is what the market shows of a symbol now. A part that the provider
// does not have is nil.
type Snapshot struct {
	Quote         *Quote
	Trade         *Trade
	PreviousClose *money.Decimal // of the session before the running one
}

// OrderType is limit or market.
type OrderType string

const (
	Limit  OrderType = "limit"
	Market OrderType = "market"
)

// OrderRequest is a DAY order without extended hours. Limit is nil for a
// market order.
type OrderRequest struct {
	ClientID string
	Symbol   string
	Side     events.Side
	Qty      money.Decimal
	Type     OrderType
	Limit    *money.Decimal
}

// Status is the broker's word for an order's state.
type Status string

// Terminal reports whether the order can still change. An unknown word counts
// as working.
func (s Status) Terminal() bool {
	switch s {
	case "filled", "canceled", "expired", "rejected", "replaced":
		return true
	}
	return false
}

// Order is an order as the broker reports it. Filled is cumulative and may be
// positive in any state.
type Order struct {
	ID, ClientID string
	Symbol       string
	Side         events.Side
	Type         OrderType
	Qty          money.Decimal
	Limit        *money.Decimal
	Filled       money.Decimal
	AvgPrice     *money.Decimal // nil until the broker reports it
	Status       Status
	ReplacedBy   string
	SubmittedAt  time.Time
}

// Broker is the port. Every method returns when ctx is done. Reads may be
// repeated by the caller; Submit may be repeated with the same ClientID only.
//
// Errors are *Rejected (final for this request), *TryLater (nothing was
// accepted), *Unknown (something may have been accepted) or ErrNotFound.
type Broker interface {
	Account(ctx context.Context) (Account, error)
	Positions(ctx context.Context) ([]Position, error)
	Asset(ctx context.Context, symbol string) (Asset, error)
	Clock(ctx context.Context) (Clock, error)
	Sessions(ctx context.Context, from, to events.Date) ([]market.Session, error)
	// Quotes leaves out symbols that have none.
	Quotes(ctx context.Context, symbols []string) (map[string]Quote, error)
	Snapshots(ctx context.Context, symbols []string) (map[string]Snapshot, error)
	OpenOrders(ctx context.Context) ([]Order, error)
	// OrdersSince are orders of any state submitted at or after t, oldest first;
	// some from the seconds before t may be among them.
	OrdersSince(ctx context.Context, t time.Time) ([]Order, error)
	// Submit returns the order that exists under the client id after a
	// duplicate refusal; the caller compares it with its intent.
	Submit(ctx context.Context, r OrderRequest) (Order, error)
	OrderByClientID(ctx context.Context, id string) (Order, error)
	Order(ctx context.Context, id string) (Order, error)
	// Cancel asks; only the order's own state says what happened.
	Cancel(ctx context.Context, id string) error
}
