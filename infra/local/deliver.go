package local

import (
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/infra/local/bus"
	"github.com/alchemiser/alchemiser/infra/local/delivery"
	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/infra/local/iam"
	"github.com/alchemiser/alchemiser/infra/local/lambda"
	"github.com/alchemiser/alchemiser/infra/local/template"
)

// Principals under which the services act.
const (
	eventsPrincipal    = "events.amazonaws.com"
	schedulerPrincipal = "scheduler.amazonaws.com"
)

// send makes one attempt to hand an event of a rule or schedule over.
func (c *Cloud) send(j delivery.Job, payload []byte) *delivery.Error {
	err := c.handOver(j, payload)
	if s := c.schedule(j.SourceARN); s != nil && err != nil {
		c.measure("AWS/Scheduler", "TargetErrorCount", 1, map[string]string{"ScheduleGroup": s.Group})
	}
	return err
}

func (c *Cloud) handOver(j delivery.Job, payload []byte) *delivery.Error {
	if group, ok := strings.CutPrefix(j.Target.ARN, "arn:aws:logs:"+template.Region+":"+template.Account+":log-group:"); ok {
		c.logs.write(lambda.Output{LogGroup: strings.TrimSuffix(group, ":*"), Lines: []string{string(payload)}})
		return nil
	}
	f, qualifier := c.find(j.Target.ARN)
	if f == nil {
		return delivery.Failed(delivery.NoResource, "Function not found: %s", j.Target.ARN)
	}
	occurrence := fault.Occurrence{Function: f.model.Service, EventType: j.EventType}
	occurrence.Do = fault.Missing
	if _, ok := c.options.Faults.Take(occurrence); ok {
		return delivery.Failed(delivery.NoResource, "Function not found: %s", j.Target.ARN)
	}
	occurrence.Do = fault.DenyDelivery
	_, denied := c.options.Faults.Take(occurrence)
	if reason, ok := c.mayInvoke(f, j); !ok || denied {
		c.observe(Event{Kind: Denied, Function: f.model.Name, Service: f.model.Service, EventType: j.EventType, Error: reason})
		return delivery.Failed(delivery.NoPermissions, "%s is not authorized to invoke %s: %s", j.SourceARN, j.Target.ARN, reason)
	}
	if err := c.accept(f, qualifier, bus.UUID(), payload, j.EventType); err != nil {
		return delivery.Failed(delivery.ClientError, "%v", err)
	}
	return nil
}

// mayInvoke checks a rule against the function's resource policy and a schedule against its role.
func (c *Cloud) mayInvoke(f *function, j delivery.Job) (reason string, ok bool) {
	if s := c.schedule(j.SourceARN); s != nil {
		return c.scheduleMay(s, iam.Request{Action: "lambda:InvokeFunction", Resource: j.Target.ARN})
	}
	want := template.Permission{Target: j.Target.ARN, Action: "lambda:InvokeFunction", Principal: eventsPrincipal, SourceARN: j.SourceARN}
	if slices.Contains(f.model.Permissions, want) {
		return "", true
	}
	reason = "no AWS::Lambda::Permission names exactly this rule and this alias"
	c.audit.Deny(iam.Denial{Who: j.SourceARN, Action: want.Action, Resource: want.Target, Reason: reason})
	return reason, false
}

func (c *Cloud) schedule(arn string) *template.Schedule {
	for _, s := range c.model.Schedules {
		if s.ARN == arn {
			return s
		}
	}
	return nil
}

// scheduleMay checks that Scheduler may take the schedule's role and that the role allows the request. The condition key
// aws:SourceArn is the schedule's group in what the CDK writes, and the schedule in hand-written policies.
func (c *Cloud) scheduleMay(s *template.Schedule, r iam.Request, onResource ...iam.Policy) (reason string, ok bool) {
	group := strings.Replace(s.ARN[:strings.LastIndex(s.ARN, "/")], ":schedule/", ":schedule-group/", 1)
	trusted := iam.Decision{}
	for _, source := range []string{group, s.ARN} {
		assume := iam.Request{Principal: "service:" + schedulerPrincipal, Action: "sts:AssumeRole", Resource: s.Role.ARN, Context: requestContext(source)}
		if trusted = iam.Evaluate(assume, s.Role.Trust); trusted.Allowed {
			break
		}
	}
	if !trusted.Allowed {
		reason = "the role does not trust " + schedulerPrincipal
		c.audit.Deny(iam.Denial{Who: s.ARN, Action: "sts:AssumeRole", Resource: s.Role.ARN, Reason: reason})
		return reason, false
	}
	r.Principal, r.Context = "aws:"+s.Role.ARN, requestContext(s.ARN)
	d := c.audit.Decide(s.ARN, r, slices.Concat(s.Role.Policies, onResource)...)
	return d.Reason, d.Allowed
}

// deadLetter puts an event that could not be handed over into the target's dead-letter queue, if the queue lets its source.
func (c *Cloud) deadLetter(j delivery.Job, body []byte, attributes map[string]string) {
	code := attributes[delivery.AttributeErrorCode]
	if j.Target.DeadLetter == "" {
		c.problem("an event of %s for %s was lost (%s): the target has no dead-letter queue", j.SourceARN, j.Target.ARN, code)
		c.measureGivenUp(j, false)
		return
	}
	q := c.queues[j.Target.DeadLetter[strings.LastIndex(j.Target.DeadLetter, ":")+1:]]
	request := iam.Request{Action: "sqs:SendMessage", Resource: q.Model.ARN}
	var reason string
	var ok bool
	if s := c.schedule(j.SourceARN); s != nil {
		reason, ok = c.scheduleMay(s, request, q.Model.Policies...)
	} else {
		request.Principal, request.Context = "service:"+eventsPrincipal, requestContext(j.SourceARN)
		d := c.audit.Decide(j.SourceARN, request, q.Model.Policies...)
		reason, ok = d.Reason, d.Allowed
	}
	c.measureGivenUp(j, !ok)
	if !ok {
		c.problem("an event of %s for %s was lost (%s): its dead-letter queue refuses it: %s", j.SourceARN, j.Target.ARN, code, reason)
		return
	}
	q.Send(string(body), attributes)
	c.measureQueues()
	c.observe(Event{Kind: DeadLettered, EventType: j.EventType, EventID: j.EventID, Queue: q.Model.Name, Error: code})
}
