package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/record"
	"github.com/alchemiser/alchemiser/pkg/strategy"
	"github.com/alchemiser/alchemiser/services/notifier"
)

// history is all that the ledger has of a run.
type history struct {
	id         string
	meta       *ledger.Meta // nil when the run was never opened
	deliveries []delivery   // in order of their first claim
	events     []events.Envelope
	execution  *record.Execution
	legs       []record.Leg
	receipts   []*strategy.Receipt
	mails      []sentMail
	unreadable []string // documents that this build does not understand, with the reason
}

// delivery is what a function made of an event.
type delivery struct {
	Function string
	EventID  string
	ledger.Inbox
}

// sentMail is a mail with its kind: summary, or an error's.
type sentMail struct {
	Kind string `json:"kind"`
	notifier.Record
}

// history reads a run; nil when there is none.
func (p *place) history(ctx context.Context, id string) (*history, error) {
	items, err := p.ledger.Run(ctx, id)
	if err != nil || len(items) == 0 {
		return nil, err
	}
	h := &history{id: id}
	receipts := make(map[string][]byte)
	for _, item := range items {
		if err := h.read(item, receipts); err != nil {
			// The rest of a run must stay readable.
			h.unreadable = append(h.unreadable, fmt.Sprintf("%s: %v", item.SK, err))
		}
	}
	for _, name := range slices.Sorted(keysOf(receipts)) {
		r := new(strategy.Receipt)
		text, err := ledger.OpenReceipt(receipts[name])
		if err == nil {
			err = json.Unmarshal(text, r)
		}
		if err != nil {
			h.unreadable = append(h.unreadable, fmt.Sprintf("the receipt of %s: %v", name, err))
			continue
		}
		h.receipts = append(h.receipts, r)
	}
	slices.SortStableFunc(h.deliveries, func(a, b delivery) int { return cmp.Compare(a.ClaimedAt, b.ClaimedAt) })
	slices.SortStableFunc(h.events, func(a, b events.Envelope) int {
		return cmp.Or(a.Timestamp.Time().Compare(b.Timestamp.Time()), cmp.Compare(a.Hop, b.Hop))
	})
	return h, nil
}

func (h *history) read(item ledger.Item, receipts map[string][]byte) error {
	kind, rest, _ := strings.Cut(item.SK, "#")
	switch kind {
	case "META":
		h.meta = new(ledger.Meta)
		return json.Unmarshal(item.Body, h.meta)
	case "IN":
		return h.readInbox(item, rest)
	case "EXEC":
		h.execution = new(record.Execution)
		return json.Unmarshal(item.Body, h.execution)
	case "LEG":
		var l record.Leg
		err := json.Unmarshal(item.Body, &l)
		h.legs = append(h.legs, l)
		return err
	case "RECEIPT":
		var part ledger.ReceiptPart
		err := json.Unmarshal(item.Body, &part)
		name, _, _ := strings.Cut(rest, "#")
		receipts[name] = append(receipts[name], part.Gzip...) // parts come in order of their keys
		return err
	case "MAIL":
		m := sentMail{Kind: rest}
		err := json.Unmarshal(item.Body, &m.Record)
		h.mails = append(h.mails, m)
		return err
	}
	if kind == "TRANSCRIPT" { // for replay, not for reading
		return nil
	}
	return errors.New("a document of an unknown kind")
}

func (h *history) readInbox(item ledger.Item, rest string) error {
	d := delivery{}
	d.Function, d.EventID, _ = strings.Cut(rest, "#")
	if err := json.Unmarshal(item.Body, &d.Inbox); err != nil {
		return err
	}
	h.deliveries = append(h.deliveries, d)
	for _, out := range d.Out {
		e, err := events.Decode([]byte(out))
		if err != nil {
			return err
		}
		h.events = append(h.events, e)
	}
	return nil
}

// last finds the last event of a payload's type.
func last[P events.Payload](h *history) (found P, ok bool) {
	for _, e := range h.events {
		if p, is := e.Payload.(P); is {
			found, ok = p, true
		}
	}
	return found, ok
}

// plan is the plan: of the event, or of the execution that works on it.
func (h *history) plan() *events.RebalancePlanned {
	if p, ok := last[*events.RebalancePlanned](h); ok {
		return p
	}
	return nil
}

// target is what the strategies wanted.
func (h *history) target() *events.SignalGenerated {
	if p, ok := last[*events.SignalGenerated](h); ok {
		return p
	}
	return nil
}

// results are the outcomes of the plan's lines: of the report, or of what is
// known while there is none.
func (h *history) executed() *events.TradeExecuted {
	if p, ok := last[*events.TradeExecuted](h); ok {
		return p
	}
	if h.execution != nil {
		return h.execution.Final
	}
	return nil
}

// outcome is how the run ended, OPEN while it has not.
func (h *history) outcome() string {
	switch {
	case h.meta == nil:
		return "UNKNOWN"
	case h.meta.State == ledger.RunOpen:
		return "OPEN"
	}
	return h.meta.Outcome
}
