package paperbroker

import (
	"slices"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// Order is an order with its fills.
type Order struct {
	ID          string           `json:"id"`
	ClientID    string           `json:"client_order_id"`
	Symbol      string           `json:"symbol"`
	Side        events.Side      `json:"side"`
	Type        broker.OrderType `json:"type"`
	TimeInForce string           `json:"time_in_force"`
	Qty         *money.Decimal   `json:"qty"`      // nil for an order by amount
	Notional    *money.Decimal   `json:"notional"` // nil for an order by quantity
	Limit       *money.Decimal   `json:"limit_price"`
	Stop        *money.Decimal   `json:"stop_price"` // nil unless the type is stop or stop_limit
	Extended    bool             `json:"extended_hours"`
	Status      broker.Status    `json:"status"`
	Filled      money.Decimal    `json:"filled_qty"`
	AvgPrice    *money.Decimal   `json:"filled_avg_price"` // mean of the fills, weighted by quantity
	SubmittedAt time.Time        `json:"submitted_at"`
	UpdatedAt   time.Time        `json:"updated_at"`
	EndedAt     *time.Time       `json:"ended_at"` // of the terminal status
	Replaces    string           `json:"replaces"`
	ReplacedBy  string           `json:"replaced_by"`
	Fills       []Fill           `json:"fills"`
}

// Fill is one execution.
type Fill struct {
	At    time.Time     `json:"at"`
	Qty   money.Decimal `json:"qty"`
	Price money.Decimal `json:"price"`
	Cash  money.Decimal `json:"cash"` // what the account paid (negative) or received
}

// order is an Order under way.
type order struct {
	Order
	versions   []Order       // after each change, for reads that lag behind
	spent      money.Decimal // Σ qty × price of the fills
	armed      bool          // was marketable, its fill is due
	triggered  bool          // the market has met the stop price
	rested     bool          // was not marketable once
	parts      int           // fills that were parts by chance
	checks     int           // of the market so far
	turn       int           // numbers the appointments with the market; only the last counts
	neverAck   bool          // by fault: rejected in place of acknowledged
	stuck      bool          // by fault: a cancel stays pending until the close
	fillCancel bool          // by fault: a cancel ends in a fill
	slow       time.Duration // by a simulation: the wait before each fill
	rests      time.Time     // until when
	portion    float64       // by a simulation: of the first fill; 0: all
}

// remaining is what is left to fill; orders by amount are measured in shares
// only when they fill.
func (o *order) remaining() money.Decimal {
	if o.Qty == nil {
		return money.Zero()
	}
	return o.Qty.Sub(o.Filled)
}

// worst is the price that a buy is reckoned at; nil for one at the market.
func (o *order) worst() *money.Decimal {
	if o.Limit == nil {
		return o.Stop
	}
	return o.Limit
}

func (o *order) working() bool { return !o.Status.Terminal() }

// copy is the order apart from the one under way.
func (o *order) copy() Order {
	c := o.Order
	c.Fills = slices.Clone(o.Fills)
	return c
}

// asOf is the order as it was at t; false when there was none.
func (o *order) asOf(t time.Time) (Order, bool) {
	for i := len(o.versions) - 1; i >= 0; i-- {
		if !o.versions[i].UpdatedAt.After(t) {
			return o.versions[i], true
		}
	}
	return o.versions[0], false
}
