package transcript

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Failure is an error as a transcript has it: its text, and what callers can
// tell from it.
type Failure struct {
	Text  string                     `json:"text"`
	Kinds map[string]json.RawMessage `json:"kinds,omitempty"`
}

// Kind is something that callers tell from an error with errors.Is or
// errors.As.
type Kind struct {
	Name    string
	find    func(error) (any, bool)
	restore func(json.RawMessage) (error, error)
}

// Sentinel is the kind of errors that are err.
func Sentinel(name string, err error) Kind {
	return Kind{Name: name,
		find:    func(e error) (any, bool) { return true, errors.Is(e, err) },
		restore: func(json.RawMessage) (error, error) { return err, nil },
	}
}

// Typed is the kind of errors that hold an E. W is its form in JSON.
func Typed[E error, W any](name string, encode func(E) W, decode func(W) E) Kind {
	return Kind{Name: name,
		find: func(err error) (any, bool) {
			var e E
			if !errors.As(err, &e) {
				return nil, false
			}
			return encode(e), true
		},
		restore: func(raw json.RawMessage) (error, error) {
			var w W
			if err := json.Unmarshal(raw, &w); err != nil {
				return nil, err
			}
			return decode(w), nil
		},
	}
}

// contextKinds are the ends of a context, which every port can meet.
func contextKinds() []Kind {
	return []Kind{Sentinel("deadline_exceeded", context.DeadlineExceeded), Sentinel("canceled", context.Canceled)}
}

func (p Port) kinds() []Kind { return append(contextKinds(), p.Kinds...) }

func (p Port) describe(err error) (*Failure, error) {
	f := &Failure{Text: err.Error(), Kinds: make(map[string]json.RawMessage)}
	for _, k := range p.kinds() {
		found, ok := k.find(err)
		if !ok {
			continue
		}
		raw, err := encode(found)
		if err != nil {
			return nil, err
		}
		f.Kinds[k.Name] = raw
	}
	return f, nil
}

func (p Port) restore(f Failure) error {
	r := &restored{text: f.Text}
	known := make(map[string]bool)
	for _, k := range p.kinds() {
		raw, ok := f.Kinds[k.Name]
		if !ok {
			continue
		}
		known[k.Name] = true
		cause, err := k.restore(raw)
		if err != nil {
			return fmt.Errorf("transcript: the recorded error %q does not decode: %w", f.Text, err)
		}
		r.causes = append(r.causes, cause)
	}
	for name := range f.Kinds {
		if !known[name] {
			return fmt.Errorf("transcript: the recorded error %q is of the kind %s, which this build does not know", f.Text, name)
		}
	}
	return r
}

// restored is a recorded error: it reads and is found like the original.
type restored struct {
	text   string
	causes []error
}

func (r *restored) Error() string   { return r.text }
func (r *restored) Unwrap() []error { return r.causes }
