package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// functionRole is exactly what a function needs; the library adds nothing to
// it (see frozen). The one-machine cloud proves both directions: TestF32 plays
// runs in which nothing is denied and no right is left unused.
func functionRole(s awscdk.Stack, c config.Config, f topology.Function) awsiam.IRole {
	name := string(f.Name)
	// State changes are conditional writes of whole items: no update, no delete,
	// no scan.
	state := []string{"dynamodb:GetItem", "dynamodb:PutItem"}
	if f.Ranges {
		state = append(state, "dynamodb:Query")
	}
	statements := append(basics(s, c.Name(name)),
		allow("State", jsii.Strings(state...), tableARN(s, c)),
		allow("GiveUp", jsii.Strings("sqs:SendMessage"), queueARN(s, c.Name(name+"-failure-dlq"))),
	)
	if f.Name == topology.Monitor {
		statements = append(statements, allow("Due", jsii.Strings("dynamodb:Query"), tableARN(s, c)+"/index/due"))
	}
	if len(f.Publishes) > 0 {
		publish := allow("Publish", jsii.Strings("events:PutEvents"), busARN(s, c))
		if c.SourceCondition {
			var sources []*string
			for _, source := range f.Sources() {
				sources = append(sources, jsii.String(string(source)))
			}
			publish.AddCondition(jsii.String("StringEquals"), map[string]any{"events:source": sources})
		}
		statements = append(statements, publish)
	}
	if f.Broker {
		statements = append(statements, allow("BrokerKeys", jsii.Strings("ssm:GetParameter"), parametersARN(s, c.BrokerPath())))
	}
	if f.Mail {
		statements = append(statements, allow("MailKeys", jsii.Strings("ssm:GetParameter"), parametersARN(s, c.MailPath())))
	}
	return frozen(s, "Role", statements)
}

// basics are what any function needs to be seen: its log and its traces.
func basics(s awscdk.Stack, function string) []awsiam.PolicyStatement {
	return []awsiam.PolicyStatement{
		allow("Log", jsii.Strings("logs:CreateLogStream", "logs:PutLogEvents"), logGroupARN(s, logGroupName(function))+":*"),
		// X-Ray knows no resources.
		allow("Trace", jsii.Strings("xray:PutTraceSegments", "xray:PutTelemetryRecords"), "*"),
	}
}

func allow(sid string, actions *[]*string, resource string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: jsii.String(sid), Effect: awsiam.Effect_ALLOW, Actions: actions, Resources: jsii.Strings(resource),
	})
}

// frozen makes a role for Lambda that no construct can extend: what stands in
// the statements is all there is.
func frozen(s awscdk.Stack, id string, statements []awsiam.PolicyStatement) awsiam.IRole {
	role := awsiam.NewRole(s, jsii.String(id), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"function": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements}),
		},
	})
	return role.WithoutPolicyUpdates(nil)
}
