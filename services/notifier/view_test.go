package notifier_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/services/notifier"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	account = "paper-main"
	runKey  = account + "/daily/2026-11-23T14:35Z"
)

var slot = time.Date(2026, 11, 23, 14, 35, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

// envelope carries a payload as monitor publishes it, through its bytes.
func envelope(t testing.TB, p events.Payload, change func(*events.Envelope)) events.Envelope {
	t.Helper()
	root := events.Envelope{
		EventID: events.CommandID(runKey), CorrelationID: events.RunID(runKey), CausationID: events.CommandID(runKey), RunKey: runKey,
		Account: account, TradingMode: events.Paper, Hop: 3, NotAfter: events.At(slot.Add(15 * time.Minute)),
	}
	source := events.SourceOrchestration
	if p.EventType() == events.TypeErrorNotificationRequested {
		source = events.SourceNotifications
	}
	e, err := events.Child(root, source, events.Event{Payload: p}, 0, slot.Add(12*time.Second), events.Producer{Service: "monitor", Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&e)
	}
	detail, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	back, err := events.Decode(detail)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// summaries are the requests that monitor's own tests pin, so that producer
// and mail cannot drift apart, and a few more.
func summaries(t testing.TB) map[string]events.Envelope {
	t.Helper()
	out := make(map[string]events.Envelope)
	paths, err := filepath.Glob("../monitor/testdata/*.json")
	if err != nil || len(paths) < 10 {
		t.Fatalf("monitor's golden summaries are missing: %d files, %v", len(paths), err)
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p := new(events.TradingNotificationRequested)
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(p); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		out[name] = envelope(t, p, func(e *events.Envelope) { e.DryRun = name == "dry_run" })
	}
	out["live_partial"] = envelope(t, rotation(), func(e *events.Envelope) { e.TradingMode, e.Account = events.Live, "live-main" })
	out["stalled"] = envelope(t, stalled(), nil)
	reducing := new(events.TradingNotificationRequested)
	*reducing = *out["no_trades"].Payload.(*events.TradingNotificationRequested)
	reducing.Holds = append(events.List[events.Hold]{{Symbol: "SPY", CurrentWeight: "0", TargetWeight: "0.4", Reason: "reducing"}}, reducing.Holds...)
	out["reducing"] = envelope(t, reducing, nil)
	return out
}

// rotation is a run of some size with every status a leg can have.
func rotation() *events.TradingNotificationRequested {
	line := func(seq int, symbol string, side events.Side, kind events.Kind, qty, price events.Decimal, before, target events.Decimal) events.PlanLine {
		held := events.Decimal(money.MustParse(before).Mul(money.MustParse("104233.18")).Quo(money.MustParse(price)).Round(9).String())
		if kind == events.Exit {
			held = qty
		}
		return events.PlanLine{Seq: seq, Symbol: symbol, Side: side, Kind: kind, Qty: qty, Price: price, Value: "1", CurrentQty: held, CurrentWeight: before, TargetWeight: target, TargetValue: "0"}
	}
	leg := func(seq int, symbol string, side events.Side, s events.LegStatus, want, got events.Decimal) events.LegResult {
		return events.LegResult{Seq: seq, Symbol: symbol, Side: side, Kind: events.Open, Status: s, IntendedQty: want, FilledQty: got, Attempts: 1}
	}
	fill := func(l events.LegResult, price, value events.Decimal, bps int64) events.LegResult {
		l.AvgPrice, l.Value, l.SlippageBps = &price, &value, &bps
		return l
	}
	pending := leg(4, "BIL", events.Buy, events.LegFilled, "101", "101")
	pending.PricePending = true
	rejected := leg(5, "UVXY", events.Buy, events.LegRejected, "40", "0")
	rejected.ReasonCode, rejected.BrokerMessage = "wash_trade", "potential wash trade detected; use complex orders"
	partial := fill(leg(3, "TQQQ", events.Buy, events.LegPartial, "412.5", "400"), "88.1234", "35249.36", 4)
	partial.ReasonCode = "walk_ended"
	skipped := leg(6, "FNGU", events.Buy, events.LegSkipped, "3", "0")
	skipped.ReasonCode = "not_tradable"
	return &events.TradingNotificationRequested{
		Kind: "summary", Outcome: events.OutcomePartial, Tag: "PARTIAL", TradingMode: events.Live, Session: "2026-11-23", AsOfSession: "2026-11-20",
		Plan: &events.PlanSummary{PlanID: "40012024-5ce9-5e4e-90da-54d2c66d04bb", Equity: "104233.18", Cash: "512.4", Reserve: "1042.33", Lines: 6, Buys: "83001.1", Sells: "84120.55", Holds: 1, Turnover: "1.603"},
		Lines: events.List[events.PlanLine]{
			line(1, "SPY", events.Sell, events.Exit, "75.123456789", "660.1", "0.4758", "0"), line(2, "QQQ", events.Sell, events.Decrease, "58", "595", "0.3311", "0.0003"),
			line(3, "TQQQ", events.Buy, events.Open, "412.5", "88.1", "0", "0.35"), line(4, "BIL", events.Buy, events.Increase, "101", "91.6", "0.1", "0.189"),
			line(5, "UVXY", events.Buy, events.Open, "40", "12.3", "0", "0.005"), line(6, "FNGU", events.Buy, events.Open, "3", "30", "0", "0.001"),
		},
		Legs: events.List[events.LegResult]{
			fill(leg(1, "SPY", events.Sell, events.LegFilled, "75.123456789", "75.123456789"), "660.08", "49587.49", 1), fill(leg(2, "QQQ", events.Sell, events.LegFilled, "58", "58"), "595.12", "34516.96", -2),
			partial, pending, rejected, skipped,
		},
		Totals: events.Totals{Orders: 9, FilledLegs: 3, Bought: "44500.96", Sold: "84104.45"},
		Holds:  events.List[events.Hold]{{Symbol: "GLD", CurrentWeight: "0.0931", TargetWeight: "0.1", Reason: "below_threshold"}},
		Dust:   events.List[events.Dust]{{Symbol: "VOX", Qty: "0.000412", Value: "0.05", Reason: "below_minimum"}},
		Residuals: events.List[events.Residual]{
			{Symbol: "TQQQ", Side: events.Buy, Qty: "12.5"}, {Symbol: "UVXY", Side: events.Buy, Qty: "40"}, {Symbol: "FNGU", Side: events.Buy, Qty: "3"},
		},
		Strategies: events.List[events.StrategyBrief]{
			{Name: "nasdaq_trend", Weight: "0.6", Holdings: events.Weights{"TQQQ": "0.58333333", "BIL": "0.41666667"}, Decision: "apply", AsOf: "2026-11-20", Reason: "QQQ 595.03 is above its 200-day average 541.77; RSI(QQQ, 10) 61.4 is below 79", LeftOut: events.List[string]{"FNGB", "BULZ"}},
			{Name: "sector_rotation", Weight: "0.4", Holdings: events.Weights{"GLD": "0.25", "UVXY": "0.0125"}, Decision: "hold", AsOf: "2026-11-20", Reason: "monthly; applied on 2026-11-02"},
		},
		TargetWeights: events.Weights{"TQQQ": "0.35", "BIL": "0.189", "GLD": "0.1"},
		Warnings:      events.List[string]{"calendar_mismatch", "The buys were scaled to 98.2% of the plan: less cash was there than planned."},
		Failure:       &events.Failure{Stage: "execution", Code: "walk_ended", Message: "Not every line of the plan was filled. Reasons: walk_ended, wash_trade, not_tradable."},
		Timings:       events.Timings{"start": 412, "signal": 1480, "portfolio": 903, "execution": 21_340, "run": 26_900},
		AccountAfter:  &events.AccountAfter{Equity: "104198.02", Cash: "39902.1"},
	}
}

func stalled() *events.TradingNotificationRequested {
	return &events.TradingNotificationRequested{
		Kind: "summary", Outcome: events.OutcomeFailed, Tag: "CHECK BROKER", TradingMode: events.Paper, Session: "2026-11-23",
		Totals: events.Totals{Bought: "0", Sold: "0"},
		Failure: &events.Failure{
			Stage: "monitor", Code: "stalled", Message: "The execution stage was begun 3 times and did not end.", Hint: "alchemiser show " + events.RunID(runKey),
			Details: events.Details{"last_stage": "execution", "last_error": "broker_unavailable: connection refused", "orders": "some may be working or filled", "open_orders": "alc-TQQQ-s01-ur5ffbk53fy7iyepwwv3gnj7pg alc-BRK-B-b02-wte4sjodmt6i4xdor2if7ickv2"},
		},
	}
}

func view(in events.Envelope, neutral bool) notifier.View { // of production
	return notifier.SummaryView(in, in.Payload.(*events.TradingNotificationRequested), notifier.Audience{Environment: "prod", Neutral: neutral})
}

func render(t testing.TB, v notifier.View) (text, html string) {
	t.Helper()
	text, html, err := notifier.Render(v)
	if err != nil {
		t.Fatal(err)
	}
	return text, html
}

// F92: every outcome renders from the event that monitor publishes, and what
// it says is pinned.
func TestF92EveryOutcomeRenders(t *testing.T) {
	for name, in := range summaries(t) {
		t.Run(name, func(t *testing.T) {
			text, html := render(t, view(in, false))
			golden(t, name+".txt", view(in, false).Subject+"\n\n"+text)
			golden(t, name+".html", html)
			for _, hole := range []string{"<no value>", "N/A", "&lt;nil&gt;", "<nil>", "%!", "ZgotmplZ"} {
				if strings.Contains(text, hole) || strings.Contains(html, hole) {
					t.Errorf("%q in the mail", hole)
				}
			}
			narrow(t, text)
			plain(t, html)
			neutralText, _ := render(t, view(in, true))
			narrow(t, neutralText)
			golden(t, "neutral_"+name+".txt", view(in, true).Subject+"\n\n"+neutralText)
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with -update", err)
	}
	if string(want) != got {
		t.Errorf("%s differs from its golden file:\n%s", name, got)
	}
}

// In neutral mode no amount, quantity or price of the event is in the mail in
// any form, wherever it stood.
func TestNeutralModeHoldsNoMoney(t *testing.T) {
	secret := func(forms ...string) []string { return forms }
	money := secret("104,233.18", "104233.18", "512.4", "1042.33", "1,042.33", "83001.1", "84120.55", "75.123456789", "75.12", "660.1", "660.08", "49587.49",
		"595.12", "88.1", "412.5", "35249.36", "44500.96", "44,500.96", "84104.45", "104198.02", "39902.1", "0.000412", "12.5", "595.03", "541.77", "777.77", "1,234,567", "31415")
	in := envelope(t, rotation(), func(e *events.Envelope) { e.TradingMode = events.Live })
	p := in.Payload.(*events.TradingNotificationRequested)
	p.Failure.Message = "max_order_usd: the order of $1,234,567 for QQQ is above 31415 (momentum.clj:14:9), 2 % of 777.77"
	p.Failure.Details = events.Details{"limit": "31415", "at": "777.77 USD"}
	p.Warnings = append(p.Warnings, "cash fell to 777.77")
	p.Legs[4].BrokerMessage = "requested 31415, available 777.77"
	v := view(in, true)
	text, html := render(t, v)
	for _, s := range money {
		for where, mail := range map[string]string{"text": text, "html": withoutStyles(html), "subject": v.Subject} {
			if strings.Contains(mail, s) {
				t.Errorf("%s is in the %s", s, where)
			}
		}
	}
	for _, mail := range []string{text, html, v.Subject} {
		if strings.ContainsAny(mail, "$€£") {
			t.Errorf("a currency sign in %s", mail)
		}
	}
	for _, want := range []string{"35.0%", "partly filled", "momentum.clj:14:9", "2 %", "98.2%", events.RunID(runKey)} {
		if !strings.Contains(text, want) {
			t.Errorf("neutral mode hides %q", want)
		}
	}
	plain, _ := render(t, view(in, false))
	for _, s := range []string{"$104,233.18", "75.123456789", "$660.08", "777.77"} {
		if !strings.Contains(plain, s) {
			t.Errorf("without neutral mode %s is missing: the scan above proves nothing", s)
		}
	}
}

// withoutStyles leaves what a reader sees.
func withoutStyles(html string) string {
	_, body, _ := strings.Cut(html, "</style>")
	return regexp.MustCompile(`style="[^"]*"`).ReplaceAllString(body, "")
}

func TestAFailedStrategyIsLocated(t *testing.T) {
	in := summaries(t)["failed_signal"]
	text, html := render(t, view(in, false))
	html = strings.ReplaceAll(html, "&#34;", `"`)
	for _, want := range []string{"momentum.clj:14:9", "needs an else branch", "No order was sent.", "strategy_failed", "Correct the file and deploy signal."} {
		if !strings.Contains(text, want) || !strings.Contains(html, want) {
			t.Errorf("the mail does not say %q:\n%s", want, text)
		}
	}
}

// A mail never says that no order was sent when one may have been.
func TestNoFalseReassurance(t *testing.T) {
	harmless := map[string]bool{"no_trades": true, "reducing": true, "skipped": true, "skipped_execution": true, "dry_run": true, "failed_signal": true, "failed_portfolio": true}
	for name, in := range summaries(t) {
		text, _ := render(t, view(in, false))
		if says := strings.Contains(text, "No order was sent"); says != harmless[name] {
			t.Errorf("%s: the mail says that no order was sent: %v", name, says)
		}
	}
	if text, _ := render(t, view(summaries(t)["reducing"], false)); strings.Contains(text, "already holds") {
		t.Errorf("the mail hides that buys were left out:\n%s", text)
	}
	for orders, want := range map[string]bool{"none were sent": true, "some may be working or filled": false, "all have ended; their fills were not reported": false, "": false} {
		p := stalled()
		p.Failure.Details["orders"] = orders
		if want {
			delete(p.Failure.Details, "open_orders")
		}
		text, _ := render(t, view(envelope(t, p, nil), false))
		if says := strings.Contains(text, "No order was sent"); says != want {
			t.Errorf("stalled with orders %q: the mail says that no order was sent: %v", orders, says)
		}
	}
}

func TestSecretsAndAddressesAreRemoved(t *testing.T) {
	keep := []string{"alc-TQQQ-s01-ur5ffbk53fy7iyepwwv3gnj7pg", "alc-BRK-B-b02-wte4sjodmt6i4xdor2if7ickv2", "6f56e1c6-736e-51c9-bef6-1ef189e414d3", "services/signal/strategies/momentum2.clj:14:9", "cannot_open_a_short_position", "requested 75.123456789"}
	remove := []string{"PKABCDEFGH1234567890", "AbCdEfGhIjKlMnOpQrSt0123456789+/AbCdEfGh", "owner@example.com", "PA3ABCDEFGH1", "987654321", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}
	in := envelope(t, rotation(), func(e *events.Envelope) { e.TradingMode = events.Live })
	p := in.Payload.(*events.TradingNotificationRequested)
	everything := strings.Join(append(append([]string{}, keep...), remove...), " ; ")
	p.Legs[4].BrokerMessage = everything
	p.Failure.Message, p.Failure.Hint, p.Failure.Details = everything, everything, events.Details{"last_error": everything}
	p.Warnings = events.List[string]{everything}
	p.Strategies[0].Reason = everything
	text, html := render(t, view(in, false))
	skip := envelope(t, &events.TradingNotificationRequested{Kind: "summary", Outcome: events.OutcomeSkipped, Tag: "SKIPPED", TradingMode: events.Paper, Session: "2026-11-23", Totals: p.Totals, Skipped: &events.Skipped{ReasonCode: "halted", Detail: everything}}, nil)
	skipText, _ := render(t, view(skip, false))
	failureText, _ := render(t, notifier.ErrorView(in, &events.ErrorNotificationRequested{Title: everything, Message: everything, Details: events.Details{"x": everything}}, notifier.Audience{Environment: "prod"}))
	for _, mail := range []string{text, html, skipText, failureText} {
		for _, s := range remove {
			if strings.Contains(mail, s) {
				t.Errorf("%s is in the mail", s)
			}
		}
		for _, s := range keep {
			if !strings.Contains(mail, s) {
				t.Errorf("%s was removed from %s", s, mail)
			}
		}
	}
}

func TestTextFromOutsideIsEscaped(t *testing.T) {
	in := envelope(t, rotation(), func(e *events.Envelope) { e.TradingMode = events.Live })
	p := in.Payload.(*events.TradingNotificationRequested)
	const evil = `<script>alert("x")</script><img src=x onerror=y>`
	p.Legs[4].BrokerMessage, p.Failure.Message, p.Strategies[0].Name, p.Lines[0].Symbol = evil, evil, evil, evil
	_, html := render(t, view(in, false))
	if strings.Contains(html, "<script") || strings.Contains(html, "<img") {
		t.Error("text of the event is markup in the mail")
	}
}

// F16: any summary renders, and rendering changes nothing in the event.
func TestF16AnySummaryRenders(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.String()
		decimal := rapid.Custom(func(rt *rapid.T) events.Decimal {
			return events.Decimal(money.FromInt(rapid.Int64().Draw(rt, "units")).Shift(-rapid.Int32Range(0, 9).Draw(rt, "scale")).String())
		})
		p := &events.TradingNotificationRequested{
			Kind: "summary", Outcome: events.Outcome(rapid.SampledFrom([]string{"COMPLETED", "NO_TRADES", "PARTIAL", "FAILED", "UNKNOWN", "SKIPPED", "DRY_RUN", "SOMETHING_NEW"}).Draw(rt, "outcome")),
			Tag: text.Draw(rt, "tag"), TradingMode: events.Paper, Session: "2026-11-23", Totals: events.Totals{Bought: decimal.Draw(rt, "bought"), Sold: decimal.Draw(rt, "sold")},
		}
		for i := range rapid.IntRange(0, 4).Draw(rt, "legs") {
			l := events.LegResult{
				Seq: i + rapid.IntRange(0, 2).Draw(rt, "seq"), Symbol: text.Draw(rt, "symbol"), Side: events.Side(text.Draw(rt, "side")), Status: events.LegStatus(rapid.SampledFrom([]string{"FILLED", "PARTIAL", "UNFILLED", "REJECTED", "SKIPPED", "UNKNOWN", "NEW"}).Draw(rt, "status")),
				IntendedQty: decimal.Draw(rt, "intended"), FilledQty: decimal.Draw(rt, "filled"), PricePending: rapid.Bool().Draw(rt, "pending"),
				ReasonCode: text.Draw(rt, "reason"), BrokerMessage: text.Draw(rt, "message"), ClientOrderIDs: events.List[string]{text.Draw(rt, "order")},
			}
			if rapid.Bool().Draw(rt, "priced") {
				l.AvgPrice, l.SlippageBps = ptr(decimal.Draw(rt, "price")), ptr(rapid.Int64().Draw(rt, "bps"))
			}
			p.Legs = append(p.Legs, l)
			if rapid.Bool().Draw(rt, "planned") {
				p.Lines = append(p.Lines, events.PlanLine{Seq: i, Symbol: l.Symbol, Side: l.Side, Qty: l.IntendedQty, Price: "1", Value: "1", CurrentQty: "0", TargetValue: "0", CurrentWeight: decimal.Draw(rt, "before"), TargetWeight: decimal.Draw(rt, "target")})
			}
			p.Residuals = append(p.Residuals, events.Residual{Symbol: l.Symbol, Side: l.Side, Qty: l.FilledQty})
		}
		if rapid.Bool().Draw(rt, "failed") {
			p.Failure = &events.Failure{Stage: text.Draw(rt, "stage"), Code: text.Draw(rt, "code"), Message: text.Draw(rt, "message"), Hint: text.Draw(rt, "hint"), Details: rapid.MapOf(text, text).Draw(rt, "details")}
		}
		p.Warnings = rapid.SliceOf(text).Draw(rt, "warnings")
		p.Strategies = events.List[events.StrategyBrief]{{Name: text.Draw(rt, "name"), Weight: decimal.Draw(rt, "weight"), Reason: text.Draw(rt, "why"), Holdings: events.Weights{text.Draw(rt, "held"): decimal.Draw(rt, "share")}}}
		in := events.Envelope{CorrelationID: events.RunID(runKey), RunKey: runKey, Account: account, TradingMode: events.Paper, Payload: p, Timestamp: events.At(slot)}
		before, err := json.Marshal(p)
		if err != nil {
			rt.Fatal(err)
		}
		for _, neutral := range []bool{false, true} {
			v := view(in, neutral)
			body, html, err := notifier.Render(v)
			if err != nil {
				rt.Fatal(err)
			}
			if strings.Contains(body+html, "%!") && !strings.Contains(string(before), "%") {
				rt.Fatal("a format went wrong")
			}
			if strings.ContainsAny(v.Subject, "\r\n") || len([]rune(v.Subject)) > 140 {
				rt.Fatalf("subject %q", v.Subject)
			}
		}
		after, err := json.Marshal(p)
		if err != nil || !bytes.Equal(before, after) {
			rt.Fatalf("rendering changed the event (%v)", err)
		}
	})
}

// Mail programs cut what is above about 100 KB: the largest plan must fit.
func TestTheLargestPlanIsNotCut(t *testing.T) {
	p := rotation()
	p.Lines, p.Legs, p.Holds = nil, nil, nil
	for i := range 60 {
		l, leg := rotation().Lines[2], rotation().Legs[2]
		l.Seq, leg.Seq = i+1, i+1
		p.Lines, p.Legs = append(p.Lines, l), append(p.Legs, leg)
		p.Residuals = append(p.Residuals, p.Residuals[0])
	}
	_, html := render(t, view(envelope(t, p, func(e *events.Envelope) { e.TradingMode = events.Live }), false))
	if len(html) > 90_000 {
		t.Errorf("the mail has %d bytes", len(html))
	}
	t.Logf("%d bytes", len(html))
}

func TestErrorView(t *testing.T) {
	runID := events.RunID(runKey)
	p := &events.ErrorNotificationRequested{
		Severity: "ERROR", Code: "late_outcome", Stage: "monitor", RunID: &runID, Title: "Fills arrived after the run was closed",
		Message: "The run of 2026-11-23 was closed as FAILED:monitor:stalled. Afterwards execution reported PARTIAL: 1 of 2 lines filled.",
		Details: events.Details{"leg 01": "SELL QQQ FILLED: 7.2273576 of 7.2273576 at 171.64", "leg 02": "BUY BRK.B PARTIAL: 4 of 12.5 at 480.1", "closed as": "FAILED:monitor:stalled"},
	}
	v := notifier.ErrorView(envelope(t, p, nil), p, notifier.Audience{Environment: "prod"})
	text, html := render(t, v)
	golden(t, "late_outcome.txt", v.Subject+"\n\n"+text)
	golden(t, "late_outcome.html", html)
}

// Σ value × bps ÷ Σ value: what the fills cost against the middle of the
// market. Times have a price; a third of a GB-second at arm64's is known.
func TestSlippageAndCost(t *testing.T) {
	p := rotation()
	leg := func(value events.Decimal, bps int64) events.LegResult {
		return events.LegResult{Side: events.Buy, Status: events.LegFilled, IntendedQty: "1", FilledQty: "1", Value: &value, AvgPrice: &value, SlippageBps: &bps}
	}
	unpriced := events.LegResult{Side: events.Sell, Status: events.LegFilled, IntendedQty: "5", FilledQty: "5", PricePending: true}
	p.Lines, p.Legs = nil, events.List[events.LegResult]{leg("30000", 4), leg("10000", -2), unpriced}
	p.Timings = events.Timings{"start": 1333, "signal": 1000, "run": 3000}
	in := envelope(t, p, func(e *events.Envelope) { e.TradingMode = events.Live })
	v := view(in, false)
	// (30000 × 4 − 10000 × 2) ÷ 10⁴ = 10 USD of 40000 are 2.5 bps.
	if got := v.Stats[len(v.Stats)-1]; got != (notifier.Stat{Name: "Slippage", Value: "+2.5 bps", Note: "about $10.00 lost"}) {
		t.Errorf("slippage %+v", got)
	}
	// 256 MB for 1.333 s and 1024 MB for 1 s at 0.0000133334 USD a GB-second, and a request each at 0.0000002.
	want := []notifier.Stage{{"start", "1.3 s", "$0.0000046"}, {"signal", "1.0 s", "$0.0000135"}, {"whole run", "3.0 s", "$0.0000182"}}
	if len(v.Stages) != len(want) {
		t.Fatalf("stages %+v", v.Stages)
	}
	for i := range want {
		if v.Stages[i] != want[i] {
			t.Errorf("stage %+v, want %+v", v.Stages[i], want[i])
		}
	}
	for _, s := range view(in, true).Stages {
		if s.Cost != "" {
			t.Errorf("neutral mode has a cost: %+v", s)
		}
	}
}

// Every command names the environment of the mail, so that what is typed after
// a run of prod does not ask dev.
func TestCommandsNameTheEnvironment(t *testing.T) {
	for name, in := range summaries(t) {
		for _, step := range view(in, false).Next {
			if c := step.Command; strings.HasPrefix(c, "alchemiser ") && !strings.HasPrefix(c, "alchemiser check") && !strings.HasSuffix(c, " --env prod") {
				t.Errorf("%s: %s", name, c)
			}
			if strings.HasSuffix(step.Text, ":") != (step.Command != "") {
				t.Errorf("%s: %+v", name, step)
			}
		}
	}
}
