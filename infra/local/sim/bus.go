package sim

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/pattern"
	"github.com/alchemiser/alchemiser/pkg/bus"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// routes are the rules of the bus: for every source and type there is, the
// functions whose rule matches. The rules are those that the topology leads
// to, evaluated as the patterns they become.
var routes = sync.OnceValue(func() map[topology.Subscription][]topology.Function {
	type rule struct {
		pattern *pattern.Pattern
		target  topology.Function
	}
	var rules []rule
	for _, f := range topology.Functions() {
		for _, s := range f.Consumes {
			p, err := pattern.Compile(fmt.Appendf(nil, `{"source":[%q],"detail-type":[%q]}`, s.Source, s.Type))
			if err != nil {
				panic(err)
			}
			rules = append(rules, rule{p, f})
		}
	}
	out := make(map[topology.Subscription][]topology.Function)
	for _, entry := range events.Registry() {
		for _, source := range entry.Sources {
			e, err := pattern.ParseEvent(fmt.Appendf(nil, `{"source":%q,"detail-type":%q,"detail":{}}`, source, entry.Type))
			if err != nil {
				panic(err)
			}
			key := topology.Subscription{Source: source, Type: entry.Type}
			for _, r := range rules {
				if r.pattern.Match(e) {
					out[key] = append(out[key], r.target)
				}
			}
		}
	}
	return out
})

// publish takes an entry that the bus accepted: the judge remembers it, the
// rules that match hand it on.
func (w *world) publish(e bus.Entry, by *invocation) {
	detail, known := w.detail[e.DedupID]
	same := known && detail == string(e.Detail)
	if !same {
		detail = string(e.Detail)
	}
	w.published = append(w.published, publication{at: w.loop.now, source: e.Source, kind: e.DetailType, detail: detail, by: by.name})
	if !known {
		w.detail[e.DedupID] = detail
	} else if !same && !w.forgotten {
		w.blame("I3", "event %s was published with other bytes by %s", e.DedupID, by.name)
		if e.DetailType == events.TypeRebalancePlanned {
			w.blame("I18", "the plan %s was changed by %s", e.DedupID, by.name)
		}
	}
	if w.muted {
		return
	}
	w.route(e.Source, e.DetailType, detail)
	targets := names(routes()[topology.Subscription{Source: e.Source, Type: e.DetailType}])
	if w.strikesAt(34, 0.3, targets...) {
		w.loop.at(w.until(w.loop.now+between(w.how(34), time.Hour, 6*24*time.Hour)), func() { w.route(e.Source, e.DetailType, detail) })
	}
	if w.strikesAt(37, 0.5, targets...) {
		w.damageEvent(e)
	}
}

// route hands an event to every function whose rule matches it.
func (w *world) route(source events.Source, kind events.Type, detail string) {
	for _, f := range routes()[topology.Subscription{Source: source, Type: kind}] {
		w.hand(f, source, kind, detail)
	}
}

// eventID is the id of an encoded event, which it begins with.
func eventID(detail string) string {
	id, _, _ := strings.Cut(strings.TrimPrefix(detail, `{"event_id":"`), `"`)
	return id
}

// hand is one rule's delivery: at least once, in any order.
func (w *world) hand(f topology.Function, source events.Source, kind events.Type, detail string) {
	id := eventID(detail)
	payload := w.payload(source, kind, w.evolved(f, id, detail))
	event := w.reading(detail).in // what does not decode is nobody's event
	wait := between(w.jitter, 50*time.Millisecond, 400*time.Millisecond)
	if w.strikes(3, f.Name) {
		wait = pick(w.how(3), 0, between(w.how(3), time.Second, 30*time.Second))
	}
	w.deliver(f, payload, event, wait)
	if w.strikes(1, f.Name) {
		w.deliver(f, payload, event, wait+between(w.how(1), 0, 30*time.Millisecond))
	}
	if w.strikes(2, f.Name) {
		again := between(w.how(2), time.Second, 10*time.Minute)
		if chance(w.how(2), 0.3) {
			again = between(w.how(2), time.Hour, 24*time.Hour)
		}
		w.until(w.loop.now + again)
		w.deliver(f, payload, event, again)
	}
}

// deliver is the hand-over to Lambda, with the rule's own retries; what cannot
// be handed over in time goes to the rule's delivery queue.
func (w *world) deliver(f topology.Function, payload []byte, event events.Envelope, wait int64) {
	began, refusals := w.loop.now, 0
	if w.strikesAt(9, 0.3, f.Name) {
		h := w.how(9)
		refusals = 1 + h.IntN(8)
		if chance(h, 0.2) {
			refusals = 300
		}
	}
	var try func(n int)
	try = func(n int) {
		if n < refusals {
			if n+1 > f.Delivery.Attempts || w.loop.now-began > int64(f.Delivery.MaxAge) {
				w.trace.add(w.loop.now, "bus", "delivery queue", string(f.Name), "")
				w.metrics["DeliveryQueue"]++
				w.lambda.queues = append(w.lambda.queues, &message{function: f, kind: "delivery", at: w.loop.now, payload: payload, event: event})
				return
			}
			w.loop.at(w.until(w.loop.now+int64(time.Second)<<min(n, 10)), func() { try(n + 1) })
			return
		}
		w.enqueue(&job{function: f, payload: payload, event: event})
	}
	w.loop.after(wait, func() { try(0) })
}

// payload is the event as EventBridge delivers it.
func (w *world) payload(source events.Source, kind events.Type, detail string) []byte {
	w.busID++
	b := make([]byte, 0, len(detail)+256)
	b = append(b, `{"version":"0","id":"`...)
	b = strconv.AppendInt(b, int64(w.busID), 10)
	b = append(append(b, `","detail-type":"`...), kind...)
	b = append(append(b, `","source":"`...), source...)
	b = append(b, `","account":"111111111111","time":"`...)
	b = w.now().AppendFormat(b, time.RFC3339)
	b = append(b, `","region":"us-east-1","resources":[],"detail":`...)
	return append(append(b, detail...), '}')
}

// evolved is the event as the build after this one would write it, in worlds
// in which that one takes over: a minor version further, with a field that
// nobody knows yet. An event stays what it was each time it is delivered.
func (w *world) evolved(f topology.Function, id, detail string) string {
	if w.faults.disabled[33] || w.faults.rate == 0 && !w.faults.given {
		return detail
	}
	evolves, decided := w.newer[id]
	if !decided {
		evolves = w.strikes(33, f.Name)
		w.newer[id] = evolves
	}
	if !evolves {
		return detail
	}
	text := withVersion(detail, func(major, minor int) (int, int) { return major, minor + 1 })
	return strings.Replace(text, `"payload":{`, `"payload":{"of_a_newer_build":"x",`, 1)
}

// withVersion changes the schema version of an event's text.
func withVersion(detail string, change func(major, minor int) (int, int)) string {
	const key = `"schema_version":"`
	before, rest, _ := strings.Cut(detail, key)
	version, rest, _ := strings.Cut(rest, `"`)
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		panic(fmt.Errorf("sim: schema version %q: %w", version, err))
	}
	major, minor = change(major, minor)
	return fmt.Sprintf(`%s%s%d.%d"%s`, before, key, major, minor, rest)
}

// damageEvent sends a damaged copy after the event.
func (w *world) damageEvent(e bus.Entry) {
	h := w.how(37)
	detail, source, kind := string(e.Detail), e.Source, e.DetailType
	targets := routes()[topology.Subscription{Source: source, Type: kind}]
	switch h.IntN(5) {
	case 0:
		detail = detail[:len(detail)/2] + `"}`
	case 1:
		detail = strings.Replace(detail, string(kind), "SomethingElse", 1)
	case 2:
		detail = strings.Replace(detail, string(source), "somebody.else", 1)
	case 3:
		detail = withVersion(detail, func(major, _ int) (int, int) { return major + 6, 0 })
	default:
		detail = strings.Replace(detail, `"version":"1"`, `"version":"forged"`, 1)
		if detail == string(e.Detail) {
			detail = strings.Replace(detail, `"version":"2"`, `"version":"forged"`, 1)
		}
	}
	// Who gets a forged event before the true one cannot know; so it is sent to
	// functions that have decided about the true one.
	forged := strings.Contains(detail, `"version":"forged"`)
	payload := w.payload(source, kind, detail)
	w.loop.after(between(h, 20*time.Second, 5*time.Minute), func() {
		for _, f := range targets {
			if !forged || w.decided(f.Name, e) {
				w.deliver(f, payload, events.Envelope{}, 0)
			}
		}
	})
}

// decided reports whether a function is done with an event.
func (w *world) decided(name topology.Name, e bus.Entry) bool {
	event := w.reading(string(e.Detail)).in
	item, err := w.memory.Get(context.Background(), ledger.InboxKey(event.CorrelationID, string(name), e.DedupID))
	return err == nil && bytes.Contains(item.Body, []byte(`"state":"DONE"`))
}
