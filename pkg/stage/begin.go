package stage

import (
	"context"
	"encoding/json"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// Beginning is a command that begins a run: everything its first event
// inherits.
type Beginning struct {
	RunKey   string // account/schedule/slot
	DryRun   bool
	NotAfter time.Time
	// Settings are what a repetition of the command must agree in.
	Settings []byte
	// Command is the command itself.
	Command json.RawMessage
}

// Begin runs a command through the same protocol as an event, under the ids
// that its run key leads to. A repetition with other settings is a collision.
func (s *Stage) Begin(ctx context.Context, b Beginning, decide Handler) (Decision, error) {
	runID, commandID := events.RunID(b.RunKey), events.CommandID(b.RunKey)
	root := events.Envelope{
		EventID: commandID, CorrelationID: runID, CausationID: commandID, RunKey: b.RunKey,
		Account: s.Account, TradingMode: s.Mode, DryRun: b.DryRun, Hop: -1, NotAfter: events.At(b.NotAfter),
	}
	log := s.Log.With("event_id", commandID, "event_type", "command")
	return s.Process(ctx, log, Delivery{Envelope: root, Hash: hash(b.Settings), Consumer: string(s.Name), Command: b.Command}, decide)
}
