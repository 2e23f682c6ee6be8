package notifier

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// The details of a stalled run, written by monitor's sweep.
const (
	detailOpenOrders = "open_orders"
	detailOrders     = "orders"
	detailLastStage  = "last_stage"
	ordersNone       = "none were sent"
)

// headline is the outcome in a few words.
func (s summary) headline() string {
	p := s.p
	switch p.Outcome {
	case events.OutcomeCompleted:
		return plural(s.count(events.LegFilled), "order") + " filled"
	case events.OutcomeNoTrades:
		return "nothing to do"
	case events.OutcomeDryRun:
		return plural(len(p.Lines), "order") + " planned"
	case events.OutcomeUnknown:
		return plural(s.count(events.LegUnknown), "order") + " unresolved"
	case events.OutcomePartial:
		return fmt.Sprintf("%d of %d filled%s", s.count(events.LegFilled), len(p.Legs), s.residual())
	case events.OutcomeSkipped:
		if p.Skipped != nil {
			return p.Skipped.ReasonCode
		}
	}
	if p.Failure == nil {
		return string(p.Outcome)
	}
	if p.Failure.Code == "stalled" && p.Failure.Details[detailLastStage] != "" {
		return "stalled in " + p.Failure.Details[detailLastStage]
	}
	return p.Failure.Stage + ": " + p.Failure.Code
}

// residual is what a partial run left, for the subject.
func (s summary) residual() string {
	if len(s.p.Residuals) == 0 {
		return ""
	}
	r := s.p.Residuals[0]
	text := fmt.Sprintf(", %s %s left", r.Symbol, shares(r.Qty))
	if s.neutral {
		text = fmt.Sprintf(", %s incomplete", r.Symbol)
	}
	if more := len(s.p.Residuals) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// explanation is the outcome in one sentence or two, for somebody who does not
// know the words of the system.
func (s summary) explanation() string {
	p := s.p
	switch p.Outcome {
	case events.OutcomeCompleted:
		return "Every line of the plan was traded in full."
	case events.OutcomeNoTrades:
		return s.nothingToDo()
	case events.OutcomeDryRun:
		return "This was a dry run: the plan below was made and checked against the account. No order was sent."
	case events.OutcomePartial:
		return fmt.Sprintf("%d of %s of the plan were traded in full. What is left is listed below; the next run starts from what the account then holds.",
			s.count(events.LegFilled), plural(len(p.Legs), "line"))
	case events.OutcomeUnknown:
		return "The broker did not say how every order ended: an order may be working or filled. Look at the account at the broker before the next run."
	case events.OutcomeSkipped:
		return s.skipped()
	}
	return s.failed()
}

// nothingToDo explains an empty plan. Only symbols that are on target let it
// say that all is well.
func (s summary) nothingToDo() string {
	sentence := "The account already holds what the strategies ask for, within the trading thresholds."
	for _, h := range s.p.Holds {
		switch h.Reason {
		case "on_target", "below_threshold":
		case "reducing":
			return "The halt switch stands at REDUCING: what the strategies would buy was left out. No order was sent."
		default:
			sentence = "There was nothing to trade; the table says for each symbol why."
		}
	}
	return sentence + " No order was sent."
}

func (s summary) skipped() string {
	if s.p.Skipped == nil {
		return "Before the first order the run found that it must not trade. No order was sent."
	}
	reasons := map[string]string{
		"market_closed":   "The exchange is closed.",
		"outside_session": "The run's time is outside of the trading session.",
		"too_late":        "The run began too late to trade safely.",
		"halted":          "Trading is halted.",
		"account_busy":    "Another run holds the account.",
		"session_done":    "This session was traded already.",
	}
	sentence, known := reasons[s.p.Skipped.ReasonCode]
	if !known {
		sentence = "The run was skipped: " + words(s.p.Skipped.ReasonCode) + "."
	}
	if s.p.Skipped.Detail != "" {
		sentence += " " + sentenceCase(s.scrub(s.p.Skipped.Detail))
	}
	return sentence + " No order was sent."
}

// failed says what a failure did to the account. A stage fails before its
// first order unless the event says otherwise; monitor, which gives up on a run
// that did not end, says what is known of its orders.
func (s summary) failed() string {
	const look = " Look at the account at the broker before the next run."
	f := s.p.Failure
	if f == nil || len(s.p.Legs) > 0 {
		return "No order was filled: the run changed no position."
	}
	orders, open := f.Details[detailOrders], f.Details[detailOpenOrders] != ""
	if f.Stage != "monitor" {
		stopped := fmt.Sprintf("The run stopped in the %s stage.", f.Stage)
		if orders == "" && !open {
			return stopped + " No order was sent."
		}
		return stopped + " Orders may be working or filled." + look
	}
	const gaveUp = "The run did not end in time and was given up."
	switch {
	case orders == ordersNone && !open:
		return gaveUp + " No order was sent."
	case orders == "" || orders == ordersNone:
		return gaveUp + " Whether orders were sent is not known." + look
	}
	return fmt.Sprintf("%s Of its orders, %s.%s", gaveUp, orders, look)
}

func (s summary) problem() *Problem {
	f := s.p.Failure
	if f == nil {
		return nil
	}
	p := &Problem{
		Stage: f.Stage, Code: f.Code, Where: where(f.Details), Message: s.scrub(f.Message), Details: details(f.Details, s.scrub),
		Orders: strings.Fields(f.Details[detailOpenOrders]), Command: "alchemiser show " + s.in.CorrelationID,
	}
	if strings.HasPrefix(f.Hint, "alchemiser ") {
		p.Command = f.Hint
	} else {
		p.Hint = sentenceCase(s.scrub(f.Hint))
	}
	if p.Where != "" {
		p.Message = strings.TrimPrefix(p.Message, p.Where+": ")
	}
	for _, l := range s.p.Legs {
		if l.Status == events.LegUnknown {
			p.Orders = append(p.Orders, l.ClientOrderIDs...)
		}
	}
	return p
}

// where is the place in a strategy's file: file:line:column.
func where(d events.Details) string {
	if d["file"] == "" {
		return ""
	}
	place := d["file"]
	for _, part := range []string{"line", "column"} {
		if d[part] == "" {
			break
		}
		place += ":" + d[part]
	}
	return place
}

// details are those that no other part of the mail shows.
func details(d events.Details, scrub func(string) string) []Fact {
	var out []Fact
	for name, value := range d {
		if slices.Contains([]string{"file", "line", "column", detailOpenOrders, detailOrders}, name) {
			continue
		}
		out = append(out, Fact{words(name), scrub(value)})
	}
	slices.SortFunc(out, func(a, b Fact) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// trades are the lines of the plan with what came of them, then what was
// deliberately left alone. Without a plan they are the targets.
func (s summary) trades() []Trade {
	var out []Trade
	legs := make(map[int]events.LegResult)
	for _, l := range s.p.Legs {
		legs[l.Seq] = l
	}
	for _, line := range s.p.Lines {
		leg, known := legs[line.Seq]
		delete(legs, line.Seq)
		out = append(out, s.trade(line, leg, known))
	}
	for _, l := range s.p.Legs {
		if _, unplanned := legs[l.Seq]; unplanned {
			t := s.trade(events.PlanLine{Symbol: l.Symbol, Side: l.Side, TargetWeight: s.p.TargetWeights[l.Symbol]}, l, true)
			out = append(out, t)
		}
	}
	for _, h := range s.p.Holds {
		status := "no trade"
		if h.Reason == "on_target" || h.Reason == "below_threshold" {
			status = "kept"
		}
		out = append(out, Trade{
			Symbol: h.Symbol, Target: percent(h.TargetWeight), Before: percent(h.CurrentWeight), Side: none, Quantity: none, Price: none,
			Slippage: none, Status: status, Tone: ToneQuiet, Note: words(h.Reason),
		})
	}
	if len(out) == 0 {
		out = s.targets()
	}
	return out
}

func (s summary) targets() []Trade {
	var out []Trade
	for _, symbol := range byWeight(s.p.TargetWeights) {
		out = append(out, Trade{
			Symbol: symbol, Target: percent(s.p.TargetWeights[symbol]), Before: none, Side: none, Quantity: none, Price: none,
			Slippage: none, Status: "not planned", Tone: ToneQuiet,
		})
	}
	return out
}

func (s summary) trade(line events.PlanLine, leg events.LegResult, known bool) Trade {
	t := Trade{
		Symbol: line.Symbol, Target: percent(line.TargetWeight), Before: percent(line.CurrentWeight), Side: strings.ToLower(string(line.Side)),
		Quantity: shares(line.Qty), Price: none, Slippage: none, Status: "not reported", Tone: ToneBad,
	}
	if !known && s.p.Outcome == events.OutcomeDryRun {
		t.Status, t.Tone = "planned", ToneQuiet
	}
	if known {
		t.Status, t.Tone = status(leg.Status)
		t.Quantity = quantity(leg)
		t.Price = fillPrice(leg)
		if leg.SlippageBps != nil {
			t.Slippage = strings.Replace(fmt.Sprintf("%+d bps", *leg.SlippageBps), "-", "−", 1)
		}
		t.Note = s.note(leg)
	}
	if s.p.Outcome == events.OutcomeDryRun && leg.Status == events.LegSkipped {
		t.Status, t.Tone, t.Note, t.Quantity = "planned", ToneQuiet, "", shares(line.Qty)
	}
	if s.neutral {
		t.Quantity, t.Price = "", ""
	}
	return t
}

func (s summary) note(l events.LegResult) string {
	var parts []string
	if l.ReasonCode != "" {
		parts = append(parts, words(l.ReasonCode))
	}
	if l.BrokerMessage != "" {
		parts = append(parts, "broker: "+s.scrub(l.BrokerMessage))
	}
	return strings.Join(parts, "; ")
}

func status(s events.LegStatus) (string, Tone) {
	switch s {
	case events.LegFilled:
		return "filled", ToneGood
	case events.LegPartial:
		return "partly filled", ToneWarn
	case events.LegUnfilled:
		return "not filled", ToneWarn
	case events.LegRejected:
		return "rejected", ToneBad
	case events.LegSkipped:
		return "no order sent", ToneQuiet
	case events.LegUnknown:
		return "unresolved", ToneBad
	}
	return string(s), ToneBad
}
