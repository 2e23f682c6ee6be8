package monitor_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/services/monitor"
)

var update = flag.Bool("update", false, "write the golden files")

func ptr[T any](v T) *T { return &v }

func at(d time.Duration) events.Time { return events.At(slot.Add(d)) }

// runContext is what travels with the sample run.
func runContext() events.Context {
	return events.Context{
		Session: "2026-11-23", StartedAt: at(0), Slot: "2026-11-23T14:35Z",
		Strategies: events.List[events.StrategyBrief]{
			{Name: "momentum", Weight: "0.7", SourceSHA256: "9f86", Holdings: events.Weights{"BRK.B": "0.6", "SHY": "0.4"}, Decision: "apply", AsOf: "2026-11-20", Reason: "RSI(QQQ) 62.1 is below 79", LeftOut: events.List[string]{"NEW"}},
			{Name: "held", Weight: "0.3", SourceSHA256: "9f87", Holdings: events.Weights{"TLT": "1"}, Decision: "hold", AsOf: "2026-11-20", Reason: "weekly, applied on 2026-11-16"},
		},
		TargetWeights: events.Weights{"BRK.B": "0.42", "SHY": "0.28", "TLT": "0.3"},
		Plan:          &events.PlanSummary{PlanID: "40012024-5ce9-5e4e-90da-54d2c66d04bb", Equity: "10000", Cash: "2500.5", Reserve: "100", Lines: 2, Buys: "6000.25", Sells: "1240.57", Holds: 1, Turnover: "0.724082"},
		Warnings:      events.List[string]{"calendar_mismatch"},
		Timings:       events.Timings{"start": 12, "signal": 41, "portfolio": 18},
	}
}

// executed is execution's report of the sample run with the given outcome.
func executed(o events.Outcome) *events.TradeExecuted {
	p := &events.TradeExecuted{
		PlanID: "40012024-5ce9-5e4e-90da-54d2c66d04bb", Outcome: o, Success: o.Success(), BuyScale: "1",
		Totals: events.Totals{Bought: "0", Sold: "0"}, StartedAt: at(4 * time.Second), FinishedAt: at(9 * time.Second), Context: runContext(),
		Holds: events.List[events.Hold]{{Symbol: "TLT", CurrentWeight: "0.3", TargetWeight: "0.3", Reason: "on_target"}},
	}
	if o == events.OutcomeNoTrades {
		return p
	}
	p.Lines = events.List[events.PlanLine]{
		{Seq: 1, Symbol: "QQQ", Side: events.Sell, Kind: events.Exit, Qty: "7.2273576", Price: "171.65", Value: "1240.57", CurrentQty: "7.2273576", CurrentWeight: "0.12405732", TargetWeight: "0", TargetValue: "0", Fractionable: true},
		{Seq: 2, Symbol: "BRK.B", Side: events.Buy, Kind: events.Open, Qty: "12.5", Price: "480.02", Value: "6000.25", CurrentQty: "0", CurrentWeight: "0", TargetWeight: "0.6", TargetValue: "6000.25", Fractionable: true},
	}
	sell := events.LegResult{Seq: 1, Symbol: "QQQ", Side: events.Sell, Kind: events.Exit, IntendedQty: "7.2273576", FilledQty: "0", Status: events.LegSkipped}
	buy := events.LegResult{Seq: 2, Symbol: "BRK.B", Side: events.Buy, Kind: events.Open, IntendedQty: "12.5", FilledQty: "0", Status: events.LegSkipped}
	fill := func(l *events.LegResult, qty, price, value events.Decimal) {
		l.FilledQty, l.AvgPrice, l.Value, l.Attempts, l.SlippageBps = qty, &price, &value, 1, ptr(int64(2))
		l.Status = events.LegPartial
		if qty == l.IntendedQty {
			l.Status = events.LegFilled
		}
	}
	switch o {
	case events.OutcomeCompleted:
		fill(&sell, "7.2273576", "171.64", "1240.5")
		fill(&buy, "12.5", "480.1", "6001.25")
		p.Totals = events.Totals{Orders: 2, FilledLegs: 2, Bought: "6001.25", Sold: "1240.5"}
	case events.OutcomePartial:
		fill(&sell, "7.2273576", "171.64", "1240.5")
		fill(&buy, "4", "480.1", "1920.4")
		buy.ReasonCode = "walk_ended"
		p.Totals = events.Totals{Orders: 3, FilledLegs: 1, Bought: "1920.4", Sold: "1240.5"}
		p.Residuals = events.List[events.Residual]{{Symbol: "BRK.B", Side: events.Buy, Qty: "8.5"}}
		p.FailureCodes, p.BuyScale = events.List[string]{"walk_ended"}, "0.98234"
	case events.OutcomeUnknown:
		sell.Status, sell.ReasonCode, sell.ClientOrderIDs = events.LegUnknown, "pending_cancel", events.List[string]{"alc-QQQ-s01-x"}
		p.FailureCodes = events.List[string]{"sell_unresolved"}
	case events.OutcomeFailed:
		sell.Status, buy.Status = events.LegUnfilled, events.LegRejected
	}
	p.Legs = events.List[events.LegResult]{sell, buy}
	return p
}

func TestSummaryIsAFunctionOfTheEvent(t *testing.T) {
	briefed := runContext()
	briefed.Plan = nil
	for name, c := range map[string]struct {
		source  events.Source
		payload events.Payload
	}{
		"completed":         {events.SourceExecution, executed(events.OutcomeCompleted)},
		"no_trades":         {events.SourceExecution, executed(events.OutcomeNoTrades)},
		"partial":           {events.SourceExecution, executed(events.OutcomePartial)},
		"failed":            {events.SourceExecution, executed(events.OutcomeFailed)},
		"unknown":           {events.SourceExecution, executed(events.OutcomeUnknown)},
		"skipped_execution": {events.SourceExecution, executed(events.OutcomeSkipped)},
		"dry_run":           {events.SourceExecution, executed(events.OutcomeDryRun)},
		"failed_signal": {events.SourceStrategy, &events.WorkflowFailed{
			Stage: "signal", FailureCode: "strategy_failed", Message: `momentum.clj:14:9: "if" needs an else branch`, Hint: "correct the file and deploy signal",
			Details: events.Details{"file": "momentum.clj", "line": "14", "column": "9"},
		}},
		"failed_portfolio":  {events.SourcePortfolio, &events.WorkflowFailed{Stage: "portfolio", FailureCode: "envelope_refused", Message: "max_turnover is 2.4, the limit is 2.05", Context: &briefed}},
		"execution_gave_up": {events.SourceExecution, &events.WorkflowFailed{Stage: "execution", FailureCode: "too_many_attempts", Message: "the event was begun 6 times", Hint: "look at the function's log, then redrive"}},
		"skipped":           {events.SourceOrchestration, &events.WorkflowSkipped{ReasonCode: "market_closed", Detail: "Thanksgiving Day", Session: "2026-11-23", Slot: "2026-11-23T14:35Z", Schedule: "daily"}},
	} {
		t.Run(name, func(t *testing.T) {
			in, err := events.Decode(event(t, root(account+"/daily/2026-11-23T14:35Z", false), c.source, c.payload, 0))
			if err != nil {
				t.Fatal(err)
			}
			got, err := monitor.Summary(in)
			if err != nil {
				t.Fatal(err)
			}
			again, err := monitor.Summary(in)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, pretty(t, got))
			if !bytes.Equal(pretty(t, got), pretty(t, again)) {
				t.Error("a second summary of the same event differs: the first changed the event")
			}
		})
	}
}

// F16: whatever execution reports can be summarised and published, and the
// summary's outcome is execution's.
func TestF16AnyExecutionIsSummarised(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := executed(events.Outcome(rapid.SampledFrom([]string{"COMPLETED", "NO_TRADES", "PARTIAL", "FAILED", "UNKNOWN", "SKIPPED", "DRY_RUN"}).Draw(rt, "outcome")))
		text := rapid.String()
		p.FailureCodes = rapid.SliceOf(text).Draw(rt, "codes")
		p.Context.Warnings = rapid.SliceOf(text).Draw(rt, "warnings")
		p.Context.Timings = rapid.MapOf(text, rapid.Int64()).Draw(rt, "timings")
		for i := range p.Legs {
			p.Legs[i].ReasonCode, p.Legs[i].BrokerMessage, p.Legs[i].ClientOrderIDs = text.Draw(rt, "reason"), text.Draw(rt, "message"), rapid.SliceOf(text).Draw(rt, "orders")
			p.Legs[i].Status = events.LegStatus(rapid.SampledFrom([]string{"FILLED", "PARTIAL", "UNFILLED", "REJECTED", "SKIPPED", "UNKNOWN"}).Draw(rt, "status"))
		}
		if rapid.Bool().Draw(rt, "bare") {
			p.Legs, p.Lines, p.Holds, p.Context = nil, nil, nil, events.Context{}
			p.Context.Session = "2026-11-23"
		}
		in, err := events.Child(root(account+"/daily/2026-11-23T14:35Z", false), events.SourceExecution, events.Event{Payload: p}, 0, slot, events.Producer{Service: "execution", Version: "1"})
		if err != nil {
			rt.Fatal(err)
		}
		got, err := monitor.Summary(in)
		if err != nil || got.Outcome != p.Outcome || got.Success != p.Outcome.Success() || got.Tag == "" {
			rt.Fatalf("%+v, %v", got, err)
		}
		out, err := events.Child(in, events.SourceOrchestration, events.Event{Payload: got}, 0, slot, events.Producer{Service: "monitor", Version: "1"})
		if err != nil {
			rt.Fatal(err)
		}
		if _, err := events.Encode(out); err != nil {
			rt.Fatalf("the summary cannot be published: %v", err)
		}
	})
}

func pretty(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with -update", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from its golden file:\n%s", name, got)
	}
}

func TestRunKeys(t *testing.T) {
	key, err := monitor.ParseRunKey("paper-main/daily/2026-11-24T01:35Z")
	if err != nil || key.Session != "2026-11-23" || key.Schedule != "daily" || key.Account != "paper-main" {
		t.Errorf("%+v, %v: the session is the slot's date in New York", key, err)
	}
	for _, bad := range []string{"", "a/b", "a/b/soon", "a/b/2026-11-24T01:35Z/c"} {
		if _, err := monitor.ParseRunKey(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestConfig(t *testing.T) {
	read := func(vars map[string]string) (monitor.Config, error) {
		v := env.Read(vars)
		return monitor.ReadConfig(v), v.Err()
	}
	if c, err := read(map[string]string{"SCHEDULES": "daily=09:35, close=15:45", "EXPECTED_AFTER": "20m"}); err != nil || len(c.Schedules) != 2 || c.Schedules[1].At != 15*time.Hour+45*time.Minute || c.ExpectedAfter != 20*time.Minute {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := read(nil); err != nil || len(c.Schedules) != 1 || c.Schedules[0].Name != "daily" {
		t.Errorf("default %+v, %v", c, err)
	}
	if c, err := read(map[string]string{"SCHEDULES": "none"}); err != nil || len(c.Schedules) != 0 {
		t.Errorf("none %+v, %v", c, err)
	}
	for _, bad := range []string{"daily", "daily=9", "=09:35", "daily=25:00"} {
		if _, err := read(map[string]string{"SCHEDULES": bad}); err == nil {
			t.Errorf("SCHEDULES=%s was accepted", bad)
		}
	}
}
