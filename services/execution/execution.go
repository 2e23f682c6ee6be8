// Package execution turns a plan into orders and says what became of them.
// Sells go before buys, and buys are cut to the cash that is really there. The
// decisions of a leg are a pure state machine, Rules.Advance; this package's
// shell observes the broker, stores what was decided and performs it. Every
// intent is on record before its first POST, and no order gets a new id while
// the fate of the one before it is open.
//
//	leg, command := rules.Advance(leg, execution.Observation{Now: now, Quote: &quote})
package execution

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/envelope"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/record"
	"github.com/alchemiser/alchemiser/pkg/stage"
)

// Execution is the stage.
type Execution struct {
	Config  Config
	Account string
	Mode    events.Mode
	Ledger  *ledger.Ledger
	Broker  broker.Broker
	Clock   env.Clock
	Log     *slog.Logger
	// Owner makes the name of one invocation's lock; unique per call.
	Owner func() string
	// Remaining is how long the invocation may still last. It is not the
	// clock's business: in a rehearsal that shows another time.
	Remaining func(context.Context) time.Duration
	// Tasks runs the legs of a phase side by side.
	Tasks env.Tasks
}

// Handlers are the events of the stage.
func (x *Execution) Handlers() map[events.Type]stage.Handler {
	return map[events.Type]stage.Handler{
		events.TypeRebalancePlanned:        x.Planned,
		events.TypeTradeExecutionContinued: x.Continued,
	}
}

// SeesThrough are the events that are handled after the run's deadline and
// after any number of attempts, too: orders may have to be cancelled, and what
// they did has to be reported.
func SeesThrough() []events.Type {
	return []events.Type{events.TypeRebalancePlanned, events.TypeTradeExecutionContinued}
}

// Planned begins the execution of a plan, or goes on with it after a crash.
func (x *Execution) Planned(ctx context.Context, in events.Envelope) ([]events.Event, error) {
	plan, ok := in.Payload.(*events.RebalancePlanned)
	if !ok {
		return nil, fmt.Errorf("execution: %s carries %T", in.EventType, in.Payload)
	}
	var doc ledger.Doc[record.Execution]
	var standing standing
	err := env.Together(ctx, x.Tasks,
		func(ctx context.Context) (err error) {
			doc, err = ledger.LoadOr[record.Execution](ctx, x.Ledger, ledger.ExecKey(in.CorrelationID, plan.PlanID))
			return err
		},
		func(ctx context.Context) error { standing = x.standing(ctx, in); return nil },
	)
	switch {
	case err != nil:
		return nil, err
	case doc.Version == 0:
		return x.begin(ctx, in, plan, doc, standing)
	case doc.Value.Refused == nil && doc.Value.PlanHash != plan.PlanHash:
		return nil, stage.Permanent("plan_conflict", "alchemiser show "+in.CorrelationID,
			"plan %s was begun with hash %s and came again with %s", plan.PlanID, doc.Value.PlanHash, plan.PlanHash)
	}
	return x.work(ctx, in, doc, "")
}

// Continued goes on with a plan in another invocation, or closes it.
func (x *Execution) Continued(ctx context.Context, in events.Envelope) ([]events.Event, error) {
	more, ok := in.Payload.(*events.TradeExecutionContinued)
	if !ok {
		return nil, fmt.Errorf("execution: %s carries %T", in.EventType, in.Payload)
	}
	doc, err := ledger.LoadOr[record.Execution](ctx, x.Ledger, ledger.ExecKey(in.CorrelationID, more.PlanID))
	if err != nil {
		return nil, err
	}
	if doc.Version == 0 {
		doc.Value = record.Execution{PlanID: more.PlanID, StartedAt: x.Clock.Now()}
		return nil, x.refuse(ctx, doc, stage.Permanent("expired", "nothing was traded", "no execution of plan %s was ever begun", more.PlanID))
	}
	doc.Value.Continuations = max(doc.Value.Continuations, more.N)
	stop := ""
	switch {
	case more.CloseOut:
		stop = reasonCloseOut
		doc.Value.ClosedOut, doc.Value.CloseUntil = true, x.Clock.Now().Add(closeLimit)
	case more.N >= x.Config.MaxContinuations:
		stop = reasonContinuations
	}
	return x.work(ctx, in, doc, stop)
}

// begin checks a plan that was never worked on.
func (x *Execution) begin(ctx context.Context, in events.Envelope, plan *events.RebalancePlanned, doc ledger.Doc[record.Execution], s standing) ([]events.Event, error) {
	doc.Value = record.Execution{PlanID: plan.PlanID, PlanHash: plan.PlanHash, Plan: plan, Phase: events.PhaseSells, StartedAt: x.Clock.Now()}
	if err := x.check(in, plan, s); err != nil {
		return nil, x.refuse(ctx, doc, err)
	}
	switch {
	case in.DryRun:
		return x.rehearse(ctx, x.Broker, doc.Value)
	case len(plan.Lines) == 0:
		return x.nothing(ctx, doc.Value)
	}
	return x.work(ctx, in, doc, "")
}

// refuse records a permanent refusal in the place of the beginning. Another
// invocation that takes this one's claim for ended, by another clock, may be
// about to begin: one of the two writes the record, and the other learns of it.
func (x *Execution) refuse(ctx context.Context, doc ledger.Doc[record.Execution], cause error) error {
	var e *stage.Error
	if !errors.As(cause, &e) || !e.Final {
		return cause
	}
	doc.Value.Plan, doc.Value.Phase = nil, events.PhaseDone
	doc.Value.Refused = &record.Refusal{Code: e.Code, Message: e.Message, Hint: e.Hint, Details: e.Details}
	doc.Expires = doc.Value.StartedAt.Add(keep)
	if err := ledger.Save(ctx, x.Ledger, &doc); err != nil {
		return stage.Transient("in_progress", err)
	}
	return cause
}

// refused is the refusal on record, as it was first given.
func refused(r *record.Refusal) error {
	e := stage.Permanent(r.Code, r.Hint, "%s", r.Message)
	e.Details = r.Details
	return e
}

// standing is what says whether a run may trade the account: the account
// itself and the run's lease of it.
type standing struct {
	account              broker.Account
	held                 bool
	accountErr, leaseErr error
}

func (x *Execution) standing(ctx context.Context, in events.Envelope) (s standing) {
	_ = env.Together(ctx, x.Tasks, // each says for itself what went wrong
		func(ctx context.Context) error { s.account, s.accountErr = x.Broker.Account(ctx); return nil },
		func(ctx context.Context) error {
			if !in.DryRun {
				s.held, s.leaseErr = x.Ledger.HeldLease(ctx, x.Account, in.CorrelationID)
			}
			return nil
		},
	)
	return s
}

// check refuses a plan before anything was sent for it.
func (x *Execution) check(in events.Envelope, plan *events.RebalancePlanned, s standing) error {
	const look = "look at the portfolio and execution functions' settings; nothing was traded"
	if !x.Clock.Now().Before(in.NotAfter.Time()) {
		return stage.Permanent("expired", "nothing was traded; the next scheduled run will",
			"%s arrived after the run's deadline %s", in.EventType, in.NotAfter)
	}
	hash, err := events.PlanHash(plan)
	if err != nil {
		return err
	}
	if hash != plan.PlanHash {
		return stage.Permanent("plan_hash_mismatch", look, "plan %s has hash %s and says %s", plan.PlanID, hash, plan.PlanHash)
	}
	if own := x.Config.Limits.Wire(); own != plan.Envelope {
		return stage.Permanent("envelope_mismatch", look, "the plan was checked against %+v, this function has %+v", plan.Envelope, own)
	}
	checked, err := envelope.PlanOf(plan)
	if err != nil {
		return stage.Permanent("bad_plan", look, "plan %s: %v", plan.PlanID, err)
	}
	if breaches := x.Config.Limits.CheckPlan(checked); len(breaches) > 0 {
		message, details := envelope.Words(breaches)
		refused := stage.Permanent(reasonEnvelope, look, "%s", message)
		refused.Details = details
		return refused
	}
	if s.accountErr != nil {
		return stage.Transient("broker_unavailable", s.accountErr)
	}
	if err := broker.GuardAccount(s.account, x.Config.Guard); err != nil {
		return stage.Permanent(reasonGuard, "check ACCOUNT_NUMBER, TRADING_MODE and the account at the broker", "%v", err)
	}
	if in.DryRun {
		return nil
	}
	if s.leaseErr != nil {
		return s.leaseErr
	}
	if !s.held {
		return stage.Permanent(reasonLeaseLost, "another run may be trading the account", "run %s does not hold the account any more", in.CorrelationID)
	}
	return nil
}

// nothing answers an empty plan.
func (x *Execution) nothing(ctx context.Context, exec record.Execution) ([]events.Event, error) {
	account, err := x.Broker.Account(ctx)
	if err != nil {
		return nil, stage.Transient("broker_unavailable", err)
	}
	now := x.Clock.Now()
	exec.WorkedMS = now.Sub(exec.StartedAt).Milliseconds()
	return []events.Event{{Payload: report(exec.Plan, exec, nil, &account, now)}}, nil
}

// reader is the part of the broker that a dry run gets: it cannot trade.
type reader interface {
	Positions(ctx context.Context) ([]broker.Position, error)
}

// rehearse answers a dry run: the plan was verified, no order is made.
func (x *Execution) rehearse(ctx context.Context, b reader, exec record.Execution) ([]events.Event, error) {
	positions, err := b.Positions(ctx)
	if err != nil {
		return nil, stage.Transient("broker_unavailable", err)
	}
	legs := newLegs(exec.Plan)
	for i := range legs {
		legs[i].end(reasonDryRun)
	}
	for _, symbol := range changed(exec.Plan, positions) {
		exec.Warnings = append(exec.Warnings, "the position in "+symbol+" changed since the plan was made")
	}
	now := x.Clock.Now()
	exec.WorkedMS = now.Sub(exec.StartedAt).Milliseconds()
	e := report(exec.Plan, exec, legs, nil, now)
	e.Outcome, e.Success = events.OutcomeDryRun, true
	e.FailureCodes, e.Residuals = nil, nil
	return []events.Event{{Payload: e}}, nil
}

// Probe checks that the broker can be read, before a build gets traffic.
func (x *Execution) Probe(ctx context.Context) error {
	return broker.Probe(ctx, x.Broker, x.Config.Guard)
}
