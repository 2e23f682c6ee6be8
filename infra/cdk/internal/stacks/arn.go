package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
)

// The addresses of parts of other stacks are written from their names: with
// account and region known they come out as plain text, and no stack can lock
// another by an export.

func busARN(s awscdk.Stack, c config.Config) string {
	return arn(s, "events", "event-bus/"+c.Name("bus"))
}

func tableARN(s awscdk.Stack, c config.Config) string {
	return arn(s, "dynamodb", "table/"+c.Name("state"))
}

func topicARN(s awscdk.Stack, c config.Config) string { return arn(s, "sns", c.Name("alarms")) }

func functionARN(s awscdk.Stack, name string) string { return arn(s, "lambda", "function:"+name) }

func queueARN(s awscdk.Stack, name string) string { return arn(s, "sqs", name) }

func logGroupARN(s awscdk.Stack, name string) string { return arn(s, "logs", "log-group:"+name) }

// parametersARN admits every parameter below a path.
func parametersARN(s awscdk.Stack, path string) string { return arn(s, "ssm", "parameter"+path+"/*") }

func arn(s awscdk.Stack, service, resource string) string {
	return *s.FormatArn(&awscdk.ArnComponents{
		Service: jsii.String(service), Resource: jsii.String(resource), ArnFormat: awscdk.ArnFormat_NO_RESOURCE_NAME,
	})
}
