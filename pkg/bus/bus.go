// Package bus publishes events. The portable type Bus turns stored bytes into
// entries; a driver is one method. eventbridgebus publishes to EventBridge,
// membus keeps entries in memory.
//
//	err := b.Publish(ctx, claim.Out()...)
package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// Entry is one event as the bus sees it.
type Entry struct {
	Source     events.Source
	DetailType events.Type
	Detail     []byte // the envelope's stored bytes, never encoded anew
	Time       time.Time
	Resources  []string
	// GroupID (the account) and DedupID (the event's id) are for ordered
	// buses; a driver may ignore them.
	GroupID, DedupID string
}

// MaxEntries is how many entries one call takes.
const MaxEntries = 10

// Driver hands entries to a bus.
type Driver interface {
	// Put publishes at most MaxEntries entries. It returns one error an entry
	// (nil: accepted), or an error for the call, after which nothing is known
	// of any entry. It may block, but must return when ctx is done.
	Put(ctx context.Context, entries []Entry) ([]error, error)
}

// Bus is the portable type over a driver.
type Bus struct{ driver Driver }

// New returns a bus over a driver.
func New(d Driver) *Bus { return &Bus{driver: d} }

// Publish hands encoded events to the bus, in order. It returns an error when
// any of them may not have been accepted; publishing the same bytes again is
// always safe.
func (b *Bus) Publish(ctx context.Context, details ...[]byte) error {
	entries := make([]Entry, 0, len(details))
	for _, detail := range details {
		e, err := events.Head(detail)
		if err != nil {
			return fmt.Errorf("bus: refuse to publish: %w", err)
		}
		entries = append(entries, Entry{
			Source: e.Source, DetailType: e.EventType, Detail: detail, Time: e.Timestamp.Time(),
			Resources: e.Resources(), GroupID: e.Account, DedupID: e.EventID,
		})
	}
	for len(entries) > 0 {
		n := min(len(entries), MaxEntries)
		if err := b.put(ctx, entries[:n]); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

func (b *Bus) put(ctx context.Context, entries []Entry) error {
	results, err := b.driver.Put(ctx, entries)
	if err != nil {
		return fmt.Errorf("bus: publish %s: %w", entries[0].DetailType, err)
	}
	if len(results) != len(entries) {
		return fmt.Errorf("bus: %d entries published, %d answers", len(entries), len(results))
	}
	var failed []error
	for i, r := range results {
		if r != nil {
			failed = append(failed, fmt.Errorf("bus: publish %s %s: %w", entries[i].DetailType, entries[i].DedupID, r))
		}
	}
	return errors.Join(failed...)
}
