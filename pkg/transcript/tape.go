package transcript

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
)

// keepTime bounds how long Seal waits for what is stored beside the transcript.
const keepTime = time.Second

// Scope is what a transcript is about.
type Scope struct {
	Attempt   int
	LastError string
	Command   json.RawMessage
	// Keep stores something large beside the transcript; nil: nothing is kept.
	Keep func(ctx context.Context, name string, content []byte) error
}

// Tape records the invocations of one process, or plays one. It is safe for
// concurrent use, but one process decides one delivery at a time: transcripts
// of invocations that overlap are lost. A nil tape does nothing.
type Tape struct {
	identity Identity
	play     *player // nil: it records

	mu       sync.Mutex
	settings map[string]string
	files    map[string]File
	hidden   []secret
	rec      *recording // nil: nothing is recorded now
	scopes   int
	zip      *gzip.Writer
}

// secret is a value that no transcript may hold.
type secret struct{ value, name string }

// recording is a transcript in the making.
type recording struct {
	scope    Scope
	head     Head
	lines    bytes.Buffer
	last     map[string]time.Time // by lane
	storing  sync.WaitGroup
	overlaps bool
}

// NewTape returns a tape that records.
func NewTape(id Identity) *Tape {
	return &Tape{identity: id, files: make(map[string]File)}
}

// Set gives the settings under which every invocation runs.
func (t *Tape) Set(settings map[string]string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settings = settings
}

// Hide keeps a value out of every transcript; name stands in its place. Values
// that are too short to be told from ordinary text are not secrets.
func (t *Tape) Hide(value, name string) {
	const shortest = 8
	if t == nil || len(value) < shortest {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.hidden {
		if s.value == value {
			return
		}
	}
	t.hidden = append(t.hidden, secret{value, name})
}

// Begin opens the transcript of a delivery.
func (t *Tape) Begin(clock env.Clock, s Scope) {
	if t == nil {
		return
	}
	now := clock.Now() // of nobody's lane: the tape does not run yet
	t.mu.Lock()
	defer t.mu.Unlock()
	t.scopes++
	if t.play != nil {
		t.play.sealed = false
		return
	}
	if t.rec != nil {
		t.rec.overlaps = true
		return
	}
	t.rec = &recording{
		scope: s, last: make(map[string]time.Time),
		head: Head{
			Version: Version, Identity: t.identity, Attempt: s.Attempt, LastError: s.LastError, Command: s.Command, Began: now,
			Setup: t.settings, Files: t.files, Readings: make(map[string][]int64), Kept: make(map[string]Kept),
		},
	}
}

// Seal closes the transcript and returns it, or why it is lost. A scope is
// sealed once; nothing is recorded afterwards.
func (t *Tape) Seal() (sealed []byte, lost string) {
	if t == nil {
		return nil, ""
	}
	t.mu.Lock()
	if t.play != nil {
		t.play.sealed = true
		t.mu.Unlock()
		return nil, ""
	}
	rec := t.rec
	if rec == nil || t.scopes > 1 || rec.overlaps {
		t.mu.Unlock()
		if rec != nil {
			return nil, "invocations of one process overlapped"
		}
		return nil, ""
	}
	t.rec = nil
	t.mu.Unlock()

	stored := make(chan struct{})
	go func() { rec.storing.Wait(); close(stored) }()
	ctx, cancel := context.WithTimeout(context.Background(), keepTime)
	defer cancel()
	select {
	case <-stored:
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, k := range rec.head.Kept {
		if k.SHA256 == "" && rec.head.Lost == "" {
			rec.head.Lost = name + " was not stored in time"
		}
	}
	sealed, err := t.compress(rec)
	if err != nil {
		return nil, err.Error()
	}
	return sealed, ""
}

// End closes the scope, whether or not it was sealed.
func (t *Tape) End() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.scopes--; t.scopes == 0 {
		t.rec = nil
	}
}

func (t *Tape) compress(rec *recording) ([]byte, error) {
	head, err := encode(rec.head)
	if err != nil {
		return nil, fmt.Errorf("transcript: encode the head: %w", err)
	}
	text := append(append(head, '\n'), rec.lines.Bytes()...)
	for _, s := range t.hidden {
		quoted, err := encode(s.value)
		if err != nil {
			return nil, fmt.Errorf("transcript: %w", err)
		}
		text = bytes.ReplaceAll(text, bytes.Trim(quoted, `"`), []byte(s.name))
	}
	var out bytes.Buffer
	if t.zip == nil { // kept for the next one: a writer is a megabyte
		if t.zip, err = gzip.NewWriterLevel(&out, gzip.BestSpeed); err != nil {
			return nil, fmt.Errorf("transcript: %w", err)
		}
	}
	t.zip.Reset(&out)
	if _, err := t.zip.Write(text); err != nil {
		return nil, fmt.Errorf("transcript: %w", err)
	}
	if err := t.zip.Close(); err != nil {
		return nil, fmt.Errorf("transcript: %w", err)
	}
	return out.Bytes(), nil
}

// Active reports whether calls under ctx belong to a transcript.
func (t *Tape) Active(ctx context.Context) bool {
	if t == nil || ctx.Value(offRecord{}) != nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rec != nil || t.play != nil && t.inside()
}

// inside reports whether the played delivery is being decided.
func (t *Tape) inside() bool { return t.scopes > 0 && !t.play.sealed }

// Playing reports whether the tape answers calls.
func (t *Tape) Playing() bool { return t != nil && t.play != nil }

type offRecord struct{}

// OffRecord is for calls that are no part of a decision.
func OffRecord(ctx context.Context) context.Context {
	return context.WithValue(ctx, offRecord{}, true)
}

// Keep stores something large beside the transcript and returns the name under
// which a player has it. It does not wait: make is called in a goroutine.
func (t *Tape) Keep(ctx context.Context, kind string, make func() ([]byte, error)) string {
	if !t.Active(ctx) {
		return ""
	}
	t.mu.Lock()
	rec := t.rec
	if rec == nil || rec.scope.Keep == nil {
		t.mu.Unlock()
		return ""
	}
	name := fmt.Sprintf("%s-%d", kind, len(rec.head.Kept)+1)
	rec.head.Kept[name] = Kept{}
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(OffRecord(context.WithoutCancel(ctx)), 2*keepTime)
	rec.storing.Go(func() {
		defer cancel()
		content, err := make()
		if err == nil {
			err = rec.scope.Keep(ctx, name, content)
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		if err != nil {
			rec.head.Lost = fmt.Sprintf("%s: %v", name, err)
			return
		}
		rec.head.Kept[name] = Kept{Bytes: len(content), SHA256: Digest(content)}
	})
	return name
}

// Digest is the SHA-256 of b in hexadecimal.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// add writes one call down.
func (t *Tape) add(e Entry) {
	small, err := encode(Entry{Lane: e.Lane, Op: e.Op, Error: e.Error, Effect: e.Effect})
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rec == nil {
		return // a goroutine that outlived its scope
	}
	if err != nil {
		t.rec.head.Lost = fmt.Sprintf("%s cannot be written down: %v", e.Op, err)
		return
	}
	// What is JSON already is not encoded once more: this is on every call's way.
	b := &t.rec.lines
	b.Write(small[:len(small)-1])
	for _, part := range []struct {
		name string
		raw  json.RawMessage
	}{{`,"args":`, e.Args}, {`,"answer":`, e.Answer}, {`,"wrote":`, e.Wrote}} {
		if len(part.raw) > 0 {
			b.WriteString(part.name)
			b.Write(part.raw)
		}
	}
	b.WriteString("}\n")
}

// lose marks the transcript that is being made.
func (t *Tape) lose(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rec != nil {
		t.rec.head.Lost = strings.TrimSpace(fmt.Sprintf(format, args...))
	}
}
