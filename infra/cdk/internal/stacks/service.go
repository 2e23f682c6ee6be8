package stacks

import (
	"path/filepath"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambdadestinations"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsschedulertargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// service is one function with everything that belongs to it alone.
type service struct {
	stack    awscdk.Stack
	c        config.Config
	f        topology.Function
	function awslambda.Function
	alias    awslambda.Alias
	delivery awssqs.Queue // what the bus or the scheduler could not hand over
	failure  awssqs.Queue // what the function gave up on
}

func buildService(s awscdk.Stack, c config.Config, f topology.Function, dist string) {
	v := &service{stack: s, c: c, f: f}
	v.delivery = v.addQueue("DeliveryQueue", "delivery-dlq")
	v.failure = v.addQueue("FailureQueue", "failure-dlq")
	v.function = newFunction(s, "Function", c, functionSpec{
		name: c.Name(string(f.Name)), description: f.Question, code: filepath.Join(dist, string(f.Name)),
		timeout: f.Timeout, memoryMB: f.MemoryMB,
		role: functionRole(s, c, f), variables: stringMap(c.Variables(f)),
	})
	v.addAlias()
	for _, sub := range f.Consumes {
		v.addRule(sub)
	}
	for _, schedule := range f.Schedules {
		v.addSchedule(schedule)
	}
	rollback := v.addAlarms()
	v.addDeployment(rollback, dist)
}

func (v *service) addQueue(id, part string) awssqs.Queue {
	return awssqs.NewQueue(v.stack, jsii.String(id), &awssqs.QueueProps{
		QueueName:       jsii.String(v.c.Name(string(v.f.Name) + "-" + part)),
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)),
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RemovalPolicy:   removalPolicy(v.c),
	})
}

// functionSpec is what tells our functions apart.
type functionSpec struct {
	name, description, code string
	timeout                 time.Duration
	memoryMB                int
	role                    awsiam.IRole
	variables               *map[string]*string
}

func logGroupName(function string) string { return "/aws/lambda/" + function }

func newFunction(s awscdk.Stack, id string, c config.Config, spec functionSpec) awslambda.Function {
	logs := awslogs.NewLogGroup(s, jsii.String(id+"Log"), &awslogs.LogGroupProps{
		LogGroupName: jsii.String(logGroupName(spec.name)), Retention: retention(c), RemovalPolicy: removalPolicy(c),
	})
	return awslambda.NewFunction(s, jsii.String(id), &awslambda.FunctionProps{
		FunctionName:          jsii.String(spec.name),
		Description:           jsii.String(spec.description),
		Runtime:               awslambda.Runtime_PROVIDED_AL2023(),
		Architecture:          awslambda.Architecture_ARM_64(),
		Handler:               jsii.String("bootstrap"),
		Code:                  awslambda.Code_FromAsset(jsii.String(spec.code), nil),
		Timeout:               duration(spec.timeout),
		MemorySize:            jsii.Number(spec.memoryMB),
		Role:                  spec.role,
		Environment:           spec.variables,
		LogGroup:              logs,
		LoggingFormat:         awslambda.LoggingFormat_JSON,
		Tracing:               awslambda.Tracing_ACTIVE,
		CurrentVersionOptions: &awslambda.VersionOptions{RemovalPolicy: awscdk.RemovalPolicy_RETAIN},
	})
}

// addAlias makes the only address under which the function is called. The
// retry settings belong here: on the function they would hold for $LATEST,
// which nobody calls.
func (v *service) addAlias() {
	v.alias = awslambda.NewAlias(v.stack, jsii.String("Live"), &awslambda.AliasProps{
		AliasName: jsii.String("live"), Version: v.function.CurrentVersion(),
		RetryAttempts: jsii.Number(v.f.Async.Attempts), MaxEventAge: duration(v.f.Async.MaxAge),
		OnFailure: awslambdadestinations.NewSqsDestination(v.failure),
	})
}

// addRule brings one event type of one source to the function: exact strings,
// so that an event reaches a function by one rule or not at all.
func (v *service) addRule(sub topology.Subscription) {
	name := v.c.RuleName(v.f, sub)
	id := "Rule-" + string(sub.Type) + "-" + string(sub.Source)
	rule := awsevents.NewRule(v.stack, jsii.String(id), &awsevents.RuleProps{
		RuleName:    jsii.String(name),
		Description: jsii.String(string(sub.Type) + " of " + string(sub.Source) + " to " + string(v.f.Name)),
		EventBus:    awsevents.EventBus_FromEventBusName(v.stack, jsii.String(id+"-Bus"), jsii.String(v.c.Name("bus"))),
		EventPattern: &awsevents.EventPattern{
			Source: jsii.Strings(string(sub.Source)), DetailType: jsii.Strings(string(sub.Type)),
		},
	})
	rule.AddTarget(awseventstargets.NewLambdaFunction(v.alias, &awseventstargets.LambdaFunctionProps{
		RetryAttempts: jsii.Number(v.f.Delivery.Attempts), MaxEventAge: duration(v.f.Delivery.MaxAge), DeadLetterQueue: v.delivery,
	}))
}

// addSchedule always states the retries: the default would still try the
// morning's start a day later.
func (v *service) addSchedule(schedule topology.Schedule) {
	var zone awscdk.TimeZone
	if schedule.Zone != "" {
		zone = awscdk.TimeZone_Of(jsii.String(schedule.Zone))
	}
	group := awsscheduler.ScheduleGroup_FromScheduleGroupName(v.stack, jsii.String("Group-"+schedule.Name), jsii.String(v.c.Name("schedules")))
	awsscheduler.NewSchedule(v.stack, jsii.String("Schedule-"+schedule.Name), &awsscheduler.ScheduleProps{
		ScheduleName:  jsii.String(v.c.ScheduleName(v.f, schedule)),
		Description:   jsii.String("Commands " + string(v.f.Name) + ": " + schedule.Name),
		Enabled:       jsii.Bool(v.c.ScheduleEnabled || !schedule.Switched),
		ScheduleGroup: group,
		Schedule:      awsscheduler.ScheduleExpression_Expression(jsii.String(schedule.Expression), zone),
		TimeWindow:    awsscheduler.TimeWindow_Off(),
		Target: awsschedulertargets.NewLambdaInvoke(v.alias, &awsschedulertargets.ScheduleTargetBaseProps{
			DeadLetterQueue: v.delivery, RetryAttempts: jsii.Number(schedule.Delivery.Attempts), MaxEventAge: duration(schedule.Delivery.MaxAge),
			Input: awsscheduler.ScheduleTargetInput_FromText(jsii.String(schedule.Input)),
		}),
	})
}
