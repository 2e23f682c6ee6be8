// Package topology is the invocation table of the system as data: which
// functions there are, what each consumes and publishes, and how each is
// retried. It is the only place that says so. The CDK app builds the rules
// from it, the functions register their handlers against it, and the README's
// table is generated from it.
//
//	for _, f := range topology.Functions() {
//		for _, s := range f.Consumes {
//			fmt.Println(s.Source, s.Type, "→", f.Name)
//		}
//	}
package topology

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// Name names a function; it is the service's folder, its stack and its alias's
// owner.
type Name string

const (
	Start     Name = "start"
	Signal    Name = "signal"
	Portfolio Name = "portfolio"
	Execution Name = "execution"
	Monitor   Name = "monitor"
	Notifier  Name = "notifier"
)

// Subscription is one event that a function consumes: one rule on the bus.
type Subscription struct {
	Source events.Source
	Type   events.Type
}

// Schedule is a timed command of a function.
type Schedule struct {
	Name       string
	Expression string // EventBridge Scheduler: cron(…) or rate(…)
	Zone       string // IANA; empty for rate
	Input      string // the command, JSON
	// Switched schedules follow the environment's ScheduleEnabled; the others
	// always run.
	Switched bool
	Delivery Retry
}

// Retry bounds one retry layer.
type Retry struct {
	Attempts int
	MaxAge   time.Duration
}

// Function is one stage.
type Function struct {
	Name      Name
	Question  string // what the stage decides, for people
	Source    events.Source
	Consumes  []Subscription
	Publishes []events.Type
	Schedules []Schedule
	Timeout   time.Duration
	MemoryMB  int
	Delivery  Retry // the rule's: hand-over to Lambda, never a handler's error
	Async     Retry // the alias's: errors, timeouts and throttling of the function
	// Broker functions read the broker's keys; Mail the SMTP credentials.
	Broker, Mail bool
	// Ranges functions read documents of the ledger by ranges of keys, too: the
	// slots of a session, the legs of a plan, all of a run.
	Ranges bool
}

// Timeout is the same for every function: three tries of it fit the async age.
const Timeout = 30 * time.Second

// Delivery ends before a run's not_after for trading functions: an order must
// never be tried hours later. Reports may arrive late.
var (
	tradingDelivery = Retry{Attempts: 20, MaxAge: 15 * time.Minute}
	reportDelivery  = Retry{Attempts: 185, MaxAge: 24 * time.Hour}
	tradingAsync    = Retry{Attempts: 2, MaxAge: 15 * time.Minute}
	reportAsync     = Retry{Attempts: 2, MaxAge: 6 * time.Hour}
)

// Functions is the table, in the order in which a run passes through it.
func Functions() []Function { return slices.Clone(table()) }

var table = sync.OnceValue(functions)

func functions() []Function {
	return []Function{
		{
			Name: Start, Question: "May a run begin now?", Source: events.SourceOrchestration,
			Publishes: []events.Type{events.TypeWorkflowStarted, events.TypeWorkflowSkipped, events.TypeWorkflowFailed, events.TypeErrorNotificationRequested},
			Schedules: []Schedule{{
				Name: "daily", Expression: "cron(35 9 ? * MON-FRI *)", Zone: "America/New_York", Switched: true,
				Input:    `{"mode":"trade","schedule":"daily","scheduled_time":"<aws.scheduler.scheduled-time>"}`,
				Delivery: Retry{Attempts: 3, MaxAge: 15 * time.Minute},
			}},
			Timeout: Timeout, MemoryMB: 256, Delivery: Retry{Attempts: 3, MaxAge: 15 * time.Minute}, Async: tradingAsync, Broker: true, Ranges: true,
		},
		{
			Name: Signal, Question: "What should be held?", Source: events.SourceStrategy,
			Consumes:  []Subscription{{events.SourceOrchestration, events.TypeWorkflowStarted}},
			Publishes: []events.Type{events.TypeSignalGenerated, events.TypeWorkflowFailed, events.TypeErrorNotificationRequested},
			Timeout:   Timeout, MemoryMB: 1024, Delivery: tradingDelivery, Async: tradingAsync, Broker: true,
		},
		{
			Name: Portfolio, Question: "Which trades lead there?", Source: events.SourcePortfolio,
			Consumes:  []Subscription{{events.SourceStrategy, events.TypeSignalGenerated}},
			Publishes: []events.Type{events.TypeRebalancePlanned, events.TypeWorkflowFailed, events.TypeErrorNotificationRequested},
			Timeout:   Timeout, MemoryMB: 512, Delivery: tradingDelivery, Async: tradingAsync, Broker: true,
		},
		{
			Name: Execution, Question: "Which orders, and are they done?", Source: events.SourceExecution,
			Consumes: []Subscription{
				{events.SourcePortfolio, events.TypeRebalancePlanned},
				{events.SourceExecution, events.TypeTradeExecutionContinued},
				{events.SourceOrchestration, events.TypeTradeExecutionContinued}, // the sweep's close-out
			},
			Publishes: []events.Type{events.TypeTradeExecuted, events.TypeTradeExecutionContinued, events.TypeWorkflowFailed, events.TypeErrorNotificationRequested},
			Timeout:   Timeout, MemoryMB: 512, Delivery: tradingDelivery, Async: tradingAsync, Broker: true, Ranges: true,
		},
		{
			Name: Monitor, Question: "How did the run end, and what must its owner know?", Source: events.SourceOrchestration,
			Consumes: []Subscription{
				{events.SourceExecution, events.TypeTradeExecuted},
				{events.SourceOrchestration, events.TypeWorkflowSkipped},
				{events.SourceOrchestration, events.TypeWorkflowFailed},
				{events.SourceStrategy, events.TypeWorkflowFailed},
				{events.SourcePortfolio, events.TypeWorkflowFailed},
				{events.SourceExecution, events.TypeWorkflowFailed},
			},
			Publishes: []events.Type{
				events.TypeTradingNotificationRequested, events.TypeWorkflowCompleted,
				events.TypeWorkflowFailed, events.TypeTradeExecutionContinued, events.TypeErrorNotificationRequested,
			},
			Schedules: []Schedule{{
				// The next tick is the retry.
				Name: "sweep", Expression: "rate(5 minutes)", Input: `{"mode":"sweep"}`,
				Delivery: Retry{Attempts: 0, MaxAge: 5 * time.Minute},
			}},
			Timeout: Timeout, MemoryMB: 256, Delivery: reportDelivery, Async: reportAsync, Ranges: true,
		},
		{
			Name: Notifier, Question: "Has the owner been told?", Source: events.SourceNotifications,
			Consumes: []Subscription{
				{events.SourceOrchestration, events.TypeTradingNotificationRequested},
				{events.SourceNotifications, events.TypeErrorNotificationRequested},
			},
			Timeout: Timeout, MemoryMB: 256, Delivery: reportDelivery, Async: reportAsync, Mail: true,
		},
	}
}

// Lookup finds a function by its name.
func Lookup(name Name) (Function, error) {
	for _, f := range table() {
		if f.Name == name {
			return f, nil
		}
	}
	return Function{}, fmt.Errorf("topology: no function %q", name)
}

// MayPublish reports whether the table lets the function publish the type.
func (f Function) MayPublish(t events.Type) bool { return slices.Contains(f.Publishes, t) }

// Handles reports whether the function subscribes to the type from the source.
func (f Function) Handles(s events.Source, t events.Type) bool {
	return slices.Contains(f.Consumes, Subscription{s, t})
}

// Sources are the sources under which the function may publish.
func (f Function) Sources() []events.Source {
	if len(f.Publishes) == 0 {
		return nil
	}
	sources := []events.Source{f.Source}
	if f.MayPublish(events.TypeErrorNotificationRequested) {
		sources = append(sources, events.SourceNotifications)
	}
	return sources
}

// Consumers are the functions that an event of the type and source reaches.
func Consumers(s events.Source, t events.Type) []Name {
	var names []Name
	for _, f := range table() {
		if f.Handles(s, t) {
			names = append(names, f.Name)
		}
	}
	return names
}

// Markdown is the table for the README.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| # | Function | Decides | Triggered by | Publishes |\n|---|---|---|---|---|\n")
	for i, f := range Functions() {
		var triggers []string
		for _, s := range f.Schedules {
			triggers = append(triggers, fmt.Sprintf("schedule `%s`", s.Expression))
		}
		for _, s := range f.Consumes {
			t := "`" + string(s.Type) + "`"
			if !slices.Contains(triggers, t) {
				triggers = append(triggers, t)
			}
		}
		publishes := make([]string, 0, len(f.Publishes))
		for _, t := range f.Publishes {
			publishes = append(publishes, "`"+string(t)+"`")
		}
		if len(publishes) == 0 {
			publishes = append(publishes, "an e-mail")
		}
		fmt.Fprintf(&b, "| %d | `%s` | %s | %s | %s |\n", i+1, f.Name, f.Question, strings.Join(triggers, "<br>"), strings.Join(publishes, "<br>"))
	}
	return b.String()
}
