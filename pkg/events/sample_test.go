package events_test

import (
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
)

const runKey = "paper-main/daily/2026-11-23T14:35Z"

var slotTime = time.Date(2026, 11, 23, 14, 35, 0, 0, time.UTC)

func at(seconds int) events.Time {
	return events.At(slotTime.Add(time.Duration(seconds) * time.Second))
}

func ptr[T any](v T) *T { return &v }

// samples are one filled-in payload of every type: what the golden files hold.
func samples() []events.Payload {
	lines := events.List[events.PlanLine]{
		{Seq: 1, Symbol: "QQQ", Side: events.Sell, Kind: events.Exit, Qty: "7.2273576", Price: "171.65", Value: "1240.57", CurrentQty: "7.2273576", CurrentWeight: "0.12405732", TargetWeight: "0", TargetValue: "0", Fractionable: true, Reason: "not in the target"},
		{Seq: 2, Symbol: "BRK.B", Side: events.Buy, Kind: events.Open, Qty: "12.5", Price: "480.02", Value: "6000.25", CurrentQty: "0", CurrentWeight: "0", TargetWeight: "0.6", TargetValue: "6000.25", Fractionable: true, Reason: "new in the target"},
	}
	legs := events.List[events.LegResult]{
		{Seq: 1, Symbol: "QQQ", Side: events.Sell, Kind: events.Exit, Status: events.LegFilled, IntendedQty: "7.2273576", FilledQty: "7.2273576", AvgPrice: ptr(events.Decimal("171.64")), Value: ptr(events.Decimal("1240.5")), Attempts: 1, SlippageBps: ptr(int64(1)), ClientOrderIDs: events.List[string]{"alc-QQQ-s01-ur5ffbk53fy7iyepwwv3gnj7pg"}},
		{Seq: 2, Symbol: "BRK.B", Side: events.Buy, Kind: events.Open, Status: events.LegPartial, IntendedQty: "12.5", FilledQty: "4", AvgPrice: ptr(events.Decimal("480.1")), Value: ptr(events.Decimal("1920.4")), Attempts: 2, SlippageBps: ptr(int64(2)), ReasonCode: "walk_ended", ClientOrderIDs: events.List[string]{"alc-BRK-B-b01-wte4sjodmt6i4xdor2if7ickv2"}},
	}
	plan := &events.PlanSummary{PlanID: "40012024-5ce9-5e4e-90da-54d2c66d04bb", Equity: "10000", Cash: "2500.5", Reserve: "100", Lines: 2, Buys: "6000.25", Sells: "1240.57", Holds: 1, Turnover: "0.724082", Dust: events.List[events.Dust]{{Symbol: "TLT", Qty: "0.001", Value: "0.09", Reason: "below_minimum"}}}
	strategies := events.List[events.StrategyBrief]{{Name: "momentum", Weight: "0.95", SourceSHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Holdings: events.Weights{"BRK.B": "0.6", "SHY": "0.4"}, Decision: "apply", AsOf: "2026-11-20", Reason: `(> (rsi "QQQ" {:window 10}) 79) is false & ranks 2 <of> 5`, LeftOut: events.List[string]{"NEW"}}}
	weights := events.Weights{"BRK.B": "0.57", "SHY": "0.38"}
	run := events.Context{Session: "2026-11-23", StartedAt: at(0), Slot: "2026-11-23T14:35Z", Strategies: strategies, TargetWeights: weights, Plan: plan, Warnings: events.List[string]{"calendar_mismatch"}, Timings: events.Timings{"signal": 41, "portfolio": 12}}
	envelope := events.SafetyEnvelope{MaxOrderUSD: "250000", MaxTurnover: "2.05", MaxPositionWeight: "1", MaxGross: "1", MaxLines: 60, PriceCollar: "0.35", MaxSubmitsPerLeg: 7}
	holds := events.List[events.Hold]{{Symbol: "SHY", CurrentWeight: "0.38", TargetWeight: "0.38", Reason: "on_target"}}
	planned := &events.RebalancePlanned{PlanID: plan.PlanID, TradesRequired: true, Snapshot: events.Snapshot{TakenAt: at(3), Account: events.SnapshotAccount{Equity: "10000", LastEquity: "9990.1", Cash: "2500.5", BuyingPower: "40000"}, Positions: events.List[events.SnapshotPosition]{{Symbol: "QQQ", Qty: "7.2273576", QtyAvailable: "7.2273576", Price: ptr(events.Decimal("171.65")), PriceSource: "quote", PriceAt: ptr(at(2))}, {Symbol: "OLD", Qty: "3", QtyAvailable: "3", PriceSource: "none"}}, OpenOwnOrders: events.List[string]{}, Digest: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}, Equity: "10000", Cash: "2500.5", Reserve: "100", Deployable: "9900", Lines: lines, Holds: holds, Dust: plan.Dust, Suppressed: events.List[events.PlanLine]{}, Envelope: envelope, Totals: events.PlanTotals{Buys: "6000.25", Sells: "1240.57", Turnover: "0.724082"}, ControlState: events.Active, Policy: &events.PlanPolicy{ReservePct: "0.01", MinTradePct: "0.01", MinTradeRel: "0.25", MinTradeUSD: "5", BrokerMinUSD: "1"}, PreviousCloses: events.Prices{"BRK.B": "478.5", "QQQ": "170.02"}, Context: run}
	var err error
	if planned.PlanHash, err = events.PlanHash(planned); err != nil {
		panic(err) // a sample that does not encode
	}
	return []events.Payload{
		&events.WorkflowStarted{Session: "2026-11-23", Slot: "2026-11-23T14:35Z", Schedule: "daily", SessionOpen: at(-300), SessionClose: at(23100), RequestedBy: "scheduler", ControlState: events.Active, Warnings: events.List[string]{}, Timings: events.Timings{"start": 12}},
		&events.WorkflowSkipped{ReasonCode: "market_closed", Detail: "the exchange calendar has no session on the slot's date", Session: "2026-11-26", Slot: "2026-11-26T14:35Z", Schedule: "daily"},
		&events.SignalGenerated{AsOfSession: "2026-11-20", TargetWeights: weights, CashWeight: "0.05", Bars: events.BarsUsed{Feed: "iex", Adjustment: "all", Symbols: 6, FirstSession: "2024-10-21", LastSession: "2026-11-20", Digest: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}, BundleSHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Receipts: events.List[events.ReceiptRef]{{Strategy: "momentum", Parts: 1, SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}}, Context: run},
		planned,
		&events.TradeExecutionContinued{PlanID: plan.PlanID, N: 1, Phase: events.PhaseBuys, Reason: "deadline"},
		&events.TradeExecuted{PlanID: plan.PlanID, Outcome: events.OutcomePartial, Legs: legs, Totals: events.Totals{Orders: 3, FilledLegs: 1, Bought: "1920.4", Sold: "1240.5"}, Dust: plan.Dust, Residuals: events.List[events.Residual]{{Symbol: "BRK.B", Side: events.Buy, Qty: "8.5"}}, BuyScale: "1", StartedAt: at(4), FinishedAt: at(9), AccountAfter: &events.AccountAfter{Equity: "9999.1", Cash: "1820.6"}, FailureCodes: events.List[string]{"walk_ended"}, Lines: lines, Holds: holds, Context: run},
		&events.WorkflowFailed{Stage: "signal", FailureCode: "strategy_failed", Message: `momentum.clj:14:9: "if" needs an else branch`, Hint: "correct the file and deploy signal", OriginalEventType: events.TypeWorkflowStarted, OriginalEventID: "793f771f-8c4f-5620-9821-fce3984efecc", Details: events.Details{"file": "momentum.clj", "line": "14", "column": "9"}, OpenOrders: events.List[string]{}, Context: &run},
		&events.WorkflowCompleted{Outcome: "PARTIAL", DurationMS: 9200, ClosedBy: "01b22d0f-1921-59c9-a7b6-52a8a2950e6c", Session: "2026-11-23", Orders: 3, FilledLegs: 1},
		&events.TradingNotificationRequested{Kind: "summary", Outcome: events.OutcomePartial, Tag: "PARTIAL", TradingMode: events.Paper, Session: "2026-11-23", AsOfSession: "2026-11-20", Plan: plan, Lines: lines, Legs: legs, Totals: events.Totals{Orders: 3, FilledLegs: 1, Bought: "1920.4", Sold: "1240.5"}, Holds: holds, Dust: plan.Dust, Residuals: events.List[events.Residual]{{Symbol: "BRK.B", Side: events.Buy, Qty: "8.5"}}, Strategies: strategies, TargetWeights: weights, Warnings: run.Warnings, Failure: &events.Failure{Stage: "execution", Code: "walk_ended", Message: "the price moved beyond the cap", Hint: "look at the order", Details: events.Details{}}, Skipped: &events.Skipped{ReasonCode: "market_closed", Detail: "holiday"}, Timings: run.Timings, AccountAfter: &events.AccountAfter{Equity: "9999.1", Cash: "1820.6"}},
		&events.ErrorNotificationRequested{Severity: "ERROR", Code: "late_outcome", Title: "An outcome arrived after the run was closed", Message: "2 of 3 orders filled", Stage: "monitor", RunID: ptr("6f56e1c6-736e-51c9-bef6-1ef189e414d3"), Details: events.Details{"fills": "2"}},
	}
}

// root is the command that begins the sample run.
func root() events.Envelope {
	return events.Envelope{
		EventID: events.CommandID(runKey), CorrelationID: events.RunID(runKey), CausationID: events.CommandID(runKey),
		RunKey: runKey, Account: "paper-main", TradingMode: events.Paper, Hop: -1, NotAfter: at(900),
	}
}

// sample is a payload in the envelope of a first event.
func sample(p events.Payload) (events.Envelope, error) {
	entry, err := events.Lookup(p.EventType())
	if err != nil {
		return events.Envelope{}, err
	}
	return events.Child(root(), entry.Sources[0], events.Event{Payload: p}, 0, slotTime.Add(time.Second), events.Producer{Service: "sample", Version: "1"})
}
