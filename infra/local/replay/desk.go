package replay

import (
	"fmt"
	"log/slog"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/tapebroker"
	"github.com/alchemiser/alchemiser/pkg/bus"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/memledger"
	"github.com/alchemiser/alchemiser/pkg/market/tapemarket"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/strategy"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/alchemiser/alchemiser/pkg/transcript"
	"github.com/alchemiser/alchemiser/services/execution"
	"github.com/alchemiser/alchemiser/services/monitor"
	"github.com/alchemiser/alchemiser/services/notifier"
	"github.com/alchemiser/alchemiser/services/portfolio"
	"github.com/alchemiser/alchemiser/services/signal"
	"github.com/alchemiser/alchemiser/services/start"
)

type stageRuntime = *stage.Stage

// desk is the world of one repeated delivery: a tape where the network was.
type desk struct {
	tape      *transcript.Tape
	clock     env.Clock
	documents *memledger.Driver // the inbox; everything else is on the tape
	ledger    *ledger.Ledger
	bus       *bus.Bus
	vars      *env.Vars
	log       *slog.Logger
	build     string
}

// function assembles a function from its recorded settings, as its main does
// from its environment. The monitor is not nil when the delivery is the sweep's.
func (k *desk) function(consumer string) (*stage.Stage, *monitor.Monitor, error) {
	v := k.vars
	account, mode := v.String("ACCOUNT"), events.Mode(v.OneOf("TRADING_MODE", string(events.Paper), string(events.Live)))
	environment := v.String("ALCHEMISER_ENV")
	metrics := stage.Metrics{Environment: environment, Log: k.log, Clock: k.clock}
	name := topology.Name(consumer)
	var sweeps *monitor.Monitor
	var c stage.Config
	switch consumer {
	case string(topology.Start):
		s := &start.Start{Config: start.ReadConfig(v, k.guard(mode)), Account: account, Mode: mode, Ledger: k.ledger, Broker: k.broker(), Clock: k.clock}
		c = stage.Config{Commands: map[string]stage.Command{"trade": s.Trade}}
	case string(topology.Signal):
		held, broken := strategy.LoadPortfolio(transcript.FilesOf(k.tape.Head()))
		s := &signal.Signal{
			Config: signal.ReadConfig(v), Account: account, Portfolio: held, Broken: broken,
			Source: tapemarket.New(k.tape, nil), Ledger: k.ledger, Clock: k.clock,
		}
		c = stage.Config{Handle: map[events.Type]stage.Handler{events.TypeWorkflowStarted: s.WorkflowStarted}}
	case string(topology.Portfolio):
		p := &portfolio.Portfolio{Config: portfolio.ReadConfig(v, mode, k.guard(mode)), Account: account, Ledger: k.ledger, Broker: k.broker(), Clock: k.clock, Tasks: env.Goroutines()}
		c = stage.Config{Handle: map[events.Type]stage.Handler{events.TypeSignalGenerated: p.SignalGenerated}}
	case string(topology.Execution):
		x := &execution.Execution{
			Config: execution.ReadConfig(v, mode, k.guard(mode)), Account: account, Mode: mode,
			Ledger: k.ledger, Broker: k.broker(), Clock: k.clock, Log: k.log, Owner: k.tape.Token(nil), Remaining: k.tape.Remaining(nil), Tasks: env.Goroutines(),
		}
		c = stage.Config{Handle: x.Handlers(), SeesThrough: execution.SeesThrough()}
	case string(topology.Monitor), monitor.Consumer:
		m := &monitor.Monitor{Config: monitor.ReadConfig(v), Account: account, Mode: mode, Ledger: k.ledger, Clock: k.clock, Log: k.log, Metrics: metrics}
		c = stage.Config{Handle: m.Handlers(), Commands: m.Commands()}
		if consumer == monitor.Consumer {
			name, sweeps = topology.Monitor, m
		}
	case string(topology.Notifier):
		n := &notifier.Notifier{Config: notifier.ReadConfig(v, environment), Mailer: notifier.OnTape(k.tape, nil), Ledger: k.ledger, Clock: k.clock, Log: k.log, Metrics: metrics}
		c = stage.Config{Handle: n.Handlers()}
	default:
		return nil, nil, fmt.Errorf("this build has no function %s", consumer)
	}
	if err := v.Err(); err != nil {
		return nil, nil, err
	}
	c.Name, c.Account, c.Mode, c.Version, c.Environment = name, account, mode, k.build, environment
	c.Ledger, c.Clock, c.Log, c.Tape = k.ledger, k.clock, k.log, k.tape
	c.Owner = func() string { return "replay" }
	if name != topology.Notifier {
		c.Bus = k.bus
	}
	s, err := stage.New(c)
	return s, sweeps, err
}

func (k *desk) broker() broker.Broker { return tapebroker.New(k.tape, nil) }

func (k *desk) guard(mode events.Mode) broker.AccountGuard {
	return broker.ReadAccountGuard(k.vars, mode)
}
