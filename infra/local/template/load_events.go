package template

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/cron"
	"github.com/alchemiser/alchemiser/infra/local/pattern"
)

func (l *loader) rule(r *resource) error {
	p, err := decode[ruleProperties](r)
	if err != nil {
		return err
	}
	ruleARN, err := r.arn()
	if err != nil {
		return err
	}
	bus, ok := l.buses[p.EventBusName]
	if !ok {
		return r.errorf("bus %q does not exist", p.EventBusName)
	}
	name, _ := r.physicalName()
	rule := &Rule{Name: name, ARN: ruleARN, Bus: bus.Name, Enabled: cmp.Or(p.State, "ENABLED") == "ENABLED"}
	if rule.Pattern, rule.PatternText, err = compilePattern(p.EventPattern); err != nil {
		return r.errorf("%w", err)
	}
	if len(p.Targets) == 0 || len(p.Targets) > 5 {
		return r.errorf("a rule has 1 to 5 targets, this one has %d", len(p.Targets))
	}
	for _, t := range p.Targets {
		target, err := l.target(t.Arn, t.Input, t.DeadLetterConfig, t.RetryPolicy)
		if err != nil {
			return r.errorf("target %s: %w", t.ID, err)
		}
		target.ID = t.ID
		rule.Targets = append(rule.Targets, target)
	}
	l.model.Rules = append(l.model.Rules, rule)
	return nil
}

// compilePattern reads a pattern given as an object or as JSON text.
func compilePattern(raw json.RawMessage) (*pattern.Pattern, string, error) {
	text := string(raw)
	if raw == nil {
		return nil, "", fmt.Errorf("EventPattern is missing")
	}
	if text[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, "", err
		}
	}
	p, err := pattern.Compile([]byte(text))
	if err != nil {
		return nil, "", err
	}
	return p, text, p.CheckHeader()
}

// target reads what rules and schedules share. Without a retry policy the services try 185 times over 24 hours.
func (l *loader) target(targetARN, input string, dead *deadLetter, retry *retryPolicy) (Target, error) {
	t := Target{ARN: targetARN, Input: input, Retry: RetryPolicy{Attempts: 185, MaxAge: 24 * time.Hour}}
	if dead != nil {
		t.DeadLetter = dead.Arn
		if _, ok := l.queues[dead.Arn]; !ok {
			return t, fmt.Errorf("the dead-letter queue %s does not exist", dead.Arn)
		}
	}
	if retry != nil && retry.MaximumRetryAttempts != nil {
		t.Retry.Attempts = *retry.MaximumRetryAttempts
	}
	if retry != nil && retry.MaximumEventAgeInSeconds != nil {
		t.Retry.MaxAge = time.Duration(*retry.MaximumEventAgeInSeconds) * time.Second
	}
	if t.Retry.Attempts < 0 || t.Retry.Attempts > 185 || t.Retry.MaxAge < time.Minute || t.Retry.MaxAge > 24*time.Hour {
		return t, fmt.Errorf("retries must be 0 to 185 and the age 60 to 86400 s")
	}
	return t, nil
}

func (l *loader) schedule(r *resource) error {
	p, err := decode[scheduleProperties](r)
	if err != nil {
		return err
	}
	scheduleARN, err := r.arn()
	if err != nil {
		return err
	}
	if p.FlexibleTimeWindow.Mode != "OFF" {
		return r.errorf("FlexibleTimeWindow must be OFF: the one-machine cloud fires on time")
	}
	zone := cmp.Or(p.ScheduleExpressionTimezone, "UTC")
	location, err := time.LoadLocation(zone)
	if err != nil {
		return r.errorf("%w", err)
	}
	name, _ := r.physicalName()
	s := &Schedule{Name: name, Group: p.GroupName, ARN: scheduleARN, Enabled: cmp.Or(p.State, "ENABLED") == "ENABLED",
		Text: p.ScheduleExpression, Zone: zone}
	if s.Expression, err = cron.Parse(p.ScheduleExpression, location); err != nil {
		return r.errorf("%w", err)
	}
	if s.Target, err = l.target(p.Target.Arn, p.Target.Input, p.Target.DeadLetterConfig, p.Target.RetryPolicy); err != nil {
		return r.errorf("%w", err)
	}
	if err := checkKeywords(s.Target.Input); err != nil {
		return r.errorf("%w", err)
	}
	role, ok := l.roles[p.Target.RoleArn]
	if !ok {
		return r.errorf("role %s does not exist", p.Target.RoleArn)
	}
	s.Role = role
	l.model.Schedules = append(l.model.Schedules, s)
	return nil
}

// ScheduleKeywords are the context attributes Scheduler replaces in a target's input.
var ScheduleKeywords = []string{"<aws.scheduler.schedule-arn>", "<aws.scheduler.scheduled-time>", "<aws.scheduler.execution-id>",
	"<aws.scheduler.attempt-number>"}

func checkKeywords(input string) error {
	if !json.Valid([]byte(input)) {
		return fmt.Errorf("the input of a schedule must be JSON")
	}
	rest := input
	for _, keyword := range ScheduleKeywords {
		rest = strings.ReplaceAll(rest, keyword, "")
	}
	if strings.Contains(rest, "<aws.scheduler.") {
		return fmt.Errorf("unknown context attribute in %s: use one of %s", input, strings.Join(ScheduleKeywords, ", "))
	}
	return nil
}
