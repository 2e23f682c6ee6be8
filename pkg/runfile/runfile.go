// Package runfile is the record of one run as one file: every event, what each
// stage was told while it decided, the bars it decided on, and the documents it
// left. It is made from the ledger alone, and it is enough to repeat the run
// anywhere. docs/run-record.md describes its lines.
//
//	items, err := l.Run(ctx, runID)
//	run, err := runfile.Collect(runID, items)
//	err = run.Write(w)
//	…
//	run, err := runfile.Read(r)
package runfile

import (
	"encoding/json"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/transcript"
)

// Format and Version are the first words of every file.
const (
	Format  = "alchemiser.run"
	Version = 1
)

// Run is the record of a run.
type Run struct {
	Head       Head
	Events     []Event // in the order in which they were published
	Deliveries []Delivery
	Documents  []Document
}

// Head is the first line.
type Head struct {
	Line    string `json:"line"` // run
	Format  string `json:"format"`
	Version int    `json:"version"`
	RunID   string `json:"run_id"`
	RunKey  string `json:"run_key,omitempty"`
	Account string `json:"account,omitempty"` // the configured alias
	Mode    string `json:"trading_mode,omitempty"`
	DryRun  bool   `json:"dry_run"`
	Session string `json:"session,omitempty"`
	State   string `json:"state,omitempty"`
	Outcome string `json:"outcome,omitempty"`
	// Missing says what the record lacks; empty: it is whole.
	Missing []string `json:"missing"`
}

// Event is an event's bytes, as they were published.
type Event struct {
	ID   string
	Type events.Type
	Raw  json.RawMessage
}

// Delivery is one stage's work on one event or command.
type Delivery struct {
	Line      string             `json:"line"`     // delivery
	Consumer  string             `json:"consumer"` // the function; monitor.sweep for the sweep
	EventID   string             `json:"event_id"`
	EventType string             `json:"event_type,omitempty"` // empty for a command
	State     ledger.InboxState  `json:"state"`
	Attempts  int                `json:"attempts"`
	Hash      string             `json:"detail_hash"`
	Result    string             `json:"result,omitempty"`
	LastError string             `json:"last_error,omitempty"`
	Published []string           `json:"published"` // ids
	Pub       ledger.Publication `json:"publication"`
	ClaimedAt int64              `json:"claimed_at"` // epoch ms
	DoneAt    int64              `json:"done_at,omitempty"`
	// Lost is why the delivery cannot be repeated; empty: it can be. Nothing is
	// lost of one that was not decided: its attempt died.
	Lost string `json:"lost,omitempty"`

	Transcript *transcript.Transcript `json:"-"`
	Bars       map[string]market.Bars `json:"-"` // by the name in the transcript
}

// Document is a document of the run's partition that is no inbox.
type Document struct {
	Line    string          `json:"line"` // document
	Key     string          `json:"key"`
	Version int64           `json:"version"`
	Value   json.RawMessage `json:"value"`
}

// Event finds an event by its id.
func (r *Run) Event(id string) (Event, bool) {
	for _, e := range r.Events {
		if e.ID == id {
			return e, true
		}
	}
	return Event{}, false
}
