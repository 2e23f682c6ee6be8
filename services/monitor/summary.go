package monitor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// Ending is what the record of a run keeps of the event that ended it.
type Ending struct {
	Outcome    string // as in the ledger: COMPLETED, SKIPPED:<reason>, FAILED:<stage>:<code>, …
	Success    bool
	Session    events.Date
	Totals     events.Totals
	Applied    bool // the strategies' weights are in the account
	Strategies []events.StrategyBrief
}

// metric is the count that the run adds to.
func (e Ending) metric() string {
	switch {
	case e.Success:
		return "RunsCompleted"
	case strings.HasPrefix(e.Outcome, string(events.OutcomeSkipped)):
		return "RunsSkipped"
	}
	return "RunsFailed"
}

// ReadEnding reads an event that ends a run.
func ReadEnding(in events.Envelope) (Ending, error) {
	key, err := ParseRunKey(in.RunKey)
	if err != nil {
		return Ending{}, err
	}
	session := key.Session
	switch p := in.Payload.(type) {
	case *events.TradeExecuted:
		if p.Context.Session != "" {
			session = p.Context.Session
		}
		applied := p.Outcome == events.OutcomeCompleted || p.Outcome == events.OutcomePartial || p.Outcome == events.OutcomeNoTrades
		return Ending{
			Outcome: string(p.Outcome), Success: p.Outcome.Success(), Session: session, Totals: p.Totals,
			Applied: applied, Strategies: p.Context.Strategies,
		}, nil
	case *events.WorkflowFailed:
		return Ending{Outcome: fmt.Sprintf("%s:%s:%s", events.OutcomeFailed, p.Stage, p.FailureCode), Session: session}, nil
	case *events.WorkflowSkipped:
		return Ending{Outcome: fmt.Sprintf("%s:%s", events.OutcomeSkipped, p.ReasonCode), Session: p.Session}, nil
	}
	return Ending{}, fmt.Errorf("monitor: %s does not end a run", in.EventType)
}

// Summary turns the event that ended a run into the request for its mail. It
// is a function of the event alone: everything the owner reads travelled with
// the run.
func Summary(in events.Envelope) (*events.TradingNotificationRequested, error) {
	key, err := ParseRunKey(in.RunKey)
	if err != nil {
		return nil, err
	}
	n := &events.TradingNotificationRequested{
		Kind: "summary", TradingMode: in.TradingMode, Session: key.Session,
		Totals: events.Totals{Bought: "0", Sold: "0"},
	}
	switch p := in.Payload.(type) {
	case *events.TradeExecuted:
		ofExecution(n, p)
	case *events.WorkflowFailed:
		ofFailure(n, p)
	case *events.WorkflowSkipped:
		n.Outcome, n.Session = events.OutcomeSkipped, p.Session
		n.Skipped = &events.Skipped{ReasonCode: p.ReasonCode, Detail: p.Detail}
	default:
		return nil, fmt.Errorf("monitor: %s does not end a run", in.EventType)
	}
	n.Success = n.Outcome.Success()
	n.Tag = tag(n)
	if started := startedAt(in.Payload); !started.IsZero() {
		n.Timings["run"] = in.Timestamp.Time().Sub(started.Time()).Milliseconds()
	}
	return n, nil
}

func ofExecution(n *events.TradingNotificationRequested, p *events.TradeExecuted) {
	n.Outcome = p.Outcome
	addContext(n, p.Context)
	n.Lines, n.Legs, n.Holds, n.Totals = p.Lines, p.Legs, p.Holds, p.Totals
	n.Dust, n.Residuals, n.AccountAfter = p.Dust, p.Residuals, p.AccountAfter
	if scale, err := money.Parse(p.BuyScale); err == nil && scale.Less(money.One()) {
		n.Warnings = append(slices.Clone(n.Warnings), fmt.Sprintf("The buys were scaled to %s%% of the plan: less cash was there than planned.", scale.Shift(2).Fixed(1)))
	}
	if _, told := n.Timings["execution"]; !told {
		n.Timings["execution"] = p.FinishedAt.Time().Sub(p.StartedAt.Time()).Milliseconds()
	}
	if !p.Outcome.Success() {
		n.Failure = executionFailure(p)
	}
}

// executionFailure names why execution did not do all it should. Its legs say
// the rest.
func executionFailure(p *events.TradeExecuted) *events.Failure {
	f := &events.Failure{Stage: "execution", Code: "not_filled", Details: events.Details{}}
	if len(p.FailureCodes) > 0 {
		f.Code = p.FailureCodes[0]
	}
	codes := strings.Join(p.FailureCodes, ", ")
	switch p.Outcome {
	case events.OutcomeUnknown:
		f.Message, f.Hint = "The broker did not say how every order ended.", "look at the orders at the broker before the next run"
	case events.OutcomeSkipped:
		f.Message = "No order was sent."
	case events.OutcomePartial:
		f.Message = "Not every line of the plan was filled."
	default:
		f.Message, f.Hint = "No line of the plan was filled.", "the next run starts from what the account then holds"
	}
	if codes != "" {
		f.Message += " Reasons: " + codes + "."
	}
	return f
}

func ofFailure(n *events.TradingNotificationRequested, p *events.WorkflowFailed) {
	n.Outcome = events.OutcomeFailed
	if p.Context != nil {
		addContext(n, *p.Context)
	}
	details := maps.Clone(p.Details)
	if details == nil {
		details = events.Details{}
	}
	if p.Stage == "execution" && slices.Contains(anyMoment, p.FailureCode) {
		details[OrdersDetail] = OrdersUnresolved
	}
	if len(p.OpenOrders) > 0 {
		details[OpenOrdersDetail] = strings.Join(p.OpenOrders, " ")
	}
	n.Failure = &events.Failure{Stage: p.Stage, Code: p.FailureCode, Message: p.Message, Hint: p.Hint, Details: details}
}

// anyMoment are failures that the runtime reports in a stage's place, whatever
// the stage had done by then. Execution's own failures come before its first
// order; of these nobody can say so.
var anyMoment = []string{"too_many_attempts", "event_too_large"}

// OpenOrdersDetail is the detail of a failure that lists orders which may
// still be working.
const OpenOrdersDetail = "open_orders"

func addContext(n *events.TradingNotificationRequested, c events.Context) {
	if c.Session != "" {
		n.Session = c.Session
	}
	n.Strategies, n.TargetWeights, n.Plan, n.Warnings = c.Strategies, c.TargetWeights, c.Plan, c.Warnings
	n.Timings = maps.Clone(c.Timings)
	if n.Timings == nil {
		n.Timings = events.Timings{}
	}
	for _, s := range c.Strategies {
		n.AsOfSession = max(n.AsOfSession, s.AsOf)
	}
}

// tag is the word that the owner sees first. A failure that may have left an
// order behind asks for the same act as an unresolved one.
func tag(n *events.TradingNotificationRequested) string {
	switch n.Outcome {
	case events.OutcomeCompleted, events.OutcomeNoTrades:
		return "OK"
	case events.OutcomeUnknown:
		return "CHECK BROKER"
	case events.OutcomeDryRun:
		return "DRY RUN"
	case events.OutcomeFailed:
		if n.Failure != nil && (n.Failure.Details[OpenOrdersDetail] != "" || n.Failure.Details[OrdersDetail] == OrdersUnresolved) {
			return "CHECK BROKER"
		}
	}
	return string(n.Outcome)
}

func startedAt(p events.Payload) events.Time {
	switch p := p.(type) {
	case *events.TradeExecuted:
		return p.Context.StartedAt
	case *events.WorkflowFailed:
		if p.Context != nil {
			return p.Context.StartedAt
		}
	}
	return events.Time{}
}

// RunKey is a run's key in its parts.
type RunKey struct {
	Account, Schedule, Slot string
	Session                 events.Date // the slot's date in New York
}

// ParseRunKey takes account/schedule/slot apart.
func ParseRunKey(key string) (RunKey, error) {
	parts := strings.Split(key, "/")
	if len(parts) != 3 {
		return RunKey{}, fmt.Errorf("monitor: run key %q is not account/schedule/slot", key)
	}
	slot, err := time.Parse("2006-01-02T15:04Z", parts[2])
	if err != nil {
		return RunKey{}, fmt.Errorf("monitor: run key %q has no slot such as 2026-11-23T14:35Z", key)
	}
	return RunKey{Account: parts[0], Schedule: parts[1], Slot: parts[2], Session: events.DateOf(slot, market.NewYork())}, nil
}
