package local

import (
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/cloudwatch"
	"github.com/alchemiser/alchemiser/infra/local/delivery"
	"github.com/alchemiser/alchemiser/infra/local/lambda"
	"github.com/alchemiser/alchemiser/infra/local/template"
)

// measure records a value of one of AWS's own metrics.
func (c *Cloud) measure(namespace, name string, value float64, dimensions map[string]string) {
	c.metrics.Add(c.rehearse.Now(), value, template.Metric{Namespace: namespace, Name: name, Dimensions: dimensions})
}

// measureFunction records a value of the function as a whole and of the alias or version by which it is called.
func (c *Cloud) measureFunction(function, arn, name string, value float64) {
	_, qualifier, _ := strings.Cut(arn, ":function:"+function+":")
	resource := function
	if qualifier != "" {
		resource += ":" + qualifier
	}
	c.measure("AWS/Lambda", name, value, map[string]string{"FunctionName": function})
	c.measure("AWS/Lambda", name, value, map[string]string{"FunctionName": function, "Resource": resource})
}

// measureAttempt records what becomes of an invocation; r is nil before it.
func (c *Cloud) measureAttempt(function string, i lambda.Invocation, r *lambda.Result) {
	switch {
	case r == nil && !i.Accepted.IsZero():
		c.measureFunction(function, i.ARN, "AsyncEventAge", milliseconds(c.rehearse.Now().Sub(i.Accepted)))
	case r == nil:
	case r.Throttled:
		c.measureFunction(function, i.ARN, "Throttles", 1)
	default:
		failed := 0.0
		if r.Failed {
			failed = 1
		}
		c.measureFunction(function, i.ARN, "Invocations", 1)
		c.measureFunction(function, i.ARN, "Errors", failed)
		c.measureFunction(function, i.ARN, "Duration", milliseconds(r.Duration))
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// measureGivenUp records that a rule or a schedule gave up on an event, and whether the event is lost.
func (c *Cloud) measureGivenUp(j delivery.Job, lost bool) {
	if s := c.schedule(j.SourceARN); s != nil {
		c.measure("AWS/Scheduler", "InvocationDroppedCount", 1, map[string]string{"ScheduleGroup": s.Group})
		return
	}
	for _, r := range c.model.Rules {
		if r.ARN != j.SourceARN {
			continue
		}
		rule := map[string]string{"EventBusName": r.Bus, "RuleName": r.Name}
		c.measure("AWS/Events", "FailedInvocations", 1, rule)
		if lost {
			c.measure("AWS/Events", "InvocationsFailedToBeSentToDlq", 1, rule)
		}
	}
}

// measureQueues records what every queue holds.
func (c *Cloud) measureQueues() {
	for _, q := range c.queues {
		visible, hidden := q.Count()
		age := time.Duration(0)
		if visible+hidden > 0 {
			if messages := q.Peek(); len(messages) > 0 {
				age = c.rehearse.Now().Sub(messages[0].Sent)
			}
		}
		dimensions := map[string]string{"QueueName": q.Model.Name}
		c.measure("AWS/SQS", "ApproximateNumberOfMessagesVisible", float64(visible), dimensions)
		c.measure("AWS/SQS", "ApproximateAgeOfOldestMessage", age.Seconds(), dimensions)
	}
}

// Alarms evaluates every alarm of the templates.
func (c *Cloud) Alarms() []cloudwatch.State {
	c.measureQueues()
	states := make([]cloudwatch.State, 0, len(c.model.Alarms))
	for _, a := range c.model.Alarms {
		states = append(states, c.metrics.Evaluate(a, c.rehearse.Now()))
	}
	return states
}

// watchAlarms tells the observer when an alarm begins or ceases to fire, as AWS would tell the alarm's topic.
func (c *Cloud) watchAlarms() {
	firing := map[string]bool{}
	for c.clock.Sleep(c.context, alarmInterval) == nil {
		for _, s := range c.Alarms() {
			if s.Firing != firing[s.Name] {
				firing[s.Name] = s.Firing
				c.observe(Event{Kind: AlarmChanged, Alarm: &s})
			}
		}
	}
}

// alarmInterval is how often CloudWatch evaluates an alarm on metrics of a minute.
const alarmInterval = time.Minute
