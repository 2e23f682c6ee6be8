package events

// Side is the direction of a trade.
type Side string

const (
	Buy  Side = "BUY"
	Sell Side = "SELL"
)

// Kind says what a trade does to the position.
type Kind string

const (
	Open     Kind = "OPEN"
	Increase Kind = "INCREASE"
	Decrease Kind = "DECREASE"
	Exit     Kind = "EXIT"
)

// LegStatus is how the execution of one plan line ended.
type LegStatus string

const (
	LegFilled   LegStatus = "FILLED"   // complete
	LegPartial  LegStatus = "PARTIAL"  // some, not complete
	LegUnfilled LegStatus = "UNFILLED" // orders worked, nothing filled
	LegRejected LegStatus = "REJECTED" // the broker refused
	LegSkipped  LegStatus = "SKIPPED"  // no order was placed
	LegUnknown  LegStatus = "UNKNOWN"  // an order may exist or be working
)

// Outcome is how a run ended.
type Outcome string

const (
	OutcomeCompleted Outcome = "COMPLETED" // every leg filled
	OutcomeNoTrades  Outcome = "NO_TRADES" // the plan had no line
	OutcomePartial   Outcome = "PARTIAL"
	OutcomeFailed    Outcome = "FAILED"
	OutcomeUnknown   Outcome = "UNKNOWN" // an order is unresolved: look at the broker
	OutcomeSkipped   Outcome = "SKIPPED" // nothing was submitted
	OutcomeDryRun    Outcome = "DRY_RUN"
)

// Success reports whether the owner need not act.
func (o Outcome) Success() bool {
	return o == OutcomeCompleted || o == OutcomeNoTrades || o == OutcomeDryRun
}

// Mode is whose money an account holds.
type Mode string

const (
	Paper Mode = "PAPER"
	Live  Mode = "LIVE"
)

// ControlState is the position of the operator's halt switch.
type ControlState string

const (
	Active   ControlState = "ACTIVE"
	Reducing ControlState = "REDUCING" // no buys
	Halted   ControlState = "HALTED"   // no orders
)

// StrategyBrief is what the owner should know of one strategy's decision.
type StrategyBrief struct {
	Name         string       `json:"name"`          // file without .clj
	Weight       Decimal      `json:"weight"`        // share of the capital
	SourceSHA256 string       `json:"source_sha256"` // of the file
	Holdings     Weights      `json:"holdings"`      // what the strategy wants, of its own capital
	Decision     string       `json:"decision"`      // apply or hold
	AsOf         Date         `json:"as_of"`         // session whose closes it saw
	Reason       string       `json:"reason"`        // at most 300 characters
	LeftOut      List[string] `json:"left_out"`      // candidates without enough history
}

// PlanLine is one intended trade. Quantities are shares, prices and values USD.
type PlanLine struct {
	Seq           int     `json:"seq"` // from 1, in order of execution
	Symbol        string  `json:"symbol"`
	Side          Side    `json:"side"`
	Kind          Kind    `json:"kind"`
	Qty           Decimal `json:"qty"`            // shares
	Price         Decimal `json:"price"`          // USD that the plan reckons with
	Value         Decimal `json:"value"`          // USD
	CurrentQty    Decimal `json:"current_qty"`    // shares held before
	CurrentWeight Decimal `json:"current_weight"` // of equity
	TargetWeight  Decimal `json:"target_weight"`  // of equity
	TargetValue   Decimal `json:"target_value"`   // USD
	Fractionable  bool    `json:"fractionable"`   // parts of a share can be traded
	Reason        string  `json:"reason"`
}

// Hold is a symbol that is deliberately not traded.
type Hold struct {
	Symbol        string  `json:"symbol"`
	CurrentWeight Decimal `json:"current_weight"` // of equity
	TargetWeight  Decimal `json:"target_weight"`  // of equity
	Reason        string  `json:"reason"`         // on_target, below_threshold, below_minimum, below_one_share, no_cash, held_quantity, frozen, not_tradable, reducing, ignored
}

// Dust is a remainder too small to sell.
type Dust struct {
	Symbol string  `json:"symbol"`
	Qty    Decimal `json:"qty"`   // shares
	Value  Decimal `json:"value"` // USD
	Reason string  `json:"reason"`
}

// Residual is a quantity that was intended and not traded.
type Residual struct {
	Symbol string  `json:"symbol"`
	Side   Side    `json:"side"`
	Qty    Decimal `json:"qty"` // shares
}

// LegResult is the outcome of one plan line, from fills alone.
type LegResult struct {
	Seq            int          `json:"seq"` // of the plan line
	Symbol         string       `json:"symbol"`
	Side           Side         `json:"side"`
	Kind           Kind         `json:"kind"`
	Status         LegStatus    `json:"status"`
	IntendedQty    Decimal      `json:"intended_qty"`                       // shares
	FilledQty      Decimal      `json:"filled_qty"`                         // shares
	AvgPrice       *Decimal     `json:"avg_price" jsonschema:"nullable"`    // USD, of all fills
	Value          *Decimal     `json:"value" jsonschema:"nullable"`        // USD, of all fills
	PricePending   bool         `json:"price_pending"`                      // the broker has not told the price of a fill yet
	Attempts       int          `json:"attempts"`                           // orders that were sent
	SlippageBps    *int64       `json:"slippage_bps" jsonschema:"nullable"` // positive is a cost
	ReasonCode     string       `json:"reason_code"`                        // why it is not filled
	BrokerCode     string       `json:"broker_code"`                        // of a refusal
	BrokerMessage  string       `json:"broker_message"`                     // redacted, at most 200 characters
	ClientOrderIDs List[string] `json:"client_order_ids"`                   // of all attempts
}

// PlanSummary is the plan in a few numbers.
type PlanSummary struct {
	PlanID   string     `json:"plan_id"`
	Equity   Decimal    `json:"equity"`   // USD
	Cash     Decimal    `json:"cash"`     // USD
	Reserve  Decimal    `json:"reserve"`  // USD that stay in cash
	Lines    int        `json:"lines"`    // how many trades
	Buys     Decimal    `json:"buys"`     // USD
	Sells    Decimal    `json:"sells"`    // USD
	Holds    int        `json:"holds"`    // how many symbols are left as they are
	Turnover Decimal    `json:"turnover"` // (buys + sells) / equity
	Dust     List[Dust] `json:"dust"`
}

// Context travels with a run from SignalGenerated onward, so that its report
// needs no other source.
type Context struct {
	Session       Date                `json:"session"`    // to be traded
	StartedAt     Time                `json:"started_at"` // when start began the run
	Slot          string              `json:"slot"`       // scheduled time, to the minute, UTC
	Strategies    List[StrategyBrief] `json:"strategies"`
	TargetWeights Weights             `json:"target_weights"` // of the deployable capital
	Plan          *PlanSummary        `json:"plan" jsonschema:"nullable"`
	Warnings      List[string]        `json:"warnings"`
	Timings       Timings             `json:"timings"`
}

// Totals sums up the fills of a run in USD.
type Totals struct {
	Orders     int     `json:"orders"`      // sent
	FilledLegs int     `json:"filled_legs"` // complete ones
	Bought     Decimal `json:"bought"`      // USD
	Sold       Decimal `json:"sold"`        // USD
}

// AccountAfter is the account as the broker reported it after the last fill.
type AccountAfter struct {
	Equity Decimal `json:"equity"` // USD
	Cash   Decimal `json:"cash"`   // USD
}

// BarsUsed identifies the market data a decision rests on.
type BarsUsed struct {
	Feed         string `json:"feed"`       // iex or sip
	Adjustment   string `json:"adjustment"` // all: splits and dividends
	Symbols      int    `json:"symbols"`    // how many
	FirstSession Date   `json:"first_session"`
	LastSession  Date   `json:"last_session"`
	Digest       string `json:"digest"` // sha256 over symbols, sessions and closes
}

// ReceiptRef points to the stored receipt of one strategy.
type ReceiptRef struct {
	Strategy string `json:"strategy"`
	Parts    int    `json:"parts"`  // items in the ledger
	SHA256   string `json:"sha256"` // of the whole receipt
}

// SnapshotAccount is the account when the plan was made.
type SnapshotAccount struct {
	Equity      Decimal `json:"equity"`       // USD, by the broker
	LastEquity  Decimal `json:"last_equity"`  // USD, at the previous close
	Cash        Decimal `json:"cash"`         // USD
	BuyingPower Decimal `json:"buying_power"` // USD, never used for sizing
}

// SnapshotPosition is one held symbol when the plan was made. Price is absent
// for a symbol without a market (it is not traded).
type SnapshotPosition struct {
	Symbol       string   `json:"symbol"`
	Qty          Decimal  `json:"qty"`                         // shares, the broker's own text
	QtyAvailable Decimal  `json:"qty_available"`               // shares not held by open orders
	Price        *Decimal `json:"price" jsonschema:"nullable"` // USD
	PriceSource  string   `json:"price_source"`                // quote, trade or none
	PriceAt      *Time    `json:"price_at" jsonschema:"nullable"`
}

// Snapshot is the broker's state a plan was made from.
type Snapshot struct {
	TakenAt       Time                   `json:"taken_at"`
	Account       SnapshotAccount        `json:"account"`
	Positions     List[SnapshotPosition] `json:"positions"`
	OpenOwnOrders List[string]           `json:"open_own_orders"` // client order ids of an older run
	Digest        string                 `json:"digest"`          // sha256 of the rest
}

// PlanTotals sums up a plan at plan prices, in USD; turnover is a fraction of
// equity.
type PlanTotals struct {
	Buys     Decimal `json:"buys"`
	Sells    Decimal `json:"sells"`
	Turnover Decimal `json:"turnover"`
}

// SafetyEnvelope holds the limits a plan and each of its orders must keep.
type SafetyEnvelope struct {
	MaxOrderUSD       Decimal `json:"max_order_usd"`           // USD
	MaxTurnover       Decimal `json:"max_turnover"`            // (buys + sells) / equity
	MaxPositionWeight Decimal `json:"max_position_weight"`     // position after / equity
	MaxGross          Decimal `json:"max_gross"`               // all positions after / equity
	MaxLines          int     `json:"max_lines"`               // trades
	PriceCollar       Decimal `json:"price_collar"`            // distance of a price from the previous close
	MaxSubmitsPerLeg  int     `json:"max_submissions_per_leg"` // orders for one trade
}

// WorkflowStarted begins a run.
type WorkflowStarted struct {
	Session      Date         `json:"session"`  // to be traded
	Slot         string       `json:"slot"`     // scheduled time, to the minute, UTC
	Schedule     string       `json:"schedule"` // name of the schedule
	SessionOpen  Time         `json:"session_open"`
	SessionClose Time         `json:"session_close"`
	EarlyClose   bool         `json:"early_close"`   // the session ends before 16:00
	RequestedBy  string       `json:"requested_by"`  // scheduler or cli
	Force        bool         `json:"force"`         // the guard of one run a session was passed over
	ControlState ControlState `json:"control_state"` // when the run began
	Warnings     List[string] `json:"warnings"`
	Timings      Timings      `json:"timings"`
}

// WorkflowSkipped ends a run that must not trade.
type WorkflowSkipped struct {
	ReasonCode string `json:"reason_code"` // market_closed, outside_session, too_late, halted, account_busy, session_done
	Detail     string `json:"detail"`
	Session    Date   `json:"session"`
	Slot       string `json:"slot"`     // scheduled time, to the minute, UTC
	Schedule   string `json:"schedule"` // name of the schedule
}

// SignalGenerated says what should be held.
type SignalGenerated struct {
	AsOfSession   Date             `json:"as_of_session"`  // whose closes were looked at
	TargetWeights Weights          `json:"target_weights"` // of the deployable capital
	CashWeight    Decimal          `json:"cash_weight"`    // what is left of it
	Bars          BarsUsed         `json:"bars"`
	BundleSHA256  string           `json:"bundle_sha256"` // of portfolio.yaml and all strategies
	Receipts      List[ReceiptRef] `json:"receipts"`
	Context       Context          `json:"context"`
}

// PlanPolicy holds the figures by which a plan decides what is worth trading.
type PlanPolicy struct {
	ReservePct   Decimal `json:"reserve_pct"`   // of equity, kept in cash
	MinTradePct  Decimal `json:"min_trade_pct"` // of equity
	MinTradeRel  Decimal `json:"min_trade_rel"` // of the larger of target and current value
	MinTradeUSD  Decimal `json:"min_trade_usd"`
	BrokerMinUSD Decimal `json:"broker_min_usd"`
}

// RebalancePlanned says which trades lead there.
type RebalancePlanned struct {
	PlanID         string         `json:"plan_id"`
	PlanHash       string         `json:"plan_hash"`       // what execution checks before the first order
	TradesRequired bool           `json:"trades_required"` // false: there is nothing to do
	Snapshot       Snapshot       `json:"snapshot"`
	Equity         Decimal        `json:"equity"`     // USD, of what is managed
	Cash           Decimal        `json:"cash"`       // USD
	Reserve        Decimal        `json:"reserve"`    // USD that stay in cash
	Deployable     Decimal        `json:"deployable"` // USD
	Lines          List[PlanLine] `json:"lines"`      // sells first
	Holds          List[Hold]     `json:"holds"`
	Dust           List[Dust]     `json:"dust"`
	Suppressed     List[PlanLine] `json:"suppressed"` // buys that REDUCING keeps back
	Envelope       SafetyEnvelope `json:"envelope"`   // the limits that were kept
	Totals         PlanTotals     `json:"totals"`
	ControlState   ControlState   `json:"control_state"`
	Policy         *PlanPolicy    `json:"policy,omitempty"`          // how the plan was decided; since 1.1
	PreviousCloses Prices         `json:"previous_closes,omitempty"` // by symbol of a line, for the price collar; since 1.1
	Context        Context        `json:"context"`
}

// Phase is where the execution of a plan stands.
type Phase string

const (
	PhaseSells Phase = "SELLS"
	PhaseBuys  Phase = "BUYS"
	PhaseClose Phase = "CLOSE"
	PhaseDone  Phase = "DONE"
)

// TradeExecutionContinued asks execution to go on with a plan.
type TradeExecutionContinued struct {
	PlanID   string `json:"plan_id"`
	N        int    `json:"n"` // 1 to 10
	Phase    Phase  `json:"phase"`
	CloseOut bool   `json:"close_out"` // only cancel, look and report
	Reason   string `json:"reason"`    // deadline, unresolved or stalled
}

// TradeExecuted reports what the broker did.
type TradeExecuted struct {
	PlanID        string          `json:"plan_id"`
	Outcome       Outcome         `json:"outcome"`
	Success       bool            `json:"success"`
	Legs          List[LegResult] `json:"legs"`
	Totals        Totals          `json:"totals"`
	Dust          List[Dust]      `json:"dust"`
	Residuals     List[Residual]  `json:"residuals"`
	BuyScale      Decimal         `json:"buy_scale"` // factor by which buys were cut to the actual cash
	StartedAt     Time            `json:"started_at"`
	FinishedAt    Time            `json:"finished_at"`
	Continuations int             `json:"continuations"` // invocations after the first
	AccountAfter  *AccountAfter   `json:"account_after" jsonschema:"nullable"`
	FailureCodes  List[string]    `json:"failure_codes"`
	Lines         List[PlanLine]  `json:"lines"` // the plan, for the report
	Holds         List[Hold]      `json:"holds"`
	Context       Context         `json:"context"`
}

// WorkflowFailed ends a run that could not go on.
type WorkflowFailed struct {
	Stage             string       `json:"stage"` // that failed
	FailureCode       string       `json:"failure_code"`
	Message           string       `json:"message"`
	Hint              string       `json:"hint"`      // what to do
	Retryable         bool         `json:"retryable"` // a redrive may succeed
	OriginalEventType Type         `json:"original_event_type"`
	OriginalEventID   string       `json:"original_event_id"`
	Details           Details      `json:"details"`
	OpenOrders        List[string] `json:"open_orders"` // client order ids that may still work
	Context           *Context     `json:"context" jsonschema:"nullable"`
}

// WorkflowCompleted closes the record of a run.
type WorkflowCompleted struct {
	Outcome    string `json:"outcome"` // an outcome, SKIPPED:reason or FAILED:stage:code
	Success    bool   `json:"success"`
	DurationMS int64  `json:"duration_ms"`
	ClosedBy   string `json:"closed_by"` // id of the event that ended the run
	Session    Date   `json:"session"`
	Orders     int    `json:"orders"`      // sent
	FilledLegs int    `json:"filled_legs"` // complete ones
}

// Failure is the part of a WorkflowFailed that the owner reads.
type Failure struct {
	Stage   string  `json:"stage"`
	Code    string  `json:"code"`
	Message string  `json:"message"`
	Hint    string  `json:"hint"`
	Details Details `json:"details"`
}

// Skipped is the part of a WorkflowSkipped that the owner reads.
type Skipped struct {
	ReasonCode string `json:"reason_code"`
	Detail     string `json:"detail"`
}

// TradingNotificationRequested asks for the one summary mail of a run.
type TradingNotificationRequested struct {
	Kind          string              `json:"kind"` // summary
	Outcome       Outcome             `json:"outcome"`
	Success       bool                `json:"success"`
	Tag           string              `json:"tag"` // of the mail's subject
	TradingMode   Mode                `json:"trading_mode"`
	Session       Date                `json:"session"`
	AsOfSession   Date                `json:"as_of_session,omitempty"`
	Plan          *PlanSummary        `json:"plan" jsonschema:"nullable"`
	Lines         List[PlanLine]      `json:"lines"`
	Legs          List[LegResult]     `json:"legs"`
	Totals        Totals              `json:"totals"`
	Holds         List[Hold]          `json:"holds"`
	Dust          List[Dust]          `json:"dust"`
	Residuals     List[Residual]      `json:"residuals"`
	Strategies    List[StrategyBrief] `json:"strategies"`
	TargetWeights Weights             `json:"target_weights"`
	Warnings      List[string]        `json:"warnings"`
	Failure       *Failure            `json:"failure" jsonschema:"nullable"`
	Skipped       *Skipped            `json:"skipped" jsonschema:"nullable"`
	Timings       Timings             `json:"timings"`
	AccountAfter  *AccountAfter       `json:"account_after" jsonschema:"nullable"`
}

// ErrorNotificationRequested asks for a mail outside a run's summary.
type ErrorNotificationRequested struct {
	Severity string  `json:"severity"` // INFO, WARN or ERROR
	Code     string  `json:"code"`
	Title    string  `json:"title"` // of the mail's subject
	Message  string  `json:"message"`
	Stage    string  `json:"stage"` // that asks
	RunID    *string `json:"run_id" jsonschema:"nullable"`
	Details  Details `json:"details"`
}
