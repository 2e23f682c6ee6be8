package sim

import (
	"context"
	"strconv"
	"time"

	"github.com/alchemiser/alchemiser/pkg/bus"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/alchemiser/alchemiser/services/execution"
	"github.com/alchemiser/alchemiser/services/monitor"
	"github.com/alchemiser/alchemiser/services/notifier"
	"github.com/alchemiser/alchemiser/services/portfolio"
	"github.com/alchemiser/alchemiser/services/signal"
	"github.com/alchemiser/alchemiser/services/start"
)

const environment = "sim"

// handle builds the function as its main does, and gives it the job's payload.
func (i *invocation) handle(ctx context.Context) ([]byte, error) {
	s, err := stage.New(i.stage())
	if err != nil {
		return nil, err
	}
	return s.Invoke(ctx, i.job.payload)
}

func (i *invocation) stage() stage.Config {
	w, clock := i.world, machineClock{i}
	memory := ledger.New(table{i}, clock)
	c := i.function(memory, clock)
	c.Name, c.Account, c.Mode, c.Version, c.Environment = i.job.function.Name, account, events.Paper, i.build, environment
	c.Ledger, c.Clock, c.Log, c.Owner, c.Read = memory, clock, w.log, i.owner, i.read
	if len(i.job.function.Publishes) > 0 {
		c.Bus = bus.New(wire{i})
	}
	return c
}

// owner names the claims of the invocation, each another way, as random names would.
func (i *invocation) owner() string {
	i.calls++
	return i.name + "." + strconv.Itoa(i.calls)
}

func (i *invocation) remaining(context.Context) time.Duration {
	return time.Duration(i.began + deadline - i.world.loop.now)
}

// function is what differs between the functions: services/*/lambda/main.go.
func (i *invocation) function(memory *ledger.Ledger, clock machineClock) stage.Config {
	w := i.world
	metrics := stage.Metrics{Environment: environment, Log: w.log, Clock: clock}
	switch i.job.function.Name {
	case topology.Start:
		s := &start.Start{
			Config: w.config.start, Account: account, Mode: events.Paper, Ledger: memory, Broker: desk{i}, Calendar: w.calendar, Clock: clock, Tasks: i,
		}
		return stage.Config{Commands: map[string]stage.Command{"trade": s.Trade}, Probe: s.Probe}
	case topology.Signal:
		s := &signal.Signal{
			Config: w.config.signal, Account: account, Portfolio: w.bundle, Source: feed{i}, Calendar: w.calendar, Ledger: memory, Clock: clock, Tasks: i,
		}
		return stage.Config{Handle: map[events.Type]stage.Handler{events.TypeWorkflowStarted: s.WorkflowStarted}, Probe: s.Probe}
	case topology.Portfolio:
		p := &portfolio.Portfolio{Config: w.config.portfolio, Account: account, Ledger: memory, Broker: desk{i}, Clock: clock, Tasks: i}
		return stage.Config{Handle: map[events.Type]stage.Handler{events.TypeSignalGenerated: p.SignalGenerated}, Probe: p.Probe}
	case topology.Execution:
		x := &execution.Execution{
			Config: w.config.execution, Account: account, Mode: events.Paper, Ledger: memory, Broker: desk{i}, Clock: clock, Log: w.log,
			Owner: i.owner, Remaining: i.remaining, Tasks: i,
		}
		return stage.Config{Handle: x.Handlers(), SeesThrough: execution.SeesThrough(), Probe: x.Probe}
	case topology.Monitor:
		m := &monitor.Monitor{
			Config: w.config.monitor, Account: account, Mode: events.Paper, Ledger: memory, Calendar: w.calendar, Clock: clock, Tasks: i, Log: w.log, Metrics: metrics,
		}
		return stage.Config{Handle: m.Handlers(), Commands: m.Commands()}
	default:
		n := &notifier.Notifier{Config: w.config.notifier, Mailer: post{i}, Ledger: memory, Clock: clock, Log: w.log, Metrics: metrics}
		return stage.Config{Handle: n.Handlers()}
	}
}
