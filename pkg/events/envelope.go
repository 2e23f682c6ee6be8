package events

import (
	"fmt"
	"strings"
	"time"
)

const (
	// MaxHops bounds the length of a causal chain: a loop nobody foresaw ends here.
	MaxHops = 24
	// ReportLife is how long a report event may be acted on: the retention of
	// the failure queues.
	ReportLife = 14 * 24 * time.Hour
)

// Producer is the build that published an event.
type Producer struct {
	Service string `json:"service"`
	Version string `json:"version"`
}

// Event is what a handler returns: a payload, and for error notifications
// nothing else. The runtime makes the envelope.
type Event struct {
	Payload Payload
	// Source overrides the stage's own source; only error notifications and
	// close-outs use it.
	Source Source
	// NotAfter is set by start alone, which fixes the deadline of the run.
	NotAfter time.Time
}

// Envelope carries one event. Its fields but timestamp and producer follow
// from the cause; the bytes are frozen by the outbox.
type Envelope struct {
	EventID       string   `json:"event_id"` // follows from the cause
	EventType     Type     `json:"event_type"`
	SchemaVersion string   `json:"schema_version"` // of the payload
	CorrelationID string   `json:"correlation_id"` // the run's id
	CausationID   string   `json:"causation_id"`   // the consumed event's id
	RunKey        string   `json:"run_key"`        // account/schedule/slot
	Account       string   `json:"account"`        // configured alias, never the broker's number
	TradingMode   Mode     `json:"trading_mode"`
	DryRun        bool     `json:"dry_run"`   // no order is sent
	Hop           int      `json:"hop"`       // parent + 1, at most 24
	NotAfter      Time     `json:"not_after"` // until when it may be acted on
	Timestamp     Time     `json:"timestamp"` // when its cause was decided
	Source        Source   `json:"source"`
	Producer      Producer `json:"producer"`
	Payload       Payload  `json:"payload"`
}

// Child makes the ordinal-th event of its type that parent led to. It inherits
// the run, the mode and the deadline; source must be admitted by the registry.
func Child(parent Envelope, source Source, e Event, ordinal int, now time.Time, producer Producer) (Envelope, error) {
	if e.Payload == nil {
		return Envelope{}, fmt.Errorf("events: an event without a payload after %s", parent.EventID)
	}
	if e.Source != "" {
		source = e.Source
	}
	entry, err := Lookup(e.Payload.EventType())
	if err != nil {
		return Envelope{}, err
	}
	if !entry.Admits(source) {
		return Envelope{}, fmt.Errorf("events: %s may not be published by source %s", entry.Type, source)
	}
	if parent.Hop+1 > MaxHops {
		return Envelope{}, fmt.Errorf("events: %s would be hop %d of run %s, the limit is %d", entry.Type, parent.Hop+1, parent.CorrelationID, MaxHops)
	}
	child := parent
	child.EventID = EventID(parent.EventID, entry.Type, ordinal)
	child.EventType = entry.Type
	child.SchemaVersion = entry.Version
	child.CausationID = parent.EventID
	child.Hop = parent.Hop + 1
	child.NotAfter = deadline(parent, entry.Class, e.NotAfter)
	child.Timestamp = At(now)
	child.Source = source
	child.Producer = producer
	child.Payload = e.Payload
	return child, nil
}

// deadline keeps a run's not_after for trading events. A report outlives the
// run by ReportLife; the child of a report keeps its parent's deadline.
func deadline(parent Envelope, class Class, set time.Time) Time {
	base := parent.NotAfter
	if !set.IsZero() {
		base = At(set)
	}
	parentEntry, err := Lookup(parent.EventType)
	parentReports := err == nil && parentEntry.Class == Report
	if class == Report && !parentReports {
		return At(base.Time().Add(ReportLife))
	}
	return base
}

// isUUID reports whether s is a UUID of version 5 in lower case.
func isUUID(s string) bool {
	if len(s) != 36 || s[14] != '5' || strings.IndexByte("89ab", s[19]) < 0 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if c := s[i]; dash != (c == '-') || !dash && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// isAccount reports whether s is an alias: 1 to 24 of a-z, 0-9 and -.
func isAccount(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 24
}

// validate checks what every consumer may rely on.
func (e *Envelope) validate() error {
	if err := e.validateHead(); err != nil {
		return err
	}
	if e.Payload == nil || e.Payload.EventType() != e.EventType {
		return &PoisonError{Reason: fmt.Sprintf("%s has an invalid payload %q", e.EventType, e.EventType)}
	}
	return nil
}

// validateHead is validate without the payload.
func (e *Envelope) validateHead() error {
	entry, err := Lookup(e.EventType)
	if err != nil {
		return err
	}
	fail := func(field string, value any) error {
		return &PoisonError{Reason: fmt.Sprintf("%s has an invalid %s %q", e.EventType, field, fmt.Sprint(value))}
	}
	switch {
	case !isUUID(e.EventID):
		return fail("event_id", e.EventID)
	case !isUUID(e.CorrelationID):
		return fail("correlation_id", e.CorrelationID)
	case !isUUID(e.CausationID):
		return fail("causation_id", e.CausationID)
	case e.RunKey == "":
		return fail("run_key", e.RunKey)
	case !isAccount(e.Account):
		return fail("account", e.Account)
	case e.TradingMode != Paper && e.TradingMode != Live:
		return fail("trading_mode", e.TradingMode)
	case e.Hop < 0 || e.Hop > MaxHops:
		return fail("hop", e.Hop)
	case e.NotAfter.IsZero():
		return fail("not_after", e.NotAfter)
	case e.Timestamp.IsZero():
		return fail("timestamp", e.Timestamp)
	case !entry.Admits(e.Source):
		return fail("source", e.Source)
	}
	return nil
}
