package ledger

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
)

// Control is the operator's halt switch.
type Control struct {
	State  events.ControlState `json:"state"`
	Reason string              `json:"reason"`
	SetBy  string              `json:"set_by"`
	SetAt  int64               `json:"set_at"` // epoch ms
}

// Control reads the halt switch; it is ACTIVE until somebody sets it. An
// unreadable switch is an error: the caller must not trade.
func (l *Ledger) Control(ctx context.Context, account string) (Control, error) {
	doc, err := LoadOr[Control](ctx, l, ControlKey(account))
	if err != nil {
		return Control{}, err
	}
	switch doc.Value.State {
	case "":
		return Control{State: events.Active}, nil
	case events.Active, events.Reducing, events.Halted:
		return doc.Value, nil
	}
	return Control{}, fmt.Errorf("ledger: the halt switch of %s says %q; set it again", account, doc.Value.State)
}

// SetControl turns the halt switch.
func (l *Ledger) SetControl(ctx context.Context, account string, state events.ControlState, reason, by string) error {
	doc, err := LoadOr[Control](ctx, l, ControlKey(account))
	if err != nil {
		return err
	}
	doc.Value = Control{State: state, Reason: reason, SetBy: by, SetAt: env.Now(ctx, l.clock).UnixMilli()}
	return Save(ctx, l, &doc)
}

// SlotState is what came of a schedule's slot.
type SlotState string

const (
	SlotSeen    SlotState = "SEEN"
	SlotStarted SlotState = "STARTED"
)

// Slot is the record of one scheduled time of a session.
type Slot struct {
	RunID  string    `json:"run_id"`
	State  SlotState `json:"state"`
	DryRun bool      `json:"dry_run"`
}

// RecordSlot writes what is known of a slot to its document, which may be new
// (Version 0) or the one that an earlier call left. SEEN never overwrites
// STARTED.
func (l *Ledger) RecordSlot(ctx context.Context, doc *Doc[Slot], s Slot) error {
	expires := env.Now(ctx, l.clock).Add(keepRun)
	if doc.Version == 0 {
		// Nearly every slot is new: write first, and read only if it is not.
		doc.Value, doc.Expires = s, expires
		err := Save(ctx, l, doc)
		if !errors.Is(err, ErrConflict) {
			return err
		}
		if *doc, err = Load[Slot](ctx, l, doc.Key); err != nil {
			return err
		}
	}
	if doc.Value == s || doc.Value.State == SlotStarted {
		return nil
	}
	doc.Value, doc.Expires = s, expires
	return Save(ctx, l, doc)
}

// ScheduledRun is a slot with the names it is kept under.
type ScheduledRun struct {
	Slot
	Session      events.Date
	Schedule, At string // the slot's name and time
}

// ScheduledRuns are the runs of an account, newest first, without reading any
// of them. period limits them to sessions whose date begins with it, such as
// 2026-11 or 2026-11-23; empty means all.
func (l *Ledger) ScheduledRuns(ctx context.Context, account, period string) ([]ScheduledRun, error) {
	docs, err := LoadAll[Slot](ctx, l, AccountPK(account), "SESSION#"+period)
	if err != nil {
		return nil, err
	}
	runs := make([]ScheduledRun, 0, len(docs))
	for _, d := range docs {
		parts := strings.Split(d.Key.SK, "#")
		if len(parts) != 4 {
			return nil, fmt.Errorf("ledger: %s does not name a session, a schedule and a slot", d.Key)
		}
		runs = append(runs, ScheduledRun{d.Value, events.Date(parts[1]), parts[2], parts[3]})
	}
	slices.SortStableFunc(runs, func(a, b ScheduledRun) int {
		return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(a.Schedule, b.Schedule))
	})
	return runs, nil
}

// StartedRuns are the runs, other than the given one and dry runs, that were
// started in the session.
func (l *Ledger) StartedRuns(ctx context.Context, account string, session events.Date, except string) ([]string, error) {
	docs, err := LoadAll[Slot](ctx, l, AccountPK(account), "SESSION#"+string(session)+"#")
	if err != nil {
		return nil, err
	}
	var runs []string
	for _, d := range docs {
		if d.Value.State == SlotStarted && !d.Value.DryRun && d.Value.RunID != except {
			runs = append(runs, d.Value.RunID)
		}
	}
	return runs, nil
}

// Applied is the last application of a strategy's weights.
type Applied struct {
	SourceSHA256 string         `json:"source_sha256"`
	TradeDate    events.Date    `json:"trade_date"`
	AsOf         events.Date    `json:"as_of"`
	Weights      events.Weights `json:"weights"`
}

// LoadApplied reads a strategy's last application; false when there is none.
func (l *Ledger) LoadApplied(ctx context.Context, account, strategy string) (Applied, bool, error) {
	doc, err := LoadOr[Applied](ctx, l, AppliedKey(account, strategy))
	return doc.Value, doc.Version > 0, err
}

// SaveApplied records an application unless a later one is recorded.
func (l *Ledger) SaveApplied(ctx context.Context, account, strategy string, a Applied) error {
	doc, err := LoadOr[Applied](ctx, l, AppliedKey(account, strategy))
	if err != nil || doc.Value.TradeDate > a.TradeDate {
		return err
	}
	doc.Value = a
	return Save(ctx, l, &doc)
}

// FirstSkipMail reports whether the run is the first of the day to mail a skip
// for the reason; it stays true for that run.
func (l *Ledger) FirstSkipMail(ctx context.Context, account string, session events.Date, reason, runID string) (bool, error) {
	type mark struct {
		RunID string `json:"run_id"`
	}
	doc, err := LoadOr[mark](ctx, l, SkipMailKey(account, session, reason))
	if err != nil {
		return false, err
	}
	if doc.Version > 0 {
		return doc.Value.RunID == runID, nil
	}
	doc.Value.RunID = runID
	doc.Expires = env.Now(ctx, l.clock).Add(keepDay)
	if err := Save(ctx, l, &doc); err != nil {
		return false, err
	}
	return true, nil
}

// ReceiptPart is a part of a strategy's compressed receipt.
type ReceiptPart struct {
	Gzip []byte `json:"gzip"`
}

// SaveReceipt stores one part of a strategy's receipt, keyed by its place, so
// that a repeated stage overwrites it with the same content.
func (l *Ledger) SaveReceipt(ctx context.Context, runID, strategy string, part int, compressed []byte) error {
	expires := env.Now(ctx, l.clock).Add(keepReceipt)
	doc := Doc[ReceiptPart]{Key: ReceiptKey(runID, strategy, part), Expires: expires, Value: ReceiptPart{compressed}}
	err := Save(ctx, l, &doc)
	if !errors.Is(err, ErrConflict) {
		return err
	}
	if doc, err = Load[ReceiptPart](ctx, l, doc.Key); err != nil {
		return err
	}
	doc.Value.Gzip, doc.Expires = compressed, expires
	return Save(ctx, l, &doc)
}

// OpenReceipt is the receipt's JSON, of its parts joined in their order.
func OpenReceipt(compressed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("ledger: decompress a receipt: %w", err)
	}
	text, err := io.ReadAll(z)
	if err == nil && !json.Valid(text) {
		err = errors.New("not JSON")
	}
	if err != nil {
		return nil, fmt.Errorf("ledger: decompress a receipt: %w", err)
	}
	return text, nil
}
