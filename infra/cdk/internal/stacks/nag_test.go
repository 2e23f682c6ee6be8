package stacks_test

import (
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
	"github.com/alchemiser/alchemiser/infra/cdk/internal/stacks"
)

// accepted are the rules that do not hold here, each with its reason. Another
// one needs a reason that survives a review.
func accepted() *[]*cdknag.NagPackSuppression {
	return &[]*cdknag.NagPackSuppression{
		{Id: jsii.String("AwsSolutions-SQS3"), Reason: jsii.String("The queues are the dead-letter queues.")},
		{
			Id: jsii.String("AwsSolutions-IAM4"), Reason: jsii.String("Written by the deployment group: CodeDeploy's own policy for Lambda."),
			AppliesTo: &[]any{"Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited"},
		},
		{
			Id: jsii.String("AwsSolutions-IAM5"), Reason: jsii.String("X-Ray knows no resources; internal/checks proves that nothing else uses the star."),
			AppliesTo: &[]any{"Resource::*"},
		},
		{
			Id: jsii.String("AwsSolutions-IAM5"), Reason: jsii.String("Streams of one log group, versions of one function, parameters below one path."),
			AppliesTo: &[]any{
				map[string]any{"regex": `/^Resource::arn:aws:(logs|lambda):.+:alchemiser-[a-z-]+:\*$/`},
				map[string]any{"regex": `/^Resource::arn:aws:logs:.+:log-group:/aws/lambda/alchemiser-[a-z-]+:\*$/`},
				map[string]any{"regex": `/^Resource::arn:aws:ssm:.+:parameter/alchemiser/[a-z]+/(broker|mail)/\*$/`},
				map[string]any{"regex": `/^Resource::<Prehook[0-9A-F]{8}\.Arn>:\*$/`},
			},
		},
	}
}

// The checks' findings are errors of the synthesis, like the validator's.
func TestNag(t *testing.T) {
	c := environmentFor(t, config.Prod)
	app, err := stacks.NewApp(cdkJSON(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	stacks.Build(app, c, stubDist(t))
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Verbose: jsii.Bool(true)}), nil)
	var all []awscdk.Stack
	for _, child := range *app.Node().Children() {
		if s, ok := child.(awscdk.Stack); ok {
			cdknag.NagSuppressions_AddStackSuppressions(s, accepted(), nil)
			all = append(all, s)
		}
	}
	if len(all) != 8 {
		t.Fatalf("%d stacks were looked at, want 8", len(all))
	}
	app.Synth(nil)
}
