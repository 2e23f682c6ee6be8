package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/strategy"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/alchemiser/alchemiser/services/notifier"
)

// Scenario is a small world without chance, for the crash sweep: it is played
// again and again, with one thing going wrong in another place each time.
type Scenario struct {
	Name, Content string
	change        func(*design)
	script        script
	ends          string // how the run ends when nothing goes wrong
}

// script is what goes wrong in every play of a scenario.
type script struct {
	post   func(w *world, n int, r broker.OrderRequest) *affliction // n-th POST, from 1
	cancel func(w *world, n int, id string) *affliction             // n-th cancel, from 1
	mail   func(w *world, n int) error                              // n-th mail, from 1
	kill   topology.Name                                            // dies at its second effect until the queues are redriven
}

// Scenarios are S1 to S14.
func Scenarios() []Scenario {
	always := func(a affliction) func(*world, int, broker.OrderRequest) *affliction {
		return func(*world, int, broker.OrderRequest) *affliction { return &a }
	}
	slow := func(d time.Duration, portion float64) func(*world, int, broker.OrderRequest) *affliction {
		return always(affliction{slow: d, portion: portion})
	}
	stick := func(until time.Duration) func(*world, int, string) *affliction {
		return func(w *world, _ int, id string) *affliction {
			if w.broker.Steer().StickOnCancel(id) && until > 0 {
				w.loop.after(int64(until), func() { w.broker.Steer().Unstick(id) })
			}
			return &affliction{}
		}
	}
	slowOnly := func(d time.Duration, symbols ...string) func(*world, int, broker.OrderRequest) *affliction {
		return func(_ *world, _ int, r broker.OrderRequest) *affliction {
			if slices.Contains(symbols, r.Symbol) {
				return &affliction{slow: d}
			}
			return nil
		}
	}
	refuseAAA := func(_ *world, _ int, r broker.OrderRequest) *affliction {
		if r.Symbol == "AAA" {
			return &affliction{before: &broker.Rejected{Op: "submit", Status: 422, Code: 42210000, Message: "something that nobody has seen before"}}
		}
		return nil
	}
	return []Scenario{
		{Name: "S1", Content: "rotation: two sells, two buys, all fill at the first step", ends: "COMPLETED"},
		{Name: "S2", Content: "partial fills, the walk to its last step, a residual", script: script{post: slow(7*time.Second, 0.3)}, ends: "PARTIAL"},
		{Name: "S3", Content: "a sell and a buy find nobody, and cancels stay pending for most of a minute: continuations", script: script{
			post: slowOnly(time.Hour, "AAA", "CCC"), cancel: func(w *world, n int, id string) *affliction {
				if n > 2 {
					return nil
				}
				return stick(45*time.Second)(w, n, id)
			},
		}, ends: "PARTIAL"},
		{Name: "S4", Content: "a plan without trades", change: func(d *design) {
			d.cash, d.positions = money.FromInt(100), nil
			d.bundle = bundleOf(`(weight-equal [(asset "CCC")])`, "0.01", "0.99")
		}, ends: "NO_TRADES"},
		{Name: "S5", Content: "skipped: a holiday", change: func(d *design) {
			d.moveTo("2026-11-26")
		}, ends: "SKIPPED:market_closed"},
		{Name: "S6", Content: "a strategy fails", change: func(d *design) {
			d.bundle = bundleOf(`(if (> (moving-average-price "CCC" {:window 200}) 1) [(asset "CCC")] [(asset "DDD")])`, "1", "0")
		}, ends: "FAILED:signal:strategy_failed"},
		{Name: "S7", Content: "the envelope refuses the plan", change: func(d *design) {
			d.settings["MAX_ORDER_USD"] = "100"
		}, ends: "FAILED:portfolio:envelope_refused"},
		{Name: "S8", Content: "a sell is refused, the buys are scaled", script: script{post: refuseAAA}, ends: "PARTIAL"},
		{Name: "S9", Content: "no answer to any POST, the orders are found late", script: script{post: func(w *world, n int, _ broker.OrderRequest) *affliction {
			return &affliction{after: &broker.Unknown{Op: "submit", Cause: errEOF}, hide: true}
		}}, ends: "COMPLETED"},
		{Name: "S10", Content: "cancels stay pending to the close: the run closes out as unknown", change: func(d *design) {
			d.settings["MAX_CONTINUATIONS"] = "2"
		}, script: script{
			post: slow(time.Hour, 0), cancel: stick(0),
		}, ends: "UNKNOWN"},
		{Name: "S11", Content: "signal dies for good: the run is reported as stalled, and driven again later", script: script{kill: topology.Signal}, ends: "FAILED:monitor:stalled"},
		{Name: "S12", Content: "the mail server is down, the mail is driven again", script: script{
			post: always(affliction{}),
			mail: func(w *world, n int) error {
				if n <= 3 && w.faults.on {
					return &notifier.SendError{Temporary: true, Err: errors.New("451 (simulated)")}
				}
				return nil
			},
		}, ends: "COMPLETED"},
		{Name: "S13", Content: "a sell is refused that was to pay for the exit of a short position", change: func(d *design) {
			d.symbols = append(d.symbols, "EEE")
			d.cash, d.positions[1].Qty = money.FromInt(500), money.FromInt(4)
			d.positions = append(d.positions, paperbroker.Holding{Symbol: "EEE", Qty: money.FromInt(-4)})
			d.settings["SHORT_POLICY"], d.settings["MAX_TURNOVER"] = "cover", "4"
			d.moveTo("2026-11-24")
		}, script: script{post: refuseAAA}, ends: "PARTIAL"},
		{Name: "S14", Content: "no answer to any POST: the orders arrive after the deadline, one is filled, the close-out cancels one", change: func(d *design) {
			d.settings["RUN_MINUTES"], d.lag = "5", int64(50*time.Second)
			d.moveTo("2026-11-17")
		}, script: script{post: func(_ *world, _ int, r broker.OrderRequest) *affliction {
			a := affliction{hang: true, late: int64(latest)}
			if r.Symbol == "AAA" {
				a.slow = time.Hour
			}
			return &a
		}}, ends: "PARTIAL"},
	}
}

// bundleOf is a bundle of one strategy.
func bundleOf(body, weight, cash string) *strategy.Portfolio {
	p, diagnostics := strategy.LoadPortfolio(folder{
		"s.clj":                fmt.Sprintf("(defsymphony \"Scenario\" {:asset-class \"EQUITIES\", :rebalance-frequency :daily}\n  %s)\n", body),
		strategy.PortfolioFile: fmt.Sprintf("version: 1\nstrategies:\n  - strategy: s.clj\n    weight: %q\ncash: %q\n", weight, cash),
	})
	if len(diagnostics) > 0 {
		panic(fmt.Sprintf("sim: scenario: %v", diagnostics))
	}
	return p
}

// moveTo makes the world a day long.
func (d *design) moveTo(date events.Date) {
	y := tenYears()
	d.days = []day{{date: date}}
	if i, open := y.index[date]; open {
		d.days[0].session = &y.sessions[i]
	}
	midnight := date.In(market.NewYork())
	at := time.Date(midnight.Year(), midnight.Month(), midnight.Day(), 9, 35, 0, 0, market.NewYork())
	d.slots = []slot{{schedule: "daily", at: at.UTC()}}
	d.times = []string{"daily=09:35"}
	sessions := append([]market.Session(nil), y.before(date, history)...)
	if d.days[0].session != nil {
		sessions = append(sessions, *d.days[0].session)
	}
	d.bars = make(market.Bars)
	r := stream(3, "scenario")
	for _, symbol := range d.symbols {
		d.bars[symbol] = walk(r, sessions, 40)
	}
}

// design is the world of a scenario: AAA and BBB are left, CCC and DDD bought.
func (s Scenario) design() *design {
	d := &design{
		symbols: []string{"AAA", "BBB", "CCC", "DDD"}, traits: make(map[string]paperbroker.Traits),
		bundle: bundleOf(`(weight-equal [(asset "CCC") (asset "DDD")])`, "1", "0"),
		cash:   money.FromInt(2000), limit: 1, profile: paperbroker.Midpoint,
		positions: []paperbroker.Holding{{Symbol: "AAA", Qty: money.MustParse("60.000001234")}, {Symbol: "BBB", Qty: money.MustParse("40.123456789")}},
	}
	d.drawSettings(stream(3, "scenario"))
	d.moveTo("2026-11-24")
	for name, value := range map[string]string{
		"SHORT_POLICY": "refuse", "SELL_DUST": "true", "MARKET_FALLBACK": "off", "NEUTRAL_MODE": "false", "RUNS_PER_SESSION": "1", "SCHEDULES": "daily=09:35",
	} {
		d.settings[name] = value
	}
	d.limit = 1
	d.switches = paperbroker.DefaultSwitches(d.profile)
	d.switches.CancelDelay = 200 * time.Millisecond
	if s.change != nil {
		s.change(d)
	}
	return d
}
