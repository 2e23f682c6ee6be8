package template

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/cron"
	"github.com/alchemiser/alchemiser/infra/local/iam"
	"github.com/alchemiser/alchemiser/infra/local/pattern"
)

// Load reads every *.template.json at the root of the file system: the templates of one environment.
func Load(fsys fs.FS) (*Model, error) {
	stacks, err := readStacks(fsys)
	if err != nil {
		return nil, err
	}
	l := &loader{
		model:     &Model{Parameters: map[string]string{}},
		roles:     map[string]*Role{},
		functions: map[string]*Function{},
		queues:    map[string]*Queue{},
		buses:     map[string]*Bus{},
	}
	resources := ordered(stacks)
	for _, step := range []map[string]func(*resource) error{
		{"AWS::IAM::Role": l.role, "AWS::Events::EventBus": l.bus, "AWS::SQS::Queue": l.queue, "AWS::DynamoDB::GlobalTable": l.table,
			"AWS::Logs::LogGroup": l.logGroup, "AWS::SSM::Parameter": l.parameter, "AWS::Scheduler::ScheduleGroup": l.scheduleGroup},
		{"AWS::Lambda::Function": l.function, "AWS::IAM::Policy": l.policy, "AWS::SQS::QueuePolicy": l.queuePolicy,
			"AWS::Events::Archive": l.archive},
		{"AWS::Lambda::Version": l.version, "AWS::Lambda::Alias": l.alias, "AWS::Lambda::EventInvokeConfig": l.eventInvokeConfig,
			"AWS::Lambda::Permission": l.permission},
		{"AWS::Events::Rule": l.rule, "AWS::Scheduler::Schedule": l.schedule},
	} {
		for _, r := range resources {
			if read, ok := step[r.Type]; ok {
				if err := read(r); err != nil {
					return nil, err
				}
			}
		}
	}
	if err := checkARNs(resources); err != nil {
		return nil, err
	}
	return l.model, l.checkQualifiers()
}

// loader builds a Model; the maps are keyed by ARN, roles and buses also by name.
type loader struct {
	model     *Model
	roles     map[string]*Role
	functions map[string]*Function
	queues    map[string]*Queue
	buses     map[string]*Bus
}

func (l *loader) role(r *resource) error {
	p, err := decode[roleProperties](r)
	if err != nil {
		return err
	}
	name, _ := r.physicalName()
	roleARN, err := r.arn()
	if err != nil {
		return err
	}
	role := &Role{Name: name, ARN: roleARN}
	if role.Trust, err = iam.Parse("trust of "+name, p.AssumeRolePolicyDocument); err != nil {
		return r.errorf("%w", err)
	}
	for _, inline := range p.Policies {
		policy, err := iam.Parse(name, inline.PolicyDocument)
		if err != nil {
			return r.errorf("%w", err)
		}
		role.Policies = append(role.Policies, policy)
	}
	l.roles[name], l.roles[roleARN] = role, role
	l.model.Roles = append(l.model.Roles, role)
	return nil
}

func (l *loader) policy(r *resource) error {
	p, err := decode[policyProperties](r)
	if err != nil {
		return err
	}
	for _, name := range p.Roles {
		role, ok := l.roles[name]
		if !ok {
			return r.errorf("role %s does not exist", name)
		}
		policy, err := iam.Parse(name, p.PolicyDocument)
		if err != nil {
			return r.errorf("%w", err)
		}
		role.Policies = append(role.Policies, policy)
	}
	return nil
}

func (l *loader) bus(r *resource) error {
	p, err := decode[busProperties](r)
	if err != nil {
		return err
	}
	busARN, err := r.arn()
	bus := &Bus{Name: p.Name, ARN: busARN}
	l.buses[p.Name], l.buses[busARN] = bus, bus
	l.model.Buses = append(l.model.Buses, bus)
	return err
}

func (l *loader) archive(r *resource) error {
	p, err := decode[archiveProperties](r)
	if err != nil {
		return err
	}
	bus, ok := l.buses[p.SourceArn]
	if !ok {
		return r.errorf("bus %s does not exist", p.SourceArn)
	}
	var compiled *pattern.Pattern
	if p.EventPattern != nil {
		if compiled, _, err = compilePattern(p.EventPattern); err != nil {
			return r.errorf("%w", err)
		}
	}
	bus.Archives = append(bus.Archives, compiled)
	return nil
}

func (l *loader) queue(r *resource) error {
	p, err := decode[queueProperties](r)
	if err != nil {
		return err
	}
	name, _ := r.physicalName()
	queueARN, err := r.arn()
	if err != nil {
		return err
	}
	q := &Queue{Name: name, ARN: queueARN, URL: QueueURL(name), VisibilityTimeout: 30 * time.Second,
		Retention: time.Duration(cmp.Or(p.MessageRetentionPeriod, 4*24*3600)) * time.Second}
	if p.VisibilityTimeout != nil {
		q.VisibilityTimeout = time.Duration(*p.VisibilityTimeout) * time.Second
	}
	l.queues[queueARN], l.queues[q.URL] = q, q
	l.model.Queues = append(l.model.Queues, q)
	return nil
}

func (l *loader) queuePolicy(r *resource) error {
	p, err := decode[queuePolicyProperties](r)
	if err != nil {
		return err
	}
	for _, url := range p.Queues {
		q, ok := l.queues[url]
		if !ok {
			return r.errorf("queue %s does not exist", url)
		}
		policy, err := iam.Parse(q.Name, p.PolicyDocument)
		if err != nil {
			return r.errorf("%w", err)
		}
		q.Policies = append(q.Policies, policy)
	}
	return nil
}

func (l *loader) table(r *resource) error {
	p, err := decode[tableProperties](r)
	if err != nil {
		return err
	}
	tableARN, err := r.arn()
	if err != nil {
		return err
	}
	t := &Table{Name: p.TableName, ARN: tableARN, Attributes: map[string]string{}}
	for _, a := range p.AttributeDefinitions {
		t.Attributes[a.AttributeName] = a.AttributeType
	}
	if t.Key, err = readKey(p.KeySchema); err != nil {
		return r.errorf("%w", err)
	}
	for _, g := range p.GlobalSecondaryIndexes {
		key, err := readKey(g.KeySchema)
		if err != nil {
			return r.errorf("index %s: %w", g.IndexName, err)
		}
		t.Indexes = append(t.Indexes, Index{g.IndexName, key, g.Projection.ProjectionType, g.Projection.NonKeyAttributes})
	}
	if ttl, ok := p.TimeToLiveSpecification.(map[string]any); ok {
		t.TTL, _ = ttl["AttributeName"].(string)
	}
	l.model.Tables = append(l.model.Tables, t)
	return nil
}

func readKey(parts []keyPart) (Key, error) {
	var key Key
	for _, part := range parts {
		switch part.KeyType {
		case "HASH":
			key.Partition = part.AttributeName
		case "RANGE":
			key.Sort = part.AttributeName
		default:
			return Key{}, fmt.Errorf("key type %q is neither HASH nor RANGE", part.KeyType)
		}
	}
	if key.Partition == "" {
		return Key{}, fmt.Errorf("a key schema needs a HASH attribute")
	}
	return key, nil
}

func (l *loader) logGroup(r *resource) error {
	p, err := decode[logGroupProperties](r)
	if err != nil {
		return err
	}
	name, _ := r.physicalName()
	groupARN, err := r.arn()
	l.model.LogGroups = append(l.model.LogGroups, &LogGroup{Name: name, ARN: groupARN, Retention: p.RetentionInDays})
	return err
}

func (l *loader) scheduleGroup(r *resource) error {
	_, err := decode[groupProperties](r)
	return err
}

func (l *loader) parameter(r *resource) error {
	p, err := decode[parameterProperties](r)
	if err != nil {
		return err
	}
	name, _ := r.physicalName()
	l.model.Parameters[name] = p.Value
	return nil
}

func (l *loader) function(r *resource) error {
	p, err := decode[functionProperties](r)
	if err != nil {
		return err
	}
	name, _ := r.physicalName()
	functionARN, err := r.arn()
	if err != nil {
		return err
	}
	f := &Function{Name: name, ARN: functionARN, Timeout: time.Duration(cmp.Or(p.Timeout, 3)) * time.Second,
		MemoryMB: cmp.Or(p.MemorySize, 128), Reserved: p.ReservedConcurrentExecutions, Variables: p.Environment.Variables,
		LogGroup: cmp.Or(p.LoggingConfig.LogGroup, "/aws/lambda/"+name), Aliases: map[string]bool{}, Async: map[string]AsyncConfig{}}
	for _, t := range p.Tags {
		switch t.Key {
		case "alchemiser:service":
			f.Service = t.Value
		case "alchemiser:role":
			f.PreHook = t.Value == "prehook"
		}
	}
	if f.Service == "" {
		return r.errorf("the tag alchemiser:service is missing: it says which binary to run")
	}
	for key := range f.Variables {
		if strings.HasPrefix(key, "AWS_") {
			return r.errorf("the variable %s: names that begin with AWS_ are reserved", key)
		}
	}
	role, ok := l.roles[p.Role]
	if !ok {
		return r.errorf("role %s does not exist", p.Role)
	}
	f.Role = role
	l.functions[functionARN] = f
	l.model.Functions = append(l.model.Functions, f)
	return nil
}

// findFunction looks a function up by name or by ARN, with or without qualifier.
func (l *loader) findFunction(r *resource, text string) (f *Function, qualifier string, err error) {
	name, qualifier, _ := strings.Cut(lastPart(text, "function:"), ":")
	f, ok := l.functions[arn("lambda", "function:"+name)]
	if !ok {
		return nil, "", r.errorf("function %s does not exist", text)
	}
	return f, qualifier, nil
}

func (l *loader) version(r *resource) error {
	p, err := decode[versionProperties](r)
	if err != nil {
		return err
	}
	_, _, err = l.findFunction(r, p.FunctionName)
	return err
}

func (l *loader) alias(r *resource) error {
	p, err := decode[aliasProperties](r)
	if err != nil {
		return err
	}
	f, _, err := l.findFunction(r, p.FunctionName)
	if err != nil {
		return err
	}
	f.Aliases[p.Name] = true
	return nil
}

func (l *loader) eventInvokeConfig(r *resource) error {
	p, err := decode[eventInvokeProperties](r)
	if err != nil {
		return err
	}
	f, _, err := l.findFunction(r, p.FunctionName)
	if err != nil {
		return err
	}
	config := AsyncConfig{Retries: 2, MaxAge: 6 * time.Hour, OnFailure: p.DestinationConfig.OnFailure.Destination}
	if p.MaximumRetryAttempts != nil {
		config.Retries = *p.MaximumRetryAttempts
	}
	if p.MaximumEventAgeInSeconds != nil {
		config.MaxAge = time.Duration(*p.MaximumEventAgeInSeconds) * time.Second
	}
	if config.Retries < 0 || config.Retries > 2 || config.MaxAge < time.Minute || config.MaxAge > 6*time.Hour {
		return r.errorf("retries must be 0 to 2 and the age 60 to 21600 s, they are %d and %s", config.Retries, config.MaxAge)
	}
	if _, ok := l.queues[config.OnFailure]; config.OnFailure != "" && !ok {
		return r.errorf("the on-failure destination %s is not a queue of these templates", config.OnFailure)
	}
	f.Async[p.Qualifier] = config
	return nil
}

func (l *loader) permission(r *resource) error {
	p, err := decode[permissionProperties](r)
	if err != nil {
		return err
	}
	f, qualifier, err := l.findFunction(r, p.FunctionName)
	if err != nil {
		return err
	}
	target := f.ARN
	if qualifier != "" {
		target += ":" + qualifier
	}
	f.Permissions = append(f.Permissions, Permission{target, p.Action, p.Principal, p.SourceArn})
	return nil
}

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

// checkQualifiers makes sure that async settings and permissions name an alias or version that exists.
func (l *loader) checkQualifiers() error {
	for _, f := range l.model.Functions {
		known := append(slices.Collect(maps.Keys(f.Aliases)), "1", "$LATEST", "")
		for qualifier := range f.Async {
			if !slices.Contains(known, qualifier) {
				return fmt.Errorf("function %s: EventInvokeConfig for the qualifier %q, which does not exist", f.Name, qualifier)
			}
		}
	}
	return nil
}
