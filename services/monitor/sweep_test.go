package monitor_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
)

// claim begins a stage's work on an event as its function would.
func (w *world) claim(consumer, runID, eventID, eventType string) *ledger.Claim {
	w.t.Helper()
	c, err := w.ledger.Claim(context.Background(), ledger.Delivery{
		Consumer: consumer, RunID: runID, EventID: eventID, EventType: eventType, DetailHash: "hash", Owner: "another", Lease: 45 * time.Second,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) commit(c *ledger.Claim, result string, out ...[]byte) {
	w.t.Helper()
	if err := w.ledger.Commit(context.Background(), c, out, result); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) save(key ledger.Key, v any) {
	w.t.Helper()
	doc := ledger.Doc[any]{Key: key, Value: v}
	if err := ledger.Save(context.Background(), w.ledger, &doc); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) swept() (republished, stuck, overdue, closedOut, missing int) {
	w.t.Helper()
	s, err := w.sweep()
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Republished, s.Stuck, s.Overdue, s.ClosedOut, s.Missing
}

func TestSweepPublishesAForgottenOutbox(t *testing.T) {
	w := newWorld(t)
	parent := w.run("daily", false)
	signal := event(t, parent, events.SourceStrategy, &events.SignalGenerated{AsOfSession: "2026-11-20", CashWeight: "0", Context: runContext(), Bars: events.BarsUsed{FirstSession: "2024-11-20", LastSession: "2026-11-20"}}, 0)
	w.commit(w.claim("signal", parent.CorrelationID, events.EventID(parent.EventID, "WorkflowStarted", 0), "WorkflowStarted"), "SignalGenerated", signal)

	w.clock.now = slot.Add(29 * time.Second)
	if n, _, _, _, _ := w.swept(); n != 0 {
		t.Error("published before its owner's time was over")
	}
	w.clock.now = slot.Add(31 * time.Second)
	if n, _, _, _, _ := w.swept(); n != 1 || len(w.published()[events.TypeSignalGenerated]) != 1 {
		t.Errorf("published %d outboxes, %v", n, w.published())
	}
	if n, _, _, _, _ := w.swept(); n != 0 {
		t.Error("published again although marked")
	}
	if w.metric("Heartbeat") != 3 {
		t.Error("not one heartbeat a sweep")
	}
}

func TestSweepKeepsAnOutboxThatTheBusRefuses(t *testing.T) {
	w := newWorld(t)
	parent := w.run("daily", false)
	skipped := event(t, parent, events.SourceOrchestration, &events.WorkflowSkipped{ReasonCode: "halted", Session: "2026-11-23"}, 0)
	w.commit(w.claim("start", parent.CorrelationID, parent.EventID, ""), "WorkflowSkipped", skipped)
	w.clock.now = slot.Add(time.Minute)
	w.faults.next = func(call string) fault {
		if call == "bus" {
			return failsBefore
		}
		return works
	}
	if _, err := w.sweep(); err == nil || !errors.Is(err, errPort) {
		t.Errorf("the sweep hides that the bus refused: %v", err)
	}
	if w.metric("Heartbeat") != 1 {
		t.Error("a sweep that met an error has no heartbeat")
	}
	w.faults.next = func(string) fault { return works }
	if n, _, _, _, _ := w.swept(); n != 1 {
		t.Error("the next sweep does not find it")
	}
}

func TestSweepReportsAStuckClaimOnce(t *testing.T) {
	w := newWorld(t)
	parent := w.run("daily", false)
	w.claim("signal", parent.CorrelationID, parent.EventID, "WorkflowStarted")
	w.clock.now = slot.Add(10 * time.Minute)
	if _, stuck, _, _, _ := w.swept(); stuck != 0 {
		t.Error("stuck although its lease ended less than ten minutes ago")
	}
	w.clock.now = slot.Add(10*time.Minute + 46*time.Second)
	if _, stuck, _, _, _ := w.swept(); stuck != 1 || w.metric("StuckClaim") != 1 {
		t.Error("a stuck claim is not reported")
	}
	if _, stuck, _, _, _ := w.swept(); stuck != 0 {
		t.Error("reported twice")
	}
}

func TestSweepClosesOutAnExecution(t *testing.T) {
	const planID = "40012024-5ce9-5e4e-90da-54d2c66d04bb"
	for _, c := range []struct {
		name  string
		exec  map[string]any
		wantN int
	}{
		{"working", map[string]any{"phase": "BUYS", "continuations": 2}, 3},
		{"at the limit", map[string]any{"phase": "BUYS", "continuations": 10}, 10},
		{"done, and its report lost", map[string]any{"phase": "DONE", "continuations": 2}, 3},
		{"never begun", nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			parent := w.run("daily", false)
			if c.exec != nil {
				w.save(ledger.ExecKey(parent.CorrelationID, planID), c.exec)
			}
			w.clock.now = slot.Add(16*time.Minute - time.Second)
			w.swept()
			if n := len(w.published()[events.TypeTradeExecutionContinued]); n != 0 {
				t.Fatal("closed out before its time")
			}
			for range 3 {
				w.clock.now = w.clock.now.Add(time.Second)
				w.swept()
			}
			got := w.published()[events.TypeTradeExecutionContinued]
			if c.wantN == 0 {
				if len(got) != 0 {
					t.Fatalf("closed out: %+v", got)
				}
				return
			}
			if len(got) != 1 {
				t.Fatalf("%d close-outs", len(got))
			}
			p := got[0].Payload.(*events.TradeExecutionContinued)
			if !p.CloseOut || p.N != c.wantN || p.PlanID != planID || p.Phase != events.PhaseClose {
				t.Errorf("close-out %+v", p)
			}
			if got[0].CausationID != events.CloseOutID(parent.CorrelationID) || got[0].Hop != 0 || got[0].Source != events.SourceOrchestration || got[0].NotAfter != parent.NotAfter {
				t.Errorf("envelope %+v", got[0])
			}
			if w.metric("OpenRunsOverdue") != 0 {
				t.Error("a run counts as overdue before it stalled")
			}
		})
	}
}

// F93: a run whose stage is dead for good ends with one summary and an alarm.
func TestF93AStalledRunEndsWithOneSummary(t *testing.T) {
	w := newWorld(t)
	parent := w.run("daily", false)
	started := event(t, parent, events.SourceOrchestration, &events.WorkflowStarted{Session: "2026-11-23", SessionOpen: at(0), SessionClose: at(time.Hour)}, 0)
	start := w.claim("start", parent.CorrelationID, parent.EventID, "")
	w.commit(start, "WorkflowStarted", started)
	if err := w.ledger.MarkPublished(context.Background(), start); err != nil {
		t.Fatal(err)
	}
	signal := w.claim("signal", parent.CorrelationID, events.EventID(parent.EventID, "WorkflowStarted", 0), "WorkflowStarted")
	if err := w.ledger.Fail(context.Background(), signal, errors.New("bars_not_ready: try again")); err != nil {
		t.Fatal(err)
	}

	w.clock.now = slot.Add(25*time.Minute - time.Second)
	w.swept()
	if len(w.published()) != 0 {
		t.Fatal("stalled before its time")
	}
	for range 4 { // sweeps go on while the run is open
		w.clock.now = w.clock.now.Add(5 * time.Minute)
		if _, _, overdue, _, _ := w.swept(); overdue != 1 {
			t.Error("an open run is not counted as overdue")
		}
	}
	failed := w.published()[events.TypeWorkflowFailed]
	if len(failed) != 1 {
		t.Fatalf("%d failures", len(failed))
	}
	p := failed[0].Payload.(*events.WorkflowFailed)
	if p.FailureCode != "stalled" || p.Stage != "monitor" || p.Details["last_stage"] != "signal" || p.Details["last_error"] != "bars_not_ready: try again" || p.Details["orders"] != "none were sent" {
		t.Errorf("stalled %+v", p)
	}
	if failed[0].CausationID != events.StalledID(parent.CorrelationID) {
		t.Error("not under the stalled cause")
	}
	detail, err := events.Encode(failed[0])
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.deliver(detail); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.published()[events.TypeTradingNotificationRequested]); n != 1 {
		t.Errorf("%d summaries", n)
	}
	w.clock.now = w.clock.now.Add(time.Hour)
	if _, _, overdue, _, _ := w.swept(); overdue != 0 {
		t.Error("a closed run is still looked at")
	}
	if w.metric("OpenRunsOverdue") != 4 {
		t.Error("no alarm")
	}
}

func TestAStalledExecutionNamesItsOrders(t *testing.T) {
	const planID = "40012024-5ce9-5e4e-90da-54d2c66d04bb"
	w := newWorld(t)
	parent := w.run("daily", false)
	plan := event(t, parent, events.SourcePortfolio, &events.RebalancePlanned{
		PlanID: planID, Equity: "1", Cash: "1", Reserve: "0", Deployable: "1", Context: runContext(),
		Snapshot: events.Snapshot{TakenAt: at(0), Account: events.SnapshotAccount{Equity: "1", LastEquity: "1", Cash: "1", BuyingPower: "1"}},
		Envelope: events.SafetyEnvelope{MaxOrderUSD: "1", MaxTurnover: "1", MaxPositionWeight: "1", MaxGross: "1", PriceCollar: "1"},
		Totals:   events.PlanTotals{Buys: "0", Sells: "0", Turnover: "0"},
	}, 0)
	w.commit(w.claim("portfolio", parent.CorrelationID, parent.EventID, "SignalGenerated"), "RebalancePlanned", plan)
	w.claim("execution", parent.CorrelationID, "e", "RebalancePlanned")
	w.save(ledger.ExecKey(parent.CorrelationID, planID), map[string]any{"phase": "BUYS", "continuations": 0})
	w.save(ledger.LegKey(parent.CorrelationID, planID, 1), map[string]any{"attempts": []map[string]any{
		{"client_order_id": "alc-QQQ-s01-ended", "state": "CANCELED"}, {"client_order_id": "alc-QQQ-s02-open", "state": "SUBMITTED"},
	}})
	w.save(ledger.LegKey(parent.CorrelationID, planID, 2), map[string]any{"attempts": []map[string]any{{"client_order_id": "alc-SPY-b01-new", "state": "A_STATE_OF_TOMORROW"}}})
	w.clock.now = slot.Add(25 * time.Minute)
	if _, _, overdue, closedOut, _ := w.swept(); overdue != 1 || closedOut != 1 || len(w.published()[events.TypeWorkflowFailed]) != 0 {
		t.Fatal("a late sweep does not close out first")
	}
	w.clock.now = w.clock.now.Add(5 * time.Minute)
	w.swept()
	failed := w.published()[events.TypeWorkflowFailed]
	if len(failed) != 1 {
		t.Fatalf("%d failures", len(failed))
	}
	p := failed[0].Payload.(*events.WorkflowFailed)
	if got := strings.Join(p.OpenOrders, " "); got != "alc-QQQ-s02-open alc-SPY-b01-new" {
		t.Errorf("open orders %q", got)
	}
	if p.Context == nil || p.Context.Plan == nil || p.Details["last_stage"] != "execution" || p.Details["orders"] == "none were sent" {
		t.Errorf("stalled %+v", p)
	}
}

// An ending that the bus or monitor lost is repeated before the run is given up.
func TestSweepRepeatsALostEnding(t *testing.T) {
	w := newWorld(t)
	parent := w.run("daily", false)
	ending := event(t, parent, events.SourceExecution, executed(events.OutcomeCompleted), 0)
	c := w.claim("execution", parent.CorrelationID, parent.EventID, "RebalancePlanned")
	w.commit(c, "TradeExecuted", ending)
	if err := w.ledger.MarkPublished(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	w.clock.now = slot.Add(16 * time.Minute)
	if n, _, _, _, _ := w.swept(); n != 1 {
		t.Fatal("the ending was not repeated")
	}
	if err := w.deliver(ending); err != nil {
		t.Fatal(err)
	}
	if meta := w.meta(parent.CorrelationID); meta.Outcome != "COMPLETED" {
		t.Errorf("closed as %s", meta.Outcome)
	}
}

func TestSweepReportsAMissingRunOnce(t *testing.T) {
	midnight := time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC) // New York
	for _, c := range []struct {
		name string
		day  int  // after Monday, 2026-11-23
		seen bool // the schedule's slot is on record
		want int
	}{
		{"no trace", 0, false, 1},
		{"seen", 0, true, 0},
		{"Thanksgiving", 3, false, 0},
		{"Saturday", 5, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			if c.seen {
				w.run("daily", false)
			}
			for minute := 0; minute < 24*60; minute += 5 {
				w.clock.now = midnight.AddDate(0, 0, c.day).Add(time.Duration(minute) * time.Minute)
				if _, err := w.sweep(); err != nil {
					t.Fatal(err)
				}
				if n := len(w.published()[events.TypeErrorNotificationRequested]); n > 0 && minute < 10*60+5 {
					t.Fatalf("reported at minute %d of the day", minute)
				}
			}
			reports := w.published()[events.TypeErrorNotificationRequested]
			if len(reports) != c.want {
				t.Fatalf("%d reports, want %d", len(reports), c.want)
			}
			if c.want == 1 {
				p := reports[0].Payload.(*events.ErrorNotificationRequested)
				if p.Code != "run_missing" || !strings.Contains(p.Message, "daily (09:35 New York)") || reports[0].CausationID != events.MissingRunID(account, "2026-11-23") {
					t.Errorf("%+v", p)
				}
				n := 0
				for _, entry := range w.entries {
					if entry.DetailType == events.TypeErrorNotificationRequested {
						n++
					}
				}
				if n != 1 {
					t.Errorf("published %d times in a day", n)
				}
			}
		})
	}
}

func TestSweepTakesNoSettings(t *testing.T) {
	w := newWorld(t)
	if _, err := w.stage.Invoke(context.Background(), []byte(`{"mode":"sweep","force":true}`)); err == nil {
		t.Error("an unknown setting was ignored")
	}
}

// F93: a function that dies whenever it is told of a run's end leaves a claim.
// The event is taken from its producer's record and sent again, so that the
// run's owner hears of it without anybody's help; not for ever.
func TestF93WhatTellsOfARunsEndIsSentAgain(t *testing.T) {
	w := newWorld(t)
	parent := w.run("daily", false)
	failed := event(t, parent, events.SourceStrategy, &events.WorkflowFailed{Stage: "signal", FailureCode: "strategy_failed", Message: "a.clj:1:2: wrong", Hint: "correct it"}, 0)
	ending, err := events.Decode(failed)
	if err != nil {
		t.Fatal(err)
	}
	signal := w.claim("signal", parent.CorrelationID, events.EventID(parent.EventID, "WorkflowStarted", 0), "WorkflowStarted")
	w.commit(signal, "WorkflowFailed", failed)
	if err := w.ledger.MarkPublished(context.Background(), signal); err != nil {
		t.Fatal(err)
	}
	run, err := ledger.Load[ledger.Meta](context.Background(), w.ledger, ledger.MetaKey(parent.CorrelationID))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ledger.CloseRun(context.Background(), &run, "FAILED:signal:strategy_failed", ending.EventID); err != nil {
		t.Fatal(err)
	}
	for attempt := 1; attempt <= ledger.MaxAttempts; attempt++ {
		w.claim("monitor", parent.CorrelationID, ending.EventID, "WorkflowFailed")
		w.clock.now = w.clock.now.Add(10*time.Minute + 46*time.Second)
		_, stuck, _, _, _ := w.swept()
		sent, want := w.bus.Take(), min(1, ledger.MaxAttempts-attempt)
		if stuck != 1 || len(sent) != want || want == 1 && !bytes.Equal(sent[0].Detail, failed) {
			t.Fatalf("attempt %d: %d stuck claims; sent %d, want %d", attempt, stuck, len(sent), want)
		}
	}
}

// What trades is not sent again: its run stalls, and an operator decides.
func TestAStuckClaimOfATradingStageIsOnlyReported(t *testing.T) {
	w := newWorld(t)
	parent := w.run("daily", false)
	started := event(t, parent, events.SourceOrchestration, &events.WorkflowStarted{Session: "2026-11-23", SessionOpen: at(0), SessionClose: at(time.Hour)}, 0)
	w.commit(w.claim("start", parent.CorrelationID, parent.EventID, ""), "WorkflowStarted", started)
	w.clock.now = slot.Add(time.Minute)
	w.swept()
	w.claim("signal", parent.CorrelationID, events.EventID(parent.EventID, "WorkflowStarted", 0), "WorkflowStarted")
	w.clock.now = slot.Add(12 * time.Minute)
	if republished, stuck, _, _, _ := w.swept(); republished != 0 || stuck != 1 {
		t.Errorf("%d republished, %d stuck", republished, stuck)
	}
}
