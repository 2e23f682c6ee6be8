package paperbroker

import (
	"container/heap"
	"crypto/sha256"
	"fmt"
	"strconv"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/market/seeded"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// engine is the broker as a state machine. Time passes only in advance: what
// falls due until then happens in order, each at its own moment, however
// often or seldom somebody looks.
type engine struct {
	book
	keeper
	market    *exchange
	behaviour behaviour
	switches  Switches
	traits    map[string]Traits
	checks    []check // of an order, in the order of this seed

	now      time.Time
	due      agenda
	sequence int // of due events
	ids      int // given out

	orders   []*order
	byID     map[string]*order
	byClient map[string]*order

	configuration
	blocked     bool          // the account, by the admin or a fault
	clockOffset time.Duration // of the clock that clients are shown, by a fault
	rejectNext  bool          // the next order is rejected after it was accepted, by a fault
	slowNext    time.Duration // the next order waits so long before each fill, by a simulation
	portionNext float64       // of the next order in its first fill; 0: all

	journal []Entry
}

// Entry is one line of the journal.
type Entry struct {
	At     time.Time `json:"at"`
	Event  string    `json:"event"` // request, refused, fault, an order's status, fill, open, close, or the admin's verb
	Order  string    `json:"order,omitempty"`
	Detail string    `json:"detail,omitempty"`
}

func newEngine(o Options, b behaviour, s Switches) *engine {
	number := o.AccountNumber
	if number == "" {
		number = "PA0SIMULATED"
	}
	e := &engine{
		market: &exchange{
			bars: o.Bars, calendar: o.Calendar, seed: o.Seed,
			halted: make(map[string]time.Time), missing: make(map[string]bool), texts: make(map[string]*barText),
		},
		behaviour: b, switches: s,
		traits:        make(map[string]Traits),
		configuration: defaultConfiguration(),
		now:           o.Clock.Now().UTC(),
		byID:          make(map[string]*order),
		byClient:      make(map[string]*order),
		book:          book{number: number, cash: o.Cash, positions: make(map[string]*position)},
	}
	for symbol, t := range o.Assets {
		e.traits[symbol] = t
	}
	e.accountID = e.id("account", 0)
	e.created = e.now
	e.checks = orderChecks(s, e.market.draw("checks"))
	e.scheduleSession()
	return e
}

// id is shaped like a UUID of version 4 and derived from the seed.
func (e *engine) id(kind string, n int) string {
	h := sha256.Sum256(fmt.Appendf(nil, "%d %s %d", e.market.seed, kind, n))
	h[6] = h[6]&0x0f | 0x40
	h[8] = h[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// advance lets everything happen that is due until t. A clock that went back
// stands still.
func (e *engine) advance(t time.Time) {
	t = t.UTC()
	for len(e.due) > 0 && !e.due[0].at.After(t) {
		next := heap.Pop(&e.due).(event)
		if next.at.After(e.now) {
			e.now = next.at
		}
		next.do()
	}
	if t.After(e.now) {
		e.now = t
	}
}

// after lets do happen when d has passed; at once for none.
func (e *engine) after(d time.Duration, do func()) {
	if d <= 0 {
		do()
		return
	}
	e.on(e.now.Add(d), do)
}

func (e *engine) on(at time.Time, do func()) {
	e.sequence++
	heap.Push(&e.due, event{at: at, sequence: e.sequence, do: do})
}

// scheduleSession awaits the session that is running or comes next.
func (e *engine) scheduleSession() {
	s, ok := e.market.day(e.now)
	if !ok || !e.now.Before(s.Close) {
		if s, ok = e.market.calendar.Next(dateOf(e.now)); !ok {
			return // the end of the calendar
		}
	}
	if e.now.Before(s.Open) {
		e.on(s.Open, e.openSession)
	}
	e.on(s.Close, e.closeSession)
}

func (e *engine) openSession() {
	e.log("open", "", "")
	for _, o := range e.orders {
		switch o.Status {
		case "accepted":
			e.acknowledge(o)
		case "done_for_day":
			e.become(o, "new")
			e.match(o)
		}
	}
}

const longestGTC = 90 * 24 * time.Hour

func (e *engine) closeSession() {
	e.endOrders()
	e.lastEquity = e.equity()
	e.history = append(e.history, closing{at: e.now, equity: e.lastEquity})
	e.log("close", "", e.lastEquity.Fixed(2))
	e.scheduleSession()
}

// endOrders is what the end of a session does to the orders.
func (e *engine) endOrders() {
	for _, o := range e.orders {
		if o.working() {
			e.endOrder(o)
		}
	}
}

func (e *engine) endOrder(o *order) {
	switch {
	case o.Status == "pending_cancel":
		e.become(o, "canceled")
	case o.TimeInForce == "day":
		e.become(o, "expired")
	case e.now.Sub(o.SubmittedAt) >= longestGTC:
		e.become(o, "canceled")
	default:
		e.become(o, "done_for_day")
	}
}

// submit takes an order that passed all checks.
func (e *engine) submit(d draft) *order {
	e.ids++
	o := &order{Order: Order{
		ID: e.id("order", e.ids), ClientID: d.clientID, Symbol: d.symbol, Side: d.side, Type: d.kind, TimeInForce: d.tif,
		Qty: d.qty, Notional: d.notional, Limit: d.limit, Stop: d.stop, Extended: d.extended, SubmittedAt: e.now, Replaces: d.replaces,
	}}
	if o.ClientID == "" {
		o.ClientID = e.id("client", e.ids)
	}
	o.neverAck, e.rejectNext = e.rejectNext, false
	if o.slow, o.portion = e.slowNext, e.portionNext; o.slow > 0 {
		o.rests = e.now.Add(o.slow)
	}
	e.slowNext, e.portionNext = 0, 0
	e.orders = append(e.orders, o)
	e.byID[o.ID], e.byClient[o.ClientID] = o, o
	if !e.market.open(e.now) {
		e.become(o, "accepted")
		return o
	}
	e.acknowledge(o)
	return o
}

// acknowledge takes an order from pending_new to new.
func (e *engine) acknowledge(o *order) {
	e.become(o, "pending_new")
	delay := e.draw(o, "ack", 0, e.behaviour.ack)
	if o.neverAck {
		delay = max(delay, 50*time.Millisecond) // after the reply, not in it
	}
	e.after(delay, func() {
		switch {
		case o.Status != "pending_new": // a cancel was faster
		case o.neverAck:
			e.become(o, "rejected")
		default:
			e.become(o, "new")
			e.match(o)
		}
	})
}

// cancel asks for the end of an order.
func (e *engine) cancel(o *order) *refusal {
	switch {
	case !o.working():
		return refuse(422, 42210000, "order is already in %q state", o.Status)
	case o.Status == "pending_replace":
		return refuse(422, 42210000, "order is not cancelable in %q state", o.Status)
	case o.Status == "pending_cancel":
		return nil
	case o.Status == "accepted", o.Status == "done_for_day":
		e.become(o, "canceled")
		return nil
	}
	e.become(o, "pending_cancel")
	if o.stuck {
		return nil
	}
	e.after(e.switches.CancelDelay, func() { e.endCancel(o) })
	return nil
}

// endCancel is the end of a cancel that was asked for, if nothing was faster.
func (e *engine) endCancel(o *order) {
	if o.Status != "pending_cancel" {
		return
	}
	if o.fillCancel {
		if q, ok := e.market.quote(o.Symbol, e.now); ok {
			e.fill(o, e.shares(o, q), e.farSide(o, q))
			return
		}
	}
	e.become(o, "canceled")
}

// replace ends an order in favour of a new one with another quantity or price.
func (e *engine) replace(o *order, qty, limit, stop *money.Decimal, clientID string) (*order, *refusal) {
	switch {
	case o.Status != "new" && o.Status != "partially_filled":
		return nil, refuse(422, 42210000, "order is not replaceable in %q state", o.Status)
	case o.Qty == nil:
		return nil, refuse(422, 42210000, "notional orders cannot be replaced")
	case qty != nil && fractional(*o.Qty):
		return nil, refuse(422, 42210000, "the quantity of fractional orders cannot be replaced")
	case (limit != nil || stop != nil) && fractional(*o.Qty) && !e.switches.PatchFractionalPrice:
		return nil, refuse(422, 42210000, "fractional orders cannot be replaced")
	}
	d := draft{
		clientID: clientID, symbol: o.Symbol, side: o.Side, kind: o.Type, tif: o.TimeInForce,
		qty: o.Qty, limit: o.Limit, stop: o.Stop, extended: o.Extended, replaces: o.ID,
	}
	if qty != nil {
		d.qty = qty
	} else if e.switches.PatchRemainder {
		left := o.remaining()
		d.qty = &left
	}
	if limit != nil {
		d.limit = limit
	}
	if stop != nil {
		d.stop = stop
	}
	before := o.Status
	o.Status = "replaced" // its reservation is the new order's while that is checked
	if r := e.check(&d); r != nil {
		o.Status = before
		return nil, r
	}
	o.Status = before
	e.become(o, "replaced")
	fresh := e.submit(d)
	o.ReplacedBy = fresh.ID
	e.keep(o)
	return fresh, nil
}

// become moves an order to another status; from a terminal one nothing leads on.
func (e *engine) become(o *order, status broker.Status) {
	if o.Status.Terminal() {
		panic(fmt.Errorf("paperbroker: order %s from %s to %s", o.ID, o.Status, status))
	}
	o.Status = status
	if status.Terminal() {
		at := e.now
		o.EndedAt = &at
	}
	e.keep(o)
	e.log(string(status), o.ID, o.ClientID)
}

// keep remembers the order as it is now.
func (e *engine) keep(o *order) {
	o.UpdatedAt = e.now
	e.changed(o)
	o.versions = append(o.versions, o.copy())
}

func (e *engine) log(event, order, detail string) {
	e.journal = append(e.journal, Entry{At: e.now, Event: event, Order: order, Detail: detail})
}

// draw is a delay that depends on the seed, the order and what it is for.
func (e *engine) draw(o *order, what string, n int, s span) time.Duration {
	if s.to <= 0 {
		return 0
	}
	return s.from + time.Duration(e.dice(o, what, n).IntN(int64(s.to-s.from)+1))
}

func (e *engine) dice(o *order, what string, n int) *seeded.Dice {
	return e.market.draw(o.ID, what, strconv.Itoa(n))
}

// event is something that is due.
type event struct {
	at       time.Time
	sequence int
	do       func()
}

// agenda is a heap of what is due, soonest first.
type agenda []event

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].sequence < a[j].sequence
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(event)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}
