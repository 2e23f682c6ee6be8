// Command lambda is the portfolio function.
package main

import (
	"context"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv/brokerenv"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv/busenv"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/alchemiser/alchemiser/services/portfolio"
)

func main() { lambdaenv.Main(topology.Portfolio, build) }

func build(ctx context.Context, e *lambdaenv.Env) (stage.Config, error) {
	b, guard, err := brokerenv.Connect(ctx, e)
	p := &portfolio.Portfolio{
		Config: portfolio.ReadConfig(e.Vars, e.Mode, guard), Account: e.Account, Ledger: e.Ledger, Broker: b, Clock: e.Clock,
		Tasks: env.Goroutines(),
	}
	return stage.Config{Bus: busenv.Connect(e), Handle: map[events.Type]stage.Handler{events.TypeSignalGenerated: p.SignalGenerated}, Probe: p.Probe}, err
}
