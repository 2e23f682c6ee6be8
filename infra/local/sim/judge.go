package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// blame records a broken invariant.
func (w *world) blame(invariant, format string, args ...any) {
	w.blameAt(w.loop.now, invariant, format, args...)
}

func (w *world) blameAt(at int64, invariant, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.trace.add(at, "judge", invariant, text, "")
	w.wrong = append(w.wrong, Violation{Invariant: invariant, At: time.Unix(0, at), Text: text})
}

// scan looks for what must never leave the functions.
func (w *world) scan(where string, texts ...string) {
	for _, secret := range []string{accountNumber, apiKey, apiSecret} {
		if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, secret) }) {
			w.blame("I19", "%s holds a secret", where)
		}
	}
}

// run is all that is known of one run.
type run struct {
	id        string
	meta      ledger.Meta
	items     []ledger.Item
	slot      time.Time
	session   *market.Session // by the true calendar; nil: closed
	limit     int64           // no order is accepted at or after it
	events    []events.Envelope
	started   *events.Envelope
	begun     int64 // when that was published
	signalled int64 // when its targets were
	closed    int64 // when its record was closed, by the true time
	plan      *events.RebalancePlanned
	planned   int64 // when the plan was published
	executed  *events.TradeExecuted
	reported  int64
	summaries int
	endings   int // different TradeExecuted
	plans     int
	legs      map[legKey]*leg
	posts     []request
}

type legKey struct {
	symbol string
	side   events.Side
}

// leg is what the broker's book says of one line.
type leg struct {
	line   *events.PlanLine
	orders []paperbroker.Order
	filled money.Decimal
	value  money.Decimal
}

// case is everything that the judge looks at.
type caseFile struct {
	runs   []*run
	byID   map[string]*run
	orders map[string]paperbroker.Order // by the broker's id
}

// judge holds the world that ended against the invariants.
func (w *world) judge() {
	w.book = w.broker.Orders()
	c := w.file()
	w.ended = c.runs
	for _, r := range c.runs {
		w.judgeOrders(r)
		w.judgeEnding(r)
		w.judgeReport(r)
		w.judgeTarget(r)
		w.outcomes = append(w.outcomes, r.meta.Outcome)
	}
	w.judgeSessions(c)
	w.judgeEvents(c)
	w.judgeMails(c)
	w.judgeBook(c)
}

// file collects what there is, run by run in the order of their ids.
func (w *world) file() *caseFile {
	c := &caseFile{byID: make(map[string]*run), orders: make(map[string]paperbroker.Order)}
	for _, o := range w.book {
		c.orders[o.ID] = o
	}
	for _, write := range w.writes {
		id, ok := strings.CutPrefix(write.key.PK, "RUN#")
		if !ok || write.key.SK != "META" {
			continue
		}
		if r := c.byID[id]; r != nil {
			if r.closed == 0 && write.due.IsZero() { // nothing is due for a closed run
				r.closed = write.at
			}
			continue
		}
		r := &run{id: id, legs: make(map[legKey]*leg)}
		r.items, _ = w.memory.Query(context.Background(), write.key.PK, "") // a memory in memory does not fail
		for _, item := range r.items {
			if item.SK == "META" {
				if err := json.Unmarshal(item.Body, &r.meta); err != nil {
					w.blame("I4", "the record of run %s does not decode: %v", id, err)
				}
			}
		}
		r.slot, _ = time.Parse("2006-01-02T15:04Z", r.meta.Slot)
		if s, open := w.calendar.Session(events.DateOf(r.slot, market.NewYork())); open {
			r.session = &s
			r.limit = min(r.slot.Add(w.config.start.RunLength).UnixNano(), s.Close.Add(-2*time.Minute).UnixNano())
		}
		c.runs, c.byID[id] = append(c.runs, r), r
	}
	w.fileEvents(c)
	for _, p := range w.requests {
		r := c.byID[p.run]
		if r == nil {
			w.blameAt(p.sent, "I18", "an order of run %s, which has no record: %s", p.run, p.order.ClientID)
			continue
		}
		r.posts = append(r.posts, p)
		if p.id == "" {
			continue
		}
		key := legKey{p.order.Symbol, p.order.Side}
		l := r.legs[key]
		if l == nil {
			l = &leg{}
			r.legs[key] = l
		}
		o := c.orders[p.id]
		l.orders = append(l.orders, o)
		l.filled = l.filled.Add(o.Filled)
		for _, f := range o.Fills {
			l.value = l.value.Add(f.Qty.Mul(f.Price))
		}
	}
	return c
}

func (w *world) fileEvents(c *caseFile) {
	known := make(map[string]bool)
	for _, p := range w.published {
		id := eventID(p.detail)
		if known[id] {
			continue
		}
		known[id] = true
		read := w.reading(p.detail)
		if read.err != nil {
			w.blameAt(p.at, "I4", "%s published what does not decode", p.by)
			continue
		}
		e := read.in
		r := c.byID[e.CorrelationID]
		if r == nil {
			continue // the report of a missing run has no record
		}
		r.events = append(r.events, e)
		switch payload := e.Payload.(type) {
		case *events.WorkflowStarted:
			r.started, r.begun = &e, p.at
		case *events.SignalGenerated:
			r.signalled = p.at
		case *events.RebalancePlanned:
			r.plan, r.planned, r.plans = payload, p.at, r.plans+1
		case *events.TradeExecuted:
			r.executed, r.reported, r.endings = payload, p.at, r.endings+1
		case *events.TradingNotificationRequested:
			r.summaries++
		}
	}
	for _, r := range c.runs {
		if r.plan == nil {
			continue
		}
		for k := range r.plan.Lines {
			l := &r.plan.Lines[k]
			r.legs[legKey{l.Symbol, l.Side}] = &leg{line: l}
		}
	}
}

// touched reports whether people changed a symbol of the account, or its cash,
// at or after an instant.
func (w *world) touched(symbol string, since int64) bool {
	return slices.ContainsFunc(w.hands, func(h hand) bool {
		return h.at >= since && (h.symbol == symbol && (h.what == "position" || h.what == "cancel") || h.what == "cash")
	})
}
