package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Upcaster turns the payload of one major version into one of the next, as a
// JSON tree whose numbers are json.Number. It is pure and never deleted: an
// event can lie in a queue for two weeks and in the archive for ever.
type Upcaster func(payload map[string]any) error

// upcast brings a payload of an older major version up to the current one. It
// returns the version it has then.
func (e Entry) upcast(version string, payload json.RawMessage) (string, json.RawMessage, error) {
	major, _, _ := strings.Cut(version, ".")
	from, err := strconv.Atoi(major)
	current, _ := strconv.Atoi(e.Major())
	if err != nil || from < 1 || from >= current {
		return version, payload, nil // not older: the decoder says what it thinks of it
	}
	if len(e.Upcasters) != current-1 {
		return "", nil, fmt.Errorf("events: registry: %s %s needs %d upcasters, has %d", e.Type, e.Version, current-1, len(e.Upcasters))
	}
	tree, err := parseTree(payload)
	if err != nil {
		return "", nil, &PoisonError{Reason: fmt.Sprintf("unreadable payload of %s %s: %v", e.Type, version, err)}
	}
	for i, next := range e.Upcasters[from-1:] {
		if err := next(tree); err != nil {
			return "", nil, &PoisonError{Reason: fmt.Sprintf("%s cannot be brought from version %d to %d: %v", e.Type, from+i, from+i+1, err)}
		}
	}
	if payload, err = canonical(tree); err != nil {
		return "", nil, fmt.Errorf("events: upcast %s: %w", e.Type, err)
	}
	return e.Version, payload, nil
}

// Content is an event's detail without its layout, in the canonical form of
// RFC 8785: white space, the order of keys and the ways to write a character do
// not count, everything else does. It does not depend on what a build knows of
// the event, so that builds of different versions agree on whether two
// deliveries are the same. A name that stands twice in an object is poison.
func Content(detail []byte) ([]byte, error) {
	content := jsontext.Value(bytes.Clone(detail))
	if err := content.Canonicalize(jsontext.CanonicalizeRawInts(false)); err != nil {
		return nil, &PoisonError{Reason: "unreadable envelope: " + err.Error()}
	}
	if content.Kind() != '{' {
		return nil, &PoisonError{Reason: "unreadable envelope: expected a JSON object"}
	}
	return content, nil
}

func parseTree(raw []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var tree map[string]any
	if err := dec.Decode(&tree); err != nil {
		return nil, err
	}
	if tree == nil {
		return nil, fmt.Errorf("expected a JSON object")
	}
	return tree, nil
}
