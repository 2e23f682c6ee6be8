package execution_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/alpacabroker"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/bus"
	"github.com/alchemiser/alchemiser/pkg/bus/membus"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/memledger"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/synthmarket"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/alchemiser/alchemiser/services/execution"
)

// roundTrip is how long the network and the broker take to answer.
const roundTrip = 40 * time.Millisecond

// ratePerMinute is how many requests a minute the broker takes for either API.
const ratePerMinute = 200

// Rotations of up to 300 positions, half of them out and half in, by the real
// handler and adapter over HTTP, at a broker that takes 200 requests a minute.
// Time is that of a bubble: what sleeps side by side sleeps once, so the
// minutes printed are those that a real run would take. No minute, wherever it
// begins, sees more than the broker takes, nothing is refused for its rate, no
// leg is given up for want of time, and what is traded is what is reported. Only
// where every order fills in slices of seconds may some be left.
func TestRebalanceOf300Positions(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	for _, c := range []struct {
		profile   paperbroker.Profile
		positions int
	}{
		{paperbroker.Midpoint, 60}, {paperbroker.Midpoint, 300},
		{paperbroker.Paper, 60}, {paperbroker.Paper, 150}, {paperbroker.Paper, 300},
		{paperbroker.Realistic, 60}, {paperbroker.Realistic, 300}, {paperbroker.Adversarial, 300},
	} {
		t.Run(fmt.Sprint(c.profile, " ", c.positions), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testRotation(t, newRotation(t, c.profile, c.positions/2)) })
		})
	}
}

func testRotation(t *testing.T, r *rotation) {
	e, took := r.run()
	t.Logf("%s with %d orders; legs %v", e.Outcome, e.Totals.Orders, outcomes(e))
	if len(e.Legs) != 2*r.rotated {
		t.Errorf("%d legs reported", len(e.Legs))
	}
	for _, l := range e.Legs {
		if booked := r.booked(l.Symbol); !booked.Equal(money.MustParse(string(l.FilledQty))) {
			t.Errorf("%s %s: the report says %s, the broker %s", l.Side, l.Symbol, l.FilledQty, booked)
		}
		givenUp := l.Status == events.LegSkipped || l.ReasonCode == "max_continuations" || l.ReasonCode == "not_after"
		if l.Status == events.LegUnknown || givenUp && r.profile != paperbroker.Adversarial {
			t.Errorf("%s %s ended %s %s", l.Side, l.Symbol, l.Status, l.ReasonCode)
		}
	}
	t.Logf("in %s and %d invocations; %d requests to trade, at most %d within a minute; %d for quotes, at most %d", took.Round(100*time.Millisecond),
		r.invocations, len(r.meter.trading), busiest(r.meter.trading), len(r.meter.data), busiest(r.meter.data))
	t.Log(r.server.State().Requests)
	if left := r.working(); left != 0 {
		t.Errorf("%d orders are left working", left)
	}
	if r.meter.refused != 0 {
		t.Errorf("%d requests were refused for their rate", r.meter.refused)
	}
	if n := busiest(r.meter.trading); n > ratePerMinute {
		t.Errorf("%d requests to trade within a minute, the broker takes %d", n, ratePerMinute)
	}
	if n := busiest(r.meter.data); n > ratePerMinute {
		t.Errorf("%d requests for quotes within a minute, the broker takes %d", n, ratePerMinute)
	}
}

// rotation is a broker on paper behind HTTP, and the stage in front of it.
type rotation struct {
	t           *testing.T
	clock       env.Clock
	server      *paperbroker.Server
	client      *alpacabroker.Client
	stage       *stage.Stage
	bus         *membus.Driver
	meter       *rateMeter
	vars        map[string]string
	profile     paperbroker.Profile
	rotated     int       // positions that are left, and that are entered
	began       time.Time // of the running invocation
	invocations int
}

func newRotation(t *testing.T, profile paperbroker.Profile, rotated int) *rotation {
	t.Helper()
	r := &rotation{
		t: t, clock: env.SystemClock(time.Until(monday.Add(4 * time.Second))), bus: membus.New(),
		vars: map[string]string{"MAX_LINES": fmt.Sprint(2 * rotated)}, profile: profile, rotated: rotated,
	}
	r.meter = &rateMeter{clock: r.clock}
	var symbols []string
	var held []paperbroker.Holding
	for i := range 2 * rotated {
		symbols = append(symbols, fmt.Sprintf("S%03d", i))
	}
	for _, s := range symbols[:rotated] {
		held = append(held, paperbroker.Holding{Symbol: s, Qty: d("12.5")})
	}
	bars, err := synthmarket.New(1).DailyBars(t.Context(), market.Request{Symbols: symbols, From: "2026-11-02", To: "2026-11-23"})
	if err != nil {
		t.Fatal(err)
	}
	switches := paperbroker.DefaultSwitches(profile)
	switches.RateLimit = ratePerMinute
	r.server, err = paperbroker.New(paperbroker.Options{
		Bars: bars, Clock: r.clock, Seed: 1, Cash: d("5000"), AccountNumber: "PA1", Positions: held, Profile: profile, Switches: &switches,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.meter.next = r.serve()
	r.client, err = alpacabroker.New(alpacabroker.Options{
		BaseURL: "http://paper", DataURL: "http://paper", Feed: "iex", KeyID: "k", Secret: "s", Clock: r.clock, HTTP: r.meter,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.stage = r.newStage()
	return r
}

// serve answers HTTP on connections within the process: time stands still
// while a real one is waited for.
func (r *rotation) serve() http.RoundTripper {
	l := &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: r.server}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(l) }()
	transport := &http.Transport{DialContext: l.dial, MaxIdleConnsPerHost: 16}
	r.t.Cleanup(func() { transport.CloseIdleConnections(); server.Close(); <-done })
	return transport
}

func (r *rotation) newStage() *stage.Stage {
	r.t.Helper()
	memory := ledger.New(memledger.New(), r.clock)
	if _, err := memory.AcquireLease(r.t.Context(), "paper-main", events.RunID(runKey), monday.Add(time.Hour)); err != nil {
		r.t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	owner := func() string { return fmt.Sprint("owner", r.invocations) }
	x := &execution.Execution{
		Config:  execution.ReadConfig(env.Read(r.vars), events.Paper, broker.AccountGuard{Mode: events.Paper, Number: "PA1"}),
		Account: "paper-main", Mode: events.Paper, Ledger: memory, Broker: r.client, Clock: r.clock, Log: log, Owner: owner,
		Remaining: func(context.Context) time.Duration { return topology.Timeout - r.clock.Now().Sub(r.began) },
		Tasks:     env.Goroutines(),
	}
	s, err := stage.New(stage.Config{
		Name: topology.Execution, Account: "paper-main", Mode: events.Paper, Version: "1", Ledger: memory, Bus: bus.New(r.bus), Clock: r.clock,
		Log: log, Owner: owner, Handle: x.Handlers(), SeesThrough: execution.SeesThrough(), Probe: x.Probe,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// plan sells all that is held and buys as many others for what it brings.
func (r *rotation) plan() *events.RebalancePlanned {
	r.t.Helper()
	state := r.server.Account()
	each := state.Equity.Mul(d("0.99")).Quo(money.FromInt(int64(r.rotated)))
	p := &events.RebalancePlanned{
		PlanID: events.PlanID("rotation"), TradesRequired: true, Equity: wire(state.Equity), Cash: wire(state.Cash), Reserve: wire(state.Equity.Mul(d("0.01"))),
		Deployable: wire(state.Equity.Mul(d("0.99"))), ControlState: events.Active, Totals: events.PlanTotals{Buys: "0", Sells: "0", Turnover: "0"},
		Snapshot: events.Snapshot{TakenAt: events.At(monday), Digest: "digest", Account: events.SnapshotAccount{
			Equity: wire(state.Equity), LastEquity: wire(state.LastEquity), Cash: wire(state.Cash), BuyingPower: wire(state.BuyingPower),
		}},
		Context: events.Context{Session: "2026-11-23", StartedAt: events.At(monday), Slot: "2026-11-23T14:35Z"},
	}
	p.Envelope = execution.ReadConfig(env.Read(r.vars), events.Paper, broker.AccountGuard{}).Limits.Wire()
	prices := r.mids()
	held := map[string]paperbroker.Position{}
	for _, h := range r.server.Positions() {
		held[h.Symbol] = h
	}
	for i := range 2 * r.rotated {
		symbol := fmt.Sprintf("S%03d", i)
		line := events.PlanLine{
			Seq: i + 1, Symbol: symbol, Fractionable: true, Reason: "test", CurrentQty: "0", CurrentWeight: "0", TargetWeight: "0", TargetValue: "0",
		}
		price := prices[symbol]
		qty := each.QuoFloor(price, 6)
		line.Side, line.Kind = events.Buy, events.Open
		if h, ok := held[symbol]; ok {
			qty = h.Qty
			line.Side, line.Kind, line.CurrentQty = events.Sell, events.Exit, events.Decimal(qty.String())
		}
		line.Qty, line.Price, line.Value = events.Decimal(qty.String()), events.Decimal(price.String()), wire(qty.Mul(price))
		p.Lines = append(p.Lines, line)
	}
	for _, l := range p.Lines {
		if l.CurrentQty != "0" {
			p.Snapshot.Positions = append(p.Snapshot.Positions, events.SnapshotPosition{Symbol: l.Symbol, Qty: l.CurrentQty, QtyAvailable: l.CurrentQty, Price: &l.Price, PriceSource: "quote"})
		}
	}
	hash, err := events.PlanHash(p)
	if err != nil {
		r.t.Fatal(err)
	}
	p.PlanHash = hash
	return p
}

// mids are what the portfolio stage priced the plan with.
func (r *rotation) mids() map[string]money.Decimal {
	r.t.Helper()
	var symbols []string
	for i := range 2 * r.rotated {
		symbols = append(symbols, fmt.Sprintf("S%03d", i))
	}
	quotes, err := r.client.Quotes(r.t.Context(), symbols)
	if err != nil || len(quotes) != len(symbols) {
		r.t.Fatalf("%d quotes: %v", len(quotes), err)
	}
	mids := make(map[string]money.Decimal)
	for symbol, q := range quotes {
		mids[symbol] = q.Bid.Add(q.Ask).Quo(money.FromInt(2)).Round(4)
	}
	return mids
}

func wire(amount money.Decimal) events.Decimal { return events.Decimal(amount.Round(2).String()) }

// run delivers the plan and every continuation, a second apart.
func (r *rotation) run() (*events.TradeExecuted, time.Duration) {
	r.t.Helper()
	p := r.plan()
	start := r.clock.Now()
	w := world{t: r.t}
	queue := []events.Envelope{w.planned(p)}
	for len(queue) > 0 {
		detail, err := events.Encode(queue[0])
		if err != nil {
			r.t.Fatal(err)
		}
		payload, err := json.Marshal(map[string]any{
			"version": "0", "id": "b", "detail-type": queue[0].EventType, "source": queue[0].Source, "detail": json.RawMessage(detail),
		})
		if err != nil {
			r.t.Fatal(err)
		}
		queue = queue[1:]
		r.began = r.clock.Now()
		r.invocations++
		if _, err := r.stage.Invoke(r.t.Context(), payload); err != nil {
			r.t.Fatal(err)
		}
		for _, e := range r.bus.Take() {
			out, err := events.Decode(e.Detail)
			if err != nil {
				r.t.Fatal(err)
			}
			switch p := out.Payload.(type) {
			case *events.TradeExecuted:
				return p, r.clock.Now().Sub(start)
			case *events.TradeExecutionContinued:
				queue = append(queue, out)
			default:
				r.t.Fatalf("published %s", e.Detail)
			}
		}
		time.Sleep(time.Second)
	}
	r.t.Fatal("no report")
	return nil, 0
}

// booked is what the broker traded of a symbol.
func (r *rotation) booked(symbol string) money.Decimal {
	sum := money.Zero()
	for _, o := range r.server.Orders() {
		if o.Symbol == symbol && strings.HasPrefix(o.ClientID, "alc-") {
			sum = sum.Add(o.Filled)
		}
	}
	return sum
}

// working are the orders that can still be filled.
func (r *rotation) working() int {
	n := 0
	for _, o := range r.server.Orders() {
		if !o.Status.Terminal() {
			n++
		}
	}
	return n
}

// outcomes counts legs by how they ended.
func outcomes(e *events.TradeExecuted) map[string]int {
	counts := map[string]int{}
	for _, l := range e.Legs {
		counts[strings.TrimSpace(fmt.Sprint(l.Side, " ", l.Status, " ", l.ReasonCode))]++
	}
	return counts
}

// rateMeter notes when requests arrive at either API, and takes their time.
type rateMeter struct {
	next  http.RoundTripper
	clock env.Clock

	mu            sync.Mutex
	trading, data []time.Time
	refused       int
}

func (m *rateMeter) RoundTrip(q *http.Request) (*http.Response, error) {
	if err := m.clock.Sleep(q.Context(), roundTrip/2); err != nil {
		return nil, err
	}
	reply, err := m.next.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	m.note(strings.HasPrefix(q.URL.Path, "/v2/stocks/"), reply.StatusCode)
	return reply, m.clock.Sleep(q.Context(), roundTrip/2)
}

func (m *rateMeter) note(data bool, status int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if data {
		m.data = append(m.data, m.clock.Now())
	} else {
		m.trading = append(m.trading, m.clock.Now())
	}
	if status == http.StatusTooManyRequests {
		m.refused++
	}
}

// busiest is the most that arrived within any minute, wherever it begins.
func busiest(at []time.Time) int {
	most, first := 0, 0
	for i := range at {
		for at[i].Sub(at[first]) >= time.Minute {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// pipes is a network within the process.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.accept <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "paper", Net: "pipe"} }
