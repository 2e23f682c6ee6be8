package template

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

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
		{"AWS::CloudWatch::Alarm": l.alarm},
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
