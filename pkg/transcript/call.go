package transcript

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/alchemiser/alchemiser/pkg/env"
)

// Port is what a port writes its calls with.
type Port struct {
	Tape  *Tape
	Kinds []Kind // of errors that its callers tell apart
}

// Request is one call.
type Request struct {
	Op   string
	Args any // what tells one call from another; nil for none
	// Wrote describes the content of an effect: a repetition that writes
	// something else is answered all the same, and the difference is noted.
	Wrote  any
	Effect bool
}

// Call makes a call and writes it down, or answers it from the transcript that
// is played. Calls of one lane with the same arguments are answered in their
// order.
func Call[R any](ctx context.Context, p Port, r Request, do func() (R, error)) (R, error) {
	var none R
	if !p.Tape.Active(ctx) {
		if p.Tape.Playing() {
			return none, fmt.Errorf("%w: %s outside of a delivery", ErrNotRecorded, r.Op)
		}
		return do()
	}
	e, err := entry(env.Lane(ctx), r)
	if p.Tape.Playing() {
		if err != nil {
			return none, err
		}
		return answer[R](p, e)
	}
	result, failure := do()
	if err == nil {
		if failure == nil {
			e.Answer, err = encode(result)
		} else {
			e.Error, err = p.describe(failure)
		}
	}
	if err != nil {
		p.Tape.lose("%s cannot be written down: %v", r.Op, err)
	} else {
		p.Tape.add(e)
	}
	return result, failure
}

func entry(lane string, r Request) (e Entry, err error) {
	e = Entry{Lane: lane, Op: r.Op, Effect: r.Effect}
	if r.Args != nil {
		if e.Args, err = encode(r.Args); err != nil {
			return e, fmt.Errorf("transcript: %s: arguments: %w", r.Op, err)
		}
	}
	if r.Wrote != nil {
		if e.Wrote, err = encode(r.Wrote); err != nil {
			return e, fmt.Errorf("transcript: %s: content: %w", r.Op, err)
		}
	}
	return e, nil
}

func answer[R any](p Port, asked Entry) (R, error) {
	var result R
	recorded, err := p.Tape.take(asked)
	if err != nil {
		return result, err
	}
	if recorded.Error != nil {
		return result, p.restore(*recorded.Error)
	}
	if err := json.Unmarshal(recorded.Answer, &result); err != nil {
		return result, fmt.Errorf("transcript: the recorded answer of %s does not decode: %w", asked.Op, err)
	}
	return result, nil
}
