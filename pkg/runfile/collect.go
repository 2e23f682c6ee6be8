package runfile

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/tapemarket"
	"github.com/alchemiser/alchemiser/pkg/transcript"
)

// Collect makes the record from the documents of a run's partition. What is
// missing or does not decode is named in the head: a run that went wrong has a
// record as well.
func Collect(runID string, items []ledger.Item) (*Run, error) {
	if len(items) == 0 {
		return nil, fmt.Errorf("runfile: the ledger has no document of run %s", runID)
	}
	c := collection{run: &Run{Head: Head{Line: "run", Format: Format, Version: Version, RunID: runID, Missing: []string{}}}, kept: make(map[string][]byte), receipts: make(map[string][]byte)}
	for _, item := range items {
		kind, rest, _ := strings.Cut(item.SK, "#")
		switch kind {
		case "IN":
			c.inbox(item, rest)
		case "TRANSCRIPT":
			c.part(c.kept, item)
		case "RECEIPT":
			c.part(c.receipts, item)
		case "META":
			c.meta(item)
			fallthrough
		default:
			c.run.Documents = append(c.run.Documents, Document{Line: "document", Key: item.SK, Version: item.Version, Value: item.Body})
		}
	}
	slices.SortStableFunc(c.run.Deliveries, func(a, b Delivery) int {
		return cmp.Or(cmp.Compare(a.ClaimedAt, b.ClaimedAt), strings.Compare(a.Consumer+a.EventID, b.Consumer+b.EventID))
	})
	for i := range c.run.Deliveries {
		c.finish(&c.run.Deliveries[i])
	}
	c.readReceipts()
	c.order()
	return c.run, nil
}

type collection struct {
	run            *Run
	kept, receipts map[string][]byte // parts joined, by key without the part
}

func (c *collection) lacks(format string, args ...any) {
	c.run.Head.Missing = append(c.run.Head.Missing, fmt.Sprintf(format, args...))
}

func (c *collection) meta(item ledger.Item) {
	var m ledger.Meta
	if err := json.Unmarshal(item.Body, &m); err != nil {
		c.lacks("META does not decode: %v", err)
		return
	}
	h := &c.run.Head
	h.RunKey, h.Account, h.Mode, h.DryRun, h.Session = m.RunKey, m.Account, string(m.TradingMode), m.DryRun, string(m.Session)
	h.State, h.Outcome = string(m.State), m.Outcome
}

// part joins parts, which come in the order of their keys.
func (c *collection) part(into map[string][]byte, item ledger.Item) {
	var p struct{ Bytes, Gzip []byte } // a transcript's, a receipt's
	if err := json.Unmarshal(item.Body, &p); err != nil {
		c.lacks("%s does not decode: %v", item.SK, err)
		return
	}
	whole := item.SK[:strings.LastIndex(item.SK, "#")]
	into[whole] = append(append(into[whole], p.Bytes...), p.Gzip...)
}

func (c *collection) inbox(item ledger.Item, rest string) {
	consumer, eventID, _ := strings.Cut(rest, "#")
	var in ledger.Inbox
	if err := json.Unmarshal(item.Body, &in); err != nil {
		c.lacks("%s does not decode: %v", item.SK, err)
		return
	}
	d := Delivery{
		Line: "delivery", Consumer: consumer, EventID: eventID, EventType: in.EventType, State: in.State, Attempts: in.Attempts,
		Hash: in.DetailHash, Result: in.Result, LastError: in.LastError, Pub: in.Pub, ClaimedAt: in.ClaimedAt, DoneAt: in.DoneAt,
		Published: []string{}, Lost: in.TranscriptLost,
	}
	for _, out := range in.Out {
		e, err := events.Decode([]byte(out))
		if err != nil {
			c.lacks("an event that %s published does not decode: %v", consumer, err)
			continue
		}
		d.Published = append(d.Published, e.EventID)
		if _, known := c.run.Event(e.EventID); !known {
			c.run.Events = append(c.run.Events, Event{ID: e.EventID, Type: e.EventType, Raw: json.RawMessage(out)})
		}
	}
	if len(in.Transcript) > 0 {
		t, err := transcript.Read(in.Transcript)
		if err != nil {
			d.Lost = err.Error()
		} else {
			d.Transcript = t
		}
	}
	c.run.Deliveries = append(c.run.Deliveries, d)
}

// finish adds what lies beside the transcript.
func (c *collection) finish(d *Delivery) {
	t := d.Transcript
	switch {
	case t == nil && d.Lost == "" && d.State == ledger.Done:
		d.Lost = "it has no transcript: it was decided by a build that wrote none"
	case t == nil && d.Lost == "":
		d.Lost = "its last attempt did not end"
	case t != nil && t.Head.Lost != "":
		d.Lost = t.Head.Lost
	}
	if t != nil {
		d.Bars = make(map[string]market.Bars)
		for name, k := range t.Head.Kept {
			content := c.kept[fmt.Sprintf("TRANSCRIPT#%s#%s#%d#%s", d.Consumer, d.EventID, t.Head.Attempt, name)]
			bars, err := tapemarket.Decode(content)
			switch {
			case k.SHA256 == "": // the head says why it was not stored
			case k.SHA256 != transcript.Digest(content):
				d.Lost = name + " is not what was stored"
			case err != nil:
				d.Lost = err.Error()
			default:
				d.Bars[name] = bars
			}
		}
	}
	if d.Lost != "" && d.State == ledger.Done { // an attempt that died decided nothing
		c.lacks("%s of %s: %s", d.Consumer, d.EventID, d.Lost)
	}
}

// readReceipts adds the strategies' receipts, readable.
func (c *collection) readReceipts() {
	for key, compressed := range c.receipts {
		text, err := ledger.OpenReceipt(compressed)
		if err != nil {
			c.lacks("%s does not decompress: %v", key, err)
			continue
		}
		c.run.Documents = append(c.run.Documents, Document{Line: "document", Key: key, Value: text})
	}
	slices.SortFunc(c.run.Documents, func(a, b Document) int { return strings.Compare(a.Key, b.Key) })
}

// order puts the events behind the deliveries that published them.
func (c *collection) order() {
	at := make(map[string]int)
	n := 0
	for _, d := range c.run.Deliveries {
		for _, id := range d.Published {
			if _, ok := at[id]; !ok {
				at[id], n = n, n+1
			}
		}
	}
	slices.SortStableFunc(c.run.Events, func(a, b Event) int { return at[a.ID] - at[b.ID] })
}
