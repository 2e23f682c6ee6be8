package execution

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/record"
)

// moves decide what goes wrong, one byte at a time. When they are used up
// everything goes well.
type moves struct{ left []byte }

func (m *moves) next(n int) int {
	if len(m.left) == 0 {
		return 0
	}
	b := m.left[0]
	m.left = m.left[1:]
	return int(b) % n
}

// exchange is a broker in memory that does what its moves say to the orders of
// one leg. It keeps the truth, which the leg hears of late, in part, or never.
type exchange struct {
	*moves
	now      time.Time
	orders   []*broker.Order
	before   map[string]broker.Order // a copy of each as it was some time ago
	inFlight []broker.OrderRequest   // sent, not arrived, and nobody knows
	posts    []broker.OrderRequest
}

var errLine = &broker.Unknown{Op: "test", Cause: errors.New("connection reset by peer")}

func (x *exchange) find(match func(*broker.Order) bool) *broker.Order {
	if i := slices.IndexFunc(x.orders, match); i >= 0 {
		return x.orders[i]
	}
	return nil
}

func (x *exchange) filled() money.Decimal {
	sum := money.Zero()
	for _, o := range x.orders {
		sum = sum.Add(o.Filled)
	}
	return sum
}

// reserved is what working orders hold.
func (x *exchange) reserved() money.Decimal {
	sum := money.Zero()
	for _, o := range x.orders {
		if !o.Status.Terminal() {
			sum = sum.Add(o.Qty.Sub(o.Filled))
		}
	}
	return sum
}

func (x *exchange) place(r broker.OrderRequest) *broker.Order {
	if o := x.find(func(o *broker.Order) bool { return o.ClientID == r.ClientID }); o != nil {
		return o
	}
	o := &broker.Order{
		ID: fmt.Sprint("o", len(x.orders)+1), ClientID: r.ClientID, Symbol: r.Symbol, Side: r.Side, Type: r.Type, Qty: r.Qty, Limit: r.Limit, Status: "new",
	}
	x.orders = append(x.orders, o)
	x.before[o.ID] = *o
	return o
}

// trade executes a share of what is left of an order, in quarters.
func (x *exchange) trade(o *broker.Order, quarters int64) {
	if o.Status.Terminal() {
		return
	}
	rest := o.Qty.Sub(o.Filled)
	part := rest.Mul(money.FromInt(quarters)).Shift(-2).Mul(money.FromInt(25)).Truncate(9)
	if quarters == 4 {
		part = rest
	}
	if part.Sign() <= 0 {
		return
	}
	at := dec("100")
	if o.Limit != nil {
		at = *o.Limit
	}
	x.before[o.ID] = *o
	o.Filled, o.AvgPrice = o.Filled.Add(part), &at
	switch {
	case o.Filled.Equal(o.Qty):
		o.Status = "filled"
	case o.Status == "new":
		o.Status = "partially_filled"
	}
}

func (x *exchange) perform(c Command) Reply {
	switch c.Do {
	case Submit:
		return x.submit(c.Request)
	case Cancel:
		return Reply{Do: Cancel, Err: x.cancel(c.ID)}
	}
	return x.read(c)
}

// refusals are what a POST may be told.
var refusals = []string{
	"insufficient qty available for order", "insufficient buying power", `asset "MSFT" is not fractionable`, "cost basis must be >= minimal amount of order 1",
	"potential wash trade detected", "the moon is full",
}

func (x *exchange) submit(r broker.OrderRequest) Reply {
	x.posts = append(x.posts, r)
	reply := Reply{Do: Submit}
	answer := func(o *broker.Order) Reply {
		seen := *o
		reply.Order = &seen
		return reply
	}
	switch n := x.next(16); n {
	case 1: // lost on the way
		reply.Err = errLine
	case 2: // lost on the way back
		x.trade(x.place(r), int64(x.next(5)))
		reply.Err = errLine
	case 3: // arrives when nobody expects it any more
		x.inFlight = append(x.inFlight, r)
		reply.Err = errLine
	case 4:
		reply.Err = &broker.TryLater{Op: "submit", After: time.Duration(x.next(4)) * time.Second}
	case 5:
		x.posts = x.posts[:len(x.posts)-1]
		reply.Err = errNotSent
	case 6, 7:
		reply.Err = &broker.Rejected{Op: "submit", Status: 403, Code: 40310000, Message: refusals[x.next(len(refusals))]}
	case 8: // rejected afterwards
		if o := x.place(r); o.Status == "new" {
			o.Status = "rejected"
		}
		return answer(x.place(r))
	case 9, 10: // the reply is older than the fill
		seen := *x.place(r)
		x.trade(x.place(r), int64(x.next(5)))
		return answer(&seen)
	default:
		o := x.place(r)
		x.trade(o, int64(x.next(5)))
		return answer(o)
	}
	return reply
}

func (x *exchange) read(c Command) Reply {
	reply := Reply{Do: c.Do}
	o := x.find(func(o *broker.Order) bool {
		return c.Do == Read && o.ID == c.ID || c.Do == Lookup && o.ClientID == c.ID
	})
	if o == nil {
		reply.Err = broker.ErrNotFound
		return reply
	}
	seen := *o
	switch x.next(10) {
	case 1:
		reply.Err = broker.ErrNotFound // does not show yet
		return reply
	case 2:
		reply.Err = errLine
		return reply
	case 3:
		seen = x.before[o.ID]
	case 4: // filled, but not as a whole
		if o.Filled.Less(o.Qty) {
			seen.Status = "filled"
		}
	case 5:
		seen.AvgPrice = nil
	case 6:
		if !o.Status.Terminal() {
			seen.Status = "moonlit"
		}
	}
	reply.Order = &seen
	return reply
}

func (x *exchange) cancel(id string) error {
	o := x.find(func(o *broker.Order) bool { return o.ID == id })
	if o == nil {
		return broker.ErrNotFound
	}
	switch x.next(10) {
	case 1: // lost on the way
		return errLine
	case 2:
		return &broker.TryLater{Op: "cancel", After: time.Second}
	case 3:
		return errNotSent
	case 4: // fills while it is cancelled
		x.trade(o, int64(x.next(5)))
	case 5, 6: // later, if ever
		if !o.Status.Terminal() {
			x.before[o.ID] = *o
			o.Status = "pending_cancel"
		}
		return nil
	case 7:
		x.end(o, "canceled")
		return errLine
	}
	if o.Status.Terminal() {
		return &broker.Rejected{Op: "cancel", Status: 422, Code: 42210000, Message: "order is not cancelable"}
	}
	x.end(o, "canceled")
	return nil
}

func (x *exchange) end(o *broker.Order, status broker.Status) {
	if !o.Status.Terminal() {
		x.before[o.ID] = *o
		o.Status = status
	}
}

// pass lets time go by, and the market do what it does meanwhile.
func (x *exchange) pass() {
	waits := [...]time.Duration{time.Second, 250 * time.Millisecond, 2 * time.Second, 5 * time.Second, 0, 20 * time.Second}
	x.now = x.now.Add(waits[x.next(len(waits))])
	if len(x.left) == 0 { // an honest broker brings everything to its end
		x.inFlight = nil
		for _, o := range x.orders {
			if o.Status == "pending_cancel" {
				x.end(o, "canceled")
			}
		}
		return
	}
	if len(x.inFlight) > 0 && x.next(3) == 1 {
		x.place(x.inFlight[0])
		x.inFlight = x.inFlight[1:]
	}
	if len(x.orders) == 0 {
		return
	}
	switch o := x.orders[len(x.orders)-1]; x.next(8) {
	case 1, 2:
		x.trade(o, int64(x.next(5)))
	case 3:
		if o.Status == "pending_cancel" {
			x.end(o, "canceled")
		}
	case 4:
		x.end(o, "expired")
	}
}

// list shows an order as a list of many does: not always, now and then of
// late, and as long as a single read may follow even wrongly.
func (x *exchange) list(o *Observation, a *record.Attempt) {
	order := x.find(func(o *broker.Order) bool { return o.ID == a.BrokerOrderID })
	if order == nil {
		return
	}
	seen := *order
	switch x.next(6) {
	case 0, 1:
		return
	case 2:
		seen = x.before[order.ID]
	case 3:
		if o.Stop == "" {
			seen.Status = "canceled"
		}
	}
	o.look(a, seen)
}

// observe is what the shell would show the leg now.
func (x *exchange) observe(side events.Side, held money.Decimal) Observation {
	o := Observation{Now: x.now}
	mids := [...]string{"100", "100.4", "99.7", "101", "98.9"}
	if n := x.next(8); n < len(mids) {
		mid := dec(mids[n])
		o.Quote = &Quote{Bid: mid.Sub(dec("0.02")), Ask: mid.Add(dec("0.02")), Mid: mid}
	}
	switch {
	case x.next(8) == 1: // neither position nor account could be read
	case side == events.Sell:
		available := money.Max(money.Zero(), held.Sub(x.filled()).Sub(x.reserved()))
		o.Available = &available
	default:
		power := dec("600")
		o.Power = &power
	}
	o.Wait = x.next(12) == 1
	return o
}
