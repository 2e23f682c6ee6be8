// Package bustest is the conformance suite of bus drivers.
package bustest

import (
	"bytes"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/bus"
	"github.com/alchemiser/alchemiser/pkg/events"
)

// Published is what reached the bus, as a driver's own side sees it.
type Published struct {
	Source     events.Source
	DetailType events.Type
	Detail     []byte
}

// Run runs the suite. newDriver returns a driver and a function that takes what
// was published through it.
func Run(t *testing.T, newDriver func(t *testing.T) (bus.Driver, func(t *testing.T) []Published)) {
	t.Run("the stored bytes arrive, in order", func(t *testing.T) {
		driver, take := newDriver(t)
		var details [][]byte
		for i := range 23 { // three calls
			details = append(details, detail(t, i))
		}
		if err := bus.New(driver).Publish(t.Context(), details...); err != nil {
			t.Fatal(err)
		}
		got := take(t)
		if len(got) != len(details) {
			t.Fatalf("%d entries arrived, want %d", len(got), len(details))
		}
		for i, p := range got {
			if p.Source != events.SourceStrategy || p.DetailType != events.TypeWorkflowFailed || !bytes.Equal(p.Detail, details[i]) {
				t.Errorf("entry %d: %s from %s\n got %s\nwant %s", i, p.DetailType, p.Source, p.Detail, details[i])
			}
		}
	})
	t.Run("nothing but a valid event is published", func(t *testing.T) {
		driver, take := newDriver(t)
		for _, bad := range [][]byte{nil, []byte("{}"), []byte("null"), []byte(`"x"`)} {
			if err := bus.New(driver).Publish(t.Context(), detail(t, 0), bad); err == nil {
				t.Errorf("%q was published", bad)
			}
		}
		if got := take(t); len(got) != 0 {
			t.Errorf("%d entries of a refused call arrived", len(got))
		}
	})
}

func detail(t *testing.T, ordinal int) []byte {
	t.Helper()
	const runKey = "paper-main/daily/2026-11-23T14:35Z"
	at := time.Date(2026, 11, 23, 14, 35, 0, 0, time.UTC)
	parent := events.Envelope{
		EventID: events.CommandID(runKey), CorrelationID: events.RunID(runKey), RunKey: runKey,
		Account: "paper-main", TradingMode: events.Paper, NotAfter: events.At(at.Add(time.Hour)),
	}
	e, err := events.Child(parent, events.SourceStrategy, events.Event{Payload: &events.WorkflowFailed{Stage: "signal", Message: "ä < & >"}}, ordinal, at, events.Producer{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
