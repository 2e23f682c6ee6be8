// Package brokertest is the conformance suite of the broker port: what every
// implementation of broker.Broker must do, whatever stands behind it.
//
//	func TestConformance(t *testing.T) {
//		brokertest.Run(t, func(t *testing.T) brokertest.World { … })
//	}
package brokertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// World is a broker in the middle of a session, with an account that holds
// cash for at least ten shares of Symbol, no position and no order.
type World struct {
	Broker broker.Broker
	Clock  env.Clock // of the broker; sleeping on it lets the broker go on
	Symbol string    // tradable, fractionable, quoted
}

// Clock is a virtual clock: sleeping moves it on and takes no time.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock is a clock that stands at now.
func NewClock(now time.Time) *Clock { return &Clock{now: now.UTC()} }

// Now is the virtual time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Sleep moves the clock on by d.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(max(d, 0))
	return nil
}

// Run runs the suite; each case gets a world of its own.
func Run(t *testing.T, build func(t *testing.T) World) {
	for name, test := range map[string]func(*testing.T, World){
		"reads agree with each other":            testReads,
		"a market order fills and is booked":     testMarketOrder,
		"a resting order is listed and canceled": testRestingOrder,
		"selling all leaves no position":         testRoundTrip,
		"one client id is one order":             testClientID,
		"what is not there is not found":         testNotFound,
		"refusals are final and leave no trace":  testRefusals,
		"unknown symbols have no quote":          testQuotes,
		"an ended context ends every call":       testContext,
		"cancelling what is filled does nothing": testCancelFilled,
	} {
		t.Run(name, func(t *testing.T) { test(t, build(t)) })
	}
}

func (w World) quote(t *testing.T) broker.Quote {
	t.Helper()
	quotes, err := w.Broker.Quotes(t.Context(), []string{w.Symbol})
	q, ok := quotes[w.Symbol]
	if err != nil || !ok || q.Bid.Sign() <= 0 || q.Ask.Less(q.Bid) {
		t.Fatalf("quote of %s: %+v %v", w.Symbol, quotes, err)
	}
	return q
}

func (w World) account(t *testing.T) broker.Account {
	t.Helper()
	a, err := w.Broker.Account(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (w World) position(t *testing.T) broker.Position {
	t.Helper()
	positions, err := w.Broker.Positions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range positions {
		if p.Symbol == w.Symbol {
			return p
		}
	}
	return broker.Position{Symbol: w.Symbol}
}

// settle lets reads that lag behind catch up.
func (w World) settle(t *testing.T) {
	t.Helper()
	if err := w.Clock.Sleep(t.Context(), 5*time.Second); err != nil {
		t.Fatal(err)
	}
}

func (w World) submit(t *testing.T, r broker.OrderRequest) broker.Order {
	t.Helper()
	o, err := w.Broker.Submit(t.Context(), r)
	if err != nil {
		t.Fatalf("submit %+v: %v", r, err)
	}
	if o.ClientID != r.ClientID || o.Symbol != r.Symbol || o.Side != r.Side || o.Type != r.Type || !o.Qty.Equal(r.Qty) || o.ID == "" {
		t.Fatalf("asked for %+v, got %+v", r, o)
	}
	return o
}

// await polls until the order is terminal.
func (w World) await(t *testing.T, id string) broker.Order {
	t.Helper()
	for range 120 {
		o, err := w.Broker.Order(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if o.Status.Terminal() {
			w.settle(t)
			return o
		}
		if err := w.Clock.Sleep(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("order %s is not terminal after two minutes", id)
	return broker.Order{}
}

func (w World) market(id string, side events.Side, qty string) broker.OrderRequest {
	return broker.OrderRequest{ClientID: id, Symbol: w.Symbol, Side: side, Qty: money.MustParse(qty), Type: broker.Market}
}

func (w World) limit(id string, side events.Side, qty string, price money.Decimal) broker.OrderRequest {
	return broker.OrderRequest{ClientID: id, Symbol: w.Symbol, Side: side, Qty: money.MustParse(qty), Type: broker.Limit, Limit: &price}
}

func testReads(t *testing.T, w World) {
	a := w.account(t)
	if a.Status != "ACTIVE" || a.Currency != "USD" || a.ID == "" || a.Cash.Sign() <= 0 || !a.Cash.Equal(a.Equity) || a.TradingBlocked || a.AccountBlocked {
		t.Errorf("account %+v", a)
	}
	clock, err := w.Broker.Clock(t.Context())
	if err != nil || !clock.IsOpen || clock.Now.Sub(w.Clock.Now()).Abs() > 5*time.Second {
		t.Errorf("clock %+v at %s, %v", clock, w.Clock.Now(), err)
	}
	date := events.DateOf(clock.Now, time.UTC)
	sessions, err := w.Broker.Sessions(t.Context(), date, date)
	if err != nil || len(sessions) != 1 || sessions[0].Date != date || !sessions[0].Contains(clock.Now) {
		t.Errorf("sessions of %s: %+v %v", date, sessions, err)
	}
	if asset, err := w.Broker.Asset(t.Context(), w.Symbol); err != nil || !asset.Tradable || !asset.Fractionable || asset.Symbol != w.Symbol {
		t.Errorf("asset %+v %v", asset, err)
	}
	if p := w.position(t); !p.Qty.IsZero() {
		t.Errorf("position %+v", p)
	}
	q := w.quote(t)
	snapshots, err := w.Broker.Snapshots(t.Context(), []string{w.Symbol})
	s := snapshots[w.Symbol]
	if err != nil || s.Quote == nil || !s.Quote.Bid.Equal(q.Bid) || s.Trade == nil || s.PreviousClose == nil || s.PreviousClose.Sign() <= 0 {
		t.Errorf("snapshot %+v %v", s, err)
	}
}

func testMarketOrder(t *testing.T, w World) {
	before := w.account(t)
	began := w.Clock.Now()
	sent := w.submit(t, w.market("m-1", events.Buy, "2.5"))
	o := w.await(t, sent.ID)
	if o.Status != "filled" || !o.Filled.Equal(money.MustParse("2.5")) || o.AvgPrice == nil || o.AvgPrice.Sign() <= 0 {
		t.Fatalf("order %+v", o)
	}
	if p := w.position(t); !p.Qty.Equal(o.Filled) || !p.Available.Equal(o.Filled) {
		t.Errorf("position %+v", p)
	}
	paid := before.Cash.Sub(w.account(t).Cash)
	if off := paid.Sub(o.Filled.Mul(*o.AvgPrice)).Abs(); off.Cmp(money.MustParse("0.1")) > 0 { // a cent per fill
		t.Errorf("paid %s for %s at %s", paid, o.Filled, o.AvgPrice)
	}
	if byClient, err := w.Broker.OrderByClientID(t.Context(), "m-1"); err != nil || byClient.ID != o.ID || byClient.Status != "filled" {
		t.Errorf("by client id: %+v %v", byClient, err)
	}
	since, err := w.Broker.OrdersSince(t.Context(), began)
	if err != nil || len(since) != 1 || since[0].ID != o.ID {
		t.Errorf("orders since: %+v %v", since, err)
	}
	if since, err = w.Broker.OrdersSince(t.Context(), w.Clock.Now().Add(time.Minute)); err != nil || len(since) != 0 {
		t.Errorf("orders of the future: %+v %v", since, err)
	}
}

func testRestingOrder(t *testing.T, w World) {
	price := money.FloorTick(w.quote(t).Bid.Mul(money.MustParse("0.7")))
	sent := w.submit(t, w.limit("r-1", events.Buy, "1", price))
	w.settle(t)
	open, err := w.Broker.OpenOrders(t.Context())
	if err != nil || len(open) != 1 || open[0].ID != sent.ID || open[0].Limit == nil || !open[0].Limit.Equal(price) {
		t.Fatalf("open orders %+v %v", open, err)
	}
	if err := w.Broker.Cancel(t.Context(), sent.ID); err != nil {
		t.Fatal(err)
	}
	if o := w.await(t, sent.ID); o.Status != "canceled" || !o.Filled.IsZero() || o.AvgPrice != nil {
		t.Errorf("order %+v", o)
	}
	if open, err = w.Broker.OpenOrders(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("open orders after the cancel %+v %v", open, err)
	}
}

func testRoundTrip(t *testing.T, w World) {
	w.await(t, w.submit(t, w.market("t-1", events.Buy, "1.123456789")).ID)
	p := w.position(t)
	o := w.await(t, w.submit(t, w.market("t-2", events.Sell, p.Available.String())).ID)
	if o.Status != "filled" || o.Side != events.Sell || !o.Filled.Equal(money.MustParse("1.123456789")) {
		t.Errorf("order %+v", o)
	}
	if p := w.position(t); !p.Qty.IsZero() {
		t.Errorf("position %+v", p)
	}
}

func testClientID(t *testing.T, w World) {
	request := w.market("c-1", events.Buy, "1")
	first := w.submit(t, request)
	again := w.submit(t, request)
	if first.ID != again.ID {
		t.Fatalf("one client id, two orders: %s and %s", first.ID, again.ID)
	}
	w.await(t, first.ID)
	if third := w.submit(t, request); third.ID != first.ID {
		t.Errorf("a new order %s under the client id of a filled one", third.ID)
	}
	all, err := w.Broker.OrdersSince(t.Context(), w.Clock.Now().Add(-time.Hour))
	if err != nil || len(all) != 1 {
		t.Errorf("%d orders, %v", len(all), err)
	}
}

func testNotFound(t *testing.T, w World) {
	ctx := t.Context()
	_, err1 := w.Broker.OrderByClientID(ctx, "nobody")
	_, err2 := w.Broker.Order(ctx, "00000000-0000-4000-8000-000000000000")
	_, err3 := w.Broker.Asset(ctx, "NOSUCH")
	err4 := w.Broker.Cancel(ctx, "00000000-0000-4000-8000-000000000000")
	for i, err := range []error{err1, err2, err3, err4} {
		if !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("case %d: %v", i, err)
		}
	}
}

func testRefusals(t *testing.T, w World) {
	before := w.account(t)
	ask := w.quote(t).Ask
	tiny := money.MustParse("0.005")
	for name, r := range map[string]broker.OrderRequest{
		"selling what is not held": w.market("x-1", events.Sell, "1"),
		"more than money can buy":  w.limit("x-2", events.Buy, "100000000", ask),
		"off the tick":             w.limit("x-3", events.Buy, "1", ask.Floor(2).Add(tiny)),
		"unknown symbol":           {ClientID: "x-4", Symbol: "NOSUCH", Side: events.Buy, Qty: money.One(), Type: broker.Market},
		"no quantity":              w.market("x-5", events.Buy, "0"),
		"a limit without price":    {ClientID: "x-6", Symbol: w.Symbol, Side: events.Buy, Qty: money.One(), Type: broker.Limit},
		"no client id":             w.market("", events.Buy, "1"),
	} {
		var rejected *broker.Rejected
		if o, err := w.Broker.Submit(t.Context(), r); !errors.As(err, &rejected) || rejected.Message == "" {
			t.Errorf("%s: %+v %v", name, o, err)
		}
	}
	all, err := w.Broker.OrdersSince(t.Context(), w.Clock.Now().Add(-time.Hour))
	if after := w.account(t); err != nil || len(all) != 0 || !after.Cash.Equal(before.Cash) {
		t.Errorf("orders %+v, cash from %s to %s, %v", all, before.Cash, after.Cash, err)
	}
}

func testQuotes(t *testing.T, w World) {
	symbols := []string{w.Symbol, "NOSUCH"}
	for i := range 150 { // more than fit into one request
		symbols = append(symbols, fmt.Sprintf("NONE%d", i))
	}
	quotes, err := w.Broker.Quotes(t.Context(), symbols)
	if _, ok := quotes["NOSUCH"]; err != nil || ok || len(quotes) != 1 {
		t.Errorf("quotes %+v %v", quotes, err)
	}
	if quotes, err = w.Broker.Quotes(t.Context(), nil); err != nil || len(quotes) != 0 {
		t.Errorf("quotes of nothing: %+v %v", quotes, err)
	}
}

func testContext(t *testing.T, w World) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := w.Broker
	calls := map[string]func() error{
		"Account":         func() error { _, err := b.Account(ctx); return err },
		"Positions":       func() error { _, err := b.Positions(ctx); return err },
		"Asset":           func() error { _, err := b.Asset(ctx, w.Symbol); return err },
		"Clock":           func() error { _, err := b.Clock(ctx); return err },
		"Quotes":          func() error { _, err := b.Quotes(ctx, []string{w.Symbol}); return err },
		"Snapshots":       func() error { _, err := b.Snapshots(ctx, []string{w.Symbol}); return err },
		"OpenOrders":      func() error { _, err := b.OpenOrders(ctx); return err },
		"OrdersSince":     func() error { _, err := b.OrdersSince(ctx, w.Clock.Now()); return err },
		"OrderByClientID": func() error { _, err := b.OrderByClientID(ctx, "x"); return err },
		"Submit":          func() error { _, err := b.Submit(ctx, w.market("ctx-1", events.Buy, "1")); return err },
		"Cancel":          func() error { return b.Cancel(ctx, "x") },
	}
	for name, call := range calls {
		var rejected *broker.Rejected
		if err := call(); err == nil || errors.As(err, &rejected) || errors.Is(err, broker.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func testCancelFilled(t *testing.T, w World) {
	o := w.await(t, w.submit(t, w.market("f-1", events.Buy, "1")).ID)
	var rejected *broker.Rejected
	if err := w.Broker.Cancel(t.Context(), o.ID); err != nil && !errors.As(err, &rejected) {
		t.Errorf("cancel of a filled order: %v", err)
	}
	if after := w.await(t, o.ID); after.Status != "filled" || !after.Filled.Equal(o.Filled) {
		t.Errorf("after the cancel %+v", after)
	}
}
