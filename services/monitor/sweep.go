package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/stage"
)

const (
	sweepLimit = 50              // documents a sweep looks at
	lookAgain  = 5 * time.Minute // the period of the sweep
	maxClosing = 10              // highest continuation there is
)

// Swept is what one sweep did.
type Swept struct {
	Due         int `json:"due"`
	Republished int `json:"republished"` // outboxes that their owner had not published, or that were lost on their way
	Stuck       int `json:"stuck"`       // claims that nobody finished
	Overdue     int `json:"overdue"`     // runs that are open although their time is over
	ClosedOut   int `json:"closed_out"`  // executions that were asked to close
	Missing     int `json:"missing"`     // reports of schedules that began no run
}

// Sweep finishes what is due. It never runs another stage's handler and never
// talks to the broker: it publishes what was decided, and what follows from a
// time that passed. Two sweeps at once do no harm: what they publish has the
// same ids.
func (m *Monitor) Sweep(ctx context.Context, runtime *stage.Stage, raw json.RawMessage) (any, error) {
	var command struct {
		Mode string `json:"mode"`
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&command); err != nil {
		return nil, fmt.Errorf("monitor: the sweep takes no settings: %w", err)
	}
	items, err := m.Ledger.Due(ctx, sweepLimit)
	if err != nil {
		return nil, err
	}
	s := sweep{Monitor: m, runtime: runtime, done: Swept{Due: len(items)}}
	var failed []error
	for _, item := range items {
		if err := s.item(ctx, item); err != nil {
			failed = append(failed, fmt.Errorf("monitor: sweep %s: %w", item.Key, err))
		}
	}
	if err := s.reportMissing(ctx); err != nil {
		failed = append(failed, err)
	}
	m.Metrics.Count(ctx, map[string]int64{
		"Heartbeat": 1, "OpenRunsOverdue": int64(s.done.Overdue), "StuckClaim": int64(s.done.Stuck),
	})
	return s.done, errors.Join(failed...)
}

type sweep struct {
	*Monitor
	runtime *stage.Stage
	done    Swept
}

func (s *sweep) item(ctx context.Context, item ledger.Item) error {
	runID, ok := strings.CutPrefix(item.PK, "RUN#")
	switch {
	case ok && item.SK == "META":
		return s.run(ctx, runID)
	case ok && strings.HasPrefix(item.SK, "IN#"):
		return s.inbox(ctx, item)
	}
	return errors.New("nothing of this kind is ever due")
}

// inbox publishes an outbox that its owner did not, and reports a claim that
// nobody finished: a redelivery or a redrive can move it. What tells of a run's
// end is sent again at once, so that its owner hears of it.
func (s *sweep) inbox(ctx context.Context, item ledger.Item) error {
	claim, err := s.Ledger.Reopen(item)
	if err != nil {
		return err
	}
	if claim.Unpublished() {
		return s.republish(ctx, claim)
	}
	if claim.Done() {
		return nil // the index lags behind the table
	}
	if err := s.tellAgain(ctx, item, claim); err != nil {
		return err
	}
	err = s.Ledger.Forget(ctx, claim)
	if errors.Is(err, ledger.ErrConflict) {
		return nil // somebody took it up meanwhile
	}
	if err == nil {
		s.done.Stuck++
		s.Log.WarnContext(ctx, "a claim was never finished", "key", item.Key.String(), "attempts", claim.Attempts())
	}
	return err
}

// tellAgain publishes the event once more that monitor or notifier began and
// did not finish. Two sweeps that do so do no harm, and neither does an event
// that can never be finished: it is sent again until it was begun too often.
func (s *sweep) tellAgain(ctx context.Context, item ledger.Item, stuck *ledger.Claim) error {
	entry, err := events.Lookup(events.Type(stuck.EventType()))
	if err != nil || entry.Class != events.Report || stuck.Attempts() >= ledger.MaxAttempts {
		return nil // its run stalls, or an operator redrives it
	}
	items, err := s.Ledger.Run(ctx, strings.TrimPrefix(item.PK, "RUN#"))
	if err != nil {
		return err
	}
	eventID := item.SK[strings.LastIndexByte(item.SK, '#')+1:]
	for _, other := range items {
		if !strings.HasPrefix(other.SK, "IN#") {
			continue
		}
		claim, err := s.Ledger.Reopen(other)
		if err != nil {
			return err
		}
		for _, out := range claim.Out() {
			if e, err := events.Decode(out); err == nil && e.EventID == eventID {
				return s.republish(ctx, claim)
			}
		}
	}
	return nil
}

// run looks at a run that is open although its time is over. The next look is
// written first: of two sweeps one goes on, and nothing is written to the
// run's record while its ending is on the way.
func (s *sweep) run(ctx context.Context, runID string) error {
	doc, err := ledger.Load[ledger.Meta](ctx, s.Ledger, ledger.MetaKey(runID))
	if err != nil {
		return err
	}
	now, meta := s.Clock.Now(), doc.Value
	if meta.State != ledger.RunOpen || doc.DueAt.After(now) {
		return nil // the index lags behind the table
	}
	stalledAt := time.UnixMilli(meta.StalledAt)
	stalled := !now.Before(stalledAt)
	doc.DueAt = now.Add(lookAgain)
	if !stalled && doc.DueAt.After(stalledAt) {
		doc.DueAt = stalledAt
	}
	if err := ledger.Save(ctx, s.Ledger, &doc); errors.Is(err, ledger.ErrConflict) {
		return nil
	} else if err != nil {
		return err
	}
	items, err := s.Ledger.Run(ctx, runID)
	if err != nil {
		return err
	}
	h, err := readHistory(items)
	if err != nil {
		return err
	}
	if stalled {
		s.done.Overdue++
	}
	switch {
	case stalled && (!h.executing() || h.closedOut || h.ending != nil): // what was traded is worth a late close-out
		return s.Decide(ctx, s.runtime, causeOf(meta, runID, events.StalledID(runID)))
	case h.ending != nil: // it was published, and the bus or monitor lost it
		claim, err := s.Ledger.Reopen(*h.ending)
		if err != nil {
			return err
		}
		return s.republish(ctx, claim)
	case h.execution != nil: // also when DONE: its report may have died before it was committed
		s.done.ClosedOut++
		return s.Decide(ctx, s.runtime, causeOf(meta, runID, events.CloseOutID(runID)))
	}
	return nil
}

// republish hands a record's events to the bus, perhaps once more.
func (s *sweep) republish(ctx context.Context, claim *ledger.Claim) error {
	if err := s.runtime.Republish(ctx, claim); err != nil {
		return err
	}
	s.done.Republished++
	return nil
}
