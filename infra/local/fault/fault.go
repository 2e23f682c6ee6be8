// Package fault injects the failures a cloud has: processes killed between two lines, replies lost, events delivered twice. A plan
// holds faults; the places that can fail ask it at every occurrence.
//
//	plan.Add(fault.Fault{Do: fault.KillAfterCall, Function: "execution", Operation: "dynamodb:PutItem", Nth: 2})
package fault

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Action is what goes wrong.
type Action string

// The actions, and which fields of a Fault choose their occurrences.
const (
	KillBeforeWork     Action = "kill-before-work"     // function, event type: the process dies before it sees the event
	KillWhileWorking   Action = "kill-while-working"   // function, event type, delay: the process dies so long after it got the event, if it still works on it
	KillAfterCall      Action = "kill-after-call"      // function, operation: the call takes effect, the process dies before the reply
	KillBeforeResponse Action = "kill-before-response" // function, event type: all work done, the process dies before it says so
	DropResponse       Action = "drop-response"        // function, event type: the reply is lost, the invocation counts as timed out
	DelayResponse      Action = "delay-response"       // function, event type, delay: beyond the timeout it becomes one
	Throttle           Action = "throttle"             // function: the invocation is refused with 429
	Missing            Action = "missing"              // function: a delivery finds no such function
	DenyDelivery       Action = "deny-delivery"        // function: a delivery finds its permission removed
	DeliverTwice       Action = "deliver-twice"        // function, event type: accepted once, run twice, concurrently
	DelayDelivery      Action = "delay-delivery"       // function, event type, delay
	DeliverReversed    Action = "deliver-reversed"     // function, event type, delay: held until another event of the function has ended, at most for delay
	ReceiveTwice       Action = "receive-twice"        // function, operation sqs:ReceiveMessage: the message is received once more, even if it is deleted
	RejectEntry        Action = "reject-entry"         // event type: PutEvents fails for this entry only
	FailCall           Action = "fail-call"            // function, operation: the call fails before it takes effect
	FailReply          Action = "fail-reply"           // function, operation: the call takes effect, the reply is an error
	ThrottleCall       Action = "throttle-call"        // function, operation: the call is refused with ThrottlingException
	DelayCall          Action = "delay-call"           // function, operation, delay
	MailReject         Action = "mail-reject"          // code: the server answers MAIL with this code
	MailRefuseTLS      Action = "mail-refuse-tls"      // the TLS handshake fails
	MailDropBefore     Action = "mail-drop-before"     // the connection ends before the mail was accepted
	MailDropAfter      Action = "mail-drop-after"      // the connection ends after the mail was accepted, before the reply
	ScheduleTwice      Action = "schedule-twice"       // function: fires twice
	ScheduleLate       Action = "schedule-late"        // function, delay: fires after its planned time
	ScheduleSkip       Action = "schedule-skip"        // function: does not fire
)

// actions is the list above: anything else is a misspelt action.
var actions = []Action{KillBeforeWork, KillWhileWorking, KillAfterCall, KillBeforeResponse, DropResponse, DelayResponse, Throttle, Missing,
	DenyDelivery, DeliverTwice, DelayDelivery, DeliverReversed, ReceiveTwice, RejectEntry, FailCall, FailReply, ThrottleCall, DelayCall, MailReject,
	MailRefuseTLS, MailDropBefore, MailDropAfter, ScheduleTwice, ScheduleLate, ScheduleSkip}

// Fault is one thing that goes wrong. Empty selectors match everything.
type Fault struct {
	Do        Action        `json:"do"`
	Function  string        `json:"function,omitempty"`  // service, for example "execution"
	Operation string        `json:"operation,omitempty"` // as in policies, for example "events:PutEvents"
	EventType string        `json:"event_type,omitempty"`
	Nth       int           `json:"nth,omitempty"`   // first matching occurrence that fails, from 1; 0 means 1
	Times     int           `json:"times,omitempty"` // how many fail from there; 0 means 1, -1 all
	Share     float64       `json:"share,omitempty"` // instead of Nth and Times: the probability, drawn from Seed
	Seed      uint64        `json:"seed,omitempty"`
	Delay     time.Duration `json:"delay,omitempty"` // nanoseconds in JSON
	Code      int           `json:"code,omitempty"`  // SMTP reply code
}

// Occurrence is a place and moment at which an action is possible.
type Occurrence struct {
	Do        Action
	Function  string
	Operation string
	EventType string
}

// Plan holds faults and counts occurrences. The zero value has none; it may be used concurrently. A nil plan has none either.
type Plan struct {
	mu     sync.Mutex
	faults []*armed
}

type armed struct {
	Fault
	seen   int
	random *rand.Rand
}

// Add arms a fault.
func (p *Plan) Add(f Fault) error {
	if !slices.Contains(actions, f.Do) {
		return fmt.Errorf("fault: unknown action %q: use one of %v", f.Do, actions)
	}
	if f.Share < 0 || f.Share > 1 || f.Nth < 0 || f.Times < -1 || f.Delay < 0 {
		return fmt.Errorf("fault %s: share is 0 to 1, nth from 0, times from -1, delay not negative", f.Do)
	}
	if f.Delay == 0 && (f.Do == DeliverReversed || f.Do == ScheduleLate) {
		return fmt.Errorf("fault %s: it needs a delay", f.Do)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, &armed{Fault: f, random: rand.New(rand.NewPCG(f.Seed, 0))})
	return nil
}

// Clear disarms everything.
func (p *Plan) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
}

// Take reports whether this occurrence fails, and how. Every armed fault that matches counts it.
func (p *Plan) Take(o Occurrence) (Fault, bool) {
	if p == nil {
		return Fault{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var hit *armed
	for _, f := range p.faults {
		if f.matches(o) && f.due() && hit == nil {
			hit = f
		}
	}
	if hit == nil {
		return Fault{}, false
	}
	return hit.Fault, true
}

func (f *armed) matches(o Occurrence) bool {
	return f.Do == o.Do && (f.Function == "" || f.Function == o.Function) &&
		(f.Operation == "" || f.Operation == o.Operation) && (f.EventType == "" || f.EventType == o.EventType)
}

func (f *armed) due() bool {
	f.seen++
	if f.Share > 0 {
		return f.random.Float64() < f.Share
	}
	first := max(f.Nth, 1)
	return f.seen >= first && (f.Times == -1 || f.seen < first+max(f.Times, 1))
}
