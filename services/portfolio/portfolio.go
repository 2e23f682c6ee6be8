// Package portfolio decides which trades lead from what the account holds to
// what the strategies want. Make is the decision; the stage around it reads the
// broker, checks the plan against the safety envelope and publishes it.
//
//	plan, err := portfolio.Make(book, targets, policy)
package portfolio

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/alchemiser/alchemiser/pkg/amount"
	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/envelope"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/stage"
)

// Portfolio is the stage.
type Portfolio struct {
	Config  Config
	Account string
	Ledger  *ledger.Ledger
	Broker  broker.Broker
	Clock   env.Clock
	Tasks   env.Tasks // nil: reads wait for each other
}

// SignalGenerated answers a target with a plan. The plan is written once: the
// runtime commits its bytes, and nobody computes it again.
func (p *Portfolio) SignalGenerated(ctx context.Context, in events.Envelope) ([]events.Event, error) {
	began := p.Clock.Now()
	signal, ok := in.Payload.(*events.SignalGenerated)
	if !ok {
		return nil, fmt.Errorf("portfolio: %s carries %T", in.EventType, in.Payload)
	}
	// A halted account ends here, whatever else could not be read.
	var control ledger.Control
	var first holdings
	err := env.Together(ctx, p.Tasks,
		func(ctx context.Context) (err error) { control, err = p.Ledger.Control(ctx, p.Account); return err },
		func(ctx context.Context) error { first.snapshot, first.err = p.holdings(ctx); return nil },
	)
	if err != nil {
		return nil, err
	}
	if control.State == events.Halted && !in.DryRun {
		return nil, stage.Permanent("halted", "alchemiser resume lets the next run trade", "trading was halted by %s: %s", control.SetBy, control.Reason)
	}
	targets := make(map[string]money.Decimal, len(signal.TargetWeights))
	for symbol, w := range signal.TargetWeights {
		targets[symbol] = money.MustParse(w)
		if slices.Contains(p.Config.Ignore, symbol) {
			return nil, stage.Permanent("ignored_target", "take it out of IGNORE_SYMBOLS or of the strategies", "%s is a target and in IGNORE_SYMBOLS", symbol)
		}
	}
	found, err := p.look(ctx, &first, targets, control.State, in.DryRun)
	if errors.Is(err, errMismatch) {
		if err := p.Clock.Sleep(ctx, lookAgain); err != nil {
			return nil, err
		}
		found, err = p.look(ctx, nil, targets, control.State, in.DryRun)
	}
	switch {
	case errors.Is(err, errMismatch):
		return nil, stage.Permanent("equity_mismatch", "compare the positions and their prices with the broker's; nothing was traded", "%v", err)
	case err != nil:
		return nil, err
	}
	planned, err := p.payload(in, signal, found, control.State)
	if err != nil {
		return nil, err
	}
	// What is published is checked: execution checks the same again.
	checked, err := envelope.PlanOf(planned)
	if err != nil {
		return nil, err
	}
	if breaches := p.Config.Limits.CheckPlan(checked); len(breaches) > 0 {
		return nil, refused(breaches)
	}
	planned.Context.Timings["portfolio"] = p.Clock.Now().Sub(began).Milliseconds()
	return []events.Event{{Payload: planned}}, nil
}

// lookAgain is after how long an account that was valued otherwise than by the
// broker is looked at once more: a fill or a split may have been on its way.
const lookAgain = 2 * time.Second

// finding is a plan with what it was made from.
type finding struct {
	shot   *snapshot
	book   Book
	prices map[string]priced
	plan   *Plan
}

// look reads the account, from the holdings on if they were read just now, and
// makes the plan. It returns errMismatch when the broker values the account
// otherwise.
func (p *Portfolio) look(ctx context.Context, first *holdings, targets map[string]money.Decimal, control events.ControlState, dryRun bool) (f finding, err error) {
	if f.shot, err = p.read(ctx, first, slices.Sorted(maps.Keys(targets))); err != nil {
		return f, err
	}
	if f.book, f.prices, err = p.book(f.shot, dryRun); err != nil {
		return f, err
	}
	policy := p.Config.Policy
	policy.Control = control
	if f.plan, err = Make(f.book, targets, policy); err != nil {
		return f, err
	}
	return f, matches(f.plan, f.book, f.shot, p.Config.Ignore)
}

// refused is a plan that breaks limits: all of them are named.
func refused(breaches []envelope.Breach) *stage.Error {
	message, details := envelope.Words(breaches)
	e := stage.Permanent("envelope_refused", "look at the plan; the limits are settings of the environment", "%s", message)
	e.Details = details
	return e
}

func (p *Portfolio) payload(in events.Envelope, signal *events.SignalGenerated, f finding, control events.ControlState) (*events.RebalancePlanned, error) {
	plan := f.plan
	wire, err := f.shot.wire(f.prices)
	if err != nil {
		return nil, err
	}
	planned := &events.RebalancePlanned{
		PlanID: events.PlanID(in.EventID), TradesRequired: len(plan.Lines) > 0, Snapshot: wire,
		Equity: amount.USD(plan.Equity), Cash: amount.USD(plan.Cash), Reserve: amount.USD(plan.Reserve), Deployable: amount.USD(plan.Deployable),
		Lines: plan.lines(plan.Lines), Holds: plan.holds(), Dust: plan.Dust, Suppressed: plan.lines(plan.Suppressed),
		Envelope: p.Config.Limits.Wire(), Totals: plan.totals(), ControlState: control, Policy: p.Config.wire(), PreviousCloses: plan.previousCloses(f.book), Context: signal.Context,
	}
	if planned.PlanHash, err = events.PlanHash(planned); err != nil {
		return nil, err
	}
	c := &planned.Context
	c.Plan = &events.PlanSummary{
		PlanID: planned.PlanID, Equity: planned.Equity, Cash: planned.Cash, Reserve: planned.Reserve, Lines: len(plan.Lines),
		Buys: planned.Totals.Buys, Sells: planned.Totals.Sells, Holds: len(plan.Holds), Turnover: planned.Totals.Turnover, Dust: plan.Dust,
	}
	c.Warnings = append(slices.Clone(c.Warnings), plan.Warnings...)
	if c.Timings = maps.Clone(c.Timings); c.Timings == nil {
		c.Timings = make(events.Timings)
	}
	return planned, nil
}

// Probe checks that the broker can be read, before a build gets traffic.
func (p *Portfolio) Probe(ctx context.Context) error {
	_, err := p.holdings(ctx)
	return err
}
