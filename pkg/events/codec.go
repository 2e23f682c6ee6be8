package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	strictjson "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	// MaxEntryBytes is where publishing is refused: EventBridge takes 262,144
	// bytes an entry, and the margin is for what it adds.
	MaxEntryBytes = 204_800
	// WarnEntryBytes is where an event begins to be charged as two.
	WarnEntryBytes = 65_536
)

// PoisonError is an event that no retry can make readable: it ends in the
// failure queue without having touched anything.
type PoisonError struct{ Reason string }

func (e *PoisonError) Error() string { return "poison event: " + e.Reason }

// TooLargeError is an event that may not be published.
type TooLargeError struct {
	Type  Type
	Bytes int
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("event_too_large: %s has %d bytes, the limit is %d", e.Type, e.Bytes, MaxEntryBytes)
}

// Encode is the canonical form: struct order, sorted maps, no HTML escaping,
// no white space. It refuses an envelope that Decode would refuse.
func Encode(e Envelope) ([]byte, error) {
	if err := e.validate(); err != nil {
		return nil, err
	}
	detail, err := canonical(e)
	if err != nil {
		return nil, fmt.Errorf("events: encode %s: %w", e.EventType, err)
	}
	if n := EntrySize(e, detail); n >= MaxEntryBytes {
		return nil, &TooLargeError{Type: e.EventType, Bytes: n}
	}
	return detail, nil
}

// Resources are the bus entry's resources: how an operator finds an event's
// run and cause without reading its body.
func (e Envelope) Resources() []string {
	return []string{"correlation:" + e.CorrelationID, "causation:" + e.CausationID}
}

// EntrySize is the size of the event's PutEvents entry by AWS's formula.
func EntrySize(e Envelope, detail []byte) int {
	n := 14 + len(e.Source) + len(e.EventType) + len(detail) // 14 for Time
	for _, r := range e.Resources() {
		n += len(r)
	}
	return n
}

// wire is an envelope whose payload is still text: the envelope is read before
// the payload's version is known.
type wire struct {
	Envelope
	Payload json.RawMessage `json:"payload"`
}

// Decode reads an event's detail. Anything unreadable, of an unknown type or
// major version, or from a source the registry does not admit is a
// *PoisonError. A newer minor version may carry unknown payload fields; the
// same or an older one may not. An older major version comes out as the
// current one.
func Decode(detail []byte) (Envelope, error) {
	if e, ok := decodeAtOnce(detail); ok {
		return e, nil
	}
	return decodeInSteps(detail)
}

func decodeInSteps(detail []byte) (Envelope, error) {
	var w wire
	if err := strict(detail, &w, true); err != nil {
		return Envelope{}, &PoisonError{Reason: "unreadable envelope: " + err.Error()}
	}
	entry, err := Lookup(w.EventType)
	if err != nil {
		return Envelope{}, err
	}
	return decode(w, entry)
}

// decodeAtOnce reads an event of this build's major version whose type and
// version stand before the payload, as Encode puts them, in one pass. What it
// does not read Decode takes in two steps, which find the words for a refusal.
func decodeAtOnce(detail []byte) (Envelope, bool) {
	var w struct {
		Envelope
		Payload body `json:"payload"`
	}
	w.Payload.head = &w.Envelope
	if err := strict(detail, &w, true); err != nil || w.Payload.payload == nil {
		return Envelope{}, false
	}
	e := w.Envelope
	e.Payload = w.Payload.payload
	return e, e.validate() == nil
}

// body is a payload behind the head that says what it is.
type body struct {
	head    *Envelope
	payload Payload
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (b *body) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	entry, err := Lookup(b.head.EventType)
	if err != nil {
		return err
	}
	newer, err := compareVersions(b.head.SchemaVersion, entry)
	if err != nil {
		return err
	}
	if d.PeekKind() != '{' {
		return errors.New("expected a JSON object")
	}
	b.payload = entry.New()
	return strictjson.UnmarshalDecode(d, b.payload, strictjson.RejectUnknownMembers(!newer))
}

func decode(w wire, entry Entry) (Envelope, error) {
	var err error
	if w.SchemaVersion, w.Payload, err = entry.upcast(w.SchemaVersion, w.Payload); err != nil {
		return Envelope{}, err
	}
	newer, err := compareVersions(w.SchemaVersion, entry)
	if err != nil {
		return Envelope{}, err
	}
	payload := entry.New()
	if err := strict(w.Payload, payload, !newer); err != nil {
		return Envelope{}, &PoisonError{Reason: fmt.Sprintf("unreadable payload of %s %s: %v", w.EventType, w.SchemaVersion, err)}
	}
	e := w.Envelope
	e.Payload = payload
	if err := e.validate(); err != nil {
		return Envelope{}, err
	}
	return e, nil
}

// Head reads an event's envelope and leaves the payload alone: enough to hand
// bytes on that Encode made.
func Head(detail []byte) (Envelope, error) {
	var w wire
	if err := strict(detail, &w, true); err != nil {
		return Envelope{}, &PoisonError{Reason: "unreadable envelope: " + err.Error()}
	}
	return w.Envelope, w.Envelope.validateHead()
}

func compareVersions(version string, entry Entry) (newerMinor bool, err error) {
	major, minor, ok := strings.Cut(version, ".")
	got, errMinor := strconv.Atoi(minor)
	if !ok || errMinor != nil || major != entry.Major() {
		return false, &PoisonError{Reason: fmt.Sprintf("%s has schema version %q, this build knows %s", entry.Type, version, entry.Version)}
	}
	_, currentMinor, _ := strings.Cut(entry.Version, ".")
	current, err := strconv.Atoi(currentMinor)
	if err != nil {
		return false, fmt.Errorf("events: registry: version %q of %s", entry.Version, entry.Type)
	}
	return got > current, nil
}

// strict decodes exactly one JSON object: names are as they are written in the
// schema and stand once.
func strict(raw []byte, into any, refuseUnknown bool) error {
	if trimmed := bytes.TrimSpace(raw); len(trimmed) == 0 || trimmed[0] != '{' {
		return errors.New("expected a JSON object")
	}
	return worded(strictjson.Unmarshal(raw, into, strictjson.RejectUnknownMembers(refuseUnknown)))
}

// worded says what does not fit where. The library has two wordings and takes
// one of them by chance, process by process; a refusal must not depend on that.
func worded(err error) error {
	var misfit *strictjson.SemanticError
	switch {
	case !errors.As(err, &misfit):
		return err
	case misfit.Err == nil:
		return fmt.Errorf("%q cannot be a JSON %s", misfit.JSONPointer, misfit.JSONKind)
	}
	return fmt.Errorf("%q: %w", misfit.JSONPointer, misfit.Err)
}

// canonical encodes v with keys of maps sorted, without HTML escaping and
// without a final newline.
func canonical(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
