package stacks

import (
	"path/filepath"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodedeploy"
	"github.com/aws/aws-cdk-go/awscdk/v2/interfaces/interfacesawscloudwatch"
	"github.com/aws/jsii-runtime-go"
)

// addDeployment lets a new version prove itself before it gets traffic. The
// pipeline runs once a day, so a canary alone would see nothing: the hook calls
// the new version's self-test, and a version that fails it never goes live.
func (v *service) addDeployment(rollback awscloudwatch.Alarm, dist string) {
	name := v.c.Name(string(v.f.Name))
	hook := name + "-prehook"
	statements := append(basics(v.stack, hook),
		// Every version, not the current one: a grant on that would change in
		// the same update as the alias, in no particular order.
		allow("Probe", jsii.Strings("lambda:InvokeFunction"), functionARN(v.stack, name)+":*"),
		allow("Report", jsii.Strings("codedeploy:PutLifecycleEventHookExecutionStatus"), arn(v.stack, "codedeploy", "deploymentgroup:"+name+"/"+name)),
	)
	prehook := newFunction(v.stack, "Prehook", v.c, functionSpec{
		name: hook, description: "Calls the self-test of a new version of " + name, code: filepath.Join(dist, "prehook"),
		timeout: time.Minute, memoryMB: 128, role: frozen(v.stack, "PrehookRole", statements),
		variables: &map[string]*string{"TARGET_VERSION": v.function.CurrentVersion().FunctionArn()},
	})
	awscdk.Tags_Of(prehook).Add(jsii.String("alchemiser:role"), jsii.String("prehook"), nil)
	// The hook knows the new version before traffic moves to it.
	v.alias.Node().AddDependency(prehook)

	how := awscodedeploy.LambdaDeploymentConfig_ALL_AT_ONCE()
	if v.c.Canary {
		how = awscodedeploy.LambdaDeploymentConfig_CANARY_10PERCENT_5MINUTES()
	}
	awscodedeploy.NewLambdaDeploymentGroup(v.stack, jsii.String("Deployment"), &awscodedeploy.LambdaDeploymentGroupProps{
		Application:         awscodedeploy.NewLambdaApplication(v.stack, jsii.String("Application"), &awscodedeploy.LambdaApplicationProps{ApplicationName: jsii.String(name)}),
		DeploymentGroupName: jsii.String(name),
		Alias:               v.alias, DeploymentConfig: how, PreHook: prehook,
		Alarms: &[]interfacesawscloudwatch.IAlarmRef{rollback},
		AutoRollback: &awscodedeploy.AutoRollbackConfig{
			FailedDeployment: jsii.Bool(true), StoppedDeployment: jsii.Bool(true), DeploymentInAlarm: jsii.Bool(true),
		},
	})
}
