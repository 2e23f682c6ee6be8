package execution

import (
	"encoding/json"
	"fmt"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// mostBytes leaves room for the envelope, and for what the mail's event says
// beside the report.
const mostBytes = 190_000

// fit makes a report of hundreds of trades small enough for an event. Step by
// step it leaves out what the ledger holds as well, and says so; what was
// traded, and how every leg ended, stays.
func fit(e *events.TradeExecuted) {
	for _, shorten := range []func(*events.TradeExecuted){resolvedIDs, repeatedMessages, manyWarnings, planLines} {
		if raw, err := json.Marshal(e); err != nil || len(raw) <= mostBytes {
			return // what cannot be encoded is refused where it is published
		}
		shorten(e)
	}
}

func leaveOut(e *events.TradeExecuted, what string) {
	e.Context.Warnings = append(e.Context.Warnings, what+" left out of this report for its size; alchemiser show has them")
}

// resolvedIDs leaves the id of an order only where its fate is unknown.
func resolvedIDs(e *events.TradeExecuted) {
	for i := range e.Legs {
		l := &e.Legs[i]
		if n := len(l.ClientOrderIDs); l.Status == events.LegUnknown && n > 0 {
			l.ClientOrderIDs = l.ClientOrderIDs[n-1:]
		} else {
			l.ClientOrderIDs = nil
		}
	}
	leaveOut(e, "the client order ids of orders that ended are")
}

// repeatedMessages leaves the broker's words with the first leg of each code.
func repeatedMessages(e *events.TradeExecuted) {
	said := make(map[string]bool)
	for i := range e.Legs {
		l := &e.Legs[i]
		if key := l.ReasonCode + " " + l.BrokerCode; said[key] {
			l.BrokerMessage = ""
		} else {
			said[key] = true
		}
	}
	leaveOut(e, "the broker's words after the first of each code are")
}

// planLines leaves out the plan beside its legs.
func planLines(e *events.TradeExecuted) {
	e.Lines = nil
	leaveOut(e, "the lines of the plan are")
}

// manyWarnings keeps the first and the last, which say what else is left out.
func manyWarnings(e *events.TradeExecuted) {
	const first, last = 20, 3
	w := e.Context.Warnings
	if more := len(w) - first - last; more > 0 {
		e.Context.Warnings = append(append(w[:first:first], fmt.Sprintf("%d warnings are left out of this report for its size", more)), w[len(w)-last:]...)
	}
}
