// Package monitor ends every run exactly once: it closes the run's record
// under a condition, remembers which weights were applied, frees the account
// and asks for the one summary mail. Every five minutes it sweeps: it finishes
// what a crashed function left behind, closes runs that stalled and notices
// the run that never began.
//
//	m := &monitor.Monitor{Config: monitor.ReadConfig(vars), Ledger: ledger, …}
//	stage.Config{Handle: m.Handlers(), Commands: m.Commands(), …}
package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/stage"
)

// Monitor is the stage.
type Monitor struct {
	Config   Config
	Account  string
	Mode     events.Mode
	Ledger   *ledger.Ledger
	Calendar market.Calendar
	Clock    env.Clock
	Tasks    env.Tasks // nil: reads and writes wait for each other
	Log      *slog.Logger
	Metrics  stage.Metrics
}

// Handlers are the events that end a run.
func (m *Monitor) Handlers() map[events.Type]stage.Handler {
	return map[events.Type]stage.Handler{
		events.TypeTradeExecuted:   m.Ended,
		events.TypeWorkflowFailed:  m.Ended,
		events.TypeWorkflowSkipped: m.Ended,
	}
}

// Commands are the sweep alone.
func (m *Monitor) Commands() map[string]stage.Command {
	return map[string]stage.Command{"sweep": m.Sweep}
}

// Ended closes the run that the event ends. Only the event that closed it
// leads to a summary, and it does so again when it is delivered again; any
// other event finds the run closed.
func (m *Monitor) Ended(ctx context.Context, in events.Envelope) ([]events.Event, error) {
	end, err := ReadEnding(in)
	if err != nil {
		return nil, err
	}
	run, err := m.run(ctx, in, end)
	if err != nil {
		return nil, err
	}
	// What was applied is on record before the run is closed, and the run is
	// closed before the account is free: whoever trades next can see both.
	if run.Value.State == ledger.RunOpen {
		if err := m.remember(ctx, in, end); err != nil {
			return nil, err
		}
	}
	var closed bool
	var lease ledger.Doc[ledger.Lease]
	err = env.Together(ctx, m.Tasks,
		func(ctx context.Context) (err error) {
			closed, err = m.Ledger.CloseRun(ctx, &run, end.Outcome, in.EventID)
			return err
		},
		func(ctx context.Context) (err error) { lease, err = m.Ledger.Lease(ctx, in.Account); return err },
	)
	if err != nil {
		return nil, err
	}
	if !closed {
		return m.late(ctx, in, run.Value)
	}
	if err := m.Ledger.GiveLease(ctx, lease, in.CorrelationID); err != nil {
		return nil, err
	}
	mail, err := m.worthMailing(ctx, in)
	if err != nil {
		return nil, err
	}
	m.Metrics.Count(ctx, map[string]int64{end.metric(): 1})
	completed := events.Event{Payload: &events.WorkflowCompleted{
		Outcome: end.Outcome, Success: end.Success, DurationMS: run.Value.ClosedAt - run.Value.OpenedAt,
		ClosedBy: in.EventID, Session: end.Session, Orders: end.Totals.Orders, FilledLegs: end.Totals.FilledLegs,
	}}
	if !mail {
		return []events.Event{completed}, nil
	}
	summary, err := Summary(in)
	if err != nil {
		return nil, err
	}
	return []events.Event{{Payload: summary}, completed}, nil
}

// run is the record of the run that the event ends. A run without one is one
// whose start failed before it could write it: monitor writes it in its place,
// so that this run, too, is closed under the condition and reported once.
func (m *Monitor) run(ctx context.Context, in events.Envelope, end Ending) (ledger.Doc[ledger.Meta], error) {
	run, err := ledger.Load[ledger.Meta](ctx, m.Ledger, ledger.MetaKey(in.CorrelationID))
	if !errors.Is(err, ledger.ErrNotFound) {
		return run, err
	}
	key, err := ParseRunKey(in.RunKey)
	if err != nil {
		return run, err
	}
	d := ledger.DeadlinesOf(in.NotAfter.Time().Add(-events.ReportLife))
	return m.Ledger.OpenRun(ctx, in.CorrelationID, ledger.Meta{
		RunKey: in.RunKey, Account: in.Account, TradingMode: in.TradingMode, DryRun: in.DryRun,
		Session: end.Session, Schedule: key.Schedule, Slot: key.Slot,
		OpenedAt: m.Clock.Now().UnixMilli(), NotAfter: d.NotAfter.UnixMilli(),
		CloseOutAt: d.CloseOutAt.UnixMilli(), StalledAt: d.StalledAt.UnixMilli(),
	})
}

// remember records the weights that the run brought into the account. A
// strategy that held keeps its older record: its period counts from there.
func (m *Monitor) remember(ctx context.Context, in events.Envelope, end Ending) error {
	const atOnce = 8
	if !end.Applied || in.DryRun {
		return nil
	}
	return env.Each(ctx, m.Tasks, len(end.Strategies), atOnce, func(ctx context.Context, k int) error {
		s := end.Strategies[k]
		if s.Decision != "apply" {
			return nil
		}
		return m.Ledger.SaveApplied(ctx, in.Account, s.Name, ledger.Applied{
			SourceSHA256: s.SourceSHA256, TradeDate: end.Session, AsOf: s.AsOf, Weights: s.Holdings,
		})
	})
}

// worthMailing is false for a skip whose reason was mailed that day already: a
// schedule of every five minutes must not flood its owner.
func (m *Monitor) worthMailing(ctx context.Context, in events.Envelope) (bool, error) {
	skip, ok := in.Payload.(*events.WorkflowSkipped)
	if !ok {
		return true, nil
	}
	return m.Ledger.FirstSkipMail(ctx, in.Account, skip.Session, skip.ReasonCode, in.CorrelationID)
}

// late handles an ending of a run that another event closed. Fills that nobody
// was told of are told; anything else only repeats what is known.
func (m *Monitor) late(ctx context.Context, in events.Envelope, meta ledger.Meta) ([]events.Event, error) {
	executed, ok := in.Payload.(*events.TradeExecuted)
	m.Log.WarnContext(ctx, "the run is closed already", "event_type", in.EventType,
		"event_id", in.EventID, "outcome", meta.Outcome, "closed_by", meta.ClosedBy)
	if !ok {
		return nil, nil
	}
	if err := m.Ledger.NoteLateEvent(ctx, in.CorrelationID, in.EventID); err != nil {
		return nil, err
	}
	m.Metrics.Count(ctx, map[string]int64{"LateOutcome": 1})
	runID := in.CorrelationID
	details := events.Details{"closed as": meta.Outcome, "closed at": events.At(time.UnixMilli(meta.ClosedAt)).String(), "outcome": string(executed.Outcome)}
	for _, leg := range executed.Legs {
		details[fmt.Sprintf("leg %02d", leg.Seq)] = describeLeg(leg)
	}
	return []events.Event{{Payload: &events.ErrorNotificationRequested{
		Severity: "ERROR", Code: "late_outcome", Stage: "monitor", RunID: &runID,
		Title: "Fills arrived after the run was closed",
		Message: fmt.Sprintf("The run of %s was closed as %s. Afterwards execution reported %s: %d of %d lines filled.",
			executed.Context.Session, meta.Outcome, executed.Outcome, executed.Totals.FilledLegs, len(executed.Legs)),
		Details: details,
	}}}, nil
}

func describeLeg(l events.LegResult) string {
	s := fmt.Sprintf("%s %s %s: %s of %s", l.Side, l.Symbol, l.Status, l.FilledQty, l.IntendedQty)
	if l.AvgPrice != nil {
		s += " at " + string(*l.AvgPrice)
	}
	return s
}
