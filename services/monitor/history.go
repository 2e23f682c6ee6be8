package monitor

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/record"
)

// history is what the documents of an open run say of it.
type history struct {
	last      visit        // the newest work of a stage
	ending    *ledger.Item // the outbox that holds an event that ends the run
	context   *events.Context
	planID    string
	execution *record.Execution
	orders    []string // client order ids not known to have ended
	unread    int      // order records that could not be read
	closedOut bool     // the execution was asked to close
}

// visit is one stage's work on one event.
type visit struct {
	stage, eventID string
	inbox          ledger.Inbox
}

// stages are those that a run passes through before it ends.
var stages = []string{"start", "signal", "portfolio", "execution"}

// follows orders visits along the run; two of one stage by time.
func (v visit) follows(w visit) bool {
	if a, b := slices.Index(stages, v.stage), slices.Index(stages, w.stage); a != b {
		return a > b
	}
	return v.inbox.ClaimedAt >= w.inbox.ClaimedAt
}

// executing reports whether an execution was begun and did not end.
func (h history) executing() bool { return h.execution != nil && h.execution.Phase != events.PhaseDone }

func readHistory(items []ledger.Item) (history, error) {
	var h history
	for _, item := range items {
		kind, rest, _ := strings.Cut(item.SK, "#")
		switch kind {
		case "IN":
			if err := h.readInbox(item, rest); err != nil {
				return h, err
			}
		case "EXEC":
			h.planID, h.execution = rest, new(record.Execution)
			if err := json.Unmarshal(item.Body, h.execution); err != nil {
				return h, fmt.Errorf("monitor: %s does not decode: %w", item.Key, err)
			}
		case "LEG":
			h.readLeg(item)
		}
	}
	return h, nil
}

func (h *history) readInbox(item ledger.Item, rest string) error {
	stage, eventID, _ := strings.Cut(rest, "#")
	asked := stage == Consumer && eventID == events.CloseOutID(strings.TrimPrefix(item.PK, "RUN#"))
	if !asked && !slices.Contains(stages, stage) {
		return nil
	}
	v := visit{stage: stage, eventID: eventID}
	if err := json.Unmarshal(item.Body, &v.inbox); err != nil {
		return fmt.Errorf("monitor: %s does not decode: %w", item.Key, err)
	}
	if asked {
		h.closedOut = v.inbox.State == ledger.Done
		return nil
	}
	if v.follows(h.last) {
		h.last = v
	}
	for _, out := range v.inbox.Out {
		e, err := events.Decode([]byte(out))
		if err != nil {
			return fmt.Errorf("monitor: an event in %s: %w", item.Key, err)
		}
		switch p := e.Payload.(type) {
		case *events.TradeExecuted, *events.WorkflowFailed, *events.WorkflowSkipped:
			ending := item
			h.ending = &ending
		case *events.SignalGenerated:
			if h.context == nil {
				h.context = &p.Context
			}
		case *events.RebalancePlanned:
			h.context = &p.Context // knows the plan, too
		}
	}
	return nil
}

func (h *history) readLeg(item ledger.Item) {
	var l record.Leg
	if err := json.Unmarshal(item.Body, &l); err != nil {
		h.unread++ // the report must not fail because a record is strange
		return
	}
	for _, a := range l.Attempts {
		if !a.State.Terminal() {
			h.orders = append(h.orders, a.ClientOrderID)
		}
	}
}

// The detail of a stalled run that says whether orders may exist.
const (
	OrdersDetail     = "orders"
	OrdersNone       = "none were sent"
	OrdersUnresolved = "some may be working or filled"
	OrdersEnded      = "all have ended; their fills were not reported"
)

// stalled is the failure of a run that did not end in time.
func (h history) stalled(meta ledger.Meta) *events.WorkflowFailed {
	f := &events.WorkflowFailed{
		Stage: "monitor", FailureCode: "stalled", Context: h.context, OpenOrders: h.orders,
		Hint:    "alchemiser show " + events.RunID(meta.RunKey),
		Details: events.Details{OrdersDetail: h.ordersKnown()},
	}
	if h.last.stage == "" {
		f.Message = "The run was opened, and nothing further is on record."
		f.Details["last_stage"] = "start"
		return f
	}
	in := h.last.inbox
	f.OriginalEventID, f.OriginalEventType = h.last.eventID, events.Type(in.EventType)
	f.Details["last_stage"] = h.last.stage
	if in.LastError != "" {
		f.Details["last_error"] = in.LastError
	}
	if in.State == ledger.Done {
		f.Message = fmt.Sprintf("The %s stage ended with %s, and nothing followed.", h.last.stage, in.Result)
	} else {
		f.Message = fmt.Sprintf("The %s stage was begun %s and did not end.", h.last.stage, times(in.Attempts))
	}
	return f
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func (h history) ordersKnown() string {
	switch {
	case h.execution == nil || h.execution.Refused != nil:
		return OrdersNone
	case len(h.orders) > 0 || h.unread > 0 || h.executing():
		return OrdersUnresolved
	}
	return OrdersEnded
}
