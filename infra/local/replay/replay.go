// Package replay repeats a recorded run: every delivery is decided once more,
// by the handlers of this build, on what the record says that the first one was
// told. Nothing is asked of a network, and nothing is sent. What comes out is
// compared byte for byte with what is on record.
//
//	run, err := runfile.Read(file)
//	result := replay.Run(ctx, run)
//	if !result.Identical() { … result.First() … }
package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/alchemiser/alchemiser/pkg/bus"
	"github.com/alchemiser/alchemiser/pkg/bus/membus"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/memledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/tapeledger"
	"github.com/alchemiser/alchemiser/pkg/market/tapemarket"
	"github.com/alchemiser/alchemiser/pkg/runfile"
	"github.com/alchemiser/alchemiser/pkg/transcript"
	"github.com/alchemiser/alchemiser/services/monitor"
)

// patience bounds the repetition of one delivery, which takes milliseconds:
// code that goes another way than the record may wait for something that never
// comes.
const patience = 30 * time.Second

// Result is what came of a repetition.
type Result struct {
	RunID      string     `json:"run_id"`
	Deliveries []Delivery `json:"deliveries"`
}

// Delivery is one repeated delivery.
type Delivery struct {
	Stage     string `json:"stage"`
	EventID   string `json:"event_id"`
	EventType string `json:"event_type"` // command for what began the run
	Result    string `json:"result"`     // as recorded
	Decided   bool   `json:"decided"`
	// Skipped is why it was not repeated; empty: it was.
	Skipped     string       `json:"skipped,omitempty"`
	Compared    Compared     `json:"compared"`
	Differences []Difference `json:"differences"`
}

// Compared counts what was compared.
type Compared struct {
	Events  int `json:"events"`
	Orders  int `json:"orders"` // sent and cancelled
	Mails   int `json:"mails"`
	Writes  int `json:"writes"`  // to the ledger
	Answers int `json:"answers"` // calls that were answered from the record
}

// Difference is where the repetition left the record.
type Difference struct {
	What     string `json:"what"`           // an event type, or a call
	Call     string `json:"call,omitempty"` // port.method of a call
	Path     string `json:"path,omitempty"` // into it
	Note     string `json:"note,omitempty"`
	Recorded string `json:"recorded"`
	Replayed string `json:"replayed"`
}

// Identical reports whether everything that was decided was repeated and came
// out the same.
func (r *Result) Identical() bool { return r.Differing() == 0 && r.Skipped() == 0 }

// Differing counts the deliveries that came out otherwise.
func (r *Result) Differing() int {
	n := 0
	for _, d := range r.Deliveries {
		if len(d.Differences) > 0 {
			n++
		}
	}
	return n
}

// Orders counts the differences in what the broker was told to do.
func (r *Result) Orders() int {
	n := 0
	for _, d := range r.Deliveries {
		for _, difference := range d.Differences {
			if difference.Call == "broker.submit" || difference.Call == "broker.cancel" {
				n++
			}
		}
	}
	return n
}

// Skipped counts the decisions that could not be repeated.
func (r *Result) Skipped() int {
	n := 0
	for _, d := range r.Deliveries {
		if d.Skipped != "" && d.Decided {
			n++
		}
	}
	return n
}

// Run repeats all deliveries of a run, in their order.
func Run(ctx context.Context, run *runfile.Run) *Result {
	result := &Result{RunID: run.Head.RunID, Deliveries: []Delivery{}}
	for i := range run.Deliveries {
		recorded := &run.Deliveries[i]
		d := Delivery{Stage: recorded.Consumer, EventID: recorded.EventID, EventType: recorded.EventType, Result: recorded.Result, Decided: recorded.State == ledger.Done, Skipped: recorded.Lost, Differences: []Difference{}}
		if d.EventType == "" {
			d.EventType = "command"
		}
		if d.Result == "" {
			d.Result = "not decided"
		}
		if d.Skipped == "" {
			repeat(ctx, run, recorded, &d)
		}
		result.Deliveries = append(result.Deliveries, d)
	}
	return result
}

// repeat decides a delivery once more and compares.
func repeat(ctx context.Context, run *runfile.Run, recorded *runfile.Delivery, d *Delivery) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	kept, err := encodeBars(recorded)
	if err != nil {
		d.differs("bars", err.Error())
		return
	}
	tape := transcript.Play(recorded.Transcript, kept, cancel)
	desk := &desk{
		tape: tape, clock: tape.Clock(nil), documents: memledger.New(), vars: env.Read(recorded.Transcript.Head.Setup),
		log: slog.New(slog.DiscardHandler), bus: bus.New(membus.New()), build: recorded.Transcript.Head.Build,
	}
	desk.ledger = ledger.New(tapeledger.New(tape, desk.documents), desk.clock)
	if err := desk.claimed(ctx, run.Head.RunID, recorded); err != nil {
		d.differs("claim", err.Error())
		return
	}
	if err := desk.decide(ctx, run, recorded); err != nil {
		var unfit *unfitError
		if errors.As(err, &unfit) {
			d.differs(unfit.what, unfit.err.Error())
			return
		}
	}
	d.compare(ctx, run, recorded, desk)
}

func (d *Delivery) differs(what, note string) {
	d.Differences = append(d.Differences, Difference{What: what, Note: note})
}

func encodeBars(recorded *runfile.Delivery) (map[string][]byte, error) {
	kept := make(map[string][]byte, len(recorded.Bars))
	for name, bars := range recorded.Bars {
		content, err := tapemarket.Encode(bars)
		if err != nil {
			return nil, err
		}
		kept[name] = content
	}
	return kept, nil
}

// claimed leaves the inbox as the recorded attempt found it.
func (k *desk) claimed(ctx context.Context, runID string, recorded *runfile.Delivery) error {
	head := recorded.Transcript.Head
	if head.Attempt < 2 {
		return nil
	}
	before := ledger.Doc[ledger.Inbox]{Key: ledger.InboxKey(runID, recorded.Consumer, recorded.EventID), Value: ledger.Inbox{
		State: ledger.Claimed, Attempts: head.Attempt - 1, DetailHash: recorded.Hash, EventType: recorded.EventType, LastError: head.LastError,
	}}
	return ledger.Save(ctx, ledger.New(k.documents, k.clock), &before)
}

// unfitError is a record that this build cannot begin with.
type unfitError struct {
	what string
	err  error
}

func (e *unfitError) Error() string { return e.what + ": " + e.err.Error() }

// decide hands the delivery to the function, as it was handed then. Its error
// is part of what is compared: it is in the inbox.
func (k *desk) decide(ctx context.Context, run *runfile.Run, recorded *runfile.Delivery) error {
	function, monitor, err := k.function(recorded.Consumer)
	if err != nil {
		return &unfitError{"settings", err}
	}
	command := recorded.Transcript.Head.Command
	switch {
	case monitor != nil:
		return decideCause(ctx, function, monitor, command)
	case command != nil:
		_, err := function.Invoke(ctx, command)
		return err
	}
	event, ok := run.Event(recorded.EventID)
	if !ok {
		return &unfitError{recorded.EventType, errors.New("the record has a stage's work on it, but not the event")}
	}
	payload, err := onBus(event)
	if err != nil {
		return &unfitError{recorded.EventType, err}
	}
	_, err = function.Invoke(ctx, payload)
	return err
}

func decideCause(ctx context.Context, function stageRuntime, m *monitor.Monitor, command json.RawMessage) error {
	var c monitor.Cause
	if err := json.Unmarshal(command, &c); err != nil {
		return &unfitError{"cause", err}
	}
	return m.Decide(ctx, function, c)
}

// onBus is the event as the bus delivered it.
func onBus(e runfile.Event) ([]byte, error) {
	decoded, err := events.Decode(e.Raw)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{
		"version": "0", "id": e.ID, "detail-type": decoded.EventType, "source": decoded.Source, "detail": e.Raw,
		"resources": decoded.Resources(), "time": decoded.Timestamp,
	})
}

// compare sets what came out beside what is on record.
func (d *Delivery) compare(ctx context.Context, run *runfile.Run, recorded *runfile.Delivery, k *desk) {
	for _, e := range recorded.Transcript.Entries {
		switch e.Op {
		case "broker.submit", "broker.cancel":
			d.Compared.Orders++
		case "mail.send":
			d.Compared.Mails++
		case "ledger.put":
			d.Compared.Writes++
		default:
			d.Compared.Answers++
		}
	}
	inbox, err := ledger.LoadOr[ledger.Inbox](context.WithoutCancel(ctx), ledger.New(k.documents, k.clock), ledger.InboxKey(run.Head.RunID, recorded.Consumer, recorded.EventID))
	if err != nil {
		d.differs("inbox", err.Error())
		return
	}
	d.events(run, recorded, inbox.Value.Out)
	for _, pair := range [][3]string{
		{"result", recorded.Result, inbox.Value.Result}, {"error", recorded.LastError, inbox.Value.LastError}, {"state", string(recorded.State), string(inbox.Value.State)},
	} {
		if pair[1] != pair[2] {
			d.Differences = append(d.Differences, Difference{What: "the decision's " + pair[0], Recorded: pair[1], Replayed: pair[2]})
		}
	}
	for _, c := range k.tape.Differences() {
		path, recorded, replayed := firstDifference(c.Recorded, c.Replayed)
		what := c.Op
		var document struct{ SK string }
		if json.Unmarshal(c.Args, &document) == nil && document.SK != "" {
			what += " " + document.SK
		}
		if c.Lane != "" {
			what += " of " + c.Lane
		}
		d.Differences = append(d.Differences, Difference{What: what, Call: c.Op, Path: path, Note: c.What, Recorded: recorded, Replayed: replayed})
	}
}

// events compares what was published, byte for byte.
func (d *Delivery) events(run *runfile.Run, recorded *runfile.Delivery, out []string) {
	for i := range max(len(recorded.Published), len(out)) {
		var was, is json.RawMessage
		what := "an event"
		if i < len(recorded.Published) {
			e, _ := run.Event(recorded.Published[i])
			was, what = e.Raw, string(e.Type)
		}
		if i < len(out) {
			is = json.RawMessage(out[i])
			if e, err := events.Decode(is); err == nil && was == nil {
				what = string(e.EventType)
			}
		}
		d.Compared.Events++
		if bytes.Equal(was, is) {
			continue
		}
		path, a, b := firstDifference(was, is)
		d.Differences = append(d.Differences, Difference{What: what, Path: path, Recorded: a, Replayed: b})
	}
}

// First is the first difference of all, or why a delivery was skipped.
func (r *Result) First() string {
	for _, d := range r.Deliveries {
		if d.Skipped != "" && d.Decided {
			return fmt.Sprintf("%s on %s was not repeated: %s", d.Stage, d.EventType, d.Skipped)
		}
		if len(d.Differences) > 0 {
			return fmt.Sprintf("%s on %s: %s", d.Stage, d.EventType, d.Differences[0])
		}
	}
	return ""
}

func (d Difference) String() string {
	s := d.What
	if d.Path != "" {
		s += " at " + d.Path
	}
	if d.Note != "" {
		s += ": " + d.Note
	}
	if d.Recorded != "" || d.Replayed != "" {
		s += fmt.Sprintf(": recorded %s, replayed %s", orNothing(d.Recorded), orNothing(d.Replayed))
	}
	return s
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
