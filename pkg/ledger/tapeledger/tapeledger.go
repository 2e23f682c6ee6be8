// Package tapeledger is a ledger driver over another one that writes down in a
// transcript what a decision read and wrote; over the tape of a transcript it
// answers from that.
//
//	l := ledger.New(tapeledger.New(tape, dynamoledger.New(client, table)), clock)
package tapeledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/transcript"
)

// Driver is the driver.
type Driver struct {
	port transcript.Port
	of   ledger.Driver
}

// New returns a driver over another one. Outside of a delivery every call goes
// to that one, also when a transcript is played.
func New(tape *transcript.Tape, of ledger.Driver) *Driver {
	return &Driver{of: of, port: transcript.Port{Tape: tape, Kinds: []transcript.Kind{
		transcript.Sentinel("ledger_not_found", ledger.ErrNotFound), transcript.Sentinel("ledger_conflict", ledger.ErrConflict),
	}}}
}

// place addresses documents.
type place struct {
	PK      string `json:"pk"`
	SK      string `json:"sk,omitempty"`
	Prefix  string `json:"prefix,omitempty"`
	Version int64  `json:"version,omitempty"`
}

// document is a ledger.Item in a transcript.
type document struct {
	PK      string          `json:"pk"`
	SK      string          `json:"sk"`
	Version int64           `json:"version"`
	DueAt   time.Time       `json:"due_at,omitzero"`
	Expires time.Time       `json:"expires,omitzero"`
	Body    json.RawMessage `json:"body"`
}

// content stands for the body of a document that was written: the ledger has
// it, and most documents are written again and again.
type content struct {
	SHA256 string `json:"sha256"`
	Bytes  int    `json:"bytes"`
}

// Get implements ledger.Driver.
func (d *Driver) Get(ctx context.Context, key ledger.Key) (ledger.Item, error) {
	if !d.port.Tape.Active(ctx) {
		return d.of.Get(ctx, key)
	}
	var live ledger.Item
	doc, err := transcript.Call(ctx, d.port, transcript.Request{Op: "ledger.get", Args: place{PK: key.PK, SK: key.SK}}, func() (document, error) {
		var err error
		if live, err = d.of.Get(ctx, key); err != nil {
			return document{}, err
		}
		return written(live), nil
	})
	if err != nil || !d.port.Tape.Playing() {
		return live, err
	}
	return doc.item(), nil
}

// Put implements ledger.Driver.
func (d *Driver) Put(ctx context.Context, item ledger.Item) error {
	if !d.port.Tape.Active(ctx) {
		return d.of.Put(ctx, item)
	}
	sum := fmt.Appendf(nil, "%d %d %s", item.DueAt.UnixMilli(), item.Expires.Unix(), item.Body)
	_, err := transcript.Call(ctx, d.port, transcript.Request{
		Op: "ledger.put", Args: place{PK: item.PK, SK: item.SK, Version: item.Version}, Effect: true,
		Wrote: content{transcript.Digest(sum)[:24], len(item.Body)},
	}, func() (struct{}, error) { return struct{}{}, d.of.Put(ctx, item) })
	return err
}

// Query implements ledger.Driver.
func (d *Driver) Query(ctx context.Context, pk, prefix string) ([]ledger.Item, error) {
	if !d.port.Tape.Active(ctx) {
		return d.of.Query(ctx, pk, prefix)
	}
	var live []ledger.Item
	docs, err := transcript.Call(ctx, d.port, transcript.Request{Op: "ledger.query", Args: place{PK: pk, Prefix: prefix}}, func() ([]document, error) {
		var err error
		if live, err = d.of.Query(ctx, pk, prefix); err != nil {
			return nil, err
		}
		all := make([]document, 0, len(live))
		for _, item := range live {
			all = append(all, written(item))
		}
		return all, nil
	})
	if err != nil || !d.port.Tape.Playing() {
		return live, err
	}
	for _, doc := range docs {
		live = append(live, doc.item())
	}
	return live, nil
}

// Due implements ledger.Driver. What is due is no part of a decision.
func (d *Driver) Due(ctx context.Context, until time.Time, limit int) ([]ledger.Item, error) {
	return d.of.Due(ctx, until, limit)
}

// written is the form of a document in a transcript: without the transcript
// that is part of an inbox document.
func written(item ledger.Item) document {
	doc := document{PK: item.PK, SK: item.SK, Version: item.Version, DueAt: item.DueAt, Expires: item.Expires, Body: item.Body}
	if !strings.HasPrefix(item.SK, "IN#") {
		return doc
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(item.Body, &fields) != nil {
		return doc
	}
	delete(fields, "transcript")
	if body, err := json.Marshal(fields); err == nil {
		doc.Body = body
	}
	return doc
}

func (d document) item() ledger.Item {
	return ledger.Item{Key: ledger.Key{PK: d.PK, SK: d.SK}, Version: d.Version, DueAt: d.DueAt, Expires: d.Expires, Body: d.Body}
}
