package local

import (
	"net/http"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/aws"
	"github.com/alchemiser/alchemiser/infra/local/bus"
	"github.com/alchemiser/alchemiser/infra/local/cloudwatch"
	"github.com/alchemiser/alchemiser/infra/local/lambda"
	"github.com/alchemiser/alchemiser/infra/local/smtp"
)

// Kind says what happened.
type Kind string

// The kinds of events an observer is told.
const (
	Published       Kind = "published"        // the bus accepted an event: Bus, EventType, EventID
	Started         Kind = "started"          // an invocation begins: Function, RequestID, EventType, Attempt
	Finished        Kind = "finished"         // it ended: also Duration, Cold, Error
	Throttled       Kind = "throttled"        // it was refused for now
	DeadLettered    Kind = "dead-lettered"    // an event could not be handed over: Queue, Error
	FailureRecorded Kind = "failure-recorded" // a function failed for good: Queue
	Denied          Kind = "denied"           // a permission is missing: Function, Error
	MailReceived    Kind = "mail"             // Mail
	ScheduleFired   Kind = "schedule"         // Schedule, Planned
	APICall         Kind = "call"             // Function, Operation, Duration, Error
	AlarmChanged    Kind = "alarm"            // an alarm began or ceased to fire: Alarm
)

// Event is one thing that happened, for the live timeline. Fields that do not belong to its kind are empty.
type Event struct {
	Kind      Kind
	Time      time.Time // of the machine's clock
	Function  string    // full name
	Service   string
	RequestID string
	EventType string
	EventID   string
	Attempt   int
	Duration  time.Duration
	Cold      bool
	Error     string // "type: message", a code, or a reason
	Queue     string
	Operation string
	Schedule  string
	Planned   time.Time
	Bus       *bus.Record
	Mail      *smtp.Mail
	Alarm     *cloudwatch.State
}

// Invocation is one attempt that ran.
type Invocation struct {
	Function  string        `json:"function"`
	Service   string        `json:"service"`
	RequestID string        `json:"request_id"`
	EventType string        `json:"event_type,omitempty"`
	Attempt   int           `json:"attempt"`
	Started   time.Time     `json:"started"`
	Duration  time.Duration `json:"duration"`
	Cold      bool          `json:"cold"`
	Error     string        `json:"error,omitempty"`
}

// observe tells the observer, one event at a time.
func (c *Cloud) observe(e Event) {
	c.observing.Lock()
	defer c.observing.Unlock()
	c.tell(e)
}

// tell is observe for those who hold the lock.
func (c *Cloud) tell(e Event) {
	if c.options.Observer == nil {
		return
	}
	if e.Time.IsZero() {
		e.Time = c.clock.Now()
	}
	c.options.Observer(e)
}

// attempted is told of every attempt before (r is nil) and after it.
func (c *Cloud) attempted(f *lambda.Function, i lambda.Invocation, r *lambda.Result) {
	e := Event{Kind: Started, Function: f.Name, Service: f.Service, RequestID: i.RequestID, EventType: i.EventType, Attempt: i.Attempt}
	c.measureAttempt(f.Name, i, r)
	if r == nil {
		c.observe(e)
		return
	}
	c.observing.Lock()
	defer c.observing.Unlock()
	if r.Throttled {
		e.Kind = Throttled
		c.tell(e)
		return
	}
	e.Kind, e.Duration, e.Cold = Finished, r.Duration, r.Cold
	if kind, message := r.Error(); r.Failed {
		e.Error = kind + ": " + message
	}
	c.invocations = append(c.invocations, Invocation{f.Name, f.Service, i.RequestID, i.EventType, i.Attempt, r.Started, r.Duration, r.Cold, e.Error})
	c.tell(e)
}

func (c *Cloud) published(r bus.Record) {
	c.observe(Event{Kind: Published, EventType: r.Event.DetailType, EventID: r.Event.ID, Bus: &r})
}

func (c *Cloud) mailArrived(m smtp.Mail) { c.observe(Event{Kind: MailReceived, Mail: &m}) }

func (c *Cloud) called(call aws.Call) {
	e := Event{Kind: APICall, Function: call.Caller, Operation: call.Operation, Duration: call.Duration, Error: call.Error}
	if f, ok := c.functions[call.Caller]; ok {
		e.Service = f.model.Service
	}
	if call.Error == "UnknownOperationException" {
		c.problem("%s called %s, which the one-machine cloud does not have", call.Caller, call.Operation)
	}
	c.observe(e)
	if call.Status == http.StatusBadRequest && call.Error == "AccessDeniedException" {
		e.Kind = Denied
		e.Error = "not granted: " + call.Operation
		c.observe(e)
	}
}
