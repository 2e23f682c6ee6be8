// Package start decides whether a run may begin now. It claims the slot, asks
// both calendars and the broker's clock, takes the account, publishes
// WorkflowStarted or WorkflowSkipped, and returns: nobody waits for anybody.
//
//	opening, skip, err := start.Gate(facts, policy)
package start

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/stage"
)

const leaseBeyond = 20 * time.Minute // after the deadline: the account is free again at the latest

// Start is the stage.
type Start struct {
	Config   Config
	Account  string
	Mode     events.Mode
	Ledger   *ledger.Ledger
	Broker   broker.Broker
	Calendar market.Calendar
	Clock    env.Clock
	Tasks    env.Tasks // nil: reads wait for each other
}

// Answer is what the caller of a command gets.
type Answer struct {
	RunID    string `json:"run_id"`
	RunKey   string `json:"run_key"`
	Result   string `json:"result"`
	Repeated bool   `json:"repeated"` // the slot was claimed before: nothing new began
}

// Trade is the command that begins a run.
func (s *Start) Trade(ctx context.Context, runtime *stage.Stage, raw json.RawMessage) (any, error) {
	command, at, err := ParseCommand(raw)
	if err != nil {
		return nil, err
	}
	key := RunKey(s.Account, command.Schedule, at)
	settings, err := json.Marshal(struct {
		RunKey        string
		DryRun, Force bool
	}{key, command.DryRun, command.Force})
	if err != nil {
		return nil, err
	}
	begin := stage.Beginning{RunKey: key, DryRun: command.DryRun, NotAfter: at.Add(s.Config.RunLength), Settings: settings, Command: raw}
	decision, err := runtime.Begin(ctx, begin, func(ctx context.Context, in events.Envelope) ([]events.Event, error) {
		return s.decide(ctx, in, command, at)
	})
	if err != nil {
		return nil, err
	}
	return Answer{RunID: events.RunID(key), RunKey: key, Result: decision.Result, Repeated: decision.Repeated}, nil
}

// decide is repeatable: every write is keyed by the run.
func (s *Start) decide(ctx context.Context, in events.Envelope, c Command, at time.Time) ([]events.Event, error) {
	began := s.Clock.Now()
	session := events.DateOf(at, market.NewYork())
	slot := ledger.Doc[ledger.Slot]{Key: ledger.SlotKey(s.Account, session, c.Schedule, Slot(at))}
	recorded, err := s.open(ctx, in, c, at, session, &slot)
	if err != nil {
		return nil, err
	}
	skipped := func(reason, detail string) ([]events.Event, error) {
		return []events.Event{{Payload: &events.WorkflowSkipped{
			ReasonCode: reason, Detail: detail, Session: session, Slot: Slot(at), Schedule: c.Schedule,
		}}}, nil
	}
	// A halted account ends here whatever else could not be read.
	var control ledger.Control
	var lease ledger.Doc[ledger.Lease]
	var facts Facts
	var factsErr, leaseErr error
	err = env.Together(ctx, s.Tasks,
		func(ctx context.Context) (err error) { control, err = s.Ledger.Control(ctx, s.Account); return err },
		func(ctx context.Context) error { facts, factsErr = s.facts(ctx, in, at, session); return nil },
		func(ctx context.Context) error { lease, leaseErr = s.Ledger.Lease(ctx, s.Account); return nil },
	)
	if err != nil {
		return nil, err
	}
	if control.State == events.Halted {
		return skipped(IsHalted, fmt.Sprintf("trading was halted by %s: %s", control.SetBy, control.Reason))
	}
	if factsErr != nil {
		return nil, factsErr
	}
	opening, skip, err := Gate(facts, s.Config.Policy)
	if err != nil {
		return nil, err
	}
	if skip != nil {
		return skipped(skip.Reason, skip.Detail)
	}
	// The run was recorded before the session's end was known, or by an attempt
	// that was told another one.
	if recorded.NotAfter != opening.NotAfter.UnixMilli() {
		if err := s.Ledger.MoveDeadlines(ctx, in.CorrelationID, ledger.DeadlinesOf(opening.NotAfter)); err != nil {
			return nil, err
		}
	}
	if !in.DryRun {
		if leaseErr != nil {
			return nil, leaseErr
		}
		refusal, err := s.takeAccount(ctx, in.CorrelationID, session, lease, &slot, opening.NotAfter, c.Force)
		if err != nil {
			return nil, err
		}
		if refusal != nil {
			return skipped(refusal.Reason, refusal.Detail)
		}
	}
	return []events.Event{{NotAfter: opening.NotAfter, Payload: &events.WorkflowStarted{
		Session: session, Slot: Slot(at), Schedule: c.Schedule,
		SessionOpen: events.At(opening.Session.Open), SessionClose: events.At(opening.Session.Close), EarlyClose: opening.Session.EarlyClose,
		RequestedBy: c.RequestedBy, Force: c.Force, ControlState: control.State, Warnings: opening.Warnings,
		Timings: events.Timings{"start": s.Clock.Now().Sub(began).Milliseconds()},
	}}}, nil
}

// open records the run and its slot before anything that can fail, so that a
// run that dies here is found by the sweep. It returns what is on record.
func (s *Start) open(ctx context.Context, in events.Envelope, c Command, at time.Time, session events.Date, slot *ledger.Doc[ledger.Slot]) (recorded ledger.Meta, err error) {
	d := ledger.DeadlinesOf(in.NotAfter.Time())
	run := ledger.Meta{
		RunKey: in.RunKey, Account: s.Account, TradingMode: s.Mode, DryRun: in.DryRun, Session: session,
		Schedule: c.Schedule, Slot: Slot(at), OpenedAt: s.Clock.Now().UnixMilli(), NotAfter: d.NotAfter.UnixMilli(),
		CloseOutAt: d.CloseOutAt.UnixMilli(), StalledAt: d.StalledAt.UnixMilli(),
	}
	err = env.Together(ctx, s.Tasks,
		func(ctx context.Context) error {
			doc, err := s.Ledger.OpenRun(ctx, in.CorrelationID, run)
			recorded = doc.Value
			return err
		},
		func(ctx context.Context) error {
			return s.Ledger.RecordSlot(ctx, slot, ledger.Slot{RunID: in.CorrelationID, State: ledger.SlotSeen, DryRun: in.DryRun})
		},
	)
	return recorded, err
}

// facts asks the broker what the gate needs, and refuses an account that does
// not match the configuration.
func (s *Start) facts(ctx context.Context, in events.Envelope, at time.Time, session events.Date) (Facts, error) {
	f := Facts{Slot: at, DryRun: in.DryRun}
	if own, ok := s.Calendar.Session(session); ok {
		f.Builtin = &own
	} else {
		f.Now = s.Clock.Now()
		return f, nil // no need to ask the broker
	}
	err := env.Together(ctx, s.Tasks,
		func(ctx context.Context) error {
			account, err := s.Broker.Account(ctx)
			if err != nil {
				return stage.Transient("broker_unavailable", err)
			}
			if err := broker.GuardAccount(account, s.Config.Guard); err != nil {
				return stage.Permanent("account_guard", "check ACCOUNT_NUMBER, TRADING_MODE and the account at the broker", "%v", err)
			}
			return nil
		},
		func(ctx context.Context) error {
			sessions, err := s.Broker.Sessions(ctx, session, session)
			if err != nil {
				return stage.Transient("calendar_unavailable", err)
			}
			f.Broker = sessionOn(sessions, session)
			return nil
		},
		func(ctx context.Context) (err error) {
			if f.Clock, err = s.Broker.Clock(ctx); err != nil {
				return stage.Transient("clock_unavailable", err)
			}
			f.Now = env.Now(ctx, s.Clock)
			return nil
		},
	)
	return f, err
}

// takeAccount takes the account's lease and then checks, under it, that the
// session has not been traded already.
func (s *Start) takeAccount(ctx context.Context, runID string, session events.Date, held ledger.Doc[ledger.Lease], slot *ledger.Doc[ledger.Slot], notAfter time.Time, force bool) (*Skip, error) {
	lease, err := s.Ledger.TakeLease(ctx, held, runID, notAfter.Add(leaseBeyond))
	if errors.Is(err, ledger.ErrBusy) {
		return &Skip{AccountBusy, fmt.Sprintf("run %s holds the account", lease.RunID)}, nil
	}
	if err != nil {
		return nil, err
	}
	if limit := s.Config.RunsPerSession; limit > 0 && !force {
		others, err := s.Ledger.StartedRuns(ctx, s.Account, session, runID)
		if err != nil {
			return nil, err
		}
		if len(others) >= limit {
			if err := s.Ledger.ReleaseLease(ctx, s.Account, runID); err != nil {
				return nil, err
			}
			return &Skip{SessionDone, fmt.Sprintf("%d of %d runs of this session were started already", len(others), limit)}, nil
		}
	}
	return nil, s.Ledger.RecordSlot(ctx, slot, ledger.Slot{RunID: runID, State: ledger.SlotStarted})
}

// Probe checks that the broker can be read, before a build gets traffic.
func (s *Start) Probe(ctx context.Context) error {
	return broker.Probe(ctx, s.Broker, s.Config.Guard)
}
