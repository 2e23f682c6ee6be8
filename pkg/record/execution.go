// Package record is what the stages leave in the ledger for others to read:
// monitor reports a stalled run from it, the operator's command shows it. A
// stage that writes a record keeps its decisions to itself and the data here.
//
//	var leg record.Leg
//	err := json.Unmarshal(item.Body, &leg)
//	for _, a := range leg.Attempts { … }
package record

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

// Terminal reports whether the attempt's order can no longer change. A state
// that this build does not know counts as working.
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
	// CancelSent is when the broker answered a cancel, whatever it said.
	CancelSent time.Time `json:"cancel_sent,omitzero"`
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
	// Posts counts the POSTs that may have reached the broker; PostedAt is when
	// the last one was decided.
	Posts    int       `json:"posts"`
	PostedAt time.Time `json:"posted_at,omitzero"`
	Lookups  int       `json:"lookups"`
	Polls    int       `json:"polls"`
	Waits    int       `json:"waits"` // answers 429
	// Replacement is an order that somebody else made out of ours.
	Replacement bool `json:"replacement,omitempty"`
}

// Leg is the execution of one plan line.
type Leg struct {
	Seq    int           `json:"seq"`
	Symbol string        `json:"symbol"`
	Side   events.Side   `json:"side"`
	Kind   events.Kind   `json:"kind"`
	Price  money.Decimal `json:"plan_price"`
	// PreviousClose is what the price collar counts from; nil: not recorded.
	PreviousClose *money.Decimal `json:"previous_close,omitempty"`
	Intended      money.Decimal  `json:"intended_qty"` // of the plan
	Qty           money.Decimal  `json:"qty"`          // what is traded at most: the plan's, or scaled to the cash
	Fractionable  bool           `json:"fractionable"`
	// Cut is why the budget left so much less than was planned that the leg is
	// not complete when all of it was traded.
	Cut        string         `json:"cut,omitempty"`
	ArrivalMid *money.Decimal `json:"arrival_mid,omitempty"`
	Attempts   []Attempt      `json:"attempts"`
	WaitSince  time.Time      `json:"wait_since,omitzero"` // since when a quote or a position is missing
	WalkOver   bool           `json:"walk_over,omitempty"`
	Ended      bool           `json:"ended"`
	ReasonCode string         `json:"reason_code,omitempty"`
	Dust       money.Decimal  `json:"dust,omitzero"` // the part of Intended that is too small to sell
	Warnings   []string       `json:"warnings,omitempty"`
}

// FilledQty is the sum of the fills of all attempts.
func (l *Leg) FilledQty() money.Decimal {
	sum := money.Zero()
	for _, a := range l.Attempts {
		sum = sum.Add(a.Filled)
	}
	return sum
}

// Execution is the execution of a plan, and its lock: one invocation at a time
// works on a plan.
type Execution struct {
	PlanID   string                   `json:"plan_id"`
	PlanHash string                   `json:"plan_hash"`
	Plan     *events.RebalancePlanned `json:"plan,omitempty"` // dropped when DONE
	Phase    events.Phase             `json:"phase"`
	// Budget is stored before the first buy and never computed again.
	Budget        *Budget   `json:"buy_budget,omitempty"`
	Continuations int       `json:"continuations"`
	StartedAt     time.Time `json:"started_at"`
	// WorkedMS is how long the invocations took that ended by themselves, without
	// what lay between them: what Lambda charges for.
	WorkedMS  int64 `json:"worked_ms,omitempty"`
	Preflight bool  `json:"preflight_done"`
	// Stop is why no further order may be sent in this run.
	Stop       string    `json:"stop,omitempty"`
	CloseUntil time.Time `json:"close_until,omitzero"`
	// ClosedOut means that the sweep's close-out has arrived: nobody looks later.
	ClosedOut  bool      `json:"closed_out,omitempty"`
	Warnings   []string  `json:"warnings,omitempty"`
	Alarms     []Alarm   `json:"alarms,omitempty"`
	Owner      string    `json:"owner"`
	LeaseUntil time.Time `json:"lease_until,omitzero"`
	// Final is what was reported, and ReportedBy the event that was answered
	// with it: a repetition of that event is answered in the same way.
	Final      *events.TradeExecuted `json:"final,omitempty"`
	ReportedBy string                `json:"reported_by,omitempty"`
	// Refused is why the plan was never worked on. It is written in the place of
	// a beginning, so that of two invocations one refuses or one begins.
	Refused *Refusal `json:"refused,omitempty"`
}

// Refusal is a permanent failure before the first order.
type Refusal struct {
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Hint    string            `json:"hint"`
	Details map[string]string `json:"details,omitempty"`
}

// Alarm is something an operator must look at beside the run's report.
type Alarm struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Budget is what the buys of a plan may cost, decided once from the cash that
// is really there.
type Budget struct {
	Cash  money.Decimal `json:"cash"`
	Scale money.Decimal `json:"buy_scale"` // of every planned quantity, 0 to 1
	// Reason is what the scale follows from where it is below 1: no_cash or
	// buying_power.
	Reason string            `json:"reason,omitempty"`
	Buys   map[int]BudgetBuy `json:"scaled"` // by seq
}

// BudgetBuy is one scaled buy; Mid is the price its cap counts from.
type BudgetBuy struct {
	Qty money.Decimal `json:"qty"`
	Mid money.Decimal `json:"mid"`
}
