package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
)

// RunState is where a run stands.
type RunState string

const (
	RunOpen   RunState = "OPEN"
	RunClosed RunState = "CLOSED"
)

// Meta is the claim and the outcome of a run. Stages write no progress into
// it: the partition's other documents are the progress.
type Meta struct {
	State       RunState    `json:"state"`
	RunKey      string      `json:"run_key"`
	Account     string      `json:"account"`
	TradingMode events.Mode `json:"trading_mode"`
	DryRun      bool        `json:"dry_run"`
	Session     events.Date `json:"session"`
	Schedule    string      `json:"schedule"`
	Slot        string      `json:"slot"`
	OpenedAt    int64       `json:"opened_at"` // epoch ms
	NotAfter    int64       `json:"not_after"`
	CloseOutAt  int64       `json:"close_out_at"`
	StalledAt   int64       `json:"stalled_at"`
	Outcome     string      `json:"outcome,omitempty"`
	ClosedBy    string      `json:"closed_by,omitempty"` // event id
	ClosedAt    int64       `json:"closed_at,omitempty"`
	LateEvent   string      `json:"late_event,omitempty"`
}

// OpenRun claims the run's key. Opening it again changes nothing and returns
// what is stored.
func (l *Ledger) OpenRun(ctx context.Context, runID string, m Meta) (Doc[Meta], error) {
	m.State = RunOpen
	doc := Doc[Meta]{Key: MetaKey(runID), Value: m, DueAt: time.UnixMilli(m.CloseOutAt), Expires: env.Now(ctx, l.clock).Add(keepRun)}
	err := Save(ctx, l, &doc)
	if errors.Is(err, ErrConflict) {
		doc, err = Load[Meta](ctx, l, doc.Key)
	}
	return doc, err
}

// CloseOutAfter its deadline an open run has its orders closed by the sweep;
// StalledAfter it, the run is given up.
const (
	CloseOutAfter = time.Minute
	StalledAfter  = 10 * time.Minute
)

// Deadlines are when a run must have ended, and when the sweep looks after one
// that has not.
type Deadlines struct{ NotAfter, CloseOutAt, StalledAt time.Time }

// DeadlinesOf are those of a run that must have ended by an instant.
func DeadlinesOf(notAfter time.Time) Deadlines {
	return Deadlines{NotAfter: notAfter, CloseOutAt: notAfter.Add(CloseOutAfter), StalledAt: notAfter.Add(StalledAfter)}
}

func (d Deadlines) of(m *Meta) bool {
	return m.NotAfter == d.NotAfter.UnixMilli() && m.CloseOutAt == d.CloseOutAt.UnixMilli() && m.StalledAt == d.StalledAt.UnixMilli()
}

// MoveDeadlines gives an open run other deadlines than those it was opened
// with. A run that is closed keeps its own.
func (l *Ledger) MoveDeadlines(ctx context.Context, runID string, d Deadlines) error {
	doc, err := Load[Meta](ctx, l, MetaKey(runID))
	if err != nil {
		return err
	}
	m := &doc.Value
	if m.State != RunOpen || d.of(m) {
		return nil
	}
	m.NotAfter, m.CloseOutAt, m.StalledAt = d.NotAfter.UnixMilli(), d.CloseOutAt.UnixMilli(), d.StalledAt.UnixMilli()
	doc.DueAt = d.CloseOutAt
	return Save(ctx, l, &doc)
}

// CloseRun moves the run, as it was loaded, from OPEN to CLOSED, once. It
// reports whether the run is closed by this event: true also when this event
// closed it before.
func (l *Ledger) CloseRun(ctx context.Context, run *Doc[Meta], outcome, eventID string) (bool, error) {
	m := &run.Value
	if m.State == RunClosed {
		return m.ClosedBy == eventID, nil
	}
	m.State, m.Outcome, m.ClosedBy = RunClosed, outcome, eventID
	m.ClosedAt = env.Now(ctx, l.clock).UnixMilli()
	run.DueAt = time.Time{}
	if err := Save(ctx, l, run); err != nil {
		return false, err
	}
	return true, nil
}

// NoteLateEvent records an outcome that arrived after the run was closed by
// another event.
func (l *Ledger) NoteLateEvent(ctx context.Context, runID, eventID string) error {
	doc, err := Load[Meta](ctx, l, MetaKey(runID))
	if err != nil {
		return err
	}
	if doc.Value.LateEvent == eventID {
		return nil
	}
	doc.Value.LateEvent = eventID
	return Save(ctx, l, &doc)
}

// Lease is the right of one run to trade the account.
type Lease struct {
	RunID     string `json:"run_id"`
	Token     int64  `json:"token"`
	ExpiresAt int64  `json:"expires_at"` // epoch ms
}

// ErrBusy means that another run holds the account.
var ErrBusy = errors.New("account_busy: another run holds the account")

// AcquireLease takes the account for the run until the given instant. It
// succeeds when the account is free, when the lease expired, and when the run
// holds it already; otherwise it returns ErrBusy.
func (l *Ledger) AcquireLease(ctx context.Context, account, runID string, until time.Time) (Lease, error) {
	doc, err := l.Lease(ctx, account)
	if err != nil {
		return Lease{}, err
	}
	return l.TakeLease(ctx, doc, runID, until)
}

// Lease reads who holds the account. Version is 0 when nobody ever did.
func (l *Ledger) Lease(ctx context.Context, account string) (Doc[Lease], error) {
	return LoadOr[Lease](ctx, l, LeaseKey(account))
}

// TakeLease is AcquireLease with the lease as it was read a moment ago; one
// that changed since is read again.
func (l *Ledger) TakeLease(ctx context.Context, doc Doc[Lease], runID string, until time.Time) (Lease, error) {
	lease, err := l.takeLease(ctx, doc, runID, until)
	if !errors.Is(err, ErrConflict) {
		return lease, err
	}
	if doc, err = Load[Lease](ctx, l, doc.Key); err != nil {
		return Lease{}, err
	}
	return l.takeLease(ctx, doc, runID, until)
}

func (l *Ledger) takeLease(ctx context.Context, doc Doc[Lease], runID string, until time.Time) (Lease, error) {
	held := doc.Value
	if held.RunID == runID && held.ExpiresAt >= until.UnixMilli() {
		return held, nil
	}
	if held.RunID != runID && held.ExpiresAt > env.Now(ctx, l.clock).UnixMilli() {
		return held, fmt.Errorf("%w: run %s until %s", ErrBusy, held.RunID, time.UnixMilli(held.ExpiresAt).UTC().Format(time.RFC3339))
	}
	doc.Value = Lease{RunID: runID, Token: held.Token + 1, ExpiresAt: until.UnixMilli()}
	if err := Save(ctx, l, &doc); err != nil {
		return Lease{}, err
	}
	return doc.Value, nil
}

// HeldLease reports whether the run holds the account now.
func (l *Ledger) HeldLease(ctx context.Context, account, runID string) (bool, error) {
	doc, err := LoadOr[Lease](ctx, l, LeaseKey(account))
	if err != nil {
		return false, err
	}
	return doc.Value.RunID == runID && doc.Value.ExpiresAt > env.Now(ctx, l.clock).UnixMilli(), nil
}

// ReleaseLease frees the account if the run holds it. The document stays, so
// that tokens never fall back.
func (l *Ledger) ReleaseLease(ctx context.Context, account, runID string) error {
	doc, err := l.Lease(ctx, account)
	if err != nil {
		return err
	}
	return l.GiveLease(ctx, doc, runID)
}

// GiveLease is ReleaseLease with the lease as it was read a moment ago. Only
// its holder changes a live lease, so there is nothing to read again.
func (l *Ledger) GiveLease(ctx context.Context, doc Doc[Lease], runID string) error {
	if doc.Value.RunID != runID || doc.Value.ExpiresAt == 0 {
		return nil
	}
	doc.Value.ExpiresAt = 0
	return Save(ctx, l, &doc)
}

// Part is a piece of something that is larger than a document.
type Part struct {
	Bytes []byte `json:"bytes"`
}

// partBytes keeps a part below the size of a document, whose bytes are stored
// as base64.
const partBytes = 250_000

// KeepBeside stores what belongs to the transcript of a delivery's attempt,
// begun at the given time, and is too large for it.
func (l *Ledger) KeepBeside(ctx context.Context, d Delivery, attempt int, began time.Time, name string, content []byte) error {
	expires := began.Add(keepReceipt)
	for part := 0; len(content) > 0; part++ {
		n := min(len(content), partBytes)
		doc := Doc[Part]{Key: TranscriptKey(d.RunID, d.Consumer, d.EventID, attempt, name, part), Expires: expires, Value: Part{content[:n]}}
		if err := Save(ctx, l, &doc); err != nil {
			return err
		}
		content = content[n:]
	}
	return nil
}
