// Package ledger is the memory of a run: who claimed which event, what was
// published, which orders were meant, how the run ended. It is one table of
// JSON documents; every write is a conditional put of one whole document under
// its version, so that no two writers can both believe they won.
//
// The portable type Ledger holds the protocol; a driver is four methods.
// dynamoledger keeps documents in DynamoDB, memledger in memory.
//
//	claim, err := l.Claim(ctx, ledger.Delivery{Consumer: "signal", RunID: run, EventID: id, …})
//	switch {
//	case err != nil:        // in progress elsewhere, or a collision
//	case claim.Done():      // publish claim.Out() again and return
//	}
//	err = l.Commit(ctx, claim, out, "published")
package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/alchemiser/alchemiser/pkg/env"
)

// Key addresses one document. All documents of a run share one partition.
type Key struct{ PK, SK string }

func (k Key) String() string { return k.PK + " / " + k.SK }

// Item is a document as drivers see it.
type Item struct {
	Key
	// Version grows by one with every write; a new document has 1.
	Version int64
	// DueAt puts the document in the index of due work, to the millisecond; zero
	// leaves it out.
	DueAt time.Time
	// Expires lets the table delete the document some time afterwards, to the
	// second; zero keeps it.
	Expires time.Time
	// Body is one JSON object.
	Body []byte
}

// MaxBody is the size of the largest body: DynamoDB's item limit of 400 KB
// less keys and attributes.
const MaxBody = 380_000

var (
	// ErrNotFound means that there is no document under the key.
	ErrNotFound = errors.New("ledger: not found")
	// ErrConflict means that another writer was first.
	ErrConflict = errors.New("ledger: another writer was first")
)

// Driver stores documents. Every method may block, but must return when ctx is
// done. A body that a driver returned must not be changed: it may be its own. A
// body that it was given it must not keep.
type Driver interface {
	// Get reads consistently: it sees every write acknowledged before. It
	// returns ErrNotFound when there is no document.
	Get(ctx context.Context, key Key) (Item, error)
	// Put writes the whole document if the stored version is item.Version−1,
	// or if there is none and item.Version is 1. Otherwise it returns
	// ErrConflict. Any other error leaves open whether the write happened.
	Put(ctx context.Context, item Item) error
	// Query returns all documents of a partition whose SK begins with prefix,
	// ascending by SK, read consistently.
	Query(ctx context.Context, pk, prefix string) ([]Item, error)
	// Due returns at most limit documents with DueAt at or before until,
	// oldest first. The index may lag behind writes.
	Due(ctx context.Context, until time.Time, limit int) ([]Item, error)
}

// Ledger is the portable type over a driver.
type Ledger struct {
	driver Driver
	clock  env.Clock
}

// New returns a ledger over a driver.
func New(d Driver, clock env.Clock) *Ledger { return &Ledger{driver: d, clock: clock} }

// Doc is a document with its decoded value.
type Doc[T any] struct {
	Key     Key
	Version int64 // 0 before the first Save
	DueAt   time.Time
	Expires time.Time
	Value   T
}

// Load reads a document. It returns ErrNotFound when there is none.
func Load[T any](ctx context.Context, l *Ledger, key Key) (Doc[T], error) {
	item, err := l.driver.Get(ctx, key)
	if err != nil {
		return Doc[T]{Key: key}, fmt.Errorf("ledger: read %s: %w", key, err)
	}
	return decode[T](item)
}

// LoadOr reads a document and takes the zero value for one that does not exist.
func LoadOr[T any](ctx context.Context, l *Ledger, key Key) (Doc[T], error) {
	doc, err := Load[T](ctx, l, key)
	if errors.Is(err, ErrNotFound) {
		return Doc[T]{Key: key}, nil
	}
	return doc, err
}

// LoadAll reads the documents of a partition whose SK begins with prefix.
func LoadAll[T any](ctx context.Context, l *Ledger, pk, prefix string) ([]Doc[T], error) {
	items, err := l.driver.Query(ctx, pk, prefix)
	if err != nil {
		return nil, fmt.Errorf("ledger: read %s / %s*: %w", pk, prefix, err)
	}
	docs := make([]Doc[T], 0, len(items))
	for _, item := range items {
		doc, err := decode[T](item)
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	return docs, nil
}

// Save writes the document if nobody wrote it since it was loaded (or, with
// Version 0, if there is none), and counts Version up. It returns ErrConflict
// when somebody did. A write whose answer was lost is looked up: if the stored
// document is ours, it succeeded.
func Save[T any](ctx context.Context, l *Ledger, doc *Doc[T]) error {
	body, err := json.Marshal(doc.Value)
	if err != nil {
		return fmt.Errorf("ledger: encode %s: %w", doc.Key, err)
	}
	// Drivers keep no finer times, and a read document must equal a written one.
	doc.DueAt, doc.Expires = doc.DueAt.Truncate(time.Millisecond), doc.Expires.Truncate(time.Second)
	item := Item{Key: doc.Key, Version: doc.Version + 1, DueAt: doc.DueAt, Expires: doc.Expires, Body: body}
	if err := validate(item); err != nil {
		return err
	}
	if err := l.driver.Put(ctx, item); err != nil {
		if !l.wrote(ctx, item) {
			return fmt.Errorf("ledger: write %s version %d: %w", doc.Key, item.Version, err)
		}
	}
	doc.Version = item.Version
	return nil
}

// wrote reports whether the stored document is the one whose write failed or
// was refused: a retry inside a driver can be refused by its own first try.
func (l *Ledger) wrote(ctx context.Context, item Item) bool {
	stored, err := l.driver.Get(ctx, item.Key)
	return err == nil && stored.Version == item.Version && bytes.Equal(stored.Body, item.Body) && stored.DueAt.Equal(item.DueAt)
}

// Due returns documents that are due, oldest first, undecoded.
func (l *Ledger) Due(ctx context.Context, limit int) ([]Item, error) {
	items, err := l.driver.Due(ctx, env.Now(ctx, l.clock), limit)
	if err != nil {
		return nil, fmt.Errorf("ledger: read what is due: %w", err)
	}
	return items, nil
}

// Run returns every document of a run, ascending by SK, undecoded.
func (l *Ledger) Run(ctx context.Context, runID string) ([]Item, error) {
	items, err := l.driver.Query(ctx, RunPK(runID), "")
	if err != nil {
		return nil, fmt.Errorf("ledger: read run %s: %w", runID, err)
	}
	return items, nil
}

// Work returns what a run's stages have on record of their work: inbox
// documents, executions and legs, undecoded.
func (l *Ledger) Work(ctx context.Context, runID string) ([]Item, error) {
	var all []Item
	for _, kind := range []string{"EXEC#", "IN#", "LEG#"} {
		items, err := l.driver.Query(ctx, RunPK(runID), kind)
		if err != nil {
			return nil, fmt.Errorf("ledger: read run %s: %w", runID, err)
		}
		all = append(all, items...)
	}
	return all, nil
}

func decode[T any](item Item) (Doc[T], error) {
	doc := Doc[T]{Key: item.Key, Version: item.Version, DueAt: item.DueAt, Expires: item.Expires}
	if err := jsonv2.Unmarshal(item.Body, &doc.Value); err != nil {
		return doc, fmt.Errorf("ledger: document %s does not decode: %w", item.Key, err)
	}
	return doc, nil
}

// validate checks what not every driver would refuse.
func validate(item Item) error {
	switch {
	case item.PK == "" || item.SK == "":
		return fmt.Errorf("ledger: a document needs both keys, got %q / %q", item.PK, item.SK)
	case len(item.Body) > MaxBody:
		return fmt.Errorf("ledger: document %s has %d bytes, the limit is %d", item.Key, len(item.Body), MaxBody)
	case !item.DueAt.IsZero() && len(fmt.Sprint(item.DueAt.UnixMilli())) != 13:
		return fmt.Errorf("ledger: document %s is due at %s, which is not a 13-digit epoch in milliseconds", item.Key, item.DueAt)
	}
	return nil
}
