package monitor

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/stage"
)

// Consumer is the name of the sweep's own inbox.
const Consumer = "monitor.sweep"

// Cause is something that follows from a time that passed, not from an event:
// what the sweep publishes under an id of its own.
type Cause struct {
	ID          string      `json:"id"`
	RunID       string      `json:"run_id"`
	RunKey      string      `json:"run_key"`
	Account     string      `json:"account"`
	TradingMode events.Mode `json:"trading_mode"`
	DryRun      bool        `json:"dry_run"`
	NotAfter    int64       `json:"not_after"` // epoch ms
}

func causeOf(meta ledger.Meta, runID, id string) Cause {
	return Cause{
		ID: id, RunID: runID, RunKey: meta.RunKey, Account: meta.Account,
		TradingMode: meta.TradingMode, DryRun: meta.DryRun, NotAfter: meta.NotAfter,
	}
}

// Decide decides what follows from a cause, commits it under the cause's id
// and publishes it. Doing it again publishes the same bytes.
func (m *Monitor) Decide(ctx context.Context, runtime *stage.Stage, c Cause) error {
	command, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	root := events.Envelope{
		EventID: c.ID, CorrelationID: c.RunID, CausationID: c.ID, RunKey: c.RunKey, Account: c.Account,
		TradingMode: c.TradingMode, DryRun: c.DryRun, Hop: -1, NotAfter: events.At(time.UnixMilli(c.NotAfter)),
	}
	_, err = runtime.Process(ctx, m.Log.With("event_id", c.ID, "event_type", "sweep"),
		stage.Delivery{Envelope: root, Hash: c.ID, Consumer: Consumer, Command: command}, m.caused)
	return err
}

// caused answers a cause from the run's record: an execution that was left open
// is asked to close, a run that did not end has failed, a run that never began
// is missing.
func (m *Monitor) caused(ctx context.Context, in events.Envelope) ([]events.Event, error) {
	if session, ok := missingSession(in.RunKey); ok {
		none, err := m.missing(ctx, session)
		if err != nil || len(none.schedules) == 0 {
			return nil, err
		}
		return []events.Event{{Payload: none.report()}}, nil
	}
	runID := in.CorrelationID
	doc, err := ledger.Load[ledger.Meta](ctx, m.Ledger, ledger.MetaKey(runID))
	if err != nil {
		return nil, err
	}
	items, err := m.Ledger.Work(ctx, runID)
	if err != nil {
		return nil, err
	}
	h, err := readHistory(items)
	switch {
	case err != nil:
		return nil, err
	case in.EventID == events.StalledID(runID):
		return []events.Event{{Payload: h.stalled(doc.Value)}}, nil
	case in.EventID == events.CloseOutID(runID) && h.execution != nil:
		return []events.Event{{Payload: &events.TradeExecutionContinued{
			PlanID: h.planID, N: min(h.execution.Continuations+1, maxClosing), Phase: events.PhaseClose, CloseOut: true, Reason: "stalled",
		}}}, nil
	}
	return nil, fmt.Errorf("monitor: %s is no cause of the sweep's in run %s", in.EventID, runID)
}
