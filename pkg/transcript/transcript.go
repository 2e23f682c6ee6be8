package transcript

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Version of the form in which transcripts are written.
const Version = 1

// Identity says whose transcripts a tape writes.
type Identity struct {
	Service string `json:"service"`
	Build   string `json:"build"`
}

// Head is what a transcript says beside its calls.
type Head struct {
	Version int `json:"version"`
	Identity
	Attempt   int    `json:"attempt"`
	LastError string `json:"last_error,omitempty"` // of the attempt before
	// Command is what began the run; empty where an event was consumed.
	Command json.RawMessage   `json:"command,omitempty"`
	Began   time.Time         `json:"began"`
	Setup   map[string]string `json:"settings,omitempty"` // environment variables that the function read
	Files   map[string]File   `json:"files,omitempty"`    // files that ship with the function, by name
	// Readings are those of the clock, by lane: nanoseconds since the reading
	// before; the first one since Began.
	Readings map[string][]int64 `json:"readings"`
	// Kept is what lies outside of the transcript because of its size.
	Kept map[string]Kept `json:"kept,omitempty"`
	// Lost is why the transcript is not whole; empty: it is.
	Lost string `json:"lost,omitempty"`
}

// Kept describes something that was stored beside the transcript.
type Kept struct {
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Entry is one call through a port. Args and Answer are JSON in the words of
// the port.
type Entry struct {
	Lane   string          `json:"lane,omitempty"`
	Op     string          `json:"op"` // port.method
	Args   json.RawMessage `json:"args,omitempty"`
	Answer json.RawMessage `json:"answer,omitempty"`
	Error  *Failure        `json:"error,omitempty"`
	// Wrote describes the content of a call that changed something outside; it
	// is not needed to answer the call.
	Wrote json.RawMessage `json:"wrote,omitempty"`
	// Effect marks calls that a repetition has to make as well.
	Effect bool `json:"effect,omitempty"`
}

// Transcript is one invocation's.
type Transcript struct {
	Head    Head
	Entries []Entry
}

// Read decodes what Seal returned.
func Read(sealed []byte) (*Transcript, error) {
	z, err := gzip.NewReader(bytes.NewReader(sealed))
	if err != nil {
		return nil, fmt.Errorf("transcript: %w", err)
	}
	t := &Transcript{}
	lines := bufio.NewReader(z)
	for n := 0; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 && n > 0 {
			return t, nil
		}
		if err != nil {
			return nil, fmt.Errorf("transcript: line %d: %w", n+1, err)
		}
		if n == 0 {
			if err := json.Unmarshal(line, &t.Head); err != nil {
				return nil, fmt.Errorf("transcript: head: %w", err)
			}
			if t.Head.Version != Version {
				return nil, fmt.Errorf("transcript: version %d, this build reads %d", t.Head.Version, Version)
			}
			continue
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("transcript: line %d: %w", n+1, err)
		}
		t.Entries = append(t.Entries, e)
	}
}

// encode is JSON on one line, without HTML escaping.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
