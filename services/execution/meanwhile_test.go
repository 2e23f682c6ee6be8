package execution_test

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
)

// meanwhileDriver lets something happen right before a delivery is committed.
type meanwhileDriver struct {
	ledger.Driver
	event string
	do    func()
}

func (m *meanwhileDriver) Put(ctx context.Context, item ledger.Item) error {
	if do := m.do; do != nil && item.SK == "IN#execution#"+m.event && bytes.Contains(item.Body, []byte(`"state":"DONE"`)) {
		m.do = nil
		do()
	}
	return m.Driver.Put(ctx, item)
}

// The plan is done and its lock is free, but the invocation that did it was
// held up before it could commit: a close-out that arrives then must not
// report the plan a second time. The simulation's crash sweep found this (S1).
func TestF15ACloseOutWaitsForTheReportUnderWay(t *testing.T) {
	w := newWorld(t)
	w.desk.fill = all
	plan := w.rotation()
	first := w.planned(plan)
	closeOut := w.envelope(&events.TradeExecutionContinued{PlanID: plan.PlanID, N: 1, Phase: events.PhaseClose, CloseOut: true, Reason: "stalled"},
		events.SourceOrchestration, events.CloseOutID(events.RunID(runKey)))
	asked := false
	w.driver = &meanwhileDriver{Driver: w.driver, event: first.EventID, do: func() {
		asked = true
		if err := w.deliver(closeOut); err == nil {
			t.Error("a close-out between the report and its commit was taken")
		}
	}}
	w.rewire()
	if err := w.deliver(first); err != nil {
		t.Fatal(err)
	}
	if err := w.deliver(closeOut); err != nil {
		t.Fatal(err)
	}
	reports := slices.DeleteFunc(w.published(), func(s string) bool { return s != string(events.TypeTradeExecuted) })
	if !asked || len(reports) != 1 {
		t.Errorf("asked %t, published %v", asked, w.published())
	}
}
