package paperbroker

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/alchemiser/alchemiser/pkg/money"
)

// Change is what has changed in an account since the change before. A caller
// keeps changes to bring the account back after a restart:
//
//	var whole paperbroker.Change
//	for _, c := range read() { whole.Add(c) }
//	server, err := paperbroker.New(paperbroker.Options{Kept: &whole, Keep: write, …})
//
// Not kept are the journal and what faults and the admin do to the market.
type Change struct {
	At            time.Time     `json:"at"`
	AccountID     string        `json:"account_id"`
	Created       time.Time     `json:"created"`
	IDs           int           `json:"ids"` // of orders given out
	Cash          money.Decimal `json:"cash"`
	LastEquity    money.Decimal `json:"last_equity"`
	Positions     []Kept        `json:"positions"`        // all of them; nil: as before
	Orders        []KeptOrder   `json:"orders,omitempty"` // those that changed
	Closings      []Closing     `json:"closings,omitempty"`
	Configuration configuration `json:"configuration"`
}

// Kept is a position with what was paid for it.
type Kept struct {
	Symbol string        `json:"symbol"`
	Qty    money.Decimal `json:"qty"`
	Cost   money.Decimal `json:"cost"`
}

// KeptOrder is an order, and whether the market has met its stop price.
type KeptOrder struct {
	Order
	Triggered bool `json:"triggered,omitempty"`
}

// Closing is the account's worth at the end of a session.
type Closing struct {
	At     time.Time     `json:"at"`
	Equity money.Decimal `json:"equity"`
}

// Add makes of a change and the next one a change that does both.
func (c *Change) Add(next Change) {
	positions, orders, closings := c.Positions, c.Orders, append(c.Closings, next.Closings...)
	if next.Positions != nil {
		positions = next.Positions
	}
	for _, o := range next.Orders {
		if i := slices.IndexFunc(orders, func(old KeptOrder) bool { return old.ID == o.ID }); i >= 0 {
			orders[i] = o
		} else {
			orders = append(orders, o)
		}
	}
	*c = next
	c.Positions, c.Orders, c.Closings = positions, orders, closings
}

// Symbols are those that the account needs a market for: of positions and of
// orders under way.
func (c *Change) Symbols() []string {
	var symbols []string
	for _, p := range c.Positions {
		symbols = append(symbols, p.Symbol)
	}
	for _, o := range c.Orders {
		if !o.Status.Terminal() {
			symbols = append(symbols, o.Symbol)
		}
	}
	slices.Sort(symbols)
	return slices.Compact(symbols)
}

// keeper hands changes on before an answer can show them.
type keeper struct {
	write   func(Change) error // nil: nobody keeps the account
	orders  []*order           // changed since the last one
	seen    int                // versions of the positions written
	written Change             // the last one, without its lists
	closed  int                // closings written
}

func (k *keeper) changed(o *order) {
	if k.write != nil && !slices.Contains(k.orders, o) {
		k.orders = append(k.orders, o)
	}
}

// flush writes down what has changed. What could not be written stays to be written.
func (e *engine) flush() error {
	k := &e.keeper
	if k.write == nil {
		return nil
	}
	c := e.figures()
	if len(k.orders) == 0 && k.seen == len(e.versions) && k.closed == len(e.history) && c.Cash.Equal(k.written.Cash) && c.Configuration == k.written.Configuration {
		return nil
	}
	whole := c
	for _, o := range k.orders {
		whole.Orders = append(whole.Orders, KeptOrder{o.copy(), o.triggered})
	}
	if k.seen != len(e.versions) {
		whole.Positions = e.kept()
	}
	for _, h := range e.history[k.closed:] {
		whole.Closings = append(whole.Closings, Closing{h.at, h.equity})
	}
	if err := k.write(whole); err != nil {
		return fmt.Errorf("paperbroker: keep the account: %w", err)
	}
	k.orders, k.seen, k.closed, k.written = nil, len(e.versions), len(e.history), c
	return nil
}

// figures is a change without its lists.
func (e *engine) figures() Change {
	return Change{At: e.now, AccountID: e.accountID, Created: e.created, IDs: e.ids, Cash: e.cash, LastEquity: e.lastEquity, Configuration: e.configuration}
}

func (e *engine) kept() []Kept {
	list := make([]Kept, 0, len(e.positions))
	for symbol, p := range e.positions {
		list = append(list, Kept{symbol, p.qty, p.cost})
	}
	slices.SortFunc(list, func(a, b Kept) int { return cmp.Compare(a.Symbol, b.Symbol) })
	return list
}

// Kept is the whole account as one change.
func (s *Server) Kept() (c Change) {
	s.at(func(e *engine) {
		c = e.figures()
		c.Positions = e.kept()
		for _, o := range e.orders {
			c.Orders = append(c.Orders, KeptOrder{o.copy(), o.triggered})
		}
		for _, h := range e.history {
			c.Closings = append(c.Closings, Closing{h.at, h.equity})
		}
	})
	return c
}

// restore brings a kept account back as it was, at the time that it was kept;
// what was to happen since then happens with the next advance. A clock that
// stands before that time was set back, and the account is taken as it is.
func (e *engine) restore(c Change) error {
	present := e.now
	if c.At.Before(present) {
		e.now = c.At
	}
	e.accountID, e.created, e.ids, e.cash, e.lastEquity, e.configuration = c.AccountID, c.Created, c.IDs, c.Cash, c.LastEquity, c.Configuration
	for _, p := range c.Positions {
		if _, _, ok := e.market.price(p.Symbol, present); !ok {
			return fmt.Errorf("position %s: the symbol has no bars up to %s", p.Symbol, present.Format(time.DateOnly))
		}
		e.positions[p.Symbol] = &position{qty: p.Qty, cost: p.Cost}
	}
	e.remember(e.now)
	for _, h := range c.Closings {
		e.history = append(e.history, closing{h.At, h.Equity})
	}
	for _, kept := range c.Orders {
		o := &order{Order: kept.Order, triggered: kept.Triggered}
		filled := money.Zero()
		for _, f := range o.Fills {
			o.spent, filled = o.spent.Add(f.Qty.Mul(f.Price)), filled.Add(f.Qty)
			left := money.Zero()
			if o.Qty != nil {
				left = o.Qty.Sub(filled)
			}
			e.activities = append(e.activities, activity{order: o, fill: f, filled: filled, left: left})
		}
		o.versions = []Order{o.copy()}
		e.orders = append(e.orders, o)
		e.byID[o.ID], e.byClient[o.ClientID] = o, o
	}
	slices.SortStableFunc(e.activities, func(a, b activity) int { return a.fill.At.Compare(b.fill.At) })
	e.keeper.seen, e.keeper.closed, e.keeper.written = len(e.versions), len(e.history), e.figures()
	e.due = nil
	e.scheduleSession()
	e.resume()
	return nil
}

// resume makes new appointments for the orders under way.
func (e *engine) resume() {
	if !e.market.open(e.now) {
		for _, o := range e.orders {
			if o.working() && o.Status != "accepted" && o.Status != "done_for_day" {
				e.endOrder(o)
			}
		}
		return
	}
	for _, o := range slices.Clone(e.orders) {
		switch o.Status {
		case "pending_new":
			e.acknowledge(o)
		case "pending_cancel":
			e.after(e.switches.CancelDelay, func() { e.endCancel(o) })
		case "new", "partially_filled":
			e.match(o)
		}
	}
}
