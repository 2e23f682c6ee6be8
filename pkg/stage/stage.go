// Package stage is the runtime of every function: it decodes what arrives,
// guards it, claims it in the inbox, lets the handler decide, commits the
// outcome together with its outgoing events, and publishes them. A crash after
// any of these steps is repaired by a redelivery or by the sweep; a redelivery
// of a decided event publishes the same bytes again and does nothing else.
//
// A handler only decides and returns events; it never publishes:
//
//	s, err := stage.New(stage.Config{
//		Name:   topology.Signal,
//		Handle: map[events.Type]stage.Handler{events.TypeWorkflowStarted: h.Started},
//		…
//	})
//	lambda.Start(s)
package stage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/alchemiser/alchemiser/pkg/transcript"
)

// Handler decides one event. It may read and may write documents under keys
// derived from the event; what it returns is committed and published by the
// runtime. It can run again after a crash and must then find its own writes.
type Handler func(ctx context.Context, in events.Envelope) ([]events.Event, error)

// Command handles a command of the function's own, such as start's trade. The
// runtime never claims commands: one that begins a run calls Begin.
type Command func(ctx context.Context, s *Stage, raw json.RawMessage) (any, error)

// Publisher hands committed events to the bus, in order. It is *bus.Bus; the
// runtime names only what it needs, so that a function without a bus links none.
type Publisher interface {
	Publish(ctx context.Context, details ...[]byte) error
}

// Config is what a function is made of.
type Config struct {
	Name    topology.Name
	Account string      // the configured alias
	Mode    events.Mode // what the account holds; events of the other mode are refused
	Version string      // of the build, for the producer field
	// Environment is the dimension under which the alarms look for counts.
	Environment string

	Ledger *ledger.Ledger
	Bus    Publisher // nil for a function that publishes nothing
	Clock  env.Clock
	Log    *slog.Logger
	// Tape writes down what deliveries are decided on; nil: nothing is.
	Tape *transcript.Tape
	// Read is Read, or remembers what that read of the same bytes; nil: Read.
	Read func(detail []byte) (in events.Envelope, content string, err error)
	// Owner makes the name of one invocation's claims; unique per call.
	Owner func() string

	Handle   map[events.Type]Handler
	Commands map[string]Command // by mode
	// Probe is the function's own part of the deployment self-test; it
	// changes nothing.
	Probe func(ctx context.Context) error
	// SeesThrough lists trading events that may have left something in the
	// world that only the handler can clean up: it sees them after their
	// not_after, and however often they were begun.
	SeesThrough []events.Type
}

// Stage is a function's runtime. It implements lambda.Handler.
type Stage struct {
	Config
	function topology.Function
}

// New checks the configuration against the topology: a function must handle
// exactly what the table says it consumes.
func New(c Config) (*Stage, error) {
	f, err := topology.Lookup(c.Name)
	if err != nil {
		return nil, err
	}
	wanted := make(map[events.Type]bool)
	for _, sub := range f.Consumes {
		wanted[sub.Type] = true
		if c.Handle[sub.Type] == nil {
			return nil, fmt.Errorf("stage: %s consumes %s but has no handler for it", c.Name, sub.Type)
		}
	}
	for t := range c.Handle {
		if !wanted[t] {
			return nil, fmt.Errorf("stage: %s has a handler for %s, which the topology does not route to it", c.Name, t)
		}
	}
	if (c.Bus == nil) != (len(f.Publishes) == 0) {
		return nil, fmt.Errorf("stage: %s publishes %d event types; it needs a bus exactly if that is not 0", c.Name, len(f.Publishes))
	}
	if c.Read == nil {
		c.Read = Read
	}
	return &Stage{Config: c, function: f}, nil
}

// busEvent is an event as EventBridge delivers it.
type busEvent struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"`
	DetailType *events.Type    `json:"detail-type"`
	Source     events.Source   `json:"source"`
	Account    string          `json:"account"`
	Time       string          `json:"time"`
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

// Invoke handles one invocation: an event from the bus or a command with a
// mode. There is no default: anything else is an error.
func (s *Stage) Invoke(ctx context.Context, payload []byte) (answer []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.Log.ErrorContext(ctx, "panic", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = fmt.Errorf("stage: %s panicked: %v", s.Name, r)
		}
	}()
	var shape struct {
		Mode *string `json:"mode"`
		busEvent
	}
	// The names within the detail are looked at when it is decoded.
	if err := jsonv2.Unmarshal(payload, &shape, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, s.poison(ctx, fmt.Errorf("the payload is neither a command nor an event of the bus: %w", err))
	}
	switch {
	case shape.Mode != nil && shape.DetailType == nil:
		return s.command(ctx, *shape.Mode, payload)
	case shape.DetailType != nil && shape.Mode == nil:
		return nil, s.event(ctx, shape.busEvent)
	}
	return nil, s.poison(ctx, errors.New("the payload is neither a command with a mode nor an event from the bus"))
}

func (s *Stage) command(ctx context.Context, mode string, payload []byte) ([]byte, error) {
	if mode == "probe" {
		return s.probe(ctx)
	}
	run := s.Commands[mode]
	if run == nil {
		return nil, s.poison(ctx, fmt.Errorf("%s has no mode %q", s.Name, mode))
	}
	answer, err := run(ctx, s, payload)
	if err != nil {
		s.Log.ErrorContext(ctx, "command failed", "mode", mode, "error", err.Error())
		return nil, err
	}
	return json.Marshal(answer)
}

func (s *Stage) event(ctx context.Context, b busEvent) error {
	in, content, err := s.Read(b.Detail)
	if err != nil {
		return s.poison(ctx, err)
	}
	if in.EventType != *b.DetailType || in.Source != b.Source {
		return s.poison(ctx, fmt.Errorf("the bus says %s from %s, the envelope %s from %s", *b.DetailType, b.Source, in.EventType, in.Source))
	}
	if !s.function.Handles(in.Source, in.EventType) {
		return s.poison(ctx, fmt.Errorf("%s from %s is not routed to %s", in.EventType, in.Source, s.Name))
	}
	log := s.Log.With("event_id", in.EventID, "event_type", in.EventType, "bus_id", b.ID)
	_, err = s.Process(ctx, log, Delivery{Envelope: in, Hash: content, Consumer: string(s.Name)}, s.Handle[in.EventType])
	return err
}

// Read decodes an event's detail and hashes its content. A bus may lay the same
// JSON out differently, and builds of two versions may know different fields of
// it: its content says whether two deliveries are the same.
func Read(detail []byte) (in events.Envelope, content string, err error) {
	if in, err = events.Decode(detail); err != nil {
		return in, "", err
	}
	canonical, err := events.Content(detail)
	return in, hash(canonical), err
}

// Delivery is something to decide: an event that arrived, or the command that
// begins a run (its envelope then holds the derived ids and hop −1).
type Delivery struct {
	Envelope events.Envelope
	Hash     string // of the event's canonical bytes
	Consumer string
	Command  json.RawMessage // what began the run, where no event did
}

// Decision is what came of a delivery.
type Decision struct {
	Result   string // the first published type, or failed:<code>
	Repeated bool   // it was decided by an earlier delivery
}

// Process runs a delivery through claim, decision, commit and publication.
func (s *Stage) Process(ctx context.Context, log *slog.Logger, d Delivery, decide Handler) (Decision, error) {
	began := s.Clock.Now()
	in := d.Envelope
	ctx = about(ctx, in.CorrelationID)
	if expiredReport(in, began) {
		log.WarnContext(ctx, "expired report dropped", "not_after", in.NotAfter.String())
		return Decision{Result: "expired"}, nil
	}
	delivery := ledger.Delivery{
		Consumer: d.Consumer, RunID: in.CorrelationID, EventID: in.EventID, EventType: string(in.EventType),
		DetailHash: d.Hash, Owner: s.Owner(), Lease: topology.Timeout + 15*time.Second,
	}
	claim, err := s.Ledger.Claim(ctx, delivery)
	if claim != nil && !claim.Done() {
		s.Tape.Begin(s.Clock, s.scope(claim, delivery, began, d.Command))
		defer s.Tape.End()
	}
	if errors.Is(err, ledger.ErrTooManyAttempts) && !s.givesUp(in.EventType) {
		// Every delivery ends in the failure queue after three tries; the next
		// one is the bus's copy, the sweep's close-out or an operator's decision.
		log.WarnContext(ctx, "begun often before", "attempt", claim.Attempts(), "error", err.Error())
		err = nil
	}
	switch {
	case errors.Is(err, ledger.ErrTooManyAttempts):
		return s.fail(ctx, log, claim, in, &Error{Code: "too_many_attempts", Message: err.Error(), Hint: "look at the function's log, then redrive", Final: true})
	case errors.Is(err, ledger.ErrCollision):
		return Decision{}, s.poison(ctx, err)
	case err != nil:
		log.WarnContext(ctx, "claim refused", "error", err.Error())
		return Decision{}, err
	case claim.Done():
		log.InfoContext(ctx, "already decided", "result", claim.Result(), "republish", len(claim.Out()))
		return Decision{Result: claim.Result(), Repeated: true}, s.publish(ctx, log, claim)
	}
	out, err := s.decide(ctx, in, decide)
	if err != nil {
		return s.fail(ctx, log, claim, in, err)
	}
	if err := s.commit(ctx, claim, in, out, ""); err != nil {
		return s.fail(ctx, log, claim, in, err)
	}
	log.InfoContext(ctx, "decided", "result", claim.Result(), "ms", s.Clock.Now().Sub(began).Milliseconds(), "attempt", claim.Attempts())
	return Decision{Result: claim.Result()}, s.publish(ctx, log, claim)
}

// scope is what the transcript of a claimed delivery is about.
func (s *Stage) scope(claim *ledger.Claim, d ledger.Delivery, began time.Time, command json.RawMessage) transcript.Scope {
	attempt := claim.Attempts()
	return transcript.Scope{
		Attempt: attempt, LastError: claim.LastError(), Command: command,
		Keep: func(ctx context.Context, name string, content []byte) error {
			return s.Ledger.KeepBeside(ctx, d, attempt, began, name, content)
		},
	}
}

// expiredReport tells whether a report came after its time: it is dropped. A
// trading event that came too late is a permanent failure, found in decide.
func expiredReport(in events.Envelope, now time.Time) bool {
	entry, err := events.Lookup(in.EventType)
	return err == nil && entry.Class == events.Report && !now.Before(in.NotAfter.Time())
}

func (s *Stage) decide(ctx context.Context, in events.Envelope, decide Handler) (out []events.Event, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.Log.ErrorContext(ctx, "panic", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			out, err = nil, fmt.Errorf("stage: %s panicked: %v", s.Name, r)
		}
	}()
	if in.Account != s.Account || in.TradingMode != s.Mode {
		return nil, Permanent("mode_mismatch", "check ACCOUNT and TRADING_MODE of the function",
			"the event is for %s/%s, this function serves %s/%s", in.Account, in.TradingMode, s.Account, s.Mode)
	}
	entry, lookupErr := events.Lookup(in.EventType)
	if lookupErr == nil && entry.Class == events.Trading && !s.seesThrough(in.EventType) && !s.Clock.Now().Before(in.NotAfter.Time()) {
		return nil, Permanent("expired", "nothing was traded; the next scheduled run will",
			"%s arrived after the run's deadline %s", in.EventType, in.NotAfter)
	}
	return decide(ctx, in)
}

func (s *Stage) seesThrough(t events.Type) bool { return slices.Contains(s.SeesThrough, t) }

// givesUp tells whether an event that was begun too often has failed for good.
// It has not where nobody could be told by an event, since that would be
// silence, nor where something may be left that only the handler cleans up:
// orders at the broker have their end in the close-out and its report.
func (s *Stage) givesUp(t events.Type) bool { return s.reportsFailures() && !s.seesThrough(t) }

// fail ends a delivery that could not be decided. A permanent failure is
// committed as WorkflowFailed where the topology lets the function publish it;
// anything else gives the claim back and fails the invocation.
func (s *Stage) fail(ctx context.Context, log *slog.Logger, claim *ledger.Claim, in events.Envelope, cause error) (Decision, error) {
	if e, ok := permanent(cause); ok && s.reportsFailures() {
		log.ErrorContext(ctx, "failed for good", "code", e.Code, "error", e.Error(), "hint", e.Hint)
		result := "failed:" + e.Code
		if err := s.commit(ctx, claim, in, []events.Event{failure(s.Name, in, e)}, result); err != nil {
			return Decision{}, err
		}
		return Decision{Result: result}, s.publish(ctx, log, claim)
	}
	log.ErrorContext(ctx, "failed, to be tried again", "error", cause.Error(), "attempt", claim.Attempts())
	claim.Record(s.Tape.Seal())
	if err := s.Ledger.Fail(ctx, claim, cause); err != nil {
		log.WarnContext(ctx, "the claim could not be given back; it ends with its lease", "error", err.Error())
	}
	return Decision{}, cause
}

// reportsFailures is false for monitor, whose WorkflowFailed is the sweep's
// alone, and for notifier, which publishes nothing: their failures end in the
// failure queue and its alarm.
func (s *Stage) reportsFailures() bool {
	return s.function.MayPublish(events.TypeWorkflowFailed) && s.Name != topology.Monitor
}

func failure(name topology.Name, in events.Envelope, e *Error) events.Event {
	runContext := e.Context
	if runContext == nil {
		runContext = contextOf(in.Payload)
	}
	hint := e.Hint
	if hint == "" {
		hint = "alchemiser show " + in.CorrelationID
	}
	return events.Event{Payload: &events.WorkflowFailed{
		Stage: string(name), FailureCode: e.Code, Message: e.Message, Hint: hint, Retryable: false,
		OriginalEventType: in.EventType, OriginalEventID: in.EventID, Details: e.Details,
		OpenOrders: e.OpenOrders, Context: runContext,
	}}
}

func contextOf(p events.Payload) *events.Context {
	switch p := p.(type) {
	case *events.SignalGenerated:
		return &p.Context
	case *events.RebalancePlanned:
		return &p.Context
	}
	return nil
}

// commit encodes the outgoing events and makes them one fact with the outcome.
func (s *Stage) commit(ctx context.Context, claim *ledger.Claim, in events.Envelope, out []events.Event, result string) error {
	details := make([][]byte, 0, len(out))
	ordinals := make(map[events.Type]int)
	for _, e := range out {
		child, err := s.child(in, e, ordinals)
		if err != nil {
			return err
		}
		detail, err := events.Encode(child)
		if err != nil {
			return fmt.Errorf("stage: %s: %w", s.Name, err)
		}
		details = append(details, detail)
		if result == "" {
			result = string(child.EventType)
		}
	}
	if result == "" {
		result = "nothing to publish"
	}
	claim.Record(s.Tape.Seal())
	if err := s.Ledger.Commit(ctx, claim, details, result); err != nil {
		return fmt.Errorf("stage: %s: commit: %w", s.Name, err)
	}
	return nil
}

func (s *Stage) child(in events.Envelope, e events.Event, ordinals map[events.Type]int) (events.Envelope, error) {
	if e.Payload == nil {
		return events.Envelope{}, fmt.Errorf("stage: %s returned an event without a payload", s.Name)
	}
	t := e.Payload.EventType()
	if !s.function.MayPublish(t) {
		return events.Envelope{}, fmt.Errorf("stage: %s may not publish %s", s.Name, t)
	}
	if t == events.TypeErrorNotificationRequested {
		e.Source = events.SourceNotifications
	}
	child, err := events.Child(in, s.function.Source, e, ordinals[t], s.Clock.Now(), events.Producer{Service: string(s.Name), Version: s.Version})
	ordinals[t]++
	return child, err
}

// publish hands the committed events to the bus. When that fails the item
// stays pending, and the error makes Lambda deliver the event again.
func (s *Stage) publish(ctx context.Context, log *slog.Logger, claim *ledger.Claim) error {
	out := claim.Out()
	if len(out) == 0 {
		return nil
	}
	if err := s.Bus.Publish(ctx, out...); err != nil {
		log.ErrorContext(ctx, "publish failed", "error", err.Error())
		return err
	}
	if err := s.Ledger.MarkPublished(ctx, claim); err != nil {
		// The events are out; the sweep will publish them once more, which is safe.
		log.WarnContext(ctx, "published but not marked", "error", err.Error())
	}
	return nil
}

// Republish publishes the committed events of a due inbox document, for the
// sweep.
func (s *Stage) Republish(ctx context.Context, claim *ledger.Claim) error {
	return s.publish(ctx, s.Log, claim)
}

// poison refuses what must not reach a handler, and counts it for the alarm:
// it writes no document and publishes nothing, so nothing else would tell.
func (s *Stage) poison(ctx context.Context, err error) error {
	s.Log.ErrorContext(ctx, "poison", "error", err.Error())
	Metrics{Environment: s.Environment, Log: s.Log, Clock: s.Clock}.Count(ctx, map[string]int64{"Poison": 1})
	return fmt.Errorf("stage: %s refuses the payload: %w", s.Name, err)
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
