package signal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/memledger"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/strategy"
	"github.com/alchemiser/alchemiser/services/signal"
)

var slot = time.Date(2026, 11, 23, 14, 35, 0, 0, time.UTC)

type clock struct{ now time.Time }

func (c clock) Now() time.Time                             { return c.now }
func (c clock) Sleep(context.Context, time.Duration) error { return nil }

// source serves bars as they are.
type source struct {
	bars    market.Bars
	err     error
	request market.Request
}

func (s *source) DailyBars(_ context.Context, r market.Request) (market.Bars, error) {
	s.request = r
	return s.bars, s.err
}

const rising = `(defsymphony "r" {} (if (> (current-price "A") (moving-average-price "A" {:window 3}))
  [(asset "A")] [(asset "B")]))`

const strongest = `(defsymphony "s" {:rebalance-frequency :weekly}
  (filter (cumulative-return {:window 5}) (select-top 1) [(asset "A") (asset "B") (asset "C")]))`

func bundle(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{"portfolio.yaml": {Data: []byte(`version: 1
strategies:
  - strategy: rising.clj
    weight: "0.6"
  - strategy: strongest.clj
    weight: "0.3"
cash: "0.1"
`)}, "rising.clj": {Data: []byte(rising)}, "strongest.clj": {Data: []byte(strongest)}}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// bars are n sessions up to 2026-11-20: A rises, B falls, C lies still.
func bars(n int) market.Bars {
	var calendar market.Calendar
	dates := []events.Date{"2026-11-20"}
	for len(dates) < n {
		p, _ := calendar.Previous(dates[0])
		dates = append([]events.Date{p.Date}, dates...)
	}
	out := market.Bars{}
	for symbol, step := range map[string]float64{"A": 1, "B": -0.1, "C": 0} {
		for i, d := range dates {
			p := 100 + step*float64(i)
			out[symbol] = append(out[symbol], market.Bar{Date: d, Open: p, High: p, Low: p, Close: p, Volume: 1})
		}
	}
	return out
}

func newSignal(fsys fstest.MapFS, s *source) *signal.Signal {
	portfolio, broken := strategy.LoadPortfolio(fsys)
	c := clock{slot.Add(2 * time.Second)}
	return &signal.Signal{
		Config: signal.Config{Feed: "iex"}, Account: "paper-main", Portfolio: portfolio, Broken: broken,
		Source: s, Ledger: ledger.New(memledger.New(), c), Clock: c, Tasks: env.Goroutines(),
	}
}

func started() events.Envelope {
	return events.Envelope{CorrelationID: "run", EventType: events.TypeWorkflowStarted, Timestamp: events.At(slot), Payload: &events.WorkflowStarted{
		Session: "2026-11-23", Slot: "2026-11-23T14:35Z", Schedule: "daily", ControlState: events.Active,
	}}
}

func TestTarget(t *testing.T) {
	src := &source{bars: bars(40)}
	s := newSignal(bundle(nil), src)
	out, err := s.WorkflowStarted(t.Context(), started())
	if err != nil {
		t.Fatal(err)
	}
	got, ok := out[0].Payload.(*events.SignalGenerated)
	if len(out) != 1 || !ok {
		t.Fatalf("returned %+v", out)
	}
	if got.TargetWeights["A"] != "0.9" || len(got.TargetWeights) != 1 || got.CashWeight != "0.1" {
		t.Errorf("target %v and cash %s, want A 0.9 and 0.1", got.TargetWeights, got.CashWeight)
	}
	if got.AsOfSession != "2026-11-20" || got.Bars.LastSession != "2026-11-20" || got.Bars.Symbols != 3 || len(got.Bars.Digest) != 64 {
		t.Errorf("bars %+v as of %s", got.Bars, got.AsOfSession)
	}
	if src.request.To != "2026-11-20" || strings.Join(src.request.Symbols, "") != "ABC" {
		t.Errorf("asked for %+v", src.request)
	}
	if len(got.Receipts) != 2 || len(got.Context.Strategies) != 2 || got.Context.Strategies[0].Decision != "apply" || !strings.Contains(got.Context.Strategies[1].Reason, "highest 1 by 5-day return: A") {
		t.Errorf("receipts %+v, context %+v", got.Receipts, got.Context)
	}
	sum := money.MustParse(got.CashWeight)
	for _, w := range got.TargetWeights {
		sum = sum.Add(money.MustParse(w))
	}
	if !sum.Equal(money.One()) {
		t.Errorf("weights and cash add up to %s", sum)
	}
}

// failure runs the stage and returns its error as the runtime sees it.
func failure(t *testing.T, s *signal.Signal) *stage.Error {
	t.Helper()
	_, err := s.WorkflowStarted(t.Context(), started())
	var e *stage.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want a stage.Error", err)
	}
	return e
}

func TestAMistakeInAStrategyEndsTheRunWithItsPlace(t *testing.T) {
	s := newSignal(bundle(map[string]string{"rising.clj": "(defsymphony \"r\" {}\n  (weight-eqal (asset \"A\")))"}), &source{bars: bars(40)})
	e := failure(t, s)
	if !e.Final || e.Code != "strategy_failed" || !strings.Contains(e.Message, "rising.clj:2:4: unknown operator") || e.Details["line"] != "2" || e.Details["column"] != "4" || e.Hint == "" {
		t.Errorf("failure %+v", e)
	}
	if s.Probe(t.Context()) == nil {
		t.Error("the deployment's self-test accepts a bundle that does not hold")
	}
}

func TestAStrategyThatFailsOnTheBarsFailsTheRun(t *testing.T) {
	short := bars(40)
	short["A"] = short["A"][38:]
	e := failure(t, newSignal(bundle(nil), &source{bars: short}))
	if !e.Final || e.Code != "strategy_failed" || e.Details["class"] != "insufficient-history" || e.Context == nil || e.Context.Session != "2026-11-23" {
		t.Errorf("failure %+v", e)
	}
}

func TestF45Freshness(t *testing.T) {
	shift := func(b market.Bars, cut int) market.Bars {
		for symbol, s := range b {
			b[symbol] = s[:len(s)-cut]
		}
		return b
	}
	tomorrow := bars(40)
	tomorrow["A"] = append(tomorrow["A"], market.Bar{Date: "2026-11-23", Open: 1, High: 1, Low: 1, Close: 1})
	zero := bars(40)
	zero["B"][7].Close = 0
	double := bars(40)
	double["B"][7].Date = double["B"][6].Date
	for _, c := range []struct {
		name, code string
		final      bool
		src        *source
	}{
		{"one session behind", "bars_not_ready", false, &source{bars: shift(bars(40), 1)}},
		{"no bars at all", "bars_not_ready", false, &source{bars: market.Bars{}}},
		{"a bar of the running session", "future_bar", true, &source{bars: tomorrow}},
		{"a price of zero", "bad_bar", true, &source{bars: zero}},
		{"a session twice", "bad_bar", true, &source{bars: double}},
		{"the provider is away", "market_data_unavailable", false, &source{err: &market.TemporaryError{Err: errors.New("502")}}},
		{"the provider refuses", "market_data_denied", true, &source{err: errors.New("subscription does not permit")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := failure(t, newSignal(bundle(nil), c.src))
			if e.Code != c.code || e.Final != c.final {
				t.Errorf("failure %q final %v, want %q final %v", e.Code, e.Final, c.code, c.final)
			}
			if c.name == "one session behind" && !strings.Contains(e.Message, "A, B, C is of 2026-11-19, the session 2026-11-20") {
				t.Errorf("the failure does not name symbols and sessions: %s", e.Message)
			}
		})
	}
}

// A symbol that stopped trading is left out of a ranking and named; nothing is
// filled in (F44).
func TestF44AStaleSymbolIsLeftOut(t *testing.T) {
	b := bars(40)
	b["C"] = b["C"][:30]
	out, err := newSignal(bundle(nil), &source{bars: b}).WorkflowStarted(t.Context(), started())
	if err != nil {
		t.Fatal(err)
	}
	got := out[0].Payload.(*events.SignalGenerated)
	if len(got.Context.Warnings) != 1 || !strings.Contains(got.Context.Warnings[0], "C (last bar") || fmt.Sprint(got.Context.Strategies[1].LeftOut) != "[C]" {
		t.Errorf("warnings %q, left out %v", got.Context.Warnings, got.Context.Strategies[1].LeftOut)
	}
}

func TestHoldKeepsTheDriftedWeights(t *testing.T) {
	portfolio, broken := strategy.LoadPortfolio(bundle(nil))
	if len(broken) > 0 {
		t.Fatal(broken)
	}
	applied := map[string]ledger.Applied{"strongest": {
		SourceSHA256: portfolio.Entries[1].Program.SHA256, TradeDate: "2026-11-24", AsOf: "2026-11-20", Weights: events.Weights{"B": "1"},
	}}
	d, err := signal.Decide(portfolio, bars(40), "2026-11-20", "2026-11-24", applied, false)
	if err != nil {
		t.Fatal(err)
	}
	if b := d.Briefs[1]; b.Decision != "hold" || b.Holdings["B"] != "1" {
		t.Errorf("the weekly strategy within its week: %+v", b)
	}
	d, err = signal.Decide(portfolio, bars(40), "2026-11-20", "2026-11-24", applied, true)
	if err != nil || d.Briefs[1].Decision != "apply" || d.Briefs[1].Holdings["A"] != "1" {
		t.Errorf("forced: %+v %v", d.Briefs[1], err)
	}
}

// The short form of a receipt names what was compared, the values and the
// answer, in words.
func TestTheReasonIsReadable(t *testing.T) {
	for program, want := range map[string]string{
		rising: "A price (139.00) > A 3-day average (138.00): yes",
		`(defsymphony "r" {} (if (or (< (rsi "A" {:window 10}) 31) (> (cumulative-return "B" {:window 5}) (cumulative-return "A" {:window 5})))
		  [(asset "A")] [(filter (stdev-return {:window 5}) (select-bottom 1) [(asset "A") (asset "B")])]))`: "A 10-day RSI (100.00) < 31: no, B 5-day return (-0.52) > A 5-day return (3.73): no → else; lowest 1 by 5-day volatility: B",
		`(defsymphony "r" {} (weight-equal [(asset "A") (asset "B")]))`: "always the same weights",
	} {
		got, err := newSignal(bundle(map[string]string{"rising.clj": program}), &source{bars: bars(40)}).WorkflowStarted(t.Context(), started())
		if err != nil {
			t.Fatal(err)
		}
		reason := got[0].Payload.(*events.SignalGenerated).Context.Strategies[0].Reason
		if reason != want {
			t.Errorf("%s\nis explained as %q, want %q", program, reason, want)
		}
	}
}
