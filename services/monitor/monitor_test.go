package monitor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/alchemiser/alchemiser/pkg/bus"
	"github.com/alchemiser/alchemiser/pkg/bus/membus"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/memledger"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/alchemiser/alchemiser/services/monitor"
)

const account = "paper-main"

var slot = time.Date(2026, 11, 23, 14, 35, 0, 0, time.UTC) // a Monday, 09:35 in New York

// clock is a clock that tests move by hand.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time                             { return c.now }
func (c *clock) Sleep(context.Context, time.Duration) error { return nil }

// flaky fails calls as told: before their effect or after it.
type flaky struct {
	ledger.Driver
	bus  bus.Driver
	next func(call string) fault
}

type fault int

const (
	works fault = iota
	failsBefore
	failsAfter
)

var errPort = errors.New("the connection broke")

func (f *flaky) Put(ctx context.Context, item ledger.Item) error {
	switch f.next("ledger") {
	case failsBefore:
		return errPort
	case failsAfter:
		if err := f.Driver.Put(ctx, item); err != nil {
			return err
		}
		return errPort
	}
	return f.Driver.Put(ctx, item)
}

type flakyBus struct{ *flaky }

func (f flakyBus) Put(ctx context.Context, entries []bus.Entry) ([]error, error) {
	switch f.next("bus") {
	case failsBefore:
		return nil, errPort
	case failsAfter:
		if _, err := f.bus.Put(ctx, entries); err != nil {
			return nil, err
		}
		return nil, errPort
	}
	return f.bus.Put(ctx, entries)
}

// world is the monitor between a ledger and a bus in memory.
type world struct {
	t       testing.TB
	stage   *stage.Stage
	ledger  *ledger.Ledger
	bus     *membus.Driver
	clock   *clock
	log     *bytes.Buffer
	faults  *flaky
	entries []bus.Entry // everything that was ever published
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, bus: membus.New(), clock: &clock{slot}, log: new(bytes.Buffer)}
	w.faults = &flaky{Driver: memledger.New(), bus: w.bus, next: func(string) fault { return works }}
	w.ledger = ledger.New(w.faults, w.clock)
	log := slog.New(slog.NewJSONHandler(io.MultiWriter(w.log), nil))
	m := &monitor.Monitor{
		Config:  monitor.Config{Schedules: []monitor.Schedule{{Name: "daily", At: 9*time.Hour + 35*time.Minute}}, ExpectedAfter: 30 * time.Minute},
		Account: account, Mode: events.Paper, Ledger: w.ledger, Clock: w.clock, Tasks: env.Goroutines(), Log: log,
		Metrics: stage.Metrics{Environment: "dev", Log: log, Clock: w.clock},
	}
	var owners atomic.Int64
	s, err := stage.New(stage.Config{
		Name: topology.Monitor, Account: account, Mode: events.Paper, Version: "test",
		Ledger: w.ledger, Bus: bus.New(flakyBus{w.faults}), Clock: w.clock, Log: log,
		Owner:  func() string { return fmt.Sprint("owner-", owners.Add(1)) },
		Handle: m.Handlers(), Commands: m.Commands(),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.stage = s
	return w
}

// run opens a run of the schedule at the world's slot and takes the account.
func (w *world) run(schedule string, dryRun bool) events.Envelope {
	w.t.Helper()
	key := account + "/" + schedule + "/2026-11-23T14:35Z"
	deadline := slot.Add(15 * time.Minute)
	ctx := context.Background()
	_, err := w.ledger.OpenRun(ctx, events.RunID(key), ledger.Meta{
		RunKey: key, Account: account, TradingMode: events.Paper, DryRun: dryRun, Session: "2026-11-23", Schedule: schedule,
		Slot: "2026-11-23T14:35Z", OpenedAt: slot.UnixMilli(), NotAfter: deadline.UnixMilli(),
		CloseOutAt: deadline.Add(time.Minute).UnixMilli(), StalledAt: deadline.Add(10 * time.Minute).UnixMilli(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.ledger.RecordSlot(ctx, &ledger.Doc[ledger.Slot]{Key: ledger.SlotKey(account, "2026-11-23", schedule, "2026-11-23T14:35Z")}, ledger.Slot{RunID: events.RunID(key), State: ledger.SlotStarted}); err != nil {
		w.t.Fatal(err)
	}
	return root(key, dryRun)
}

func root(key string, dryRun bool) events.Envelope {
	return events.Envelope{
		EventID: events.CommandID(key), CorrelationID: events.RunID(key), CausationID: events.CommandID(key), RunKey: key,
		Account: account, TradingMode: events.Paper, DryRun: dryRun, Hop: -1, NotAfter: events.At(slot.Add(15 * time.Minute)),
	}
}

// event is a payload of the run, published by the source.
func event(t testing.TB, parent events.Envelope, source events.Source, p events.Payload, ordinal int) []byte {
	t.Helper()
	e, err := events.Child(parent, source, events.Event{Payload: p}, ordinal, slot.Add(10*time.Second), events.Producer{Service: "test", Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	detail, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return detail
}

// deliver hands an event to the function as the bus would.
func (w *world) deliver(detail []byte) error {
	w.t.Helper()
	e, err := events.Decode(detail)
	if err != nil {
		w.t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{
		"version": "0", "id": "00000000-0000-0000-0000-000000000000", "detail-type": e.EventType, "source": e.Source,
		"account": "000000000000", "time": "2026-11-23T14:35:10Z", "region": "us-east-1", "resources": e.Resources(), "detail": json.RawMessage(detail),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = w.stage.Invoke(context.Background(), payload)
	return err
}

func (w *world) sweep() (monitor.Swept, error) {
	var out monitor.Swept
	answer, err := w.stage.Invoke(context.Background(), []byte(`{"mode":"sweep"}`))
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(answer, &out)
}

// published are the distinct events on the bus so far, by type. Two entries
// with one id must hold the same bytes.
func (w *world) published() map[events.Type][]events.Envelope {
	w.t.Helper()
	w.entries = append(w.entries, w.bus.Take()...)
	seen := make(map[string][]byte)
	out := make(map[events.Type][]events.Envelope)
	for _, entry := range w.entries {
		if first, ok := seen[entry.DedupID]; ok {
			if !bytes.Equal(first, entry.Detail) {
				w.t.Fatalf("two events with the id %s differ", entry.DedupID)
			}
			continue
		}
		seen[entry.DedupID] = entry.Detail
		e, err := events.Decode(entry.Detail)
		if err != nil {
			w.t.Fatal(err)
		}
		out[e.EventType] = append(out[e.EventType], e)
	}
	return out
}

func (w *world) meta(runID string) ledger.Meta {
	w.t.Helper()
	doc, err := ledger.Load[ledger.Meta](context.Background(), w.ledger, ledger.MetaKey(runID))
	if err != nil {
		w.t.Fatal(err)
	}
	return doc.Value
}

// metric sums up a count over the log so far.
func (w *world) metric(name string) int64 {
	w.t.Helper()
	var sum int64
	for line := range bytes.Lines(w.log.Bytes()) {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			w.t.Fatalf("%v in %s", err, line)
		}
		if n, ok := fields[name].(float64); ok && fields["_aws"] != nil {
			sum += int64(n)
		}
	}
	return sum
}

// endings are the events that may end the world's run, in every order.
func endings(t testing.TB, parent events.Envelope) [][]byte {
	plan := executed(events.OutcomePartial)
	return [][]byte{
		event(t, parent, events.SourceExecution, plan, 0),
		event(t, parent, events.SourceStrategy, &events.WorkflowFailed{Stage: "signal", FailureCode: "stale_data", Message: "no new bars"}, 0),
		event(t, parent, events.SourceOrchestration, &events.WorkflowFailed{Stage: "monitor", FailureCode: "stalled", Message: "nothing followed"}, 1),
		event(t, parent, events.SourceOrchestration, &events.WorkflowSkipped{ReasonCode: "market_closed", Session: "2026-11-23", Slot: "2026-11-23T14:35Z", Schedule: "daily"}, 0),
	}
}

// F15, I9: whatever ends the run first, in whatever order, however often each
// event arrives and whatever breaks meanwhile, there is one summary.
func TestF15OneSummaryPerRun(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		parent := w.run("daily", false)
		all := endings(t, parent)
		w.faults.next = func(string) fault { return fault(rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(rt, "fault")) }
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(all)-1), 1, 12).Draw(rt, "deliveries") {
			_ = w.deliver(all[i]) // an error means: delivered again
			w.clock.now = w.clock.now.Add(time.Minute)
			if rapid.Bool().Draw(rt, "sweep") {
				_, _ = w.sweep()
			}
		}
		w.faults.next = func(string) fault { return works }
		for range 2 { // the failure queue is redriven, twice
			for _, detail := range all {
				if err := w.deliver(detail); err != nil {
					rt.Fatal(err)
				}
			}
			w.clock.now = w.clock.now.Add(time.Minute)
		}
		got := w.published()
		if n := len(got[events.TypeTradingNotificationRequested]); n != 1 {
			rt.Fatalf("%d summaries", n)
		}
		if n := len(got[events.TypeWorkflowCompleted]); n != 1 {
			rt.Fatalf("completed %d times", n)
		}
		meta := w.meta(parent.CorrelationID)
		if meta.State != ledger.RunClosed || got[events.TypeTradingNotificationRequested][0].CausationID != meta.ClosedBy {
			rt.Fatalf("the summary is not that of the event that closed the run: %+v", meta)
		}
	})
}

func TestClosingARun(t *testing.T) {
	for _, c := range []struct {
		name    string
		source  events.Source
		payload events.Payload
		dryRun  bool
		outcome string
		tag     string
		applied bool
		metric  string
	}{
		{"completed", events.SourceExecution, executed(events.OutcomeCompleted), false, "COMPLETED", "OK", true, "RunsCompleted"},
		{"no trades", events.SourceExecution, executed(events.OutcomeNoTrades), false, "NO_TRADES", "OK", true, "RunsCompleted"},
		{"partial", events.SourceExecution, executed(events.OutcomePartial), false, "PARTIAL", "PARTIAL", true, "RunsFailed"},
		{"failed execution", events.SourceExecution, executed(events.OutcomeFailed), false, "FAILED", "FAILED", false, "RunsFailed"},
		{"unknown", events.SourceExecution, executed(events.OutcomeUnknown), false, "UNKNOWN", "CHECK BROKER", false, "RunsFailed"},
		{"skipped execution", events.SourceExecution, executed(events.OutcomeSkipped), false, "SKIPPED", "SKIPPED", false, "RunsSkipped"},
		{"dry run", events.SourceExecution, executed(events.OutcomeDryRun), true, "DRY_RUN", "DRY RUN", false, "RunsCompleted"},
		{"dry run without trades", events.SourceExecution, executed(events.OutcomeNoTrades), true, "NO_TRADES", "OK", false, "RunsCompleted"},
		{"failed signal", events.SourceStrategy, &events.WorkflowFailed{Stage: "signal", FailureCode: "stale_data"}, false, "FAILED:signal:stale_data", "FAILED", false, "RunsFailed"},
		{"stalled with an order", events.SourceOrchestration, &events.WorkflowFailed{Stage: "monitor", FailureCode: "stalled", OpenOrders: events.List[string]{"alc-QQQ-b01-x"}}, false, "FAILED:monitor:stalled", "CHECK BROKER", false, "RunsFailed"},
		{"execution gave up", events.SourceExecution, &events.WorkflowFailed{Stage: "execution", FailureCode: "too_many_attempts"}, false, "FAILED:execution:too_many_attempts", "CHECK BROKER", false, "RunsFailed"},
		{"execution refused the plan", events.SourceExecution, &events.WorkflowFailed{Stage: "execution", FailureCode: "plan_conflict"}, false, "FAILED:execution:plan_conflict", "FAILED", false, "RunsFailed"},
		{"skipped", events.SourceOrchestration, &events.WorkflowSkipped{ReasonCode: "too_late", Session: "2026-11-23"}, false, "SKIPPED:too_late", "SKIPPED", false, "RunsSkipped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := context.Background()
			w := newWorld(t)
			parent := w.run("daily", c.dryRun)
			if _, err := w.ledger.AcquireLease(ctx, account, parent.CorrelationID, slot.Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			w.clock.now = slot.Add(11 * time.Second)
			if err := w.deliver(event(t, parent, c.source, c.payload, 0)); err != nil {
				t.Fatal(err)
			}
			meta := w.meta(parent.CorrelationID)
			if meta.State != ledger.RunClosed || meta.Outcome != c.outcome {
				t.Errorf("the run is %s as %q, want closed as %q", meta.State, meta.Outcome, c.outcome)
			}
			if held, err := w.ledger.HeldLease(ctx, account, parent.CorrelationID); err != nil || held {
				t.Errorf("the account is still held (%v)", err)
			}
			applied, known, err := w.ledger.LoadApplied(ctx, account, "momentum")
			if err != nil || known != c.applied {
				t.Errorf("applied = %v, want %v (%v)", known, c.applied, err)
			}
			if known && (applied.TradeDate != "2026-11-23" || applied.AsOf != "2026-11-20" || applied.Weights["BRK.B"] != "0.6") {
				t.Errorf("applied %+v", applied)
			}
			if _, known, _ := w.ledger.LoadApplied(ctx, account, "held"); known {
				t.Error("a strategy that held was recorded as applied")
			}
			got := w.published()
			if len(got[events.TypeTradingNotificationRequested]) != 1 || len(got[events.TypeWorkflowCompleted]) != 1 {
				t.Fatalf("published %v", got)
			}
			if s := got[events.TypeTradingNotificationRequested][0].Payload.(*events.TradingNotificationRequested); s.Tag != c.tag {
				t.Errorf("tag %q, want %q", s.Tag, c.tag)
			}
			if done := got[events.TypeWorkflowCompleted][0].Payload.(*events.WorkflowCompleted); done.Outcome != c.outcome || done.DurationMS != 11_000 || done.ClosedBy != meta.ClosedBy {
				t.Errorf("completed %+v", done)
			}
			if w.metric(c.metric) != 1 {
				t.Errorf("%s is not 1 in %s", c.metric, w.log)
			}
		})
	}
}

// Monitor dies at any of its writes, before or after the effect: the run is
// closed only when the next day's strategies can see what it applied, and the
// account is free only when the run is closed. Seed 926186 of the simulation.
func TestARunIsClosedAfterWhatItAppliedIsOnRecord(t *testing.T) {
	ctx := context.Background()
	died := 0
	for write := 1; ; write++ {
		survived := false
		for _, at := range []fault{failsBefore, failsAfter} {
			w := newWorld(t)
			parent := w.run("daily", false)
			if _, err := w.ledger.AcquireLease(ctx, account, parent.CorrelationID, slot.Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			writes := 0
			w.faults.next = func(string) fault {
				switch writes++; {
				case writes == write:
					return at
				case writes > write:
					return failsBefore
				}
				return works
			}
			survived = w.deliver(event(t, parent, events.SourceExecution, executed(events.OutcomeCompleted), 0)) == nil && writes < write
			w.faults.next = func(string) fault { return works }
			_, applied, err := w.ledger.LoadApplied(ctx, account, "momentum")
			if err != nil {
				t.Fatal(err)
			}
			closed := w.meta(parent.CorrelationID).State == ledger.RunClosed
			held, err := w.ledger.HeldLease(ctx, account, parent.CorrelationID)
			if err != nil {
				t.Fatal(err)
			}
			if closed && !applied || !held && !closed {
				t.Errorf("died at write %d (%d): applied %v, closed %v, account held %v", write, at, applied, closed, held)
			}
			if !survived {
				died++
			}
		}
		if survived {
			break
		}
	}
	if died < 10 {
		t.Errorf("only %d deaths: its claim, what was applied, the run, the lease and the outcome are written", died)
	}
}

func TestTheSummaryOfARunThatStartNeverRecorded(t *testing.T) {
	w := newWorld(t)
	parent := root(account+"/daily/2026-11-23T14:35Z", false)
	detail := event(t, parent, events.SourceOrchestration, &events.WorkflowFailed{Stage: "start", FailureCode: "too_many_attempts"}, 0)
	for range 3 {
		if err := w.deliver(detail); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.published()[events.TypeTradingNotificationRequested]); n != 1 {
		t.Errorf("%d summaries", n)
	}
	meta := w.meta(parent.CorrelationID)
	if meta.Outcome != "FAILED:start:too_many_attempts" || meta.Session != "2026-11-23" || meta.Schedule != "daily" || meta.NotAfter != slot.Add(15*time.Minute).UnixMilli() {
		t.Errorf("recorded %+v", meta)
	}
}

// A schedule of every five minutes mails its first skip of a day and reason.
func TestSkipFlood(t *testing.T) {
	w := newWorld(t)
	skip := func(minute int, reason string) {
		t.Helper()
		key := fmt.Sprintf("%s/often/2026-11-23T%02d:%02dZ", account, 14+minute/60, minute%60)
		detail := event(t, root(key, false), events.SourceOrchestration, &events.WorkflowSkipped{ReasonCode: reason, Session: "2026-11-23", Schedule: "often"}, 0)
		for range 2 {
			if err := w.deliver(detail); err != nil {
				t.Fatal(err)
			}
		}
	}
	for minute := 0; minute < 240; minute += 5 {
		skip(minute, "session_done")
	}
	skip(240, "too_late")
	got := w.published()
	if n := len(got[events.TypeTradingNotificationRequested]); n != 2 {
		t.Errorf("%d mails, want one for each of two reasons", n)
	}
	if n := len(got[events.TypeWorkflowCompleted]); n != 49 {
		t.Errorf("%d runs completed, want 49", n)
	}
}

func TestLateOutcome(t *testing.T) {
	w := newWorld(t)
	parent := w.run("daily", false)
	all := endings(t, parent)
	for _, i := range []int{2, 0, 0, 1} { // stalled first, then the fills, twice, then another failure
		if err := w.deliver(all[i]); err != nil {
			t.Fatal(err)
		}
	}
	got := w.published()
	if n := len(got[events.TypeTradingNotificationRequested]); n != 1 {
		t.Errorf("%d summaries", n)
	}
	late := got[events.TypeErrorNotificationRequested]
	if len(late) != 1 {
		t.Fatalf("%d error notifications", len(late))
	}
	p := late[0].Payload.(*events.ErrorNotificationRequested)
	if p.Code != "late_outcome" || p.RunID == nil || *p.RunID != parent.CorrelationID {
		t.Errorf("late outcome %+v", p)
	}
	if want := "SELL QQQ FILLED: 7.2273576 of 7.2273576 at 171.64"; p.Details["leg 01"] != want {
		t.Errorf("the fills are not told: %v", p.Details)
	}
	if meta := w.meta(parent.CorrelationID); meta.Outcome != "FAILED:monitor:stalled" || meta.LateEvent != late[0].CausationID {
		t.Errorf("recorded %+v", meta)
	}
	if w.metric("LateOutcome") != 1 {
		t.Error("no metric LateOutcome")
	}
	if _, known, _ := w.ledger.LoadApplied(context.Background(), account, "momentum"); known {
		t.Error("an event that did not close the run counted as an application")
	}
}
