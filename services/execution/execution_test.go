package execution_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/bus"
	"github.com/alchemiser/alchemiser/pkg/bus/membus"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/envelope"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/memledger"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/alchemiser/alchemiser/services/execution"
)

// monday is 09:35 in New York on a session day.
var monday = time.Date(2026, 11, 23, 14, 35, 0, 0, time.UTC)

const runKey = "paper-main/daily/2026-11-23T14:35Z"

// fataler is a *testing.T or a *rapid.T.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

type world struct {
	t      fataler
	clock  *virtual
	desk   *desk
	driver ledger.Driver
	ledger *ledger.Ledger
	bus    *membus.Driver
	owner  int
	// began is when the running invocation began; it lasts 30 seconds.
	began  time.Time
	change func(*execution.Config)
	limits envelope.Limits
	queue  []events.Envelope // published to execution and not delivered
	out    []events.Envelope // published to others
	ran    int               // invocations
}

func newWorld(t fataler) *world {
	w := &world{t: t, clock: &virtual{now: monday.Add(4 * time.Second)}, bus: membus.New(), change: func(*execution.Config) {}, limits: limits()}
	w.driver = memledger.New()
	w.ledger = ledger.New(w.driver, w.clock)
	w.desk = newDesk(w.clock)
	if _, err := w.ledger.AcquireLease(context.Background(), "paper-main", events.RunID(runKey), monday.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	return w
}

func limits() envelope.Limits {
	return envelope.FromVars(env.Read(map[string]string{}), events.Paper)
}

func (w *world) stage() *stage.Stage {
	vars := env.Read(map[string]string{})
	config := execution.ReadConfig(vars, events.Paper, broker.AccountGuard{Mode: events.Paper, Number: "PA1"})
	config.Limits = w.limits
	w.change(&config)
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	owner := func() string { w.owner++; return strconv.Itoa(w.owner) }
	x := &execution.Execution{
		Config: config, Account: "paper-main", Mode: events.Paper, Ledger: w.ledger, Broker: w.desk, Clock: w.clock, Log: log, Owner: owner,
		Remaining: func(context.Context) time.Duration { return 30*time.Second - w.clock.Now().Sub(w.began) },
		Tasks:     env.Goroutines(),
	}
	s, err := stage.New(stage.Config{
		Name: topology.Execution, Account: "paper-main", Mode: events.Paper, Version: "1", Ledger: w.ledger, Bus: bus.New(w.bus), Clock: w.clock,
		Log: log, Owner: owner, Handle: x.Handlers(), SeesThrough: execution.SeesThrough(), Probe: x.Probe,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// line is one trade of a plan; the desk gets the quote and the position.
func (w *world) line(seq int, symbol string, side events.Side, kind events.Kind, qty, price, held string) events.PlanLine {
	p := d(price)
	w.desk.quotes[symbol] = broker.Quote{Bid: p.Sub(d("0.01")), Ask: p.Add(d("0.01"))}
	w.desk.held[symbol] = d(held)
	return events.PlanLine{
		Seq: seq, Symbol: symbol, Side: side, Kind: kind, Qty: events.Decimal(qty), Price: events.Decimal(price),
		Value: events.Decimal(d(qty).Mul(p).Round(2).String()), CurrentQty: events.Decimal(held), CurrentWeight: "0", TargetWeight: "0", TargetValue: "0",
		Fractionable: true, Reason: "test",
	}
}

func (w *world) plan(lines ...events.PlanLine) *events.RebalancePlanned {
	p := &events.RebalancePlanned{
		PlanID: events.PlanID("test"), TradesRequired: len(lines) > 0, Equity: "20000", Cash: "10000", Reserve: "200", Deployable: "19800",
		Snapshot: events.Snapshot{
			TakenAt: events.At(monday), Digest: "digest",
			Account: events.SnapshotAccount{Equity: "20000", LastEquity: "20000", Cash: events.Decimal(w.desk.account.Cash.String()), BuyingPower: "40000"},
		},
		Lines: lines, Envelope: w.limits.Wire(), Totals: events.PlanTotals{Buys: "0", Sells: "0", Turnover: "0"}, ControlState: events.Active,
		Context: events.Context{Session: "2026-11-23", StartedAt: events.At(monday), Slot: "2026-11-23T14:35Z", Timings: events.Timings{"start": 1}},
	}
	for _, l := range p.Lines {
		if l.CurrentQty != "0" {
			p.Snapshot.Positions = append(p.Snapshot.Positions, events.SnapshotPosition{Symbol: l.Symbol, Qty: l.CurrentQty, QtyAvailable: l.CurrentQty, Price: &l.Price, PriceSource: "quote"})
		}
	}
	hash, err := events.PlanHash(p)
	if err != nil {
		w.t.Fatal(err)
	}
	p.PlanHash = hash
	return p
}

func (w *world) envelope(p events.Payload, source events.Source, cause string) events.Envelope {
	entry, err := events.Lookup(p.EventType())
	if err != nil {
		w.t.Fatal(err)
	}
	return events.Envelope{
		EventID: events.EventID(cause, entry.Type, 0), EventType: entry.Type, SchemaVersion: entry.Version,
		CorrelationID: events.RunID(runKey), CausationID: cause, RunKey: runKey, Account: "paper-main", TradingMode: events.Paper, Hop: 2,
		NotAfter: events.At(monday.Add(15 * time.Minute)), Timestamp: events.At(monday.Add(3 * time.Second)), Source: source,
		Producer: events.Producer{Service: "portfolio", Version: "1"}, Payload: p,
	}
}

func (w *world) planned(p *events.RebalancePlanned) events.Envelope {
	return w.envelope(p, events.SourcePortfolio, events.CommandID(runKey))
}

// deliver runs one invocation and sorts what it published.
func (w *world) deliver(in events.Envelope) error {
	w.t.Helper()
	detail, err := events.Encode(in)
	if err != nil {
		w.t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{"version": "0", "id": "b", "detail-type": in.EventType, "source": in.Source, "detail": json.RawMessage(detail)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.began = w.clock.Now()
	w.ran++
	_, invokeErr := w.stage().Invoke(context.Background(), payload)
	for _, e := range w.bus.Take() {
		out, err := events.Decode(e.Detail)
		if err != nil {
			w.t.Fatal(err)
		}
		if out.EventType == events.TypeTradeExecutionContinued {
			w.queue = append(w.queue, out)
		} else {
			w.out = append(w.out, out)
		}
	}
	return invokeErr
}

// trade delivers the plan and every continuation, lets the sweep close out what
// is open a minute after the deadline, and returns the report.
func (w *world) trade(p *events.RebalancePlanned) *events.TradeExecuted {
	w.t.Helper()
	w.untilIdle(w.planned(p))
	if len(w.out) == 0 {
		w.untilIdle(w.closeOut(p))
	}
	return w.report()
}

func (w *world) untilIdle(next events.Envelope) {
	w.t.Helper()
	for {
		if err := w.deliver(next); err != nil {
			w.t.Fatal(err)
		}
		if len(w.queue) == 0 {
			return
		}
		next, w.queue = w.queue[0], w.queue[1:]
		w.clock.Sleep(context.Background(), time.Second)
	}
}

// closeOut is what the sweep publishes a minute after the deadline.
func (w *world) closeOut(p *events.RebalancePlanned) events.Envelope {
	if wait := monday.Add(16 * time.Minute).Sub(w.clock.Now()); wait > 0 {
		w.clock.Sleep(context.Background(), wait)
	}
	return w.envelope(&events.TradeExecutionContinued{PlanID: p.PlanID, N: 10, Phase: events.PhaseClose, CloseOut: true, Reason: "stalled"},
		events.SourceOrchestration, events.CloseOutID(events.RunID(runKey)))
}

func (w *world) report() *events.TradeExecuted {
	w.t.Helper()
	var report *events.TradeExecuted
	for _, e := range w.out {
		if e, ok := e.Payload.(*events.TradeExecuted); ok {
			if report != nil {
				w.t.Fatal("two reports")
			}
			report = e
		}
	}
	if report == nil {
		w.t.Fatalf("no report; published %v", w.published())
	}
	w.reconcile(report)
	return report
}

// reconcile compares a report with the broker's own books.
func (w *world) reconcile(e *events.TradeExecuted) {
	w.t.Helper()
	for _, l := range e.Legs {
		booked := w.desk.traded(l.Symbol, l.Side)
		if l.Status != events.LegUnknown && !booked.Equal(d(string(l.FilledQty))) {
			w.t.Fatalf("%s %s: the report says %s, the broker %s", l.Side, l.Symbol, l.FilledQty, booked)
		}
		if d(string(l.IntendedQty)).Less(booked) {
			w.t.Fatalf("%s %s: %s traded, %s intended", l.Side, l.Symbol, booked, l.IntendedQty)
		}
	}
}

func (w *world) published() []string {
	var out []string
	for _, e := range w.out {
		s := string(e.EventType)
		if f, ok := e.Payload.(*events.WorkflowFailed); ok {
			s += ":" + f.FailureCode + ":" + f.Message
		}
		out = append(out, s)
	}
	return out
}

func (w *world) failure() *events.WorkflowFailed {
	w.t.Helper()
	if len(w.out) != 1 {
		w.t.Fatalf("published %v, want one failure", w.published())
	}
	f, ok := w.out[0].Payload.(*events.WorkflowFailed)
	if !ok {
		w.t.Fatalf("published %v, want a failure", w.published())
	}
	return f
}

func (w *world) rotation() *events.RebalancePlanned {
	return w.plan(
		w.line(1, "OLD", events.Sell, events.Exit, "50", "100", "50"),
		w.line(2, "NEW", events.Buy, events.Open, "70.5", "200", "0"),
	)
}

func show(e *events.TradeExecuted) string {
	s := fmt.Sprintf("%s %v", e.Outcome, e.FailureCodes)
	for _, l := range e.Legs {
		s += fmt.Sprintf(" | %s %s %s %s/%s %s %v", l.Side, l.Symbol, l.Status, l.FilledQty, l.IntendedQty, l.ReasonCode, l.ClientOrderIDs)
	}
	return s + fmt.Sprint(e.Context.Warnings)
}

func TestInstantFillsNeedNoWaiting(t *testing.T) {
	w := newWorld(t)
	w.desk.fill = func(o broker.Order) money.Decimal { return o.Qty }
	before := w.clock.Now()
	e := w.trade(w.rotation())
	if e.Outcome != events.OutcomeCompleted || !e.Success || len(e.Legs) != 2 || e.Totals.FilledLegs != 2 || e.Totals.Orders != 2 {
		t.Errorf("%s", show(e))
	}
	if waited := w.clock.Now().Sub(before); waited != 0 {
		t.Errorf("waited %s although every order was filled at once", waited)
	}
	if e.Totals.Sold != "5000" || e.Totals.Bought != "14100" || e.BuyScale != "1" || *e.Legs[0].SlippageBps != 0 {
		t.Errorf("totals %+v, scale %s", e.Totals, e.BuyScale)
	}
	if _, ok := e.Context.Timings["execution"]; !ok || len(e.Lines) != 2 || e.AccountAfter == nil || e.AccountAfter.Cash != "900" {
		t.Errorf("context %+v, account %+v", e.Context, e.AccountAfter)
	}
	if len(w.desk.posts) != 2 || w.desk.posts[0].Side != events.Sell {
		t.Errorf("posts %+v", w.desk.posts)
	}
}

func TestWalkReachesTheFarTouch(t *testing.T) {
	w := newWorld(t)
	before := w.clock.Now()
	e := w.trade(w.rotation())
	if e.Outcome != events.OutcomeCompleted || e.Totals.Orders != 4 {
		t.Errorf("%s", show(e))
	}
	if waited := w.clock.Now().Sub(before); waited < 4*time.Second || waited > 8*time.Second {
		t.Errorf("two phases took %s", waited)
	}
}

func TestEmptyPlan(t *testing.T) {
	w := newWorld(t)
	if e := w.trade(w.plan()); e.Outcome != events.OutcomeNoTrades || !e.Success || len(w.desk.posts) != 0 {
		t.Errorf("%s", show(e))
	}
}
