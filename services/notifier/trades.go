package notifier

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// Trades is the table of target and actual. A column that would hold nothing
// is left out.
type Trades struct {
	Rows []Trade
	More string // says what rows were left out
	// The columns that are there.
	Before, After, Order, Prices, Slippages bool
}

// Trade is one row: what a symbol should be, was and is, and what was done
// about it.
type Trade struct {
	Symbol   string
	Target   string
	Before   string
	After    string
	Order    string // side and intended quantity; in neutral mode the side alone
	Filled   string // of an order that was not filled in full: how much was
	Price    string
	Slippage string // bps
	Status   string
	Tone     Tone
	Note     string
}

// trades are the lines of the plan with what came of them, then what was
// deliberately left alone; nil when neither is known.
func (s summary) trades() *Trades {
	var rows []Trade
	legs := make(map[int]events.LegResult)
	for _, l := range s.p.Legs {
		legs[l.Seq] = l
	}
	for _, line := range s.p.Lines {
		leg, known := legs[line.Seq]
		delete(legs, line.Seq)
		rows = append(rows, s.trade(line, leg, known))
	}
	for _, l := range s.p.Legs {
		if _, unplanned := legs[l.Seq]; unplanned {
			rows = append(rows, s.trade(events.PlanLine{Symbol: l.Symbol, Side: l.Side, Qty: l.IntendedQty, TargetWeight: s.p.TargetWeights[l.Symbol]}, l, true))
		}
	}
	for _, h := range s.p.Holds {
		status, known := holdTexts[h.Reason]
		if !known {
			status = words(h.Reason)
		}
		rows = append(rows, Trade{
			Symbol: h.Symbol, Target: percent(h.TargetWeight), Before: percent(h.CurrentWeight), After: percent(h.CurrentWeight),
			Order: none, Price: none, Slippage: none, Status: status, Tone: ToneQuiet,
		})
	}
	if len(rows) == 0 {
		return nil
	}
	t := &Trades{}
	t.Rows, t.More = fewer(rows)
	for _, r := range rows {
		t.Before = t.Before || r.Before != none
		t.After = t.After || len(s.p.Legs) > 0 && r.After != none
		t.Order = t.Order || r.Order != none
		t.Prices = t.Prices || r.Price != none && !s.Neutral
		t.Slippages = t.Slippages || r.Slippage != none
	}
	return t
}

// maxRows keeps a mail below the 100 KB above which programs cut it.
const maxRows = 60

// fewer leaves out, from the end, rows that ask for nobody's attention.
func fewer(rows []Trade) (kept []Trade, more string) {
	excess := len(rows) - maxRows
	if excess <= 0 {
		return rows, ""
	}
	left := 0
	for _, r := range slices.Backward(rows) {
		if left < excess && (r.Tone == ToneGood || r.Tone == ToneQuiet) {
			left++
			continue
		}
		kept = append(kept, r)
	}
	slices.Reverse(kept)
	return kept, fmt.Sprintf("and %s that were filled or left alone as planned", plural(left, "more row"))
}

// targets stand in the place of a plan that was not made, or was not reported.
func (s summary) targets() (facts []Fact, note string) {
	for _, symbol := range byWeight(s.p.TargetWeights) {
		facts = append(facts, Fact{symbol, percent(s.p.TargetWeights[symbol])})
	}
	if len(facts) > 0 {
		note = "The strategies ask for this. No plan was made for it."
		if s.p.Plan != nil {
			note = "The strategies ask for this. What of it was traded was not reported."
		}
	}
	return facts, note
}

func (s summary) trade(line events.PlanLine, leg events.LegResult, known bool) Trade {
	t := Trade{
		Symbol: line.Symbol, Target: percent(line.TargetWeight), Before: percent(line.CurrentWeight), After: none,
		Order: strings.ToLower(string(line.Side)), Price: none, Slippage: none, Status: "not reported", Tone: ToneBad,
	}
	if !s.Neutral {
		t.Order += " " + shares(line.Qty)
	}
	if s.p.Outcome == events.OutcomeDryRun && (!known || leg.Status == events.LegSkipped) {
		t.Status, t.Tone = "planned", ToneQuiet
		return t
	}
	if !known {
		return t
	}
	t.After = s.after(line, leg)
	t.Status, t.Tone = status(leg.Status)
	t.Price = fillPrice(leg)
	if leg.SlippageBps != nil {
		t.Slippage = bps(*leg.SlippageBps)
	}
	if !s.Neutral {
		t.Order = strings.ToLower(string(line.Side)) + " " + shares(leg.IntendedQty)
		if leg.Status == events.LegPartial {
			t.Filled = shares(leg.FilledQty) + " filled"
		}
	}
	t.Note = s.note(leg)
	return t
}

// after is the position's share of the equity after the fills, at the price of
// the fills or, without one, of the plan. Of an order that may still fill
// nobody knows.
func (s summary) after(line events.PlanLine, leg events.LegResult) string {
	equity := events.Decimal("")
	switch {
	case s.p.AccountAfter != nil:
		equity = s.p.AccountAfter.Equity
	case s.p.Plan != nil:
		equity = s.p.Plan.Equity
	}
	price := line.Price
	if leg.AvgPrice != nil {
		price = *leg.AvgPrice
	}
	whole, ok1 := number(equity)
	held, ok2 := number(line.CurrentQty)
	filled, ok3 := number(leg.FilledQty)
	each, ok4 := number(price)
	if !ok1 || !ok2 || !ok3 || !ok4 || whole.Sign() <= 0 || leg.Status == events.LegUnknown {
		return none
	}
	if leg.Side == events.Sell {
		filled = filled.Neg()
	}
	return percent(events.Decimal(held.Add(filled).Mul(each).Quo(whole).Round(8).String()))
}

func (s summary) note(l events.LegResult) string {
	var parts []string
	if l.ReasonCode != "" {
		parts = append(parts, reasonText(l.ReasonCode))
	}
	if l.BrokerMessage != "" {
		parts = append(parts, "broker: "+s.scrub(l.BrokerMessage))
	}
	return strings.Join(parts, "; ")
}

func fillPrice(l events.LegResult) string {
	switch {
	case l.AvgPrice != nil:
		return price(*l.AvgPrice)
	case l.PricePending:
		return "pending"
	}
	return none
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

// holdTexts say why a symbol was left alone.
var holdTexts = map[string]string{
	"on_target": "on target", "below_threshold": "close enough", "below_minimum": "too small to buy",
	"reducing": "buys are off", "ignored": "ignored", "below_one_share": "less than one share", "no_cash": "no cash left for it",
	"held_quantity": "held by another order", "frozen": "no price", "not_tradable": "not tradable at the broker",
}

// reasonTexts explain execution's reasons to somebody who does not know them.
var reasonTexts = map[string]string{
	"insufficient_qty":  "fewer shares are free at the broker",
	"buying_power":      "not enough buying power",
	"not_fractionable":  "whole shares only",
	"below_minimum":     "below the broker's minimum",
	"wash_trade":        "refused as a wash trade",
	"not_tradable":      "not tradable at the broker",
	"bad_order":         "the broker found the order malformed",
	"account_blocked":   "the account may not trade",
	"account_guard":     "the account may not trade",
	"rejected_later":    "accepted by the broker, then rejected",
	"unfilled":          "no more within the price limit",
	"no_quote":          "no usable quote",
	"held_quantity":     "held by another order",
	"max_submissions":   "the limit of orders was reached",
	"envelope_refused":  "beyond the safety limits",
	"replaced":          "somebody else replaced the order",
	"id_conflict":       "the broker has another order under its id",
	"outcome_unknown":   "the broker did not say",
	"never_arrived":     "the order never reached the broker",
	"position_changed":  "the position changed since the plan",
	"sell_unresolved":   "waits for a sell that is unresolved",
	"no_cash":           "no cash left for it",
	"reducing":          "buys are off",
	"state_changed":     "the account changed since the plan",
	"halted":            "trading was halted",
	"market_closed":     "the market was closed",
	"not_after":         "the run's time was over",
	"clock_skew":        "our clock and the broker's differ",
	"max_continuations": "the run's time was over",
	"close_out":         "the run was closed",
	"lease_lost":        "another run holds the account",
}

func reasonText(code string) string {
	if text, known := reasonTexts[code]; known {
		return text
	}
	return words(code)
}
