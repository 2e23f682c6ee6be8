package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/jsii-runtime-go"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
)

// sourcePrefix begins the source of every event of ours. It is used where all
// events are kept; no rule to a function uses a prefix.
const sourcePrefix = "alchemiser."

func buildFoundation(s awscdk.Stack, c config.Config) {
	bus := awsevents.NewEventBus(s, jsii.String("Bus"), &awsevents.EventBusProps{
		EventBusName: jsii.String(c.Name("bus")), Description: jsii.String("Every step of a run"),
	})
	addArchive(s, c, bus)
	addAudit(s, c, bus)
	addTable(s, c)
	addAlarmTopic(s, c)
	awsscheduler.NewScheduleGroup(s, jsii.String("Schedules"), &awsscheduler.ScheduleGroupProps{
		ScheduleGroupName: jsii.String(c.Name("schedules")), RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
}

func removalPolicy(c config.Config) awscdk.RemovalPolicy {
	if c.RetainData {
		return awscdk.RemovalPolicy_RETAIN
	}
	return awscdk.RemovalPolicy_DESTROY
}

// addArchive keeps every event for replay by hand. The bus is named, not
// referred to: with a shared key a reference would be circular.
func addArchive(s awscdk.Stack, c config.Config, bus awsevents.EventBus) {
	archive := awsevents.NewArchive(s, jsii.String("Archive"), &awsevents.ArchiveProps{
		ArchiveName:    jsii.String(c.Name("archive")),
		Description:    jsii.String("Every event of " + string(c.Env)),
		SourceEventBus: awsevents.EventBus_FromEventBusName(s, jsii.String("BusByName"), jsii.String(c.Name("bus"))),
		EventPattern:   &awsevents.EventPattern{Source: awsevents.Match_Prefix(jsii.String(sourcePrefix))},
		Retention:      duration(c.ArchiveRetention),
	})
	archive.Node().AddDependency(bus)
	archive.ApplyRemovalPolicy(removalPolicy(c))
}

// addAudit writes every event to a log group. The library's own target would
// bring a function with rights on all log groups, hence the plain resources.
func addAudit(s awscdk.Stack, c config.Config, bus awsevents.EventBus) {
	name := "/aws/events/" + c.Name("audit")
	group := awslogs.NewLogGroup(s, jsii.String("AuditLog"), &awslogs.LogGroupProps{
		LogGroupName: jsii.String(name), Retention: retention(c), RemovalPolicy: removalPolicy(c),
	})
	policy := awslogs.NewResourcePolicy(s, jsii.String("AuditLogPolicy"), &awslogs.ResourcePolicyProps{
		ResourcePolicyName: jsii.String(c.Name("audit")),
		PolicyStatements: &[]awsiam.PolicyStatement{awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Sid:       jsii.String("EventsMayWrite"),
			Actions:   jsii.Strings("logs:CreateLogStream", "logs:PutLogEvents"),
			Resources: jsii.Strings(logGroupARN(s, name) + ":*"),
			Principals: &[]awsiam.IPrincipal{
				awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil),
				awsiam.NewServicePrincipal(jsii.String("delivery.logs.amazonaws.com"), nil),
			},
		})},
	})
	rule := awsevents.NewCfnRule(s, jsii.String("AuditRule"), &awsevents.CfnRuleProps{
		Name:         jsii.String(c.Name("audit")),
		Description:  jsii.String("Every event to the audit log"),
		EventBusName: bus.EventBusName(),
		EventPattern: map[string]any{"source": []any{map[string]any{"prefix": sourcePrefix}}},
		State:        jsii.String("ENABLED"),
		Targets:      []any{&awsevents.CfnRule_TargetProperty{Id: jsii.String("audit"), Arn: jsii.String(logGroupARN(s, name))}},
	})
	rule.Node().AddDependency(group, policy)
}

// retention is the log retention in days; its values are those of the
// library's enumeration.
func retention(c config.Config) awslogs.RetentionDays {
	return map[int]awslogs.RetentionDays{
		7: awslogs.RetentionDays_ONE_WEEK, 30: awslogs.RetentionDays_ONE_MONTH, 365: awslogs.RetentionDays_ONE_YEAR,
	}[c.LogRetentionDays]
}

// addTable makes the ledger. Sparse index due: what the sweep must look at.
func addTable(s awscdk.Stack, c config.Config) {
	attribute := func(name string, kind awsdynamodb.AttributeType) *awsdynamodb.Attribute {
		return &awsdynamodb.Attribute{Name: jsii.String(name), Type: kind}
	}
	awsdynamodb.NewTableV2(s, jsii.String("Table"), &awsdynamodb.TablePropsV2{
		TableName:    jsii.String(c.Name("state")),
		PartitionKey: attribute("pk", awsdynamodb.AttributeType_STRING),
		SortKey:      attribute("sk", awsdynamodb.AttributeType_STRING),
		GlobalSecondaryIndexes: &[]*awsdynamodb.GlobalSecondaryIndexPropsV2{{
			IndexName:    jsii.String("due"),
			PartitionKey: attribute("gpk", awsdynamodb.AttributeType_STRING),
			SortKey:      attribute("gsk", awsdynamodb.AttributeType_NUMBER),
		}},
		Billing:                          awsdynamodb.Billing_OnDemand(nil),
		TimeToLiveAttribute:              jsii.String("ttl"),
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: jsii.Bool(true)},
		DeletionProtection:               jsii.Bool(c.RetainData),
		RemovalPolicy:                    removalPolicy(c),
	})
}

// addAlarmTopic makes the way to the owner that does not depend on our mail.
func addAlarmTopic(s awscdk.Stack, c config.Config) {
	topic := awssns.NewTopic(s, jsii.String("Alarms"), &awssns.TopicProps{
		TopicName: jsii.String(c.Name("alarms")), DisplayName: jsii.String("Alchemiser " + string(c.Env) + " alarms"),
		EnforceSSL: jsii.Bool(true),
	})
	// The TLS rule replaces the default policy of the topic; without this
	// statement no alarm would arrive and nothing would say so.
	topic.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("AlarmsMayPublish"),
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sns:Publish"),
		Resources:  &[]*string{topic.TopicArn()},
		Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": c.Account}},
	}))
	if c.AlarmEmail != "" {
		topic.AddSubscription(awssnssubscriptions.NewEmailSubscription(jsii.String(c.AlarmEmail), nil))
	}
}
