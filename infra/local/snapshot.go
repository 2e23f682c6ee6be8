package local

import (
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/infra/local/bus"
	"github.com/alchemiser/alchemiser/infra/local/cloudwatch"
	"github.com/alchemiser/alchemiser/infra/local/iam"
	"github.com/alchemiser/alchemiser/infra/local/queue"
	"github.com/alchemiser/alchemiser/infra/local/smtp"
)

// Snapshot is the state of the cloud at one moment. After Quiesce it is what a run has left behind.
type Snapshot struct {
	UnderWay     int            // things queued, running or waiting
	Queues       []QueueState   // every queue, also empty ones
	Environments map[string]int // child processes by function
	Events       []bus.Record   // every event put, oldest first
	Unrouted     []bus.Record   // those no function received
	Denials      []iam.Denial   // permissions that were missing
	Unused       []iam.Grant    // permissions of functions and schedules that nothing needed
	Metrics      []Metric
	Mails        []smtp.Mail
	Invocations  []Invocation // every attempt that ran, in order of its end
	Problems     []string     // what went wrong and no call reported
	Alarms       []cloudwatch.State
}

// QueueState is a queue with its messages, which Snapshot does not receive.
type QueueState struct {
	Name            string
	Visible, Hidden int
	Messages        []queue.Message
}

// Snapshot returns the present state.
func (c *Cloud) Snapshot() Snapshot {
	s := Snapshot{UnderWay: c.tracker.Count(), Environments: c.host.Environments(), Denials: c.audit.Denials(), Metrics: c.logs.snapshot(),
		Mails: c.sink.Mails(), Alarms: c.Alarms()}
	for _, m := range c.model.Queues {
		q := c.queues[m.Name]
		visible, hidden := q.Count()
		s.Queues = append(s.Queues, QueueState{m.Name, visible, hidden, q.Peek()})
	}
	for _, m := range c.model.Buses {
		for _, r := range c.buses[m.Name].Records() {
			s.Events = append(s.Events, r)
			if !r.Routed {
				s.Unrouted = append(s.Unrouted, r)
			}
		}
	}
	var policies []iam.Policy
	for _, f := range c.functions {
		policies = append(policies, f.model.Role.Policies...)
	}
	for _, m := range c.model.Schedules {
		policies = append(policies, m.Role.Policies...)
	}
	s.Unused = slices.DeleteFunc(c.audit.Unused(policies), func(g iam.Grant) bool {
		// Lambda itself writes logs and traces under the function's role; here the host does, without a call.
		return strings.HasPrefix(g.Action, "logs:") || strings.HasPrefix(g.Action, "xray:")
	})
	c.observing.Lock()
	defer c.observing.Unlock()
	s.Invocations = slices.Clone(c.invocations)
	s.Problems = slices.Clone(c.problems)
	return s
}

// Queue returns the state of one queue; the zero value when there is none of that name.
func (s Snapshot) Queue(name string) QueueState {
	for _, q := range s.Queues {
		if q.Name == name {
			return q
		}
	}
	return QueueState{}
}

// Logs returns the newest lines of a log group.
func (c *Cloud) Logs(group string) []LogLine { return c.logs.of(group) }
