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
	detailNone       = "none were sent"
	detailEnded      = "all have ended; their fills were not reported"
)

// headline is the outcome in a few words.
func (s summary) headline() string {
	p := s.p
	switch p.Outcome {
	case events.OutcomeCompleted:
		return plural(s.count(events.LegFilled), "order") + " filled"
	case events.OutcomeNoTrades:
		if slices.ContainsFunc(p.Holds, func(h events.Hold) bool { return h.Reason == "reducing" }) {
			return "nothing sold, buys are off"
		}
		return "nothing to do"
	case events.OutcomeDryRun:
		return plural(len(p.Lines), "order") + " planned"
	case events.OutcomeUnknown:
		return plural(s.count(events.LegUnknown), "order") + " unresolved"
	case events.OutcomePartial:
		return fmt.Sprintf("%d of %d filled%s", s.count(events.LegFilled), len(p.Legs), s.residual())
	case events.OutcomeSkipped:
		if p.Skipped != nil {
			return words(p.Skipped.ReasonCode)
		}
	}
	f := p.Failure
	if f == nil {
		return words(strings.ToLower(string(p.Outcome)))
	}
	if last := f.Details[detailLastStage]; f.Code == "stalled" && last != "" {
		return "stalled in " + last + s.consequence()
	}
	if f.Code == "not_filled" { // the outcome says as much
		return f.Stage + ": " + strings.TrimPrefix(s.consequence(), ", ")
	}
	code, known := failureTexts[f.Code]
	if !known {
		code = words(f.Code)
	}
	return f.Stage + ": " + code + s.consequence()
}

// failureTexts are codes in words for a subject; most are words already. The
// mail has the code itself, too.
var failureTexts = map[string]string{
	"account_guard":    "the account check failed",
	"account_blocked":  "the account is blocked",
	"envelope_refused": "the plan is beyond the safety limits",
	"strategy_failed":  "a strategy failed",
	"rejected_later":   "orders rejected",
	"rejected":         "orders rejected",
}

// consequence is what a failure did to the account, for the subject.
func (s summary) consequence() string {
	switch s.orders() {
	case ordersNever:
		return ", no order sent"
	case ordersUnfilled:
		return ", nothing filled"
	case ordersEnded:
		return ", fills not reported"
	}
	return ", orders may be working"
}

// residual is what a partial run left, for the subject.
func (s summary) residual() string {
	if len(s.p.Residuals) == 0 {
		return ""
	}
	r := s.p.Residuals[0]
	text := fmt.Sprintf(", %s %s left", r.Symbol, shares(r.Qty))
	if s.Neutral {
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
		return fmt.Sprintf("The plan was traded in full: %s.", s.sides())
	case events.OutcomeNoTrades:
		return s.nothingToDo()
	case events.OutcomeDryRun:
		return "A dry run: the plan was made and checked. No order was sent."
	case events.OutcomePartial:
		return fmt.Sprintf("%d of the %s of the plan were filled. What is left is listed below.",
			s.count(events.LegFilled), plural(len(p.Legs), "trade"))
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
		"account_busy":    "Another run holds the account.",
		"session_done":    "This session was traded already.",
	}
	sentence, known := reasons[s.p.Skipped.ReasonCode]
	if !known {
		sentence = "The run was skipped: " + words(s.p.Skipped.ReasonCode) + "."
	}
	switch detail := sentenceCase(s.scrub(s.p.Skipped.Detail)); {
	case s.p.Skipped.ReasonCode == "halted" && detail != "": // it says who halted, and why
		sentence = detail
	case detail != "":
		sentence += " " + detail
	}
	return sentence + " No order was sent."
}

// What is known of the orders of a failed run.
type knownOrders int

const (
	ordersUncertain knownOrders = iota // some may be working or filled
	ordersNever                        // none was sent
	ordersUnfilled                     // all ended without a fill
	ordersEnded                        // all ended; their fills were not reported
)

// orders is what a failed run left. A stage fails before its first order
// unless the event says otherwise; monitor, which gives up on a run that did
// not end, says what is known.
func (s summary) orders() knownOrders {
	f := s.p.Failure
	if f == nil || len(s.p.Legs) > 0 {
		switch {
		case s.count(events.LegUnknown) > 0:
			return ordersUncertain
		case s.count(events.LegSkipped) == len(s.p.Legs):
			return ordersNever
		}
		return ordersUnfilled
	}
	orders, open := f.Details[detailOrders], f.Details[detailOpenOrders] != ""
	switch {
	case open:
		return ordersUncertain
	case orders == detailNone, orders == "" && f.Stage != "monitor":
		return ordersNever
	case orders == detailEnded:
		return ordersEnded
	}
	return ordersUncertain
}

// failed says in words what happened and what it did to the account.
func (s summary) failed() string {
	f := s.p.Failure
	switch {
	case f == nil, len(s.p.Legs) > 0 && s.orders() != ordersNever:
		return "No order was filled: the run changed no position."
	}
	what, known := map[string]string{
		"start": "The run could not begin.", "signal": "What should be held could not be decided.",
		"portfolio": "The trades could not be planned.", "execution": "The trades could not be executed.",
		"monitor": "The run did not end in time and was given up.",
	}[f.Stage]
	if !known {
		what = fmt.Sprintf("The run stopped in the %s stage.", f.Stage)
	}
	switch s.orders() {
	case ordersNever:
		return what + " No order was sent."
	case ordersEnded:
		return what + " Its orders have ended; their fills were not reported. Look at the account at the broker before the next run."
	}
	return what + " Orders may be working or filled. Look at the account at the broker before the next run."
}

// sides counts the trades by their side.
func (s summary) sides() string {
	sells, buys := 0, 0
	for _, l := range s.p.Legs {
		if l.Side == events.Sell {
			sells++
		} else {
			buys++
		}
	}
	switch {
	case sells == 0:
		return plural(buys, "buy")
	case buys == 0:
		return plural(sells, "sell")
	}
	return plural(sells, "sell") + " and " + plural(buys, "buy")
}

func (s summary) problem() *Problem {
	f := s.p.Failure
	if f == nil {
		return nil
	}
	p := &Problem{
		Stage: f.Stage, Code: f.Code, Where: where(f.Details), Message: s.scrub(f.Message), Details: details(f.Details, f.Message, s.scrub),
		Orders: strings.Fields(f.Details[detailOpenOrders]),
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

// details are those that no other part of the mail shows, such as the message.
func details(d events.Details, message string, scrub func(string) string) []Fact {
	var out []Fact
	for name, value := range d {
		if slices.Contains([]string{"file", "line", "column", detailOpenOrders, detailOrders}, name) {
			continue
		}
		if value == message {
			continue
		}
		out = append(out, Fact{words(name), scrub(value)})
	}
	slices.SortFunc(out, func(a, b Fact) int { return strings.Compare(a.Name, b.Name) })
	return out
}
