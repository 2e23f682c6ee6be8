package stage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/bus"
	"github.com/alchemiser/alchemiser/pkg/bus/membus"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/memledger"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

const runKey = "paper-main/daily/2026-11-23T14:35Z"

var slot = time.Date(2026, 11, 23, 14, 35, 0, 0, time.UTC)

// world is one function with its ledger and bus in memory.
type world struct {
	t       *testing.T
	now     time.Time
	ledger  *memledger.Driver
	bus     *failingBus
	decided int
	handler stage.Handler
	log     *slog.Logger
}

func (w *world) Now() time.Time                             { return w.now }
func (w *world) Sleep(context.Context, time.Duration) error { return nil }

// failingBus refuses the first calls.
type failingBus struct {
	*membus.Driver
	refuse int
}

func (b *failingBus) Put(ctx context.Context, entries []bus.Entry) ([]error, error) {
	if b.refuse > 0 {
		b.refuse--
		return nil, errors.New("the bus is away")
	}
	return b.Driver.Put(ctx, entries)
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: slot.Add(time.Second), ledger: memledger.New(), bus: &failingBus{Driver: membus.New()}, log: slog.New(slog.DiscardHandler)}
	w.handler = func(context.Context, events.Envelope) ([]events.Event, error) {
		return []events.Event{{Payload: &events.SignalGenerated{AsOfSession: "2026-11-20", CashWeight: "1", Bars: events.BarsUsed{FirstSession: "2026-11-20", LastSession: "2026-11-20"}, Context: events.Context{Session: "2026-11-23", StartedAt: events.At(slot)}}}}, nil
	}
	return w
}

// signal is a fresh process of the signal function over the same state.
func (w *world) signal() *stage.Stage {
	owner := 0
	s, err := stage.New(stage.Config{
		Name: topology.Signal, Account: "paper-main", Mode: events.Paper, Version: "1", Environment: "dev",
		Ledger: ledger.New(w.ledger, w), Bus: bus.New(w.bus), Clock: w, Log: w.log,
		Owner: func() string { owner++; return fmt.Sprintf("%p-%d", &owner, owner) },
		Handle: map[events.Type]stage.Handler{events.TypeWorkflowStarted: func(ctx context.Context, in events.Envelope) ([]events.Event, error) {
			w.decided++
			return w.handler(ctx, in)
		}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func started(t *testing.T) events.Envelope {
	t.Helper()
	root := events.Envelope{
		EventID: events.CommandID(runKey), CorrelationID: events.RunID(runKey), CausationID: events.CommandID(runKey),
		RunKey: runKey, Account: "paper-main", TradingMode: events.Paper, Hop: -1, NotAfter: events.At(slot.Add(15 * time.Minute)),
	}
	e, err := events.Child(root, events.SourceOrchestration, events.Event{Payload: &events.WorkflowStarted{Session: "2026-11-23", ControlState: events.Active}}, 0, slot, events.Producer{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// delivered is an event as EventBridge hands it to Lambda.
func delivered(t *testing.T, e events.Envelope) []byte {
	t.Helper()
	detail, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return busEvent(t, string(e.Source), string(e.EventType), detail)
}

func busEvent(t *testing.T, source, detailType string, detail []byte) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{
		"version": "0", "id": "7a1f0d5e-0000-4000-8000-000000000001", "detail-type": detailType, "source": source,
		"account": "111111111111", "time": "2026-11-23T14:35:01Z", "region": "us-east-1", "resources": []string{}, "detail": json.RawMessage(detail),
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestARedeliveryPublishesTheSameBytes(t *testing.T) {
	w := newWorld(t)
	payload := delivered(t, started(t))
	if _, err := w.signal().Invoke(t.Context(), payload); err != nil {
		t.Fatal(err)
	}
	first := w.bus.Take()
	if len(first) != 1 || first[0].DetailType != events.TypeSignalGenerated {
		t.Fatalf("published %v", first)
	}
	w.now = w.now.Add(24 * time.Hour) // another time must not show in the bytes, nor does the deadline matter any more
	for range 3 {
		if _, err := w.signal().Invoke(t.Context(), payload); err != nil {
			t.Fatal(err)
		}
	}
	again := w.bus.Take()
	if len(again) != 3 || w.decided != 1 {
		t.Fatalf("three redeliveries published %d events and decided %d times", len(again), w.decided)
	}
	for _, e := range again {
		if !bytes.Equal(e.Detail, first[0].Detail) {
			t.Errorf("a redelivery published other bytes:\n%s\n%s", e.Detail, first[0].Detail)
		}
	}
}

// A bus that lays JSON out anew delivers the same event; other content under
// the same id is poison.
func TestTheContentIdentifiesARedelivery(t *testing.T) {
	w := newWorld(t)
	e := started(t)
	if _, err := w.signal().Invoke(t.Context(), delivered(t, e)); err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, delivered(t, e), "", "  "); err != nil {
		t.Fatal(err)
	}
	if _, err := w.signal().Invoke(t.Context(), indented.Bytes()); err != nil || w.decided != 1 {
		t.Errorf("the same event laid out otherwise: %v, decided %d times", err, w.decided)
	}
	e.Payload.(*events.WorkflowStarted).Force = true
	if _, err := w.signal().Invoke(t.Context(), delivered(t, e)); !errors.Is(err, ledger.ErrCollision) {
		t.Errorf("other content under the same id: %v, want a collision", err)
	}
}

// Fields that this build does not know yet count as well: a build that knows
// them must come to the same answer about a redelivery.
func TestF18FieldsOfANewerMinorVersionIdentifyARedelivery(t *testing.T) {
	w := newWorld(t)
	newer := func(value string) []byte {
		e := started(t)
		e.SchemaVersion = "1.7"
		detail, err := events.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		detail = bytes.Replace(detail, []byte(`"payload":{`), []byte(`"payload":{"later":`+value+`,`), 1)
		return busEvent(t, string(e.Source), string(e.EventType), detail)
	}
	for range 2 {
		if _, err := w.signal().Invoke(t.Context(), newer("1")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.signal().Invoke(t.Context(), newer("2")); !errors.Is(err, ledger.ErrCollision) {
		t.Errorf("another value of an unknown field: %v, want a collision", err)
	}
}

func TestF10ConcurrentDeliveriesDecideOnce(t *testing.T) {
	w := newWorld(t)
	payload := delivered(t, started(t))
	var wg sync.WaitGroup
	var mu sync.Mutex
	w.handler = func() stage.Handler {
		inner := w.handler
		return func(ctx context.Context, in events.Envelope) ([]events.Event, error) {
			mu.Lock()
			defer mu.Unlock()
			return inner(ctx, in)
		}
	}()
	failures := make(chan error, 8)
	for range 8 {
		s := w.signal()
		wg.Go(func() {
			if _, err := s.Invoke(context.Background(), payload); err != nil {
				failures <- err
			}
		})
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		if !errors.Is(err, ledger.ErrInProgress) && !errors.Is(err, ledger.ErrConflict) {
			t.Errorf("a concurrent delivery: %v", err)
		}
	}
	if w.decided != 1 {
		t.Errorf("decided %d times, want 1", w.decided)
	}
}

func TestF26AnEventThatWasNotPublishedIsPublishedByTheRetry(t *testing.T) {
	w := newWorld(t)
	w.bus.refuse = 1
	payload := delivered(t, started(t))
	if _, err := w.signal().Invoke(t.Context(), payload); err == nil {
		t.Fatal("a failed publication did not fail the invocation")
	}
	if _, err := w.signal().Invoke(t.Context(), payload); err != nil {
		t.Fatal(err)
	}
	if got := w.bus.Take(); len(got) != 1 || w.decided != 1 {
		t.Errorf("%d events after the retry, decided %d times", len(got), w.decided)
	}
}

func TestF12TransientErrorsFailTheInvocation(t *testing.T) {
	for name, cause := range map[string]error{
		"network":      stage.Transient("market_data_unavailable", errors.New("connection reset")),
		"unclassified": errors.New("something"),
	} {
		w := newWorld(t)
		good := w.handler
		w.handler = func(context.Context, events.Envelope) ([]events.Event, error) { return nil, cause }
		payload := delivered(t, started(t))
		if _, err := w.signal().Invoke(t.Context(), payload); !errors.Is(err, cause) {
			t.Errorf("%s: the invocation returned %v", name, err)
		}
		if got := w.bus.Take(); len(got) != 0 {
			t.Errorf("%s: published %v", name, got)
		}
		w.handler = good
		if _, err := w.signal().Invoke(t.Context(), payload); err != nil {
			t.Errorf("%s: the retry had to wait: %v", name, err)
		}
	}
}

func TestPanicFailsTheInvocation(t *testing.T) {
	w := newWorld(t)
	w.handler = func(context.Context, events.Envelope) ([]events.Event, error) { panic("nil map") }
	if _, err := w.signal().Invoke(t.Context(), delivered(t, started(t))); err == nil || !strings.Contains(err.Error(), "nil map") {
		t.Errorf("a panic returned %v", err)
	}
}

func TestPermanentErrorsPublishWorkflowFailed(t *testing.T) {
	for _, c := range []struct {
		name, code string
		change     func(w *world, e *events.Envelope)
	}{
		{"a permanent error", "strategy_failed", func(w *world, _ *events.Envelope) {
			w.handler = func(context.Context, events.Envelope) ([]events.Event, error) {
				return nil, stage.Permanent("strategy_failed", "correct it", "a.clj:1:2: wrong")
			}
		}},
		{"F20 a trading event after its deadline", "expired", func(w *world, e *events.Envelope) { w.now = e.NotAfter.Time() }},
		{"F41 an event of the other mode", "mode_mismatch", func(_ *world, e *events.Envelope) { e.TradingMode = events.Live }},
		{"an event of another account", "mode_mismatch", func(_ *world, e *events.Envelope) { e.Account = "other" }},
		{"too many attempts", "too_many_attempts", func(w *world, e *events.Envelope) {
			good := w.handler
			w.handler = func(context.Context, events.Envelope) ([]events.Event, error) { return nil, errors.New("again") }
			for range ledger.MaxAttempts {
				if _, err := w.signal().Invoke(w.t.Context(), delivered(w.t, *e)); err == nil {
					w.t.Fatal("a failing handler succeeded")
				}
			}
			w.handler = good
		}},
		{"an event that is too large", "event_too_large", func(w *world, _ *events.Envelope) {
			w.handler = func(context.Context, events.Envelope) ([]events.Event, error) {
				return []events.Event{{Payload: &events.SignalGenerated{AsOfSession: "2026-11-20", CashWeight: "1", BundleSHA256: strings.Repeat("x", events.MaxEntryBytes)}}}, nil
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			e := started(t)
			c.change(w, &e)
			if _, err := w.signal().Invoke(t.Context(), delivered(t, e)); err != nil {
				t.Fatalf("a permanent failure must succeed as an invocation: %v", err)
			}
			got := w.bus.Take()
			if len(got) != 1 || got[0].DetailType != events.TypeWorkflowFailed || got[0].Source != events.SourceStrategy {
				t.Fatalf("published %v, want one WorkflowFailed", got)
			}
			out, err := events.Decode(got[0].Detail)
			if err != nil {
				t.Fatal(err)
			}
			failed, ok := out.Payload.(*events.WorkflowFailed)
			if !ok || failed.FailureCode != c.code || failed.Hint == "" || failed.OriginalEventID != e.EventID {
				t.Errorf("failure %+v, want code %s with a hint", failed, c.code)
			}
		})
	}
}

// F03, F04: what is neither a registered event for this function nor one of its
// commands touches nothing.
func TestF04ThereIsNoDefaultCommand(t *testing.T) {
	w := newWorld(t)
	e := started(t)
	detail, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	for name, payload := range map[string][]byte{
		"nothing":                nil,
		"an empty object":        []byte(`{}`),
		"an array":               []byte(`[]`),
		"trade to another":       []byte(`{"mode":"trade"}`),
		"unknown mode":           []byte(`{"mode":"go"}`),
		"mode and event":         []byte(`{"mode":"probe","detail-type":"WorkflowStarted"}`),
		"detail as a string":     busEvent(t, "alchemiser.orchestration", "WorkflowStarted", []byte(`"{}"`)),
		"another source":         busEvent(t, "alchemiser.strategy", "WorkflowStarted", detail),
		"another type":           busEvent(t, "alchemiser.orchestration", "WorkflowSkipped", detail),
		"not routed here":        notRouted(t),
		"an envelope on its own": detail,
	} {
		if _, err := w.signal().Invoke(t.Context(), payload); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if got := w.bus.Take(); len(got) != 0 || w.decided != 0 {
		t.Errorf("published %d events and decided %d times", len(got), w.decided)
	}
}

// A poison event leaves no other trace than its log, so its alarm lives on it.
func TestPoisonIsCountedForItsAlarm(t *testing.T) {
	collision := started(t)
	collision.Timestamp = events.At(slot.Add(time.Minute)) // other bytes under the same id
	for name, c := range map[string]struct {
		payload []byte
		want    int
	}{
		"a good event":            {delivered(t, started(t)), 0},
		"no JSON":                 {nil, 1},
		"an unknown mode":         {[]byte(`{"mode":"go"}`), 1},
		"not routed":              {notRouted(t), 1},
		"a known id, other bytes": {delivered(t, collision), 1},
	} {
		w := newWorld(t)
		if _, err := w.signal().Invoke(t.Context(), delivered(t, started(t))); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		w.log = slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelError}))
		_, err := w.signal().Invoke(t.Context(), c.payload)
		if (err != nil) != (c.want > 0) {
			t.Errorf("%s: %v", name, err)
		}
		counted := 0
		for _, text := range bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n")) {
			var line struct {
				Environment string
				Poison      int
				AWS         *json.RawMessage `json:"_aws"`
			}
			if len(text) > 0 && json.Unmarshal(text, &line) == nil && line.AWS != nil && line.Environment == "dev" {
				counted += line.Poison
			}
		}
		if counted != c.want {
			t.Errorf("%s: counted %d, want %d in %s", name, counted, c.want, out.String())
		}
	}
}

func notRouted(t *testing.T) []byte {
	t.Helper()
	e, err := events.Child(started(t), events.SourceStrategy, events.Event{Payload: &events.WorkflowFailed{}}, 0, slot, events.Producer{})
	if err != nil {
		t.Fatal(err)
	}
	return delivered(t, e)
}

func TestAFunctionMayPublishItsOwnTypesOnly(t *testing.T) {
	w := newWorld(t)
	w.handler = func(context.Context, events.Envelope) ([]events.Event, error) {
		return []events.Event{{Payload: &events.TradeExecuted{}}}, nil
	}
	if _, err := w.signal().Invoke(t.Context(), delivered(t, started(t))); err == nil {
		t.Error("signal published TradeExecuted")
	}
}

func TestAnExpiredReportIsDropped(t *testing.T) {
	w := newWorld(t)
	failed, err := events.Child(started(t), events.SourceStrategy, events.Event{Payload: &events.WorkflowFailed{}}, 0, slot, events.Producer{})
	if err != nil {
		t.Fatal(err)
	}
	w.now = failed.NotAfter.Time()
	decided := false
	handlers := map[events.Type]stage.Handler{}
	f, err := topology.Lookup(topology.Monitor)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range f.Consumes {
		handlers[s.Type] = func(context.Context, events.Envelope) ([]events.Event, error) { decided = true; return nil, nil }
	}
	m, err := stage.New(stage.Config{Name: topology.Monitor, Account: "paper-main", Mode: events.Paper, Ledger: ledger.New(w.ledger, w), Bus: bus.New(w.bus), Clock: w, Log: slog.New(slog.NewJSONHandler(io.Discard, nil)), Owner: func() string { return "o" }, Handle: handlers})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Invoke(t.Context(), delivered(t, failed)); err != nil || decided {
		t.Errorf("an expired report: decided %v, %v", decided, err)
	}
}

func TestNewChecksTheTopology(t *testing.T) {
	h := func(context.Context, events.Envelope) ([]events.Event, error) { return nil, nil }
	b := bus.New(membus.New())
	for name, c := range map[string]stage.Config{
		"a handler is missing":       {Name: topology.Signal, Bus: b},
		"a handler too many":         {Name: topology.Signal, Bus: b, Handle: map[events.Type]stage.Handler{events.TypeWorkflowStarted: h, events.TypeTradeExecuted: h}},
		"a publisher without a bus":  {Name: topology.Signal, Handle: map[events.Type]stage.Handler{events.TypeWorkflowStarted: h}},
		"the notifier with a bus":    {Name: topology.Notifier, Bus: b, Handle: map[events.Type]stage.Handler{events.TypeTradingNotificationRequested: h, events.TypeErrorNotificationRequested: h}},
		"a function that is unknown": {Name: "router"},
	} {
		if _, err := stage.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestProbe(t *testing.T) {
	w := newWorld(t)
	answer, err := w.signal().Invoke(t.Context(), []byte(`{"mode":"probe"}`))
	if err != nil || !strings.Contains(string(answer), `"WorkflowStarted":"1.0"`) {
		t.Errorf("probe answered %s, %v", answer, err)
	}
	if len(w.bus.Take()) != 0 {
		t.Error("the probe published something")
	}
}
