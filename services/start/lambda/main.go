// Command lambda is the start function.
package main

import (
	"context"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv/brokerenv"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv/busenv"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/alchemiser/alchemiser/services/start"
)

func main() { lambdaenv.Main(topology.Start, build) }

func build(ctx context.Context, e *lambdaenv.Env) (stage.Config, error) {
	b, guard, err := brokerenv.Connect(ctx, e)
	s := &start.Start{
		Config: start.ReadConfig(e.Vars, guard), Account: e.Account, Mode: e.Mode,
		Ledger: e.Ledger, Broker: b, Clock: e.Clock, Tasks: env.Goroutines(),
	}
	return stage.Config{Bus: busenv.Connect(e), Commands: map[string]stage.Command{"trade": s.Trade}, Probe: s.Probe}, err
}
