package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/services/monitor"
)

// settled looks at an invocation that said it succeeded: what it was given is
// decided, or it was a report that came too late (I14).
func (w *world) settled(i *invocation) {
	e := i.job.event
	consumer, id := string(i.job.function.Name), e.EventID
	if i.job.command != "" {
		if !strings.Contains(i.job.command, `"trade"`) {
			return
		}
		id = events.CommandID(w.keys[e.CorrelationID])
	}
	if id == "" {
		return
	}
	item, err := w.memory.Get(context.Background(), ledger.InboxKey(e.CorrelationID, consumer, id))
	if err == nil && bytes.Contains(item.Body, []byte(`"state":"DONE"`)) {
		return
	}
	entry, unknown := events.Lookup(e.EventType)
	if unknown == nil && entry.Class == events.Report && w.loop.now+i.skew >= e.NotAfter.Time().UnixNano() {
		return
	}
	w.blame("I14", "%s succeeded and decided nothing about %s %s", i.name, e.EventType, id)
}

// judgeEvents: I4, I18, I19, I20, I21.
func (w *world) judgeEvents(c *caseFile) {
	committed, inboxes := make(map[string]bool), make(map[ledger.Key]ledger.Inbox)
	for _, item := range w.inboxes() {
		var in ledger.Inbox
		if err := json.Unmarshal(item.Body, &in); err != nil {
			w.blame("I4", "%s does not decode: %v", item.Key, err)
			continue
		}
		inboxes[item.Key] = in
		for _, out := range in.Out {
			committed[out] = true
			if in.State == ledger.Done && in.Pub == ledger.Pending && item.DueAt.IsZero() {
				w.blame("I4", "%s holds events that are neither published nor due", item.Key)
			}
		}
	}
	known, scanned := make(map[string]bool), make(map[string]bool)
	for _, p := range w.published {
		if !committed[p.detail] {
			w.blameAt(p.at, "I4", "%s published a %s that no committed document holds", p.by, p.kind)
		}
		if !scanned[p.detail] {
			scanned[p.detail] = true
			w.scan("a "+string(p.kind), p.detail)
		}
	}
	for id := range w.detail {
		known[id] = true
	}
	for _, r := range c.runs {
		if r.plans > 1 {
			w.blame("I18", "run %s has %d plans", r.id, r.plans)
		}
		for _, e := range r.events {
			w.judgeCause(r, e, known)
		}
		w.judgeReplay(r, inboxes)
	}
}

// inboxes are all inbox documents, of runs and of reports without one.
func (w *world) inboxes() []ledger.Item {
	var out []ledger.Item
	seen := make(map[ledger.Key]bool)
	for _, write := range w.writes {
		if seen[write.key] || !strings.HasPrefix(write.key.SK, "IN#") {
			continue
		}
		seen[write.key] = true
		if item, err := w.memory.Get(context.Background(), write.key); err == nil {
			out = append(out, item)
		}
	}
	return out
}

// follows reports whether an event's id is the one that its cause leads to.
// The derivation is made here once more, on purpose.
func follows(e events.Envelope) bool {
	namespace := uuid.MustParse("f10f5c1f-8eab-55b0-b7d0-a46cefbfec0b")
	for ordinal := range 10 {
		if uuid.NewSHA1(namespace, fmt.Appendf(nil, "%s|%s|%d", e.CausationID, e.EventType, ordinal)).String() == e.EventID {
			return true
		}
	}
	return false
}

// judgeCause: every cause is known, hops grow, and a run has one deadline.
func (w *world) judgeCause(r *run, e events.Envelope, known map[string]bool) {
	if !follows(e) {
		w.blame("I3", "the id of %s %s does not follow from its cause", e.EventType, e.EventID)
	}
	if entry, err := events.Lookup(e.EventType); err == nil && entry.Class == events.Trading && r.started != nil && e.NotAfter != r.started.NotAfter {
		w.blame("I6", "%s of run %s has the deadline %s, start gave it %s", e.EventType, r.id, e.NotAfter, r.started.NotAfter)
	}
	if e.EventType == events.TypeWorkflowStarted && !e.DryRun && e.NotAfter.Time().UnixNano() > r.limit {
		w.blame("I6", "run %s may trade until %s, which is beyond what its slot and its session allow", r.id, e.NotAfter)
	}
	if e.EventType == events.TypeWorkflowStarted && r.meta.NotAfter != e.NotAfter.Time().UnixMilli() {
		w.blame("I6", "run %s may trade until %s, its record says %s", r.id, e.NotAfter, time.UnixMilli(r.meta.NotAfter).UTC().Format(time.RFC3339))
	}
	switch e.CausationID {
	case events.CommandID(r.meta.RunKey), events.CloseOutID(r.id), events.StalledID(r.id):
		if e.Hop != 0 {
			w.blame("I20", "%s begins a chain at hop %d", e.EventType, e.Hop)
		}
		return
	}
	if !known[e.CausationID] {
		w.blame("I20", "%s %s of run %s was caused by %s, which nobody published", e.EventType, e.EventID, r.id, e.CausationID)
		return
	}
	if cause := w.reading(w.detail[e.CausationID]); cause.err == nil && cause.in.Hop >= e.Hop {
		w.blame("I20", "%s at hop %d was caused by %s at hop %d", e.EventType, e.Hop, cause.in.EventType, cause.in.Hop)
	}
}

// judgeReplay makes the summary again from the ledger alone.
func (w *world) judgeReplay(r *run, inboxes map[ledger.Key]ledger.Inbox) {
	var said *events.Envelope
	for k := range r.events {
		if r.events[k].EventType == events.TypeTradingNotificationRequested {
			said = &r.events[k]
		}
	}
	if said == nil {
		return
	}
	for _, item := range r.items {
		for _, out := range inboxes[item.Key].Out {
			if !strings.HasPrefix(out, `{"event_id":"`+r.meta.ClosedBy) {
				continue
			}
			ending := w.reading(out)
			if ending.err != nil {
				w.blame("I21", "the ending of run %s does not decode: %v", r.id, ending.err)
				return
			}
			summary, err := monitor.Summary(ending.in)
			if err != nil {
				w.blame("I21", "no summary follows from the ending of run %s: %v", r.id, err)
				return
			}
			again := *said
			again.Payload = summary
			b, err := events.Encode(again)
			if err != nil || string(b) != w.detail[said.EventID] {
				w.blame("I21", "the ledger leads to another summary of run %s (%v)", r.id, err)
			}
			return
		}
	}
	w.blame("I21", "the ledger does not hold the event %s that ended run %s", r.meta.ClosedBy, r.id)
}

// judgeMails: I9, I19.
func (w *world) judgeMails(c *caseFile) {
	sent, unsure, ids := make(map[string]int), make(map[string]int), make(map[string][]string)
	for _, m := range w.mails {
		if sent[m.message]++; sent[m.message] == 1 {
			ids[m.run] = append(ids[m.run], m.message)
		}
		if !m.marked {
			unsure[m.message]++
		}
		w.scan("a mail", m.subject, m.text, m.html)
		if len(m.to) != 1 || m.to[0] != "owner@example.com" {
			w.blameAt(m.at, "I9", "a mail went to %v", m.to)
		}
	}
	reasons := make(map[string]int)
	for _, r := range c.runs {
		reasons[string(r.meta.Session)+r.meta.Outcome]++
	}
	for _, r := range c.runs {
		skipped := strings.HasPrefix(r.meta.Outcome, "SKIPPED:")
		repeated := skipped && r.summaries == 0 && reasons[string(r.meta.Session)+r.meta.Outcome] > 1
		if r.summaries != 1 && !repeated {
			w.blame("I9", "run %s (%s) has %d summaries", r.id, r.meta.Outcome, r.summaries)
		}
		for _, e := range r.events {
			if e.EventType != events.TypeTradingNotificationRequested {
				continue
			}
			message := e.EventID + "@example.com"
			switch n := sent[message]; {
			case n == 0:
				w.blame("I9", "the summary of run %s was never mailed", r.id)
			case n > 1+unsure[message]:
				w.blame("I9", "the summary of run %s was mailed %d times", r.id, n)
			}
		}
	}
	skips := make(map[string]int)
	for _, r := range c.runs {
		if key := string(r.meta.Session) + r.meta.Outcome; strings.HasPrefix(r.meta.Outcome, "SKIPPED:") {
			if skips[key] += r.summaries; skips[key] > 1 {
				w.blame("I9", "a repeated skip was mailed again: %s", key)
			}
		}
	}
}
