// The monitor function ends every run once and sweeps for what was left behind.
package main

import (
	"context"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv/busenv"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/alchemiser/alchemiser/services/monitor"
)

func main() { lambdaenv.Main(topology.Monitor, build) }

func build(_ context.Context, e *lambdaenv.Env) (stage.Config, error) {
	m := &monitor.Monitor{
		Config: monitor.ReadConfig(e.Vars), Account: e.Account, Mode: e.Mode,
		Ledger: e.Ledger, Clock: e.Clock, Tasks: env.Goroutines(), Log: e.Log,
		Metrics: stage.Metrics{Environment: e.Environment, Log: e.Log, Clock: e.Clock},
	}
	return stage.Config{Bus: busenv.Connect(e), Handle: m.Handlers(), Commands: m.Commands()}, nil
}
