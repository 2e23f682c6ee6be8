// Command lambda is the signal function. Its strategies lie beside it in the
// folder strategies.
package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv/busenv"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv/marketenv"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/strategy"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/alchemiser/alchemiser/services/signal"
)

func main() { lambdaenv.Main(topology.Signal, build) }

func build(ctx context.Context, e *lambdaenv.Env) (stage.Config, error) {
	var calendar market.Calendar
	source, err := marketenv.Connect(ctx, e)
	// A bundle that does not hold must end a run with its mistakes named, and
	// fail the deployment's probe; so it does not keep the function from starting.
	folder := filepath.Join(e.Vars.String("LAMBDA_TASK_ROOT"), "strategies")
	portfolio, broken := strategy.LoadPortfolio(e.Tape.Files(os.DirFS(folder)))
	s := &signal.Signal{
		Config: signal.ReadConfig(e.Vars), Account: e.Account, Portfolio: portfolio, Broken: broken,
		Source: source, Calendar: calendar, Ledger: e.Ledger, Clock: e.Clock, Tasks: env.Goroutines(),
	}
	return stage.Config{Bus: busenv.Connect(e), Handle: map[events.Type]stage.Handler{events.TypeWorkflowStarted: s.WorkflowStarted}, Probe: s.Probe}, err
}
