// Package faulttest holds execution against the paper broker, through the
// adapter that trades for real: every fault that the broker can
// play, and a crash at every call that execution makes. The judge is the
// broker's own book, never what execution says of itself.
package faulttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/alpacabroker"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/bus"
	"github.com/alchemiser/alchemiser/pkg/bus/membus"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/envelope"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/memledger"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/alchemiser/alchemiser/services/execution"
)

const (
	account = "paper-main"
	runKey  = "paper-main/daily/2026-11-24T15:05Z"
)

// morning is 10:05 in New York on a Tuesday: the slot of the run.
var (
	morning  = time.Date(2026, 11, 24, 15, 5, 0, 0, time.UTC)
	notAfter = morning.Add(15 * time.Minute)
)

// virtual is a clock that moves when somebody sleeps, and the pulse of the
// running invocation: a dead one can neither sleep nor call.
type virtual struct {
	mu  sync.Mutex
	now time.Time
}

func (v *virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

func (v *virtual) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now = v.now.Add(max(d, 0))
	return nil
}

// where says on which side of a call the process dies.
type where int

const (
	beforeCall where = iota
	afterCall        // the call had its effect, its answer is lost
)

var errDead = errors.New("the process is dead")

// pulse counts the calls of a world and kills the invocation at one of them.
type pulse struct {
	mu    sync.Mutex
	calls int
	at    int   // 0: never
	more  []int // further deaths, each so many calls after the one before
	where where
	dead  bool
	end   context.CancelFunc // of the running invocation
	// meanwhile is what happens elsewhere before call number at, which then goes on.
	meanwhile func()
	died      string // the call at which it died
}

// call runs one call of the process to the outside.
func (p *pulse) call(name string, f func() error) error {
	p.mu.Lock()
	if p.dead {
		p.mu.Unlock()
		return errDead
	}
	p.calls++
	strikes := p.at != 0 && p.calls == p.at
	if strikes && p.meanwhile != nil {
		strikes, p.died = false, name
		p.mu.Unlock()
		p.meanwhile()
		p.mu.Lock()
	}
	if strikes {
		p.dead, p.died, p.at = true, p.died+name, 0
		if len(p.more) > 0 {
			p.at, p.more, p.died = p.calls+p.more[0], p.more[1:], p.died+", "
		}
		p.end()
		if p.where == beforeCall {
			p.mu.Unlock()
			return errDead
		}
	}
	p.mu.Unlock()
	err := f()
	if strikes {
		return errDead
	}
	return err
}

// table is the ledger as a process sees it that may die.
type table struct {
	ledger.Driver
	pulse *pulse
}

func (d table) Get(ctx context.Context, k ledger.Key) (item ledger.Item, err error) {
	err = d.pulse.call("get "+k.SK, func() (err error) { item, err = d.Driver.Get(context.WithoutCancel(ctx), k); return err })
	return item, err
}

func (d table) Put(ctx context.Context, item ledger.Item) error {
	return d.pulse.call("put "+item.SK, func() error { return d.Driver.Put(context.WithoutCancel(ctx), item) })
}

func (d table) Query(ctx context.Context, pk, prefix string) (items []ledger.Item, err error) {
	err = d.pulse.call("query "+prefix, func() (err error) { items, err = d.Driver.Query(context.WithoutCancel(ctx), pk, prefix); return err })
	return items, err
}

// wire is the bus in the same way.
type wire struct {
	bus.Driver
	pulse *pulse
}

func (d wire) Put(ctx context.Context, entries []bus.Entry) (results []error, err error) {
	err = d.pulse.call("publish", func() (err error) { results, err = d.Driver.Put(context.WithoutCancel(ctx), entries); return err })
	return results, err
}

// desk is the adapter in the same way. Reads are not counted: dying at one is
// the same as dying at the call before.
type desk struct {
	*alpacabroker.Client
	pulse *pulse
}

func (d desk) Submit(ctx context.Context, r broker.OrderRequest) (o broker.Order, err error) {
	err = d.pulse.call("submit "+r.ClientID, func() (err error) { o, err = d.Client.Submit(context.WithoutCancel(ctx), r); return err })
	if errors.Is(err, errDead) {
		return broker.Order{}, &broker.Unknown{Op: "submit", Cause: err}
	}
	return o, err
}

func (d desk) Cancel(ctx context.Context, id string) error {
	err := d.pulse.call("cancel", func() error { return d.Client.Cancel(context.WithoutCancel(ctx), id) })
	if errors.Is(err, errDead) {
		return &broker.Unknown{Op: "cancel", Cause: err}
	}
	return err
}

type world struct {
	t      testing.TB
	clock  *virtual
	server *paperbroker.Server
	client *alpacabroker.Client
	memory *memledger.Driver
	ledger *ledger.Ledger // of an observer who never dies
	bus    *membus.Driver
	pulse  *pulse
	owner  int
	log    io.Writer

	plan    *events.RebalancePlanned
	cash    money.Decimal // before the run
	queue   []events.Envelope
	seen    []events.Envelope // delivered at least once
	forgets bool              // what fails is not delivered again
	reports map[string]string // TradeExecuted by event id
	final   *events.TradeExecuted
	failed  []*events.WorkflowFailed
	alarms  []string
}

type setup struct {
	profile  paperbroker.Profile
	seed     uint64
	switches func(*paperbroker.Switches)
	assets   map[string]paperbroker.Traits
}

// newWorld holds 60 AAA and 40.123456789 BBB and some cash. The plan leaves
// AAA, reduces BBB and buys CCC and DDD with everything.
func newWorld(t testing.TB, s setup) *world {
	t.Helper()
	if s.profile == "" {
		s.profile = paperbroker.Instant
	}
	w := &world{
		t: t, clock: &virtual{now: morning.Add(4 * time.Second)}, memory: memledger.New(), bus: membus.New(), pulse: &pulse{},
		cash: money.MustParse("2000"), reports: make(map[string]string), log: io.Discard,
	}
	switches := paperbroker.DefaultSwitches(s.profile)
	if s.switches != nil {
		s.switches(&switches)
	}
	var err error
	w.server, err = paperbroker.New(paperbroker.Options{
		Bars: bars(s.seed), Clock: w.clock, Seed: s.seed, Cash: w.cash, AccountNumber: "PA1", Profile: s.profile, Switches: &switches, Assets: s.assets,
		Positions: []paperbroker.Holding{{Symbol: "AAA", Qty: money.MustParse("60.000001234")}, {Symbol: "BBB", Qty: money.MustParse("40.123456789")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.client, err = alpacabroker.New(alpacabroker.Options{
		BaseURL: "http://paper", DataURL: "http://paper", Feed: "iex", KeyID: "k", Secret: "s", Clock: w.clock, HTTP: w.server.Transport(),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.ledger = ledger.New(w.memory, w.clock)
	if _, err := w.ledger.AcquireLease(t.Context(), account, events.RunID(runKey), notAfter.Add(20*time.Minute)); err != nil {
		t.Fatal(err)
	}
	w.plan = w.makePlan()
	return w
}

// bars are two months of prices between 5 and 500 dollars.
func bars(seed uint64) market.Bars {
	dice := rand.New(rand.NewPCG(seed, 2))
	sessions := market.Calendar{}.Sessions("2026-10-01", "2026-11-24")
	out := make(market.Bars)
	for _, symbol := range []string{"AAA", "BBB", "CCC", "DDD", "EEE"} {
		price := 5 * math.Pow(100, dice.Float64())
		for _, s := range sessions {
			open := price
			price *= 1 + 0.02*(dice.Float64()-0.5)
			out[symbol] = append(out[symbol], market.Bar{
				Date: s.Date, Open: cents(open), High: cents(max(open, price) * 1.01), Low: cents(min(open, price) * 0.99), Close: cents(price), Volume: 100_000,
			})
		}
	}
	return out
}

func cents(price float64) float64 { return math.Round(price*100) / 100 }

// makePlan makes the plan at the broker's mids.
func (w *world) makePlan() *events.RebalancePlanned {
	w.t.Helper()
	quotes, err := w.client.Quotes(w.t.Context(), []string{"AAA", "BBB", "CCC", "DDD"})
	if err != nil || len(quotes) != 4 {
		w.t.Fatalf("quotes %v %v", quotes, err)
	}
	mid := func(s string) money.Decimal {
		return quotes[s].Bid.Add(quotes[s].Ask).Quo(money.FromInt(2)).Round(6)
	}
	held := map[string]money.Decimal{"AAA": money.MustParse("60.000001234"), "BBB": money.MustParse("40.123456789")}
	reduce := money.MustParse("15.5")
	proceeds := held["AAA"].Mul(mid("AAA")).Add(reduce.Mul(mid("BBB")))
	equity := w.cash.Add(held["AAA"].Mul(mid("AAA"))).Add(held["BBB"].Mul(mid("BBB")))
	reserve := equity.Mul(money.MustParse("0.01"))
	half := w.cash.Add(proceeds).Sub(reserve).Quo(money.FromInt(2))
	text := func(d money.Decimal, places int32) events.Decimal { return events.Decimal(d.Round(places).String()) }
	line := func(seq int, symbol string, side events.Side, kind events.Kind, qty money.Decimal) events.PlanLine {
		return events.PlanLine{
			Seq: seq, Symbol: symbol, Side: side, Kind: kind, Qty: events.Decimal(qty.String()), Price: text(mid(symbol), 6), Value: text(qty.Mul(mid(symbol)), 2),
			CurrentQty: events.Decimal(held[symbol].String()), CurrentWeight: "0", TargetWeight: "0", TargetValue: "0", Fractionable: true, Reason: "test",
		}
	}
	state, err := w.client.Account(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	p := &events.RebalancePlanned{
		PlanID: events.PlanID("faulttest"), TradesRequired: true, Equity: text(equity, 2), Cash: text(w.cash, 2), Reserve: text(reserve, 2), Deployable: text(equity.Sub(reserve), 2),
		Snapshot: events.Snapshot{TakenAt: events.At(w.clock.Now()), Digest: "digest", Account: events.SnapshotAccount{
			Equity: text(state.Equity, 2), LastEquity: text(state.LastEquity, 2), Cash: text(state.Cash, 2), BuyingPower: text(state.BuyingPower, 2),
		}},
		Lines: events.List[events.PlanLine]{
			line(1, "AAA", events.Sell, events.Exit, held["AAA"]), line(2, "BBB", events.Sell, events.Decrease, reduce),
			line(3, "CCC", events.Buy, events.Open, half.QuoFloor(mid("CCC"), 6)), line(4, "DDD", events.Buy, events.Open, half.QuoFloor(mid("DDD"), 6)),
		},
		Envelope: w.limits().Wire(), Totals: events.PlanTotals{Buys: "0", Sells: "0", Turnover: "0"}, ControlState: events.Active,
		Context: events.Context{Session: "2026-11-24", StartedAt: events.At(morning), Slot: "2026-11-24T15:05Z"},
	}
	for _, l := range p.Lines {
		if l.CurrentQty != "0" {
			p.Snapshot.Positions = append(p.Snapshot.Positions, events.SnapshotPosition{Symbol: l.Symbol, Qty: l.CurrentQty, QtyAvailable: l.CurrentQty, Price: &l.Price, PriceSource: "quote"})
		}
	}
	if p.PlanHash, err = events.PlanHash(p); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// settings are the defaults, with room for what made-up prices lead to.
func settings() *env.Vars { return env.Read(map[string]string{"MAX_ORDER_USD": "1000000000"}) }

func (w *world) limits() envelope.Limits {
	return envelope.FromVars(settings(), events.Paper)
}

// invoke is one invocation of the function, in a process of its own that may
// die.
func (w *world) invoke(in events.Envelope) error {
	w.t.Helper()
	detail, err := events.Encode(in)
	if err != nil {
		w.t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{"version": "0", "id": "b", "detail-type": in.EventType, "source": in.Source, "detail": json.RawMessage(detail)})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	w.pulse.mu.Lock()
	w.pulse.dead, w.pulse.end = false, cancel
	w.pulse.mu.Unlock()
	began := w.clock.Now()
	memory := ledger.New(table{w.memory, w.pulse}, w.clock)
	log := slog.New(slog.NewJSONHandler(w.log, nil))
	owner := func() string { w.owner++; return fmt.Sprint("owner", w.owner) }
	x := &execution.Execution{
		Config:  execution.ReadConfig(settings(), events.Paper, broker.AccountGuard{Mode: events.Paper, Number: "PA1"}),
		Account: account, Mode: events.Paper, Ledger: memory, Broker: desk{w.client, w.pulse}, Clock: w.clock, Log: log, Owner: owner,
		Remaining: func(context.Context) time.Duration { return topology.Timeout - w.clock.Now().Sub(began) },
		Tasks:     env.Goroutines(),
	}
	s, err := stage.New(stage.Config{
		Name: topology.Execution, Account: account, Mode: events.Paper, Version: "1", Ledger: memory, Bus: bus.New(wire{w.bus, w.pulse}), Clock: w.clock,
		Log: log, Owner: owner, Handle: x.Handlers(), SeesThrough: execution.SeesThrough(), Probe: x.Probe,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	_, failure := s.Invoke(ctx, payload)
	w.collect()
	return failure
}

// collect sorts what was published.
func (w *world) collect() {
	w.t.Helper()
	for _, e := range w.bus.Take() {
		out, err := events.Decode(e.Detail)
		if err != nil {
			w.t.Fatal(err)
		}
		switch p := out.Payload.(type) {
		case *events.TradeExecutionContinued:
			w.queue = append(w.queue, out)
		case *events.TradeExecuted:
			if before, ok := w.reports[out.EventID]; ok && before != string(e.Detail) {
				w.t.Fatalf("two events with the id %s differ", out.EventID) // I3
			}
			w.reports[out.EventID] = string(e.Detail)
			w.final = p
		case *events.WorkflowFailed:
			w.failed = append(w.failed, p)
		case *events.ErrorNotificationRequested:
			w.alarms = append(w.alarms, p.Code)
		}
	}
}

func (w *world) envelope(p events.Payload, source events.Source, cause string, hop int) events.Envelope {
	entry, err := events.Lookup(p.EventType())
	if err != nil {
		w.t.Fatal(err)
	}
	return events.Envelope{
		EventID: events.EventID(cause, entry.Type, 0), EventType: entry.Type, SchemaVersion: entry.Version, CorrelationID: events.RunID(runKey),
		CausationID: cause, RunKey: runKey, Account: account, TradingMode: events.Paper, Hop: hop, NotAfter: events.At(notAfter),
		Timestamp: events.At(morning.Add(3 * time.Second)), Source: source, Producer: events.Producer{Service: "portfolio", Version: "1"}, Payload: p,
	}
}

// deliver is the bus and Lambda's queue: three tries, one and two minutes
// apart, the second of which the sweep may overtake.
func (w *world) deliver(in events.Envelope) {
	w.t.Helper()
	w.seen = append(w.seen, in)
	for _, wait := range []time.Duration{time.Minute, 2 * time.Minute, 0} {
		if w.invoke(in) == nil || w.forgets {
			return
		}
		w.sleep(wait)
	}
}

func (w *world) sleep(d time.Duration) {
	if err := w.clock.Sleep(w.t.Context(), d); err != nil {
		w.t.Fatal(err)
	}
}

// run plays the run to its end: the plan, every continuation and, if nothing
// was reported of a plan that was begun, the sweep's close-out. A plan that is
// done needs one, too, when its process died before it could tell.
func (w *world) run() {
	w.t.Helper()
	w.deliver(w.planned())
	w.drain()
	for n := range 5 {
		w.republish()
		w.drain()
		if _, begun := w.phase(); len(w.reports) > 0 || len(w.failed) > 0 || !begun {
			return
		}
		if until := notAfter.Add(time.Minute + time.Duration(n)*5*time.Minute); w.clock.Now().Before(until) {
			w.sleep(until.Sub(w.clock.Now()))
		}
		w.deliver(w.closeOut())
		w.drain()
	}
}

func (w *world) planned() events.Envelope {
	return w.envelope(w.plan, events.SourcePortfolio, events.CommandID(runKey), 3)
}

// closeOut is what the sweep publishes for an execution that does not end.
func (w *world) closeOut() events.Envelope {
	return w.envelope(&events.TradeExecutionContinued{PlanID: w.plan.PlanID, N: 10, Phase: events.PhaseClose, CloseOut: true, Reason: "stalled"},
		events.SourceOrchestration, events.CloseOutID(events.RunID(runKey)), 0)
}

func (w *world) drain() {
	w.t.Helper()
	for len(w.queue) > 0 {
		next := w.queue[0]
		w.queue = w.queue[1:]
		w.sleep(200 * time.Millisecond)
		w.deliver(next)
	}
}

// republish is the sweep's care for committed events that were not published.
func (w *world) republish() {
	w.t.Helper()
	items, err := w.ledger.Run(w.t.Context(), events.RunID(runKey))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, item := range items {
		if len(item.SK) < 3 || item.SK[:3] != "IN#" {
			continue
		}
		claim, err := w.ledger.Reopen(item)
		if err != nil {
			w.t.Fatal(err)
		}
		if claim.Unpublished() {
			if err := bus.New(w.bus).Publish(w.t.Context(), claim.Out()...); err != nil {
				w.t.Fatal(err)
			}
			if err := w.ledger.MarkPublished(w.t.Context(), claim); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	w.collect()
}

// executing reports whether the plan has a record that is not done.
func (w *world) executing() bool {
	phase, begun := w.phase()
	return begun && phase != events.PhaseDone
}

// phase is where the plan's record stands; false without a record.
func (w *world) phase() (events.Phase, bool) {
	doc, err := ledger.Load[struct {
		Phase events.Phase `json:"phase"`
	}](w.t.Context(), w.ledger, ledger.ExecKey(events.RunID(runKey), w.plan.PlanID))
	return doc.Value.Phase, err == nil
}
