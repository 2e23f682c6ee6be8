package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// Recovery is how long a run that was hit took to its end after the last fault
// was over.
type Recovery struct {
	Path Path
	Took time.Duration
}

// Path is the way in which a run that was hit came to its end.
type Path string

const (
	PathOther     Path = "other"      // retries, redeliveries and what the sweep published again
	PathClosedOut Path = "closed out" // the sweep had its orders closed and reported
	PathStalled   Path = "stalled"    // the sweep gave it up
)

func paths() []Path { return []Path{PathOther, PathClosedOut, PathStalled} }

// bar is what the 99th of a hundred runs has to keep.
func (p Path) bar() (time.Duration, string) {
	if p == PathOther {
		return 3 * time.Minute, "p99 3 minutes"
	}
	return 11 * time.Minute, "p99 11 minutes"
}

// span is what struck: from when until when it could matter.
type span struct{ from, to int64 }

// measureRecovery is the time from the end of the last fault that struck while
// the run was open to the run's own end. A fault that goes on beyond that
// counts from when it struck. The sweep looks after the run's deadline only,
// from which the time counts at the earliest where it led the run to its end.
func (w *world) measureRecovery(r *run) {
	opened, closed := r.meta.OpenedAt*int64(time.Millisecond), r.meta.ClosedAt*int64(time.Millisecond)
	const slow = int64(3 * time.Second) // the record has the time of a machine, which may be that far behind
	last := int64(0)
	for _, s := range w.faults.spans {
		switch {
		case s.from < opened || s.from > closed:
		case s.to > closed+slow:
			last = max(last, s.from)
		default:
			last = max(last, min(s.to, closed))
		}
	}
	path := w.pathOf(r)
	if last > 0 {
		if path != PathOther {
			last = min(max(last, r.meta.NotAfter*int64(time.Millisecond)), closed)
		}
		w.recoveries = append(w.recoveries, Recovery{path, time.Duration(closed - last)})
	}
}

func (w *world) pathOf(r *run) Path {
	closeOut := events.CloseOutID(r.id)
	switch {
	case strings.HasPrefix(r.meta.Outcome, "FAILED:monitor:stalled"):
		return PathStalled
	case slices.ContainsFunc(r.events, func(e events.Envelope) bool { return e.CausationID == closeOut }):
		return PathClosedOut
	}
	return PathOther
}
