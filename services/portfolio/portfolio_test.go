package portfolio_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/envelope"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/memledger"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/services/portfolio"
)

var now = time.Date(2026, 11, 23, 14, 35, 3, 0, time.UTC)

type clock struct{}

func (clock) Now() time.Time                             { return now }
func (clock) Sleep(context.Context, time.Duration) error { return nil }

// desk is the broker as far as portfolio asks it.
type desk struct {
	broker.Broker // nil: every other call is a defect and panics
	account       broker.Account
	positions     []broker.Position
	orders        []broker.Order
	assets        map[string]broker.Asset
	market        map[string]broker.Snapshot
	err           error
	reads         int
	onRead        func(d *desk)
}

func (d *desk) Account(context.Context) (broker.Account, error) {
	d.reads++
	if d.onRead != nil {
		d.onRead(d)
	}
	return d.account, d.err
}
func (d *desk) Positions(context.Context) ([]broker.Position, error) { return d.positions, nil }
func (d *desk) OpenOrders(context.Context) ([]broker.Order, error)   { return d.orders, nil }
func (d *desk) Snapshots(context.Context, []string) (map[string]broker.Snapshot, error) {
	return d.market, nil
}

func (d *desk) Asset(_ context.Context, symbol string) (broker.Asset, error) {
	a, ok := d.assets[symbol]
	if !ok {
		return a, broker.ErrNotFound
	}
	return a, nil
}

func quoted(bid, ask string, age time.Duration) broker.Snapshot {
	return broker.Snapshot{Quote: &broker.Quote{Bid: d(bid), Ask: d(ask), At: now.Add(-age)}, PreviousClose: ptr(d(bid))}
}

func ptr[T any](v T) *T { return &v }

// newDesk holds 10 A at 100 and 1,000 in cash; B costs 50.
func newDesk() *desk {
	asset := func(s string) broker.Asset { return broker.Asset{Symbol: s, Tradable: true, Fractionable: true} }
	return &desk{
		account:   broker.Account{Number: "PA1", Status: "ACTIVE", Currency: "USD", Cash: d("1000"), Equity: d("2000"), LastEquity: d("1990"), BuyingPower: d("8000")},
		positions: []broker.Position{{Symbol: "A", Qty: d("10"), Available: d("10")}},
		assets:    map[string]broker.Asset{"A": asset("A"), "B": asset("B")},
		market:    map[string]broker.Snapshot{"A": quoted("99.9", "100.1", time.Second), "B": quoted("49.95", "50.05", time.Second)},
	}
}

func newPortfolio(b broker.Broker) *portfolio.Portfolio {
	vars := env.Read(map[string]string{"SHORT_POLICY": "refuse"})
	return &portfolio.Portfolio{
		Config:  portfolio.ReadConfig(vars, events.Paper, broker.AccountGuard{Mode: events.Paper, Number: "PA1"}),
		Account: "paper-main", Ledger: ledger.New(memledger.New(), clock{}), Broker: b, Clock: clock{}, Tasks: env.Goroutines(),
	}
}

func signalled() events.Envelope {
	return events.Envelope{EventID: "636fc9c9-7dfd-5066-b7bc-84a4e5527cd9", CorrelationID: "run", EventType: events.TypeSignalGenerated, Payload: &events.SignalGenerated{
		TargetWeights: events.Weights{"B": "0.6"}, CashWeight: "0.4", Context: events.Context{Session: "2026-11-23", Timings: events.Timings{"signal": 4}},
	}}
}

func TestPlanned(t *testing.T) {
	out, err := newPortfolio(newDesk()).SignalGenerated(t.Context(), signalled())
	if err != nil {
		t.Fatal(err)
	}
	p, ok := out[0].Payload.(*events.RebalancePlanned)
	if !ok || len(out) != 1 || len(p.Lines) != 2 || !p.TradesRequired {
		t.Fatalf("returned %+v", out)
	}
	// E = 2,000, D = 1,980; B: 0.6 × 1,980 / 50 = 23.76
	if p.Equity != "2000" || p.Reserve != "20" || p.Deployable != "1980" || p.Lines[0].Kind != events.Exit || p.Lines[1].Qty != "23.76" || p.Lines[1].TargetValue != "1188" {
		t.Errorf("plan %+v", p)
	}
	if p.PlanID != "40012024-5ce9-5e4e-90da-54d2c66d04bb" || p.Context.Plan.Turnover != "1.094" || p.Snapshot.Positions[0].PriceSource != "quote" {
		t.Errorf("plan %s, summary %+v, snapshot %+v", p.PlanID, p.Context.Plan, p.Snapshot)
	}
	if _, ok := p.Context.Timings["portfolio"]; !ok || p.Context.Timings["signal"] != 4 {
		t.Errorf("timings %v", p.Context.Timings)
	}
	want, err := events.PlanHash(p)
	if err != nil || p.PlanHash != want {
		t.Errorf("hash %s, want %s (%v)", p.PlanHash, want, err)
	}
}

func TestStageFailures(t *testing.T) {
	for _, c := range []struct {
		name, code string
		final      bool
		change     func(d *desk, p *portfolio.Portfolio)
	}{
		{"F56 no price", "no_price", false, func(d *desk, _ *portfolio.Portfolio) { delete(d.market, "B") }},
		{"F77 a one-sided quote is none", "no_price", false, func(d *desk, _ *portfolio.Portfolio) { d.market["B"].Quote.Ask = money.Zero() }},
		{"F76 a crossed quote is none", "no_price", false, func(d *desk, _ *portfolio.Portfolio) { d.market["B"].Quote.Ask = money.MustParse("49") }},
		{"an old quote is none", "no_price", false, func(d *desk, _ *portfolio.Portfolio) { d.market["B"].Quote.At = now.Add(-2 * time.Minute) }},
		{"F59 the broker does not know the target", "not_tradable", true, func(d *desk, _ *portfolio.Portfolio) { delete(d.assets, "B") }},
		{"F87 a foreign open order", "foreign_open_order", true, func(d *desk, _ *portfolio.Portfolio) { d.orders = []broker.Order{{Symbol: "A", ClientID: "by-hand"}} }},
		{"F55 a book that keeps changing", "torn_snapshot", false, func(d *desk, _ *portfolio.Portfolio) {
			d.onRead = func(d *desk) { d.account.Cash = d.account.Cash.Add(money.One()) }
		}},
		{"equity that does not match", "equity_mismatch", true, func(d *desk, _ *portfolio.Portfolio) { d.account.Equity = money.MustParse("2500") }},
		{"F41 another account", "account_guard", true, func(d *desk, _ *portfolio.Portfolio) { d.account.Number = "PA2" }},
		{"the broker is away", "broker_unavailable", false, func(d *desk, _ *portfolio.Portfolio) { d.err = errors.New("502") }},
		{"an order above the envelope", "envelope_refused", true, func(_ *desk, p *portfolio.Portfolio) { p.Config.Limits.MaxOrderUSD = money.MustParse("1100") }},
		{"a price outside the collar", "envelope_refused", true, func(d *desk, _ *portfolio.Portfolio) {
			s := d.market["B"]
			s.PreviousClose = ptr(money.MustParse("90"))
			d.market["B"] = s
		}},
		{"F61 halted", "halted", true, func(_ *desk, p *portfolio.Portfolio) {
			if err := p.Ledger.SetControl(t.Context(), "paper-main", events.Halted, "storm", "operator"); err != nil {
				t.Fatal(err)
			}
		}},
		{"a target that is to be ignored", "ignored_target", true, func(_ *desk, p *portfolio.Portfolio) { p.Config.Ignore = []string{"B"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			desk := newDesk()
			p := newPortfolio(desk)
			c.change(desk, p)
			_, err := p.SignalGenerated(t.Context(), signalled())
			var e *stage.Error
			if !errors.As(err, &e) || e.Code != c.code || e.Final != c.final {
				t.Errorf("error %v, want %s final %v", err, c.code, c.final)
			}
		})
	}
}

// Every breached limit is named, and nothing is clipped.
func TestEveryBreachIsNamed(t *testing.T) {
	p := newPortfolio(newDesk())
	p.Config.Limits = envelope.Limits{MaxOrderUSD: d("100"), MaxTurnover: d("0.5"), MaxPositionWeight: d("0.1"), MaxGross: d("0.2"), MaxLines: 1, PriceCollar: d("0.35"), MaxSubmitsPerLeg: 7}
	_, err := p.SignalGenerated(t.Context(), signalled())
	var e *stage.Error
	if !errors.As(err, &e) || len(e.Details) != 6 { // two orders, turnover, position, gross, lines
		t.Errorf("details %v", e.Details)
	}
}

// An order that an older run left working holds shares. Execution cancels it
// before it sells, so that the plan counts them: otherwise it would sell a part
// and be complete.
func TestF90SharesOfAnOlderOrderAreSold(t *testing.T) {
	desk := newDesk()
	desk.positions[0].Available = d("1")
	desk.orders = []broker.Order{{Symbol: "A", ClientID: "alc-A-s01-older", Side: events.Sell, Qty: d("12"), Filled: d("3"), Status: "pending_cancel"}}
	out, err := newPortfolio(desk).SignalGenerated(t.Context(), signalled())
	if err != nil {
		t.Fatal(err)
	}
	p := out[0].Payload.(*events.RebalancePlanned)
	if len(p.Lines) != 2 || p.Lines[0].Symbol != "A" || p.Lines[0].Qty != "10" || len(p.Context.Warnings) != 0 {
		t.Errorf("lines %+v, warnings %v", p.Lines, p.Context.Warnings)
	}
	if len(p.Snapshot.OpenOwnOrders) != 1 || p.Snapshot.Positions[0].QtyAvailable != "1" {
		t.Errorf("snapshot %+v", p.Snapshot)
	}
}

func TestIgnoredSymbolsAreNotCounted(t *testing.T) {
	desk := newDesk()
	p := newPortfolio(desk)
	p.Config.Ignore = []string{"A"}
	out, err := p.SignalGenerated(t.Context(), signalled())
	if err != nil {
		t.Fatal(err)
	}
	planned := out[0].Payload.(*events.RebalancePlanned)
	if planned.Equity != "1000" || len(planned.Lines) != 1 || planned.Lines[0].Symbol != "B" {
		t.Errorf("plan %+v", planned)
	}
}

func TestALastTradeStandsInForAQuote(t *testing.T) {
	desk := newDesk()
	closing := d("50")
	desk.market["B"] = broker.Snapshot{Trade: &broker.Trade{Price: d("50"), At: now.Add(-10 * time.Minute)}, PreviousClose: &closing}
	out, err := newPortfolio(desk).SignalGenerated(t.Context(), signalled())
	if err != nil {
		t.Fatal(err)
	}
	if planned := out[0].Payload.(*events.RebalancePlanned); planned.Lines[1].Price != "50" {
		t.Errorf("plan %+v", planned.Lines)
	}
}

// The broker's figures follow a fill a moment later: the account is looked at
// once more before it counts as one that cannot be valued.
func TestAnAccountIsValuedTwiceBeforeItIsRefused(t *testing.T) {
	broker := newDesk()
	broker.account.Equity = d("2500")
	broker.onRead = func(k *desk) {
		if k.reads > 2 {
			k.account.Equity = d("2000")
		}
	}
	out, err := newPortfolio(broker).SignalGenerated(t.Context(), signalled())
	if err != nil {
		t.Fatal(err)
	}
	if planned := out[0].Payload.(*events.RebalancePlanned); planned.Snapshot.Account.Equity != "2000" || len(planned.Lines) != 2 {
		t.Errorf("plan %+v", planned)
	}
}
