package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/topology"
)

// repeatEverything sends every event of every run again, twice, the second
// time on another day: neither the book nor the ledger's outcomes nor the
// mails change (I13).
func (w *world) repeatEverything() {
	if w.options.Once {
		return
	}
	before := w.condition()
	w.muted = true // each of their events is sent to each of its functions below
	for _, later := range []int64{sweepEvery, 24 * 12 * sweepEvery} {
		w.loop.run(w.loop.now + later)
		w.repeatEach()
	}
	if after := w.condition(); after != before {
		w.blame("I13", "sending everything again changed the world: %s", difference(before, after))
	}
}

// repeatEach sends every event again and waits until nothing happens any more.
func (w *world) repeatEach() {
	sent := make(map[string]bool)
	for _, p := range slices.Clone(w.published) {
		id := eventID(p.detail)
		if sent[id] {
			continue
		}
		sent[id] = true
		w.repeat(p, id)
	}
	w.loop.run(w.loop.now + int64(30*60e9))
}

// outlive lets the ledger forget what it keeps for 45 days, and sends every
// event again: no queue keeps one for so long, and one that comes all the same
// is too old to trade or to tell anything. What follows from it is delivered.
func (w *world) outlive() {
	if w.options.Once || !w.outlives {
		return
	}
	before := w.condition()
	w.loop.run(w.loop.now + int64(46*24*time.Hour))
	w.memory.Expire(w.now())
	w.forgotten, w.muted = true, false
	w.repeatEach()
	w.loop.run(w.loop.now + int64(24*time.Hour))
	if after := w.condition(); after != before {
		w.blame("I13", "what was sent again after the ledger had forgotten it changed the world: %s", difference(before, after))
	}
}

// repeat hands an event to its functions again.
func (w *world) repeat(p publication, id string) {
	for _, f := range routes()[topology.Subscription{Source: p.source, Type: p.kind}] {
		event := w.reading(p.detail).in
		w.enqueue(&job{function: f, payload: w.payload(p.source, p.kind, w.evolved(f, id, p.detail)), event: event})
	}
}

// condition is all that must not change any more, as text.
func (w *world) condition() string {
	var b strings.Builder
	for _, o := range w.broker.Orders() {
		fmt.Fprintf(&b, "order %s %s %s\n", o.ClientID, o.Status, o.Filled)
	}
	fmt.Fprintf(&b, "cash %s, %d orders sent, %d mails\n", w.broker.Account().Cash, len(w.requests), len(w.mails))
	seen := make(map[string]bool)
	for _, write := range w.writes {
		if write.key.SK != "META" || seen[write.key.PK] {
			continue
		}
		seen[write.key.PK] = true
		if item, err := w.memory.Get(context.Background(), write.key); err == nil {
			fmt.Fprintf(&b, "%s %s\n", write.key.PK, item.Body)
		}
	}
	return b.String()
}

// difference is the first line in which two texts differ.
func difference(a, b string) string {
	before, after := strings.Split(a, "\n"), strings.Split(b, "\n")
	for k := range min(len(before), len(after)) {
		if before[k] != after[k] {
			return fmt.Sprintf("%q became %q", before[k], after[k])
		}
	}
	return "there is more, or less, than before"
}
