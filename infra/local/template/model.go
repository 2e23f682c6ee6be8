// Package template turns the CloudFormation templates of one environment into what the one-machine cloud runs: functions, rules,
// queues, schedules, tables and who may do what. There is no second wiring: what the templates do not say does not happen, and
// what this package does not understand stops the start.
//
//	model, err := template.Load(os.DirFS("infra/cdk/templates/dev"))
//	for _, f := range model.Functions { … }
package template

import (
	"time"

	"github.com/alchemiser/alchemiser/infra/local/cron"
	"github.com/alchemiser/alchemiser/infra/local/iam"
	"github.com/alchemiser/alchemiser/infra/local/pattern"
)

// Model is one environment. Lists are in a fixed order.
type Model struct {
	Functions  []*Function
	Buses      []*Bus
	Rules      []*Rule
	Queues     []*Queue
	Schedules  []*Schedule
	Tables     []*Table
	LogGroups  []*LogGroup
	Parameters map[string]string // plain SSM parameters of the templates
	Roles      []*Role
	Alarms     []*Alarm
}

// Function is one Lambda function. Service is the tag alchemiser:service: which binary runs it.
type Function struct {
	Name     string
	ARN      string
	Service  string
	PreHook  bool // the tag alchemiser:role is prehook: recognised, not run
	Timeout  time.Duration
	MemoryMB int
	Reserved *int // reserved concurrency
	LogGroup string

	Variables   map[string]string
	Role        *Role
	Aliases     map[string]bool        // by name
	Async       map[string]AsyncConfig // by qualifier
	Permissions []Permission
}

// AsyncConfig is an EventInvokeConfig: what becomes of asynchronous invocations that fail.
type AsyncConfig struct {
	Retries   int // 0–2
	MaxAge    time.Duration
	OnFailure string // ARN of a queue, or empty
}

// Permission is a statement of a function's resource policy.
type Permission struct {
	Target    string // ARN of the function or of a version or alias: exactly what may be invoked
	Action    string
	Principal string
	SourceARN string
}

// Bus is an event bus.
type Bus struct {
	Name, ARN string
	Archives  []*pattern.Pattern // nil members keep everything
}

// Rule sends the events of a bus that match its pattern to its targets.
type Rule struct {
	Name, ARN, Bus string
	Enabled        bool
	Pattern        *pattern.Pattern
	PatternText    string
	Targets        []Target
}

// Target is what a rule or a schedule invokes.
type Target struct {
	ID         string
	ARN        string
	Input      string // replaces the event when not empty
	DeadLetter string // ARN of a queue, or empty
	Retry      RetryPolicy
}

// RetryPolicy bounds the attempts of a delivery.
type RetryPolicy struct {
	Attempts int // 0–185, after the first
	MaxAge   time.Duration
}

// Queue is an SQS queue with its policy.
type Queue struct {
	Name, ARN, URL    string
	Retention         time.Duration
	VisibilityTimeout time.Duration
	Policies          []iam.Policy
}

// Schedule fires its target at certain times.
type Schedule struct {
	Name, Group, ARN string
	Enabled          bool
	Expression       cron.Expression
	Text, Zone       string
	Target           Target
	Role             *Role
}

// Table is a DynamoDB table.
type Table struct {
	Name, ARN  string
	Attributes map[string]string // attribute → S or N
	Key        Key
	Indexes    []Index
	TTL        string // attribute, or empty
}

// Key is a key schema; Sort is empty when there is none.
type Key struct{ Partition, Sort string }

// Index is a global secondary index.
type Index struct {
	Name       string
	Key        Key
	Projection string // ALL, KEYS_ONLY or INCLUDE
	Include    []string
}

// Alarm is a CloudWatch alarm: on one metric, or on the sum of several. Datapoints of the newest Periods must breach.
type Alarm struct {
	Name, Description   string
	Queries             []Query // all of the same period
	Comparison          string  // AtLeast, Above, Below or AtMost
	Threshold           float64
	Periods, Datapoints int
	Missing             string   // a TreatMissingData
	Actions             []string // ARNs
}

// Query is a metric with what is made of its values in a period.
type Query struct {
	Metric
	Statistic string // Sum or Maximum
	Period    time.Duration
}

// Metric is the identity of a series of values.
type Metric struct {
	Namespace, Name string
	Dimensions      map[string]string
}

// LogGroup receives the log lines of a function or the events of a rule.
type LogGroup struct {
	Name, ARN string
	Retention int // days, 0 for ever
}

// Role is an IAM role.
type Role struct {
	Name, ARN string
	Trust     iam.Policy
	Policies  []iam.Policy
}
