package execution_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

func d(s string) money.Decimal { return money.MustParse(s) }

// virtual is a clock that moves only when somebody sleeps.
type virtual struct {
	mu  sync.Mutex
	now time.Time
}

func (v *virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

func (v *virtual) Sleep(ctx context.Context, d time.Duration) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now = v.now.Add(d)
	return ctx.Err()
}

// desk is a broker whose behaviour a test scripts. It keeps account, positions
// and orders as the real one would, and a log of every write call.
type desk struct {
	mu      sync.Mutex
	clock   *virtual
	account broker.Account
	held    map[string]money.Decimal
	quotes  map[string]broker.Quote
	orders  []*broker.Order
	posts   []broker.OrderRequest // every POST that arrived, in order
	cancels []string
	reads   int // of single orders
	lists   int
	open    bool
	skew    time.Duration

	// onSubmit may answer a POST in place of the exchange: handled false lets
	// it pass.
	onSubmit func(n int, r broker.OrderRequest) (order *broker.Order, err error, handled bool)
	// fill decides how much of an order is executed when it arrives; nil: all
	// of a marketable one.
	fill func(o broker.Order) money.Decimal
	// tick runs before every read of an order.
	tick func(o *broker.Order)
	// listed may change what a list says of an order.
	listed func(o *broker.Order)
	// quoted runs before a symbol's quote is read.
	quoted func(symbol string)
	// stuck orders stay pending_cancel.
	stuck bool
	// cancelTakes is how long an order stays pending_cancel.
	cancelTakes time.Duration
	cancelled   map[string]time.Time // when, by id
	// hideFor is how long a new order does not show under its client id.
	hideFor time.Duration
	// dark keeps every look at orders from being answered.
	dark bool
	// unlisted is until when no order shows in a list.
	unlisted time.Time
	// noPrice keeps the average price back.
	noPrice bool
	// fillOnCancel executes the rest when the cancel arrives.
	fillOnCancel bool
	// lag keeps cash from changing.
	lagCash bool
}

func newDesk(clock *virtual) *desk {
	return &desk{
		clock: clock, open: true, held: map[string]money.Decimal{}, cancelled: map[string]time.Time{}, quotes: map[string]broker.Quote{},
		account: broker.Account{Number: "PA1", Status: "ACTIVE", Currency: "USD", Cash: d("10000"), Equity: d("20000"), BuyingPower: d("40000")},
	}
}

func (k *desk) Account(context.Context) (broker.Account, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.account, nil
}

func (k *desk) Positions(context.Context) ([]broker.Position, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []broker.Position
	for s, q := range k.held {
		if q.IsZero() {
			continue
		}
		available := q
		for _, o := range k.orders {
			if o.Symbol == s && o.Side == events.Sell && !o.Status.Terminal() {
				available = available.Sub(o.Qty.Sub(o.Filled))
			}
		}
		out = append(out, broker.Position{Symbol: s, Qty: q, Available: available})
	}
	return out, nil
}

func (k *desk) Asset(context.Context, string) (broker.Asset, error) {
	return broker.Asset{}, errors.New("execution asks for no asset")
}

func (k *desk) Clock(context.Context) (broker.Clock, error) {
	return broker.Clock{Now: k.clock.Now().Add(k.skew), IsOpen: k.open}, nil
}

func (k *desk) Sessions(context.Context, events.Date, events.Date) ([]market.Session, error) {
	return nil, errors.New("execution asks for no session")
}

func (k *desk) Quotes(_ context.Context, symbols []string) (map[string]broker.Quote, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := map[string]broker.Quote{}
	for _, s := range symbols {
		if k.quoted != nil {
			k.quoted(s)
		}
		if q, ok := k.quotes[s]; ok {
			if q.At.IsZero() {
				q.At = k.clock.Now()
			}
			out[s] = q
		}
	}
	return out, nil
}

func (k *desk) Snapshots(context.Context, []string) (map[string]broker.Snapshot, error) {
	return nil, errors.New("execution asks for no snapshot")
}

func (k *desk) OpenOrders(context.Context) ([]broker.Order, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.clock.Now().Before(k.unlisted) {
		return nil, nil
	}
	var out []broker.Order
	for _, o := range k.orders {
		if !o.Status.Terminal() {
			out = append(out, *o)
		}
	}
	return out, nil
}

func (k *desk) OrdersSince(_ context.Context, since time.Time) ([]broker.Order, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dark {
		return nil, errReset
	}
	if k.clock.Now().Before(k.unlisted) {
		return nil, nil
	}
	k.lists++
	k.settle()
	var out []broker.Order
	for _, o := range k.orders {
		if o.SubmittedAt.Before(since) {
			continue
		}
		if k.tick != nil {
			k.tick(o)
		}
		seen := *o
		if k.listed != nil {
			k.listed(&seen)
		}
		out = append(out, seen)
	}
	return out, nil
}

func (k *desk) Submit(_ context.Context, r broker.OrderRequest) (broker.Order, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.posts = append(k.posts, r)
	if k.onSubmit != nil {
		if order, err, handled := k.onSubmit(len(k.posts), r); handled {
			if order != nil {
				return *order, err
			}
			return broker.Order{}, err
		}
	}
	return k.place(r)
}

// place is the exchange. Callers hold the lock.
func (k *desk) place(r broker.OrderRequest) (broker.Order, error) {
	for _, o := range k.orders {
		if o.ClientID == r.ClientID {
			return *o, nil // the adapter looks a duplicate up
		}
	}
	o := &broker.Order{
		ID: fmt.Sprintf("o%d", len(k.orders)+1), ClientID: r.ClientID, Symbol: r.Symbol, Side: r.Side, Type: r.Type, Qty: r.Qty,
		Limit: r.Limit, Status: "new", SubmittedAt: k.clock.Now(),
	}
	k.orders = append(k.orders, o)
	quote := k.quotes[r.Symbol]
	marketable := r.Limit == nil || r.Side == events.Buy && !r.Limit.Less(quote.Ask) || r.Side == events.Sell && !quote.Bid.Less(*r.Limit)
	switch {
	case k.fill != nil:
		k.execute(o, k.fill(*o))
	case marketable:
		k.execute(o, o.Qty)
	}
	return *o, nil
}

// execute fills more of an order at its limit.
func (k *desk) execute(o *broker.Order, qty money.Decimal) {
	qty = money.Min(qty, o.Qty.Sub(o.Filled))
	if qty.Sign() <= 0 {
		return
	}
	at := k.quotes[o.Symbol].Ask
	if o.Limit != nil {
		at = *o.Limit
	}
	o.Filled = o.Filled.Add(qty)
	if !k.noPrice {
		o.AvgPrice = &at
	}
	o.Status = "partially_filled"
	if o.Filled.Equal(o.Qty) {
		o.Status = "filled"
	}
	if o.Side == events.Sell {
		k.held[o.Symbol] = k.held[o.Symbol].Sub(qty)
		k.pay(qty.Mul(at))
		return
	}
	k.held[o.Symbol] = k.held[o.Symbol].Add(qty)
	k.pay(qty.Mul(at).Neg())
}

func (k *desk) pay(amount money.Decimal) {
	if k.lagCash {
		return
	}
	k.account.Cash = k.account.Cash.Add(amount)
	k.account.BuyingPower = k.account.BuyingPower.Add(amount)
}

func (k *desk) OrderByClientID(_ context.Context, id string) (broker.Order, error) {
	return k.find(func(o *broker.Order) bool {
		return o.ClientID == id && k.clock.Now().Sub(o.SubmittedAt) >= k.hideFor
	})
}

func (k *desk) Order(_ context.Context, id string) (broker.Order, error) {
	return k.find(func(o *broker.Order) bool { return o.ID == id })
}

func (k *desk) find(match func(*broker.Order) bool) (broker.Order, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dark {
		return broker.Order{}, errReset
	}
	k.reads++
	k.settle()
	for _, o := range k.orders {
		if match(o) {
			if k.tick != nil {
				k.tick(o)
			}
			return *o, nil
		}
	}
	return broker.Order{}, broker.ErrNotFound
}

func (k *desk) Cancel(_ context.Context, id string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cancels = append(k.cancels, id)
	for _, o := range k.orders {
		if o.ID != id {
			continue
		}
		if k.fillOnCancel {
			k.execute(o, o.Qty)
		}
		if o.Status.Terminal() {
			return &broker.Rejected{Op: "cancel", Status: 422, Code: 42210000, Message: `order is already in "filled" state`}
		}
		o.Status = "canceled"
		if k.stuck || k.cancelTakes > 0 {
			o.Status = "pending_cancel"
			if _, asked := k.cancelled[id]; !asked {
				k.cancelled[id] = k.clock.Now()
			}
		}
		return nil
	}
	return broker.ErrNotFound
}

// settle ends cancels that have taken their time. Callers hold the lock.
func (k *desk) settle() {
	for _, o := range k.orders {
		if at, ok := k.cancelled[o.ID]; ok && !k.stuck && o.Status == "pending_cancel" && k.clock.Now().Sub(at) >= k.cancelTakes {
			o.Status = "canceled"
		}
	}
}

// bought and sold are the broker's own sums by symbol.
func (k *desk) traded(symbol string, side events.Side) money.Decimal {
	sum := money.Zero()
	for _, o := range k.orders {
		if o.Symbol == symbol && o.Side == side && strings.HasPrefix(o.ClientID, "alc-") {
			sum = sum.Add(o.Filled)
		}
	}
	return sum
}
