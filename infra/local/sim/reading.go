package sim

import (
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/stage"
)

// reading is what an event's bytes say. A world delivers the same bytes many
// times, and reads them once.
type reading struct {
	in      events.Envelope
	content string
	err     error
	by      *invocation // the last one that was given it; nil: none was
}

func (w *world) reading(detail string) *reading {
	r := w.readings[detail]
	if r == nil {
		r = newReading([]byte(detail))
		w.readings[detail] = r
	}
	return r
}

func newReading(detail []byte) *reading {
	r := &reading{}
	r.in, r.content, r.err = stage.Read(detail)
	return r
}

// read is stage.Read. Two invocations are given the same only if one is over
// before the other begins, lest one see what the other makes of it.
func (i *invocation) read(detail []byte) (events.Envelope, string, error) {
	r := i.world.readings[string(detail)]
	if r == nil || r.by != nil && !r.by.over {
		r = newReading(detail)
		i.world.readings[string(detail)] = r
	}
	r.by = i
	return r.in, r.content, r.err
}
