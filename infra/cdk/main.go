// Command cdk writes the CloudFormation templates of one environment. The CDK's
// command line starts it; the Makefile starts that.
//
//	npx cdk synth  -c env=dev -c account=111111111111 -c dist=../../dist   # offline, never deployed
//	npx cdk deploy -c env=prod -c account=<yours> alchemiser-prod-signal --exclusively
//
// Each environment has deployment roles and a bucket of its own, made once by
//
//	npx cdk bootstrap aws://<account>/us-east-1 --qualifier alchdev --toolkit-stack-name alchemiser-dev-toolkit
package main

import (
	"fmt"
	"os"

	"github.com/aws/jsii-runtime-go"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
	"github.com/alchemiser/alchemiser/infra/cdk/internal/stacks"
	"github.com/alchemiser/alchemiser/pkg/env"
)

func main() {
	if err := synth(); err != nil {
		fmt.Fprintln(os.Stderr, "synth:", err)
		os.Exit(1)
	}
}

// synth turns the library's panics, its only way to report an error, into one
// readable line.
func synth() (err error) {
	defer jsii.Close()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	settings, err := os.ReadFile("cdk.json")
	if err != nil {
		return fmt.Errorf("%w: run it in infra/cdk", err)
	}
	app, err := stacks.NewApp(settings, "")
	if err != nil {
		return err
	}
	account := stacks.Context(app, "account")
	if account == "" {
		account = env.Process()["CDK_DEFAULT_ACCOUNT"]
	}
	c, err := config.For(stacks.Context(app, "env"), account)
	if err != nil {
		return err
	}
	dist := stacks.Context(app, "dist")
	if dist == "" {
		dist = "../../dist"
	}
	stacks.Build(app, c, dist)
	app.Synth(nil)
	return nil
}
