package start_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/bus"
	"github.com/alchemiser/alchemiser/pkg/bus/membus"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/memledger"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/alchemiser/alchemiser/services/start"
)

// monday is 09:35 in New York on a session day.
var monday = time.Date(2026, 11, 23, 14, 35, 0, 0, time.UTC)

// desk is the broker as far as start asks it.
type desk struct {
	broker.Broker // nil: every other call is a defect and panics
	w             *world
	account       broker.Account
	sessions      []market.Session
	open          bool
	skew          time.Duration
	err           error
}

func (d *desk) Account(context.Context) (broker.Account, error) { return d.account, d.err }

func (d *desk) Clock(context.Context) (broker.Clock, error) {
	return broker.Clock{Now: d.w.now.Add(d.skew), IsOpen: d.open}, d.err
}

func (d *desk) Sessions(context.Context, events.Date, events.Date) ([]market.Session, error) {
	return d.sessions, d.err
}

type world struct {
	t      *testing.T
	now    time.Time
	desk   *desk
	bus    *membus.Driver
	ledger *ledger.Ledger
	owner  int
}

func (w *world) Now() time.Time                             { return w.now }
func (w *world) Sleep(context.Context, time.Duration) error { return nil }

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: monday.Add(time.Second), bus: membus.New()}
	w.ledger = ledger.New(memledger.New(), w)
	session, _ := market.Calendar{}.Session("2026-11-23")
	w.desk = &desk{w: w, open: true, sessions: []market.Session{session}, account: broker.Account{Number: "PA1", Status: "ACTIVE", Currency: "USD"}}
	return w
}

func (w *world) stage() *stage.Stage {
	s := &start.Start{
		Config:  start.Config{Policy: start.Policy{RunLength: 15 * time.Minute, CloseBuffer: 2 * time.Minute}, RunsPerSession: 1, Guard: broker.AccountGuard{Mode: events.Paper, Number: "PA1"}},
		Account: "paper-main", Mode: events.Paper, Ledger: w.ledger, Broker: w.desk, Clock: w, Tasks: env.Goroutines(),
	}
	built, err := stage.New(stage.Config{
		Name: topology.Start, Account: "paper-main", Mode: events.Paper, Version: "1", Ledger: w.ledger, Bus: bus.New(w.bus), Clock: w,
		Log: slog.New(slog.NewJSONHandler(io.Discard, nil)), Owner: func() string { w.owner++; return strconv.Itoa(w.owner) },
		Commands: map[string]stage.Command{"trade": s.Trade}, Probe: s.Probe,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return built
}

func command(schedule string, at time.Time, more string) []byte {
	return []byte(`{"mode":"trade","schedule":"` + schedule + `","scheduled_time":"` + at.Format(time.RFC3339) + `"` + more + `}`)
}

// fire invokes start and returns what it published.
func (w *world) fire(payload []byte) (start.Answer, []events.Envelope) {
	w.t.Helper()
	raw, err := w.stage().Invoke(w.t.Context(), payload)
	if err != nil {
		w.t.Fatal(err)
	}
	var answer start.Answer
	if err := json.Unmarshal(raw, &answer); err != nil {
		w.t.Fatal(err)
	}
	return answer, w.published()
}

func (w *world) published() []events.Envelope {
	w.t.Helper()
	var out []events.Envelope
	for _, e := range w.bus.Take() {
		envelope, err := events.Decode(e.Detail)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, envelope)
	}
	return out
}

func TestF01StartPublishesOnceAndReturns(t *testing.T) {
	w := newWorld(t)
	answer, out := w.fire(command("daily", monday.Add(23*time.Second), ""))
	if len(out) != 1 {
		t.Fatalf("%d events, want 1", len(out))
	}
	started, ok := out[0].Payload.(*events.WorkflowStarted)
	if !ok || started.Session != "2026-11-23" || started.Slot != "2026-11-23T14:35Z" || started.EarlyClose {
		t.Errorf("published %+v", out[0].Payload)
	}
	if want := monday.Add(15 * time.Minute); !out[0].NotAfter.Time().Equal(want) {
		t.Errorf("deadline %s, want %s", out[0].NotAfter, want)
	}
	if answer.RunID != "6f56e1c6-736e-51c9-bef6-1ef189e414d3" || out[0].CorrelationID != answer.RunID || answer.Repeated {
		t.Errorf("answer %+v", answer)
	}
	if held, err := w.ledger.HeldLease(t.Context(), "paper-main", answer.RunID); err != nil || !held {
		t.Errorf("the run does not hold the account: %v", err)
	}
}

// A session that ends before the run's minutes are over brings the deadline
// forward, also for the sweep, which asks the run's record.
func TestF39AnEarlyEndMovesTheRunsDeadlines(t *testing.T) {
	w := newWorld(t)
	friday := time.Date(2026, 11, 27, 17, 46, 0, 0, time.UTC) // 14 minutes before the early close
	w.now = friday.Add(time.Second)
	session, _ := market.Calendar{}.Session("2026-11-27")
	w.desk.sessions = []market.Session{session}
	answer, out := w.fire(command("daily", friday, ""))
	want := friday.Add(12 * time.Minute)
	if len(out) != 1 || !out[0].NotAfter.Time().Equal(want) {
		t.Fatalf("published %+v, want the deadline %s", out, want)
	}
	meta, err := ledger.Load[ledger.Meta](t.Context(), w.ledger, ledger.MetaKey(answer.RunID))
	if err != nil {
		t.Fatal(err)
	}
	m := meta.Value
	if m.NotAfter != want.UnixMilli() || m.CloseOutAt != want.Add(time.Minute).UnixMilli() || m.StalledAt != want.Add(10*time.Minute).UnixMilli() || !meta.DueAt.Equal(want.Add(time.Minute)) {
		t.Errorf("the record says %+v, due %s", m, meta.DueAt)
	}
}

// An attempt that was told a wrong end, moved the deadlines and died leaves
// them to the next one, which is told the right end.
func TestF39AnEarlierAttemptsDeadlinesDoNotStay(t *testing.T) {
	w := newWorld(t)
	run, wrong := events.RunID(start.RunKey("paper-main", "daily", monday)), monday.Add(5*time.Minute)
	if _, err := w.ledger.OpenRun(t.Context(), run, ledger.Meta{TradingMode: events.Paper, Session: "2026-11-23", NotAfter: wrong.UnixMilli(), CloseOutAt: wrong.UnixMilli(), StalledAt: wrong.UnixMilli()}); err != nil {
		t.Fatal(err)
	}
	_, out := w.fire(command("daily", monday, ""))
	meta, err := ledger.Load[ledger.Meta](t.Context(), w.ledger, ledger.MetaKey(run))
	if err != nil {
		t.Fatal(err)
	}
	want := monday.Add(15 * time.Minute)
	if len(out) != 1 || !out[0].NotAfter.Time().Equal(want) || meta.Value.NotAfter != want.UnixMilli() || !meta.DueAt.Equal(want.Add(time.Minute)) {
		t.Errorf("published %+v, the record says %+v, due %s", out, meta.Value, meta.DueAt)
	}
}

func TestF38TheSameSlotStartsOnce(t *testing.T) {
	w := newWorld(t)
	_, first := w.fire(command("daily", monday, ""))
	w.now = w.now.Add(2 * time.Minute)
	answer, again := w.fire(command("daily", monday, ""))
	if !answer.Repeated || len(again) != 1 || again[0].EventID != first[0].EventID || again[0].Timestamp != first[0].Timestamp {
		t.Errorf("the repetition published %+v and answered %+v", again, answer)
	}
	if _, err := w.stage().Invoke(t.Context(), command("daily", monday, `,"dry_run":true`)); !errors.Is(err, ledger.ErrCollision) {
		t.Errorf("the slot's repetition with other settings: %v, want a collision", err)
	}
	_, second := w.fire(command("second", monday.Add(time.Minute), ""))
	if skipped, ok := second[0].Payload.(*events.WorkflowSkipped); !ok || skipped.ReasonCode != start.AccountBusy {
		t.Errorf("another schedule during the run: %+v", second[0].Payload)
	}
	if err := w.ledger.ReleaseLease(t.Context(), "paper-main", answer.RunID); err != nil {
		t.Fatal(err)
	}
	_, third := w.fire(command("third", monday.Add(2*time.Minute), ""))
	if skipped, ok := third[0].Payload.(*events.WorkflowSkipped); !ok || skipped.ReasonCode != start.SessionDone {
		t.Errorf("another schedule after the run: %+v", third[0].Payload)
	}
	if held, err := w.ledger.AcquireLease(t.Context(), "paper-main", "next", w.now.Add(time.Hour)); err != nil {
		t.Errorf("the refused run kept the account: %+v %v", held, err)
	}
}

func TestForceAndDryRunPassTheSessionGuard(t *testing.T) {
	w := newWorld(t)
	answer, _ := w.fire(command("daily", monday, ""))
	_, dry := w.fire(command("manual", monday.Add(time.Minute), `,"dry_run":true,"requested_by":"cli"`))
	if dry[0].EventType != events.TypeWorkflowStarted || !dry[0].DryRun {
		t.Errorf("a dry run beside a run: %+v", dry[0])
	}
	if err := w.ledger.ReleaseLease(t.Context(), "paper-main", answer.RunID); err != nil {
		t.Fatal(err)
	}
	_, forced := w.fire(command("manual", monday.Add(2*time.Minute), `,"force":true`))
	if forced[0].EventType != events.TypeWorkflowStarted {
		t.Errorf("a forced second run: %+v", forced[0].Payload)
	}
}

func TestSkips(t *testing.T) {
	day := func(d events.Date) market.Session {
		s, ok := market.Calendar{}.Session(d)
		if !ok {
			t.Fatalf("no session on %s", d)
		}
		return s
	}
	for _, c := range []struct {
		name, reason string
		slot         time.Time
		change       func(w *world)
	}{
		{"F39 a holiday", start.MarketClosed, time.Date(2026, 11, 26, 14, 35, 0, 0, time.UTC), nil},
		{"a weekend", start.MarketClosed, time.Date(2026, 11, 22, 14, 35, 0, 0, time.UTC), nil},
		{"the broker's calendar has no session", start.MarketClosed, monday, func(w *world) { w.desk.sessions = nil }},
		{"the broker's clock says closed", start.MarketClosed, monday, func(w *world) { w.desk.open = false }},
		{"before the open", start.OutsideSession, monday.Add(-10 * time.Minute), nil},
		{"F39 after an early close", start.OutsideSession, time.Date(2026, 11, 27, 18, 30, 0, 0, time.UTC), func(w *world) { w.desk.sessions = []market.Session{day("2026-11-27")} }},
		{"just before the close", start.OutsideSession, time.Date(2026, 11, 23, 20, 57, 0, 0, time.UTC), nil},
		{"six minutes late", start.TooLate, monday, func(w *world) { w.now = monday.Add(6 * time.Minute) }},
		{"halted", start.IsHalted, monday, func(w *world) {
			if err := w.ledger.SetControl(t.Context(), "paper-main", events.Halted, "storm", "operator"); err != nil {
				t.Fatal(err)
			}
		}},
		{"the broker closes early without our knowing", start.TooLate, monday, func(w *world) {
			w.desk.sessions[0].Close = monday.Add(6 * time.Minute)
			w.now = monday.Add(90 * time.Second)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.now = c.slot.Add(time.Second)
			if c.change != nil {
				c.change(w)
			}
			_, out := w.fire(command("daily", c.slot, ""))
			if skipped, ok := out[0].Payload.(*events.WorkflowSkipped); len(out) != 1 || !ok || skipped.ReasonCode != c.reason || skipped.Detail == "" {
				t.Errorf("published %+v, want a skip for %s", out[0].Payload, c.reason)
			}
		})
	}
}

func TestF40TheGateFailsClosed(t *testing.T) {
	w := newWorld(t)
	w.desk.err = errors.New("connection refused")
	if _, err := w.stage().Invoke(t.Context(), command("daily", monday, "")); err == nil {
		t.Error("started without the broker's calendar and clock")
	}
	if out := w.published(); len(out) != 0 {
		t.Errorf("published %+v", out)
	}
	w.desk.err = nil
	if _, out := w.fire(command("daily", monday, "")); out[0].EventType != events.TypeWorkflowStarted {
		t.Errorf("the retry published %+v", out[0].Payload)
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name, code string
		change     func(d *desk)
	}{
		{"clock skew", "clock_skew", func(d *desk) { d.skew = 31 * time.Second }},
		{"F41 another account", "account_guard", func(d *desk) { d.account.Number = "PA2" }},
		{"a blocked account", "account_guard", func(d *desk) { d.account.TradingBlocked = true }},
		{"an account that is not active", "account_guard", func(d *desk) { d.account.Status = "ACCOUNT_CLOSED" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.change(w.desk)
			_, out := w.fire(command("daily", monday, ""))
			if failed, ok := out[0].Payload.(*events.WorkflowFailed); !ok || failed.FailureCode != c.code || failed.Hint == "" {
				t.Errorf("published %+v, want a failure %s with a hint", out[0].Payload, c.code)
			}
		})
	}
}

func TestCalendarMismatchNarrowsTheSession(t *testing.T) {
	w := newWorld(t)
	w.desk.sessions[0].Close = w.desk.sessions[0].Close.Add(-time.Hour)
	_, out := w.fire(command("daily", monday, ""))
	started, ok := out[0].Payload.(*events.WorkflowStarted)
	if !ok || len(started.Warnings) != 1 || !started.SessionClose.Time().Equal(w.desk.sessions[0].Close) {
		t.Errorf("published %+v", out[0].Payload)
	}
}

func TestF04CommandsAreStrict(t *testing.T) {
	for name, payload := range map[string]string{
		"unknown key":   `{"mode":"trade","schedule":"daily","scheduled_time":"2026-11-23T14:35:00Z","now":true}`,
		"no time":       `{"mode":"trade","schedule":"daily"}`,
		"no schedule":   `{"mode":"trade","scheduled_time":"2026-11-23T14:35:00Z"}`,
		"keyword left":  `{"mode":"trade","schedule":"daily","scheduled_time":"<aws.scheduler.scheduled-time>"}`,
		"wrong type":    `{"mode":"trade","schedule":"daily","scheduled_time":"2026-11-23T14:35:00Z","dry_run":"yes"}`,
		"bad schedule":  `{"mode":"trade","schedule":"Daily Run","scheduled_time":"2026-11-23T14:35:00Z"}`,
		"bad requester": `{"mode":"trade","schedule":"daily","scheduled_time":"2026-11-23T14:35:00Z","requested_by":"me"}`,
		"sweep":         `{"mode":"sweep"}`,
		"empty":         `{}`,
	} {
		w := newWorld(t)
		if _, err := w.stage().Invoke(t.Context(), []byte(payload)); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if out := w.published(); len(out) != 0 {
			t.Errorf("%s: published %+v", name, out)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	f.Add(command("daily", monday, ""))
	f.Add([]byte(`{"mode":"trade"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, at, err := start.ParseCommand(raw)
		if err == nil && (c.Mode != "trade" || at.Second() != 0 || at.Location() != time.UTC) {
			t.Errorf("accepted %s as %+v at %s", raw, c, at)
		}
	})
}

// F35: the session is the date in New York at any hour.
func TestF35TheSessionIsNewYorksDate(t *testing.T) {
	w := newWorld(t)
	late := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC) // Monday evening in New York
	w.now = late.Add(time.Second)
	_, out := w.fire(command("daily", late, ""))
	if skipped, ok := out[0].Payload.(*events.WorkflowSkipped); !ok || skipped.Session != "2026-11-23" {
		t.Errorf("published %+v, want the session 2026-11-23", out[0].Payload)
	}
}
