// Package stacks describes the cloud side of the system: what every function
// shares (foundation), one stack for each function, and what watches them
// (observability). It reads pkg/topology for who consumes what and
// internal/config for what differs between environments, and adds neither.
//
//	app, err := stacks.NewApp(cdkJSON, "cdk.out")
//	stacks.Build(app, c, "../../dist")
//	app.Synth(nil)
package stacks

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// NewApp returns an empty app with the feature flags of cdk.json. The command
// line passes them by itself; a test that does not pass them would prove
// another app than the one that is deployed. An empty output folder leaves the
// choice to the command line.
func NewApp(cdkJSON []byte, out string) (awscdk.App, error) {
	var settings struct {
		Context map[string]any `json:"context"`
	}
	if err := json.Unmarshal(cdkJSON, &settings); err != nil {
		return nil, fmt.Errorf("cdk.json: %w", err)
	}
	props := &awscdk.AppProps{Context: &settings.Context, AnalyticsReporting: jsii.Bool(false)}
	if out != "" {
		props.Outdir = jsii.String(out)
	}
	return awscdk.NewApp(props), nil
}

// Context returns a value given by -c name=value; empty when it is not given.
func Context(app awscdk.App, name string) string {
	value, _ := app.Node().TryGetContext(jsii.String(name)).(string)
	return value
}

// Build adds all stacks of one environment. The folder dist holds
// <service>/bootstrap of every function and prehook/bootstrap.
func Build(app awscdk.App, c config.Config, dist string) {
	awscdk.Tags_Of(app).Add(jsii.String("alchemiser:env"), jsii.String(string(c.Env)), nil)
	foundation := newStack(app, c, "foundation", "what all functions share: bus, table, alarm topic")
	buildFoundation(foundation, c)
	for _, f := range topology.Functions() {
		s := newStack(app, c, string(f.Name), f.Question)
		s.AddStackDependency(foundation, nil)
		awscdk.Tags_Of(s).Add(jsii.String("alchemiser:service"), jsii.String(string(f.Name)), nil)
		buildService(s, c, f, dist)
	}
	observability := newStack(app, c, "observability", "dashboard and dead-man alarms, from metric names alone")
	observability.AddStackDependency(foundation, nil)
	buildObservability(observability, c)
}

func newStack(app awscdk.App, c config.Config, part, description string) awscdk.Stack {
	return awscdk.NewStack(app, jsii.String(c.Name(part)), &awscdk.StackProps{
		StackName:             jsii.String(c.Name(part)),
		Description:           jsii.String("Alchemiser " + string(c.Env) + ", " + part + ": " + description),
		Env:                   &awscdk.Environment{Account: jsii.String(c.Account), Region: jsii.String(c.Region)},
		Synthesizer:           awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{Qualifier: jsii.String(c.Qualifier)}),
		TerminationProtection: jsii.Bool(c.TerminationProtect),
	})
}
