// Command lambda is the execution function.
package main

import (
	"context"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv/brokerenv"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv/busenv"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/alchemiser/alchemiser/services/execution"
)

func main() { lambdaenv.Main(topology.Execution, build) }

func build(ctx context.Context, e *lambdaenv.Env) (stage.Config, error) {
	b, guard, err := brokerenv.Connect(ctx, e)
	x := &execution.Execution{
		Config: execution.ReadConfig(e.Vars, e.Mode, guard), Account: e.Account, Mode: e.Mode,
		Ledger: e.Ledger, Broker: b, Clock: e.Clock, Log: e.Log, Owner: e.Tape.Token(env.Token), Remaining: e.Tape.Remaining(remaining),
		Tasks: env.Goroutines(),
	}
	return stage.Config{Bus: busenv.Connect(e), Handle: x.Handlers(), SeesThrough: execution.SeesThrough(), Probe: x.Probe}, err
}

// remaining compares the invocation's deadline with the machine's own clock.
func remaining(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return topology.Timeout
	}
	return deadline.Sub(env.SystemClock(0).Now())
}
