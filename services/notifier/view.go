package notifier

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// View is a mail before it is rendered: text alone, in the order in which it
// is read. Everything in it is redacted; in neutral mode it holds no amount,
// quantity or price.
type View struct {
	Subject     string
	Tag         string
	Tone        Tone
	Live        bool // real money
	Headline    string
	Explanation string
	Amounts     []Fact // USD, of this run alone; none in neutral mode
	Facts       []Fact
	Neutral     bool
	Trades      []Trade
	Left        []Left
	Strategies  []Strategy
	Warnings    []string
	Problem     *Problem
	Timings     []Fact
	Footer      []Fact
}

// Tone is how much the mail asks of its reader.
type Tone string

const (
	ToneGood  Tone = "good"  // nothing to do
	ToneQuiet Tone = "quiet" // nothing was done
	ToneWarn  Tone = "warn"  // something is left
	ToneBad   Tone = "bad"   // act
)

// Fact is a name and a value.
type Fact struct{ Name, Value string }

// Trade is one row of the table: what a symbol should be, was, and what was
// done about it.
type Trade struct {
	Symbol   string
	Target   string
	Before   string
	Side     string
	Quantity string
	Price    string
	Slippage string
	Status   string
	Tone     Tone
	Note     string
}

// Left is a quantity that was not traded, or is too small to be.
type Left struct{ Symbol, What, Quantity, Reason string }

// Strategy is one strategy's decision.
type Strategy struct {
	Name, Share, Decision, AsOf, Holdings, Reason, LeftOut string
}

// Problem is why the run did not do what it should, and what to do about it.
type Problem struct {
	Stage, Code, Where, Message string
	Details                     []Fact
	Orders                      []string // may still be working
	Hint, Command               string
}

// SummaryView is the view of a run's summary. It is a function of the event.
func SummaryView(in events.Envelope, p *events.TradingNotificationRequested, neutral bool) View {
	s := summary{in: in, p: p, scrub: scrubber(neutral), neutral: neutral}
	v := View{
		Tag: p.Tag, Tone: tone(p), Live: p.TradingMode == events.Live, Neutral: neutral,
		Headline: s.headline(), Explanation: s.explanation(), Amounts: s.amounts(), Facts: s.facts(), Trades: s.trades(), Left: s.left(),
		Strategies: s.strategies(), Warnings: s.warnings(), Problem: s.problem(), Timings: timings(p.Timings), Footer: s.footer(),
	}
	v.Subject = subject(p.Tag, p.TradingMode, p.Session, v.Headline)
	return v
}

// ErrorView is the view of an error outside of a run's summary.
func ErrorView(in events.Envelope, p *events.ErrorNotificationRequested, neutral bool) View {
	scrub := scrubber(neutral)
	v := View{
		Tag: p.Severity, Tone: map[string]Tone{"INFO": ToneQuiet, "WARN": ToneWarn}[p.Severity], Live: in.TradingMode == events.Live,
		Neutral: neutral, Headline: scrub(p.Title), Explanation: scrub(p.Message),
		Facts:   []Fact{{"Account", in.Account}, {"Mode", string(in.TradingMode)}, {"Time", clockTime(in.Timestamp)}},
		Problem: &Problem{Stage: p.Stage, Code: p.Code, Details: details(p.Details, scrub)},
	}
	if v.Tone == "" {
		v.Tone = ToneBad
	}
	if p.RunID != nil {
		v.Problem.Command = "alchemiser show " + *p.RunID
		v.Footer = append(v.Footer, Fact{"Run", *p.RunID})
	}
	v.Footer = append(v.Footer, Fact{"Event", in.EventID})
	v.Subject = subject(p.Severity, in.TradingMode, newYorkDate(in.Timestamp), v.Headline)
	return v
}

// maxSubject keeps a subject readable in a list of mails.
const maxSubject = 140

func subject(tag string, mode events.Mode, session events.Date, headline string) string {
	return cut(headerText(fmt.Sprintf("[%s] Alchemiser %s %s: %s", tag, mode, session, headline)), maxSubject)
}

func tone(p *events.TradingNotificationRequested) Tone {
	switch p.Outcome {
	case events.OutcomeCompleted, events.OutcomeNoTrades:
		return ToneGood
	case events.OutcomeSkipped, events.OutcomeDryRun:
		return ToneQuiet
	case events.OutcomePartial:
		return ToneWarn
	}
	return ToneBad
}

// summary makes the parts of a summary's view.
type summary struct {
	in      events.Envelope
	p       *events.TradingNotificationRequested
	scrub   func(string) string
	neutral bool
}

func (s summary) count(status ...events.LegStatus) int {
	n := 0
	for _, l := range s.p.Legs {
		if slices.Contains(status, l.Status) {
			n++
		}
	}
	return n
}

func (s summary) facts() []Fact {
	mode := "paper money"
	if s.p.TradingMode == events.Live {
		mode = "real money"
	}
	facts := []Fact{{"Account", fmt.Sprintf("%s (%s)", s.in.Account, mode)}, {"Session", string(s.p.Session)}}
	if s.in.DryRun {
		facts = append(facts, Fact{"Dry run", "no order may be sent"})
	}
	if s.p.AsOfSession != "" {
		facts = append(facts, Fact{"Decided on closes of", string(s.p.AsOfSession)})
	}
	if s.p.Plan != nil && !s.neutral {
		facts = append(facts, Fact{"Equity when planned", usd(s.p.Plan.Equity)})
	}
	return append(facts, Fact{"Reported", clockTime(s.in.Timestamp)})
}

// amounts are the fills of this run, and the account as the broker reported it
// after the last of them.
func (s summary) amounts() []Fact {
	if s.neutral {
		return nil
	}
	var out []Fact
	if s.count(events.LegFilled, events.LegPartial) > 0 {
		out = append(out, Fact{"Bought" + s.pending(events.Buy), usd(s.p.Totals.Bought)}, Fact{"Sold" + s.pending(events.Sell), usd(s.p.Totals.Sold)})
	}
	if after := s.p.AccountAfter; after != nil {
		out = append(out, Fact{"Equity after fills", usd(after.Equity)}, Fact{"Cash after fills", usd(after.Cash)})
	}
	return out
}

// pending says that a total lacks fills whose price the broker has not named.
func (s summary) pending(side events.Side) string {
	n := 0
	for _, l := range s.p.Legs {
		if l.PricePending && l.Side == side {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s pending)", plural(n, "price"))
}

func (s summary) left() []Left {
	var out []Left
	add := func(symbol, what string, qty events.Decimal, reason string) {
		l := Left{Symbol: symbol, What: what, Reason: reason}
		if !s.neutral {
			l.Quantity = shares(qty)
		}
		out = append(out, l)
	}
	for _, r := range s.p.Residuals {
		add(r.Symbol, map[events.Side]string{events.Buy: "not bought", events.Sell: "not sold"}[r.Side], r.Qty, "")
	}
	for _, d := range s.p.Dust {
		add(d.Symbol, "too small to sell", d.Qty, words(d.Reason))
	}
	return out
}

func (s summary) strategies() []Strategy {
	var out []Strategy
	for _, b := range s.p.Strategies {
		out = append(out, Strategy{
			Name: b.Name, Share: percent(b.Weight), Decision: map[string]string{"apply": "decides to rebalance", "hold": "decides to hold"}[b.Decision],
			AsOf: string(b.AsOf), Holdings: weights(b.Holdings), Reason: s.scrub(b.Reason), LeftOut: strings.Join(b.LeftOut, ", "),
		})
	}
	return out
}

func (s summary) warnings() []string {
	var out []string
	for _, w := range s.p.Warnings {
		out = append(out, s.scrub(words(w)))
	}
	return out
}

func (s summary) footer() []Fact {
	footer := []Fact{{"Run", s.in.CorrelationID}}
	if s.p.Plan != nil {
		footer = append(footer, Fact{"Plan", s.p.Plan.PlanID})
	}
	return append(footer, Fact{"Key", s.in.RunKey}, Fact{"Version", s.in.Producer.Version})
}
