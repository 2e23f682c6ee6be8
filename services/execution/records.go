package execution

import (
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// State is where one attempt stands.
type State string

const (
	Intended  State = "INTENDED" // written; no POST of it may have arrived unless Posts > 0
	Submitted State = "SUBMITTED"
	Partial   State = "PARTIAL"
	Unknown   State = "UNKNOWN" // an order may exist; only the broker's word ends this
	Filled    State = "FILLED"
	Canceled  State = "CANCELED"
	Expired   State = "EXPIRED"
	Rejected  State = "REJECTED"
	NotPlaced State = "NOT_PLACED"
)

// Terminal reports whether the attempt's order can still change.
func (s State) Terminal() bool {
	switch s {
	case Filled, Canceled, Expired, Rejected, NotPlaced:
		return true
	}
	return false
}

// Attempt is one order: its intent and what the broker said of it. All timers
// are instants, so that another invocation can go on with them.
type Attempt struct {
	N             int              `json:"n"`
	ClientOrderID string           `json:"client_order_id"`
	Step          int              `json:"step"`
	Qty           money.Decimal    `json:"qty"`
	LimitPrice    *money.Decimal   `json:"limit_price,omitempty"`
	Type          broker.OrderType `json:"type"`
	State         State            `json:"state"`
	IntendedAt    time.Time        `json:"intended_at"`
	StepUntil     time.Time        `json:"step_until"`
	NextAt        time.Time        `json:"next_at"` // of the next POST, lookup or poll
	CancelAt      time.Time        `json:"cancel_at,omitzero"`
	CancelTwice   bool             `json:"cancel_twice,omitempty"`
	// CancelAgainAt is set while a cancel is owed that was not sent, or may not
	// have arrived.
	CancelAgainAt time.Time      `json:"cancel_again_at,omitzero"`
	UnknownSince  time.Time      `json:"unknown_since,omitzero"`
	BrokerOrderID string         `json:"broker_order_id,omitempty"`
	BrokerStatus  broker.Status  `json:"broker_status,omitempty"`
	Filled        money.Decimal  `json:"filled_qty"`
	AvgPrice      *money.Decimal `json:"avg_price,omitempty"`
	ReasonCode    string         `json:"reason_code,omitempty"`
	BrokerCode    string         `json:"broker_code,omitempty"`
	BrokerMessage string         `json:"broker_message,omitempty"`
	// Posts counts the POSTs that may have reached the broker.
	Posts   int `json:"posts"`
	Lookups int `json:"lookups"`
	Polls   int `json:"polls"`
	Waits   int `json:"waits"` // answers 429
	// Refused means that a repeated POST was refused while an earlier one is
	// unresolved: only lookups remain.
	Refused bool `json:"refused,omitempty"`
	// Replacement is an order that somebody else made out of ours.
	Replacement bool `json:"replacement,omitempty"`
}

func (a *Attempt) request(l Leg) broker.OrderRequest {
	return broker.OrderRequest{ClientID: a.ClientOrderID, Symbol: l.Symbol, Side: l.Side, Qty: a.Qty, Type: a.Type, Limit: a.LimitPrice}
}

// Leg is the execution of one plan line.
type Leg struct {
	Seq          int            `json:"seq"`
	Symbol       string         `json:"symbol"`
	Side         events.Side    `json:"side"`
	Kind         events.Kind    `json:"kind"`
	Price        money.Decimal  `json:"plan_price"`
	Intended     money.Decimal  `json:"intended_qty"` // of the plan
	Qty          money.Decimal  `json:"qty"`          // what is traded at most: the plan's, or scaled to the cash
	Fractionable bool           `json:"fractionable"`
	ArrivalMid   *money.Decimal `json:"arrival_mid,omitempty"`
	Attempts     []Attempt      `json:"attempts"`
	WaitSince    time.Time      `json:"wait_since,omitzero"` // since when a quote or a position is missing
	WalkOver     bool           `json:"walk_over,omitempty"`
	Ended        bool           `json:"ended"`
	ReasonCode   string         `json:"reason_code,omitempty"`
	Dust         money.Decimal  `json:"dust,omitzero"` // the part of Intended that is too small to sell
	Warnings     []string       `json:"warnings,omitempty"`
}

// newLeg is a leg before its first attempt.
func newLeg(l events.PlanLine) Leg {
	qty := money.MustParse(l.Qty)
	return Leg{
		Seq: l.Seq, Symbol: l.Symbol, Side: l.Side, Kind: l.Kind, Price: money.MustParse(l.Price),
		Intended: qty, Qty: qty, Fractionable: l.Fractionable,
	}
}

func (l *Leg) last() *Attempt {
	if len(l.Attempts) == 0 {
		return nil
	}
	return &l.Attempts[len(l.Attempts)-1]
}

// open is the attempt that is not resolved; there is at most one.
func (l *Leg) open() *Attempt {
	if a := l.last(); a != nil && !a.State.Terminal() {
		return a
	}
	return nil
}

// FilledQty is the sum of the fills of all attempts.
func (l *Leg) FilledQty() money.Decimal {
	sum := money.Zero()
	for _, a := range l.Attempts {
		sum = sum.Add(a.Filled)
	}
	return sum
}

// Remaining is what may still be traded.
func (l *Leg) Remaining() money.Decimal {
	return money.Max(money.Zero(), l.Qty.Sub(l.FilledQty()))
}

// Submissions counts the attempts that were sent.
func (l *Leg) Submissions() int {
	n := 0
	for _, a := range l.Attempts {
		if a.State != NotPlaced && !a.Replacement {
			n++
		}
	}
	return n
}

// leave takes a part of what remains for dust.
func (l *Leg) leave(qty money.Decimal) {
	l.Qty, l.Dust = l.Qty.Sub(qty), l.Dust.Add(qty)
}

// isDust tells whether all of the leg was too small to sell.
func (l *Leg) isDust() bool { return l.Qty.IsZero() && l.Dust.Sign() > 0 }

func (l *Leg) count(reason string) int {
	n := 0
	for _, a := range l.Attempts {
		if a.ReasonCode == reason {
			n++
		}
	}
	return n
}

func (l *Leg) end(reason string) {
	l.Ended, l.ReasonCode = true, reason
}

func (l *Leg) warn(text string) {
	for _, w := range l.Warnings {
		if w == text {
			return
		}
	}
	l.Warnings = append(l.Warnings[:len(l.Warnings):len(l.Warnings)], text)
}

// Exec is the execution of a plan, and its lock: one invocation at a time
// works on a plan.
type Exec struct {
	PlanID   string                   `json:"plan_id"`
	PlanHash string                   `json:"plan_hash"`
	Plan     *events.RebalancePlanned `json:"plan,omitempty"` // dropped when DONE
	Phase    events.Phase             `json:"phase"`
	// Budget is stored before the first buy and never computed again.
	Budget        *Budget   `json:"buy_budget,omitempty"`
	Continuations int       `json:"continuations"`
	StartedAt     time.Time `json:"started_at"`
	Preflight     bool      `json:"preflight_done"`
	// Stop is why no further order may be sent in this run.
	Stop       string    `json:"stop,omitempty"`
	CloseUntil time.Time `json:"close_until,omitzero"`
	Warnings   []string  `json:"warnings,omitempty"`
	Alarms     []Alarm   `json:"alarms,omitempty"`
	Owner      string    `json:"owner"`
	LeaseUntil time.Time `json:"lease_until,omitzero"`
	// Final is what was reported, and ReportedBy the event that was answered
	// with it: a repetition of that event is answered in the same way.
	Final      *events.TradeExecuted `json:"final,omitempty"`
	ReportedBy string                `json:"reported_by,omitempty"`
}

// Alarm is something an operator must look at beside the run's report.
type Alarm struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}
