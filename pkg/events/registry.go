package events

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Type names an event; it is the detail-type on the bus.
type Type string

// The event types. Each has one entry in the registry below.
const (
	TypeWorkflowStarted              Type = "WorkflowStarted"
	TypeWorkflowSkipped              Type = "WorkflowSkipped"
	TypeSignalGenerated              Type = "SignalGenerated"
	TypeRebalancePlanned             Type = "RebalancePlanned"
	TypeTradeExecutionContinued      Type = "TradeExecutionContinued"
	TypeTradeExecuted                Type = "TradeExecuted"
	TypeWorkflowFailed               Type = "WorkflowFailed"
	TypeWorkflowCompleted            Type = "WorkflowCompleted"
	TypeTradingNotificationRequested Type = "TradingNotificationRequested"
	TypeErrorNotificationRequested   Type = "ErrorNotificationRequested"
)

// Source says in whose name an event is published; it is the source on the bus.
type Source string

const (
	SourceOrchestration Source = "alchemiser.orchestration" // start and monitor
	SourceStrategy      Source = "alchemiser.strategy"      // signal
	SourcePortfolio     Source = "alchemiser.portfolio"
	SourceExecution     Source = "alchemiser.execution"
	SourceNotifications Source = "alchemiser.notifications" // error notifications of any stage
)

// Class says until when an event may be acted on.
type Class int

const (
	// Trading events expire with the run: nothing is submitted at or after not_after.
	Trading Class = iota
	// Report events live as long as the failure queues keep them.
	Report
)

// Payload is the body of one event type.
type Payload interface{ EventType() Type }

// Entry is what the registry knows of one event type.
type Entry struct {
	Type    Type
	Version string // of the payload, MAJOR.MINOR
	Sources []Source
	Class   Class
	New     func() Payload // a pointer to an empty payload of the current version
	// Upcasters lead from major version 1 to 2, from 2 to 3, … to the current one.
	Upcasters []Upcaster
}

// Registry lists every event type there is, in the order in which a run meets
// them. A type that is not listed can be neither published nor decoded.
func Registry() []Entry { return slices.Clone(registry()) }

var registry = sync.OnceValue(entries)

func entries() []Entry {
	orchestration := []Source{SourceOrchestration}
	return []Entry{
		{Type: TypeWorkflowStarted, Version: "1.0", Sources: orchestration, Class: Trading, New: func() Payload { return new(WorkflowStarted) }},
		{Type: TypeWorkflowSkipped, Version: "1.0", Sources: orchestration, Class: Report, New: func() Payload { return new(WorkflowSkipped) }},
		{Type: TypeSignalGenerated, Version: "1.0", Sources: []Source{SourceStrategy}, Class: Trading, New: func() Payload { return new(SignalGenerated) }},
		{Type: TypeRebalancePlanned, Version: "1.1", Sources: []Source{SourcePortfolio}, Class: Trading, New: func() Payload { return new(RebalancePlanned) }},
		{Type: TypeTradeExecutionContinued, Version: "1.0", Sources: []Source{SourceExecution, SourceOrchestration}, Class: Trading, New: func() Payload { return new(TradeExecutionContinued) }},
		{Type: TypeTradeExecuted, Version: "1.0", Sources: []Source{SourceExecution}, Class: Report, New: func() Payload { return new(TradeExecuted) }},
		{Type: TypeWorkflowFailed, Version: "1.0", Sources: []Source{SourceOrchestration, SourceStrategy, SourcePortfolio, SourceExecution}, Class: Report, New: func() Payload { return new(WorkflowFailed) }},
		{Type: TypeWorkflowCompleted, Version: "1.0", Sources: orchestration, Class: Report, New: func() Payload { return new(WorkflowCompleted) }},
		{Type: TypeTradingNotificationRequested, Version: "1.0", Sources: orchestration, Class: Report, New: func() Payload { return new(TradingNotificationRequested) }},
		{Type: TypeErrorNotificationRequested, Version: "1.0", Sources: []Source{SourceNotifications}, Class: Report, New: func() Payload { return new(ErrorNotificationRequested) }},
	}
}

// Lookup finds the entry of a type.
func Lookup(t Type) (Entry, error) {
	for _, e := range registry() {
		if e.Type == t {
			return e, nil
		}
	}
	return Entry{}, &PoisonError{Reason: fmt.Sprintf("unknown event type %q", t)}
}

// Admits reports whether the type may be published under the source.
func (e Entry) Admits(s Source) bool { return slices.Contains(e.Sources, s) }

// Major is the part of the version that a consumer must know.
func (e Entry) Major() string { major, _, _ := strings.Cut(e.Version, "."); return major }

func (*WorkflowStarted) EventType() Type              { return TypeWorkflowStarted }
func (*WorkflowSkipped) EventType() Type              { return TypeWorkflowSkipped }
func (*SignalGenerated) EventType() Type              { return TypeSignalGenerated }
func (*RebalancePlanned) EventType() Type             { return TypeRebalancePlanned }
func (*TradeExecutionContinued) EventType() Type      { return TypeTradeExecutionContinued }
func (*TradeExecuted) EventType() Type                { return TypeTradeExecuted }
func (*WorkflowFailed) EventType() Type               { return TypeWorkflowFailed }
func (*WorkflowCompleted) EventType() Type            { return TypeWorkflowCompleted }
func (*TradingNotificationRequested) EventType() Type { return TypeTradingNotificationRequested }
func (*ErrorNotificationRequested) EventType() Type   { return TypeErrorNotificationRequested }
