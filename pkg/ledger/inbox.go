package ledger

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
)

// InboxState is where a delivery stands.
type InboxState string

const (
	Claimed InboxState = "CLAIMED"
	Done    InboxState = "DONE"
)

// Publication is where a delivery's outgoing events stand.
type Publication string

const (
	NothingToPublish Publication = "NONE"
	Pending          Publication = "PENDING"
	Published        Publication = "PUBLISHED"
)

// Inbox is one consumer's record of one event: the claim while it is worked
// on, and the outgoing events once it is decided. Both are one document, so
// that an outcome and its events exist together or not at all.
type Inbox struct {
	State      InboxState  `json:"state"`
	Owner      string      `json:"owner"`
	LeaseUntil int64       `json:"lease_until"` // epoch ms; 0: given back
	Attempts   int         `json:"attempts"`
	DetailHash string      `json:"detail_hash"`
	EventType  string      `json:"event_type"`
	Out        []string    `json:"out"` // the bytes of the outgoing events
	Pub        Publication `json:"pub"`
	Result     string      `json:"result"`
	LastError  string      `json:"last_error,omitempty"`
	ClaimedAt  int64       `json:"t_claim"` // epoch ms
	DoneAt     int64       `json:"t_done,omitempty"`
	// Transcript is what the last attempt was told while it decided, as
	// pkg/transcript writes it: one fact with the outcome. TranscriptLost is why
	// there is none.
	Transcript     []byte `json:"transcript,omitempty"`
	TranscriptLost string `json:"transcript_lost,omitempty"`
}

// MaxAttempts is how often an event may be begun before it counts as a
// permanent failure, by a consumer that can publish the failure.
const MaxAttempts = 6

// republishAfter is when the sweep may publish a committed outbox that its
// owner did not.
const republishAfter = 30 * time.Second

// maxTranscript is the size of the largest transcript that is kept; what is
// larger by nature, such as bars, lies in documents of its own.
const maxTranscript = 200_000

// beside is what an inbox document holds beside events and transcript, at most.
const beside = 8_000

// stuckAfter is how long after its lease a claim counts as stuck.
const stuckAfter = 10 * time.Minute

var (
	// ErrInProgress means that another owner works on the event: try again later.
	ErrInProgress = errors.New("in_progress: another invocation works on this event")
	// ErrCollision means that the event's id was used for other bytes.
	ErrCollision = errors.New("id_collision: the event's id was seen with other content")
	// ErrTooManyAttempts means that the event was begun MaxAttempts times.
	ErrTooManyAttempts = errors.New("too_many_attempts")
)

// Delivery identifies an event that arrived at a consumer.
type Delivery struct {
	Consumer   string // function name
	RunID      string // partition
	EventID    string
	EventType  string
	DetailHash string        // sha256 of the event's bytes
	Owner      string        // unique per invocation
	Lease      time.Duration // how long the claim holds: longer than the invocation can last
}

// Claim is the right to work on a delivery, or the record that it is done.
type Claim struct{ doc Doc[Inbox] }

// Done reports whether the event was decided before.
func (c *Claim) Done() bool { return c.doc.Value.State == Done }

// Out are the committed outgoing events.
func (c *Claim) Out() [][]byte {
	out := make([][]byte, len(c.doc.Value.Out))
	for i, s := range c.doc.Value.Out {
		out[i] = []byte(s)
	}
	return out
}

// Result is the committed one-word result.
func (c *Claim) Result() string { return c.doc.Value.Result }

// EventType is the type of the event.
func (c *Claim) EventType() string { return c.doc.Value.EventType }

// Attempts counts the invocations that began this event, this one included.
func (c *Claim) Attempts() int { return c.doc.Value.Attempts }

// LastError is why the attempt before this one failed.
func (c *Claim) LastError() string { return c.doc.Value.LastError }

// Record makes a transcript part of what is committed, or of what is given
// back; lost says why there is none.
func (c *Claim) Record(transcript []byte, lost string) {
	if len(transcript) > maxTranscript {
		transcript, lost = nil, fmt.Sprintf("it has %d bytes, the limit is %d", len(transcript), maxTranscript)
	}
	if transcript != nil || lost != "" {
		c.doc.Value.Transcript, c.doc.Value.TranscriptLost = transcript, lost
	}
}

// Claim takes the delivery for its owner. The claim of a decided event is Done.
// Errors: ErrInProgress, ErrCollision, ErrTooManyAttempts (with the claim, so
// that the caller can commit the failure), ErrConflict.
func (l *Ledger) Claim(ctx context.Context, d Delivery) (*Claim, error) {
	// Nearly every event is new: write first, and read only if somebody was there.
	doc := Doc[Inbox]{Key: InboxKey(d.RunID, d.Consumer, d.EventID)}
	l.claim(ctx, &doc, d)
	err := Save(ctx, l, &doc)
	if err == nil {
		return &Claim{doc}, nil
	}
	if !errors.Is(err, ErrConflict) {
		return nil, err
	}
	if doc, err = Load[Inbox](ctx, l, doc.Key); err != nil {
		return nil, err
	}
	switch in := doc.Value; {
	case in.DetailHash != d.DetailHash:
		return nil, fmt.Errorf("%w: %s", ErrCollision, d.EventID)
	case in.State == Done:
		return &Claim{doc}, nil
	case in.LeaseUntil > env.Now(ctx, l.clock).UnixMilli():
		return nil, fmt.Errorf("%w: %s until %s", ErrInProgress, d.EventID, time.UnixMilli(in.LeaseUntil).UTC().Format(time.RFC3339))
	}
	l.claim(ctx, &doc, d)
	if err := Save(ctx, l, &doc); err != nil {
		return nil, err
	}
	if in := doc.Value; in.Attempts > MaxAttempts {
		return &Claim{doc}, fmt.Errorf("%w: %s was begun %d times, last error: %s", ErrTooManyAttempts, d.EventID, in.Attempts-1, in.LastError)
	}
	return &Claim{doc}, nil
}

// claim makes the document the delivery's: one attempt more, a new owner.
func (l *Ledger) claim(ctx context.Context, doc *Doc[Inbox], d Delivery) {
	now := env.Now(ctx, l.clock)
	leaseUntil := now.Add(d.Lease)
	doc.Value = Inbox{
		State: Claimed, Owner: d.Owner, LeaseUntil: leaseUntil.UnixMilli(), Attempts: doc.Value.Attempts + 1,
		DetailHash: d.DetailHash, EventType: d.EventType, Pub: NothingToPublish, LastError: doc.Value.LastError,
		ClaimedAt: now.UnixMilli(),
	}
	doc.DueAt = leaseUntil.Add(stuckAfter)
	doc.Expires = now.Add(keepInbox)
}

// Commit decides the delivery: its outcome and outgoing events become one
// fact. It fails with ErrConflict when another owner took over meanwhile; then
// nothing may be published.
func (l *Ledger) Commit(ctx context.Context, c *Claim, out [][]byte, result string) error {
	next := c.doc
	now := env.Now(ctx, l.clock)
	next.Value.State = Done
	next.Value.LeaseUntil = 0
	next.Value.Result = result
	next.Value.LastError = ""
	next.Value.DoneAt = now.UnixMilli()
	next.Value.Out = make([]string, len(out))
	for i, b := range out {
		next.Value.Out[i] = string(b)
	}
	next.Value.Pub, next.DueAt = NothingToPublish, time.Time{}
	if len(out) > 0 {
		next.Value.Pub, next.DueAt = Pending, now.Add(republishAfter)
	}
	next.Value.makeRoom()
	if err := Save(ctx, l, &next); err != nil {
		return err
	}
	c.doc = next
	return nil
}

// makeRoom drops a transcript that would not fit into a document beside the
// outgoing events: it may not keep them from being published.
func (in *Inbox) makeRoom() {
	size := base64.StdEncoding.EncodedLen(len(in.Transcript))
	for _, out := range in.Out {
		size += len(out) + strings.Count(out, `"`) + strings.Count(out, `\`)
	}
	if in.Transcript != nil && size > MaxBody-beside {
		in.Transcript, in.TranscriptLost = nil, "there was no room beside the outgoing events"
	}
}

// Fail gives the claim back, so that a retry need not wait for the lease.
func (l *Ledger) Fail(ctx context.Context, c *Claim, cause error) error {
	next := c.doc
	next.Value.LeaseUntil = 0
	next.Value.LastError = cause.Error()
	if err := Save(ctx, l, &next); err != nil {
		return err
	}
	c.doc = next
	return nil
}

// MarkPublished records that all outgoing events were accepted by the bus.
func (l *Ledger) MarkPublished(ctx context.Context, c *Claim) error {
	if c.doc.Value.Pub != Pending {
		return nil
	}
	next := c.doc
	next.Value.Pub = Published
	next.DueAt = time.Time{}
	err := Save(ctx, l, &next)
	if errors.Is(err, ErrConflict) {
		return nil // a redelivery or the sweep marked it first
	}
	if err != nil {
		return err
	}
	c.doc = next
	return nil
}

// Reopen is the claim of a due inbox document, for the sweep.
func (l *Ledger) Reopen(item Item) (*Claim, error) {
	doc, err := decode[Inbox](item)
	if err != nil {
		return nil, err
	}
	return &Claim{doc}, nil
}

// Unpublished reports whether the claim is decided and its events may not have
// reached the bus.
func (c *Claim) Unpublished() bool {
	return c.doc.Value.State == Done && c.doc.Value.Pub == Pending
}

// Forget takes a stuck claim out of the index of due work: only a redelivery or
// a redrive can move it.
func (l *Ledger) Forget(ctx context.Context, c *Claim) error {
	next := c.doc
	next.DueAt = time.Time{}
	if err := Save(ctx, l, &next); err != nil {
		return err
	}
	c.doc = next
	return nil
}
