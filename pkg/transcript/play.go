package transcript

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrNotRecorded means that a repetition asked for something that the recorded
// invocation did not ask for.
var ErrNotRecorded = errors.New("transcript: not recorded")

// Difference is where a repetition left what was recorded.
type Difference struct {
	Lane string `json:"lane,omitempty"`
	Op   string `json:"op"`
	// Args are those of the repeated call, or of the recorded one that was not
	// repeated.
	Args json.RawMessage `json:"args,omitempty"`
	What string          `json:"what"`
	// Recorded and Replayed are JSON; one of them is empty when only the other
	// one happened.
	Recorded json.RawMessage `json:"recorded,omitempty"`
	Replayed json.RawMessage `json:"replayed,omitempty"`
}

// player answers calls from a transcript.
type player struct {
	transcript *Transcript
	kept       map[string][]byte
	queues     map[string][]*Entry // unanswered calls, by lane, operation and arguments
	readings   map[string][]int64  // ahead, by lane
	last       map[string]time.Time
	latest     time.Time // of all lanes
	sealed     bool      // the delivery is decided
	stop       func()    // ends the repetition: it is lost
	found      []Difference
}

// Play returns a tape that answers from t. kept is what was stored beside the
// transcript, by name. stop is called when the repetition asks for something
// that has no answer: it goes another way then, and must not go on waiting.
func Play(t *Transcript, kept map[string][]byte, stop func()) *Tape {
	p := &player{
		transcript: t, kept: kept, queues: make(map[string][]*Entry),
		readings: make(map[string][]int64), last: make(map[string]time.Time), stop: stop,
	}
	for i := range t.Entries {
		e := &t.Entries[i]
		p.queues[key(*e)] = append(p.queues[key(*e)], e)
	}
	for lane, readings := range t.Head.Readings {
		p.readings[lane] = readings
	}
	return &Tape{identity: t.Head.Identity, play: p}
}

func key(e Entry) string { return e.Lane + "\x00" + e.Op + "\x00" + string(e.Args) }

// now is the next reading of a lane. After the last one, in a lane that the
// recorded build did not have, and outside of a delivery, time stands still.
func (p *player) now(lane string, inside bool) time.Time {
	last, ok := p.last[lane]
	if !ok {
		last = p.transcript.Head.Began
	}
	ahead := p.readings[lane]
	if !inside || len(ahead) == 0 {
		if last.Before(p.latest) {
			return p.latest
		}
		return last
	}
	now := last.Add(time.Duration(ahead[0]))
	p.last[lane], p.readings[lane] = now, ahead[1:]
	if now.After(p.latest) {
		p.latest = now
	}
	return now
}

// take finds the recorded call.
func (t *Tape) take(asked Entry) (Entry, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.play
	queue := p.queue(asked)
	if len(queue) == 0 {
		p.found = append(p.found, p.unknown(asked))
		if p.stop != nil {
			p.stop()
		}
		return Entry{}, fmt.Errorf("%w: %s %s", ErrNotRecorded, asked.Op, asked.Args)
	}
	recorded := *queue[0]
	p.queues[key(recorded)] = queue[1:]
	if !bytes.Equal(recorded.Wrote, asked.Wrote) {
		p.found = append(p.found, Difference{Lane: asked.Lane, Op: asked.Op, Args: asked.Args, What: "other content", Recorded: recorded.Wrote, Replayed: asked.Wrote})
	}
	return recorded, nil
}

// queue are the unanswered calls like the one that is asked for: those of its
// lane, or else, because a build may do in turn what another one did side by
// side, the first of any lane.
func (p *player) queue(asked Entry) []*Entry {
	if own := p.queues[key(asked)]; len(own) > 0 {
		return own
	}
	for i := range p.transcript.Entries {
		e := &p.transcript.Entries[i]
		if e.Op == asked.Op && bytes.Equal(e.Args, asked.Args) {
			if other := p.queues[key(*e)]; len(other) > 0 {
				return other
			}
		}
	}
	return nil
}

// unknown describes a call without an answer, beside the recorded call of its
// kind that is still unanswered.
func (p *player) unknown(asked Entry) Difference {
	d := Difference{Lane: asked.Lane, Op: asked.Op, Args: asked.Args, What: "a call that was not recorded", Replayed: asked.Args}
	for i := range p.transcript.Entries {
		e := &p.transcript.Entries[i]
		if e.Op == asked.Op && e.Lane == asked.Lane && p.open(e) {
			d.What, d.Recorded = "other arguments", e.Args
			break
		}
	}
	return d
}

// open reports whether the recorded call was not repeated yet.
func (p *player) open(e *Entry) bool {
	for _, q := range p.queues[key(*e)] {
		if q == e {
			return true
		}
	}
	return false
}

// Differences are what the repetition did otherwise so far, in its order, and
// then the effects that it did not repeat.
func (t *Tape) Differences() []Difference {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := append([]Difference(nil), t.play.found...)
	for i := range t.play.transcript.Entries {
		if e := &t.play.transcript.Entries[i]; e.Effect && t.play.open(e) {
			found = append(found, Difference{Lane: e.Lane, Op: e.Op, Args: e.Args, What: "not done again", Recorded: e.Args})
		}
	}
	return found
}

// Kept is what was stored beside the transcript that is played.
func (t *Tape) Kept(name string) ([]byte, bool) {
	content, ok := t.play.kept[name]
	return content, ok
}

// Head is the head of the transcript that is played.
func (t *Tape) Head() Head { return t.play.transcript.Head }
