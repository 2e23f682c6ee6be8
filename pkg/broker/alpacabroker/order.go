package alpacabroker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alpacahq/alpaca-trade-api-go/v3/alpaca"
	"github.com/shopspring/decimal"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market/alpacahttp"
	"github.com/alchemiser/alchemiser/pkg/money"
)

const (
	maxIDLength  = 48 // Alpaca documents 48 and 128
	qtyPlaces    = 9  // further digits would be cut without a word
	pageOfOrders = 500
	overlap      = 2 * time.Second // submitted_at is compared in whole seconds, exclusively
)

// Submit sends one order, once. After a refusal that may mean "this client id
// exists" it looks for that order and returns it.
func (c *Client) Submit(ctx context.Context, r broker.OrderRequest) (broker.Order, error) {
	const op = "submit"
	request, err := place(r)
	if err != nil {
		return broker.Order{}, &broker.Rejected{Op: op, Message: err.Error()}
	}
	got, err := trade(ctx, c, ordering, func(api *alpaca.Client) (*alpaca.Order, error) { return api.PlaceOrder(request) })
	var reply *alpacahttp.Error
	switch {
	case err == nil:
		order, err := ours(got, r.ClientID)
		if err != nil {
			return broker.Order{}, &broker.Unknown{Op: op, Cause: err}
		}
		return order, nil
	case errors.As(err, &reply) && saysDuplicate(reply):
		return c.existing(ctx, r.ClientID, reply)
	case errors.As(err, &reply) && reply.Status == 404: // nothing was looked for, so nothing was not found
		return broker.Order{}, rejected(op, reply)
	}
	return broker.Order{}, classify(op, err)
}

// grace is how long a new order may take to show under its client id.
func grace() []time.Duration {
	return []time.Duration{0, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}
}

// existing finds the order that a refusal spoke of. Only when the refusal can
// have another meaning does not finding it make it final.
func (c *Client) existing(ctx context.Context, clientID string, reply *alpacahttp.Error) (broker.Order, error) {
	const op = "submit"
	unknown := func(cause error) (broker.Order, error) {
		return broker.Order{}, &broker.Unknown{Op: op, Cause: fmt.Errorf("after %w: %w", reply, cause)}
	}
	for _, wait := range grace() {
		if err := c.o.Clock.Sleep(ctx, wait); err != nil {
			return unknown(err)
		}
		order, err := c.OrderByClientID(ctx, clientID)
		if err == nil {
			return order, nil
		}
		if !errors.Is(err, broker.ErrNotFound) {
			return unknown(err)
		}
	}
	if namesClientID(reply) {
		return unknown(errors.New("no order shows under the client id yet"))
	}
	return broker.Order{}, rejected(op, reply)
}

// place builds the request that Alpaca takes at its word: nothing in it is cut
// or rounded on the way.
func place(r broker.OrderRequest) (alpaca.PlaceOrderRequest, error) {
	out := alpaca.PlaceOrderRequest{
		Symbol: r.Symbol, ClientOrderID: r.ClientID, Type: alpaca.OrderType(r.Type), TimeInForce: alpaca.Day,
	}
	switch r.Side {
	case events.Buy:
		out.Side = alpaca.Buy
	case events.Sell:
		out.Side = alpaca.Sell
	default:
		return out, fmt.Errorf("side %q is neither BUY nor SELL", r.Side)
	}
	switch {
	case r.Symbol == "":
		return out, errors.New("no symbol")
	case r.ClientID == "" || len(r.ClientID) > maxIDLength:
		return out, fmt.Errorf("client order id %q has %d characters, not 1 to %d", r.ClientID, len(r.ClientID), maxIDLength)
	case r.Qty.Sign() <= 0:
		return out, fmt.Errorf("quantity %s is not positive", r.Qty)
	case !r.Qty.Truncate(qtyPlaces).Equal(r.Qty):
		return out, fmt.Errorf("quantity %s has more than %d fractional digits", r.Qty, qtyPlaces)
	}
	switch {
	case r.Type == broker.Market && r.Limit == nil:
	case r.Type == broker.Limit && r.Limit != nil && r.Limit.Sign() > 0 && money.FloorTick(*r.Limit).Equal(*r.Limit):
		limit := toSDK(*r.Limit)
		out.LimitPrice = &limit
	default:
		return out, fmt.Errorf("type %q with limit %v; a limit order needs a positive price on the tick, a market order none", r.Type, r.Limit)
	}
	qty := toSDK(r.Qty)
	out.Qty = &qty
	return out, nil
}

// toSDK goes through the decimal text, which both sides hold exactly.
func toSDK(d money.Decimal) decimal.Decimal { return decimal.RequireFromString(d.String()) }

// OrderByClientID reads the order with our id.
func (c *Client) OrderByClientID(ctx context.Context, id string) (broker.Order, error) {
	return read(ctx, c, "order by client id", func() (broker.Order, error) {
		got, err := trade(ctx, c, reading, func(api *alpaca.Client) (*alpaca.Order, error) { return api.GetOrderByClientOrderID(id) })
		if err != nil {
			return broker.Order{}, err
		}
		return ours(got, id)
	})
}

// Order reads the order with the broker's id.
func (c *Client) Order(ctx context.Context, id string) (broker.Order, error) {
	return read(ctx, c, "order", func() (broker.Order, error) {
		got, err := trade(ctx, c, reading, func(api *alpaca.Client) (*alpaca.Order, error) { return api.GetOrder(id) })
		if err != nil {
			return broker.Order{}, err
		}
		if got.ID != id {
			return broker.Order{}, wrongReply("order %q for %q", got.ID, id)
		}
		return convert(*got)
	})
}

// OpenOrders reads all working orders.
func (c *Client) OpenOrders(ctx context.Context) ([]broker.Order, error) {
	return c.list(ctx, "open", time.Time{})
}

// OrdersSince reads all orders submitted at or after t, and some of the seconds
// before: the broker compares whole seconds, and its clock is not ours.
func (c *Client) OrdersSince(ctx context.Context, t time.Time) ([]broker.Order, error) {
	return c.list(ctx, "all", t.Add(-overlap))
}

// list pages through orders by submission time. Pages overlap by the seconds
// that the broker's exclusive bound could hide.
func (c *Client) list(ctx context.Context, status string, after time.Time) ([]broker.Order, error) {
	var out []broker.Order
	seen := make(map[string]bool)
	for {
		page, err := read(ctx, c, status+" orders", func() ([]broker.Order, error) {
			return c.page(ctx, status, after)
		})
		if err != nil {
			return nil, err
		}
		fresh := 0
		for _, o := range page {
			if !seen[o.ID] {
				seen[o.ID] = true
				out = append(out, o)
				fresh++
			}
		}
		if len(page) < pageOfOrders {
			return out, nil
		}
		if fresh == 0 { // more than a page within the overlap
			return nil, &broker.Unknown{Op: status + " orders", Cause: wrongReply("%d orders within %s cannot be paged through", pageOfOrders, overlap)}
		}
		after = page[len(page)-1].SubmittedAt.Add(-overlap)
	}
}

func (c *Client) page(ctx context.Context, status string, after time.Time) ([]broker.Order, error) {
	got, err := trade(ctx, c, reading, func(api *alpaca.Client) ([]alpaca.Order, error) {
		return api.GetOrders(alpaca.GetOrdersRequest{Status: status, Limit: pageOfOrders, After: after.UTC(), Direction: "asc"})
	})
	if err != nil {
		return nil, err
	}
	out := make([]broker.Order, 0, len(got))
	for _, o := range got {
		converted, err := convert(o)
		if err != nil {
			return nil, err
		}
		out = append(out, converted)
	}
	return out, nil
}

// Cancel asks for a cancel, once. Cancelling twice is harmless, so the caller
// may repeat it.
func (c *Client) Cancel(ctx context.Context, id string) error {
	const op = "cancel"
	_, err := trade(ctx, c, ordering, func(api *alpaca.Client) (struct{}, error) { return struct{}{}, api.CancelOrder(id) })
	if err != nil {
		return classify(op, err)
	}
	return nil
}

// ours converts the order of a client id. A reply without an id or with
// another client id decodes without error and must not be booked.
func ours(o *alpaca.Order, clientID string) (broker.Order, error) {
	if o.ClientOrderID != clientID {
		return broker.Order{}, wrongReply("an order with client id %q, not %q", o.ClientOrderID, clientID)
	}
	return convert(*o)
}

func convert(o alpaca.Order) (broker.Order, error) {
	if o.ID == "" || o.Status == "" || o.Symbol == "" {
		return broker.Order{}, wrongReply("an order without id, status or symbol (client id %q)", o.ClientOrderID)
	}
	x := exact{}
	out := broker.Order{
		ID: o.ID, ClientID: o.ClientOrderID, Symbol: o.Symbol, Type: broker.OrderType(o.Type), Status: broker.Status(o.Status),
		Limit: x.optional(o.LimitPrice), Filled: x.number(o.FilledQty), AvgPrice: x.optional(o.FilledAvgPrice), SubmittedAt: o.SubmittedAt.UTC(),
	}
	switch o.Side {
	case alpaca.Buy:
		out.Side = events.Buy
	case alpaca.Sell:
		out.Side = events.Sell
	default:
		return broker.Order{}, wrongReply("order %s has side %q", o.ID, o.Side)
	}
	if o.Qty != nil { // null on orders by notional, which others may place
		out.Qty = x.number(*o.Qty)
	}
	if o.ReplacedBy != nil {
		out.ReplacedBy = *o.ReplacedBy
	}
	return out, x.err
}
