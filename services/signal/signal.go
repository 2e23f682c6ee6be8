// Package signal decides what should be held: it fetches daily bars, refuses
// stale ones, evaluates every strategy of the portfolio on them, and merges the
// targets into one.
//
//	decision, err := signal.Decide(portfolio, bars, asOf, tradeDate, applied, false)
package signal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/strategy"
)

// barGrace is how long after its close a session's bar counts as finished.
const barGrace = 20 * time.Minute

// Signal is the stage.
type Signal struct {
	Config  Config
	Account string
	// Portfolio is nil when the bundle does not hold; Broken then says why.
	Portfolio *strategy.Portfolio
	Broken    strategy.Diagnostics
	Source    market.Source
	Calendar  market.Calendar
	Ledger    *ledger.Ledger
	Clock     env.Clock
	Tasks     env.Tasks // nil: reads and writes wait for each other
}

// WorkflowStarted answers the beginning of a run with a target.
func (s *Signal) WorkflowStarted(ctx context.Context, in events.Envelope) ([]events.Event, error) {
	began := s.Clock.Now()
	started, ok := in.Payload.(*events.WorkflowStarted)
	if !ok {
		return nil, fmt.Errorf("signal: %s carries %T", in.EventType, in.Payload)
	}
	run := events.Context{
		Session: started.Session, StartedAt: in.Timestamp, Slot: started.Slot,
		Warnings: started.Warnings, Timings: events.Timings{"start": started.Timings["start"]},
	}
	target, err := s.target(ctx, in, started, &run)
	if err != nil {
		return nil, withContext(err, run)
	}
	run.Strategies, run.TargetWeights = target.Strategies, target.TargetWeights
	run.Timings["signal"] = s.Clock.Now().Sub(began).Milliseconds()
	target.Context = run
	return []events.Event{{Payload: &target.SignalGenerated}}, nil
}

// target is the payload without its context.
type target struct {
	events.SignalGenerated
	Strategies events.List[events.StrategyBrief]
}

func (s *Signal) target(ctx context.Context, in events.Envelope, started *events.WorkflowStarted, run *events.Context) (*target, error) {
	if s.Portfolio == nil {
		return nil, strategyFailed(s.Broken)
	}
	slot, err := time.Parse("2006-01-02T15:04Z", started.Slot)
	if err != nil {
		return nil, stage.Permanent("bad_slot", "", "the slot %q is not a time", started.Slot)
	}
	asOf, ok := s.Calendar.LastClosedBefore(slot, barGrace)
	if !ok {
		return nil, stage.Permanent("no_session", "", "the calendar knows no finished session before %s", started.Slot)
	}
	var bars market.Bars
	var applied map[string]ledger.Applied
	var appliedErr error
	err = env.Together(ctx, s.Tasks,
		func(ctx context.Context) (err error) { bars, err = s.fetch(ctx, asOf.Date); return err },
		func(ctx context.Context) error { applied, appliedErr = s.applied(ctx); return nil },
	)
	if err != nil {
		return nil, err
	}
	fresh, err := Freshness(bars, s.Calendar, asOf.Date, s.Config.MaxMissingSessions)
	if err != nil {
		return nil, err
	}
	run.Warnings = append(run.Warnings, fresh.Warnings...)
	if appliedErr != nil {
		return nil, appliedErr
	}
	decision, err := Decide(s.Portfolio, fresh.Bars, asOf.Date, started.Session, applied, started.Force)
	if err != nil {
		return nil, err
	}
	receipts, err := s.store(ctx, in.CorrelationID, decision.Receipts)
	if err != nil {
		return nil, err
	}
	first, last := fresh.Bars.Span()
	return &target{
		SignalGenerated: events.SignalGenerated{
			AsOfSession: asOf.Date, TargetWeights: decision.Weights, CashWeight: decision.Cash,
			Bars: events.BarsUsed{
				Feed: s.Config.Feed, Adjustment: "all", Symbols: len(fresh.Bars),
				FirstSession: first, LastSession: last, Digest: fresh.Bars.Digest(),
			},
			BundleSHA256: s.Portfolio.SHA256, Receipts: receipts,
		},
		Strategies: decision.Briefs,
	}, nil
}

// applied reads the last application of every strategy.
func (s *Signal) applied(ctx context.Context) (map[string]ledger.Applied, error) {
	entries := s.Portfolio.Entries
	read, known := make([]ledger.Applied, len(entries)), make([]bool, len(entries))
	err := env.Each(ctx, s.Tasks, len(entries), atOnce, func(ctx context.Context, k int) (err error) {
		read[k], known[k], err = s.Ledger.LoadApplied(ctx, s.Account, entries[k].ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	all := make(map[string]ledger.Applied)
	for k, e := range entries {
		if known[k] {
			all[e.ID] = read[k]
		}
	}
	return all, nil
}

// atOnce is how many documents are read or written side by side.
const atOnce = 8

// strategyFailed is the end of a run whose strategies do not hold. One failing
// strategy fails the run: a missing one would look like "sell its holdings".
func strategyFailed(ds strategy.Diagnostics) *stage.Error {
	d := ds[0]
	message := fmt.Sprintf("%s:%d:%d: %s", d.File, d.Line, d.Col, d.Message)
	if n := len(ds) - 1; n > 0 {
		message += fmt.Sprintf(" (and %d more)", n)
	}
	hint := d.Hint
	if hint == "" {
		hint = "correct the file; alchemiser check shows every mistake"
	}
	return &stage.Error{Code: "strategy_failed", Message: message, Hint: hint, Final: true, Details: events.Details{
		"file": d.File, "line": fmt.Sprint(d.Line), "column": fmt.Sprint(d.Col), "class": d.Class,
	}}
}

// withContext adds what is known of the run to a failure, for its report.
func withContext(err error, run events.Context) error {
	var e *stage.Error
	if errors.As(err, &e) {
		e.Context = &run
	}
	return err
}

// Probe checks the strategies before a build gets traffic.
func (s *Signal) Probe(context.Context) error {
	if s.Portfolio == nil {
		return strategyFailed(s.Broken)
	}
	return nil
}
