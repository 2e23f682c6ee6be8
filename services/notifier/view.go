package notifier

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// View is a mail before it is rendered: text alone, in the order in which it
// is read. Everything in it is redacted; in neutral mode it holds no amount,
// quantity or price. What is empty is not shown.
type View struct {
	Subject     string
	Tag         string
	Tone        Tone
	Live        bool // real money
	Headline    string
	Explanation string
	Stats       []Stat
	Problem     *Problem
	Next        []Step
	Trades      *Trades
	Targets     []Fact // when there is no plan to show: what should be held
	TargetsNote string
	Left        []Left
	Strategies  []Strategy
	Warnings    []string
	Facts       []Fact
	Stages      []Stage
	StagesNote  string
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

// Stat is a figure that the reader looks for first, with what to compare it to.
type Stat struct{ Name, Value, Note string }

// Left is a quantity that was not traded, or is too small to be.
type Left struct{ Symbol, What, Quantity, Reason string }

// Strategy is one strategy's decision. Steps are the short form of its receipt.
type Strategy struct {
	Name, Share, Decision, Holdings string
	Steps                           []string
	LeftOut                         string
}

// Problem is why the run did not do what it should.
type Problem struct {
	Stage, Code, Where, Message string
	Details                     []Fact
	Orders                      []string // may still be working
}

// Audience is whom a mail is for: of which environment, and whether amounts
// may stand in it.
type Audience struct {
	Environment string // dev, staging or prod: commands name it
	Neutral     bool
}

// SummaryView is the view of a run's summary. It is a function of the event.
func SummaryView(in events.Envelope, p *events.TradingNotificationRequested, to Audience) View {
	s := summary{in: in, p: p, scrub: scrubber(to.Neutral), Audience: to}
	v := View{
		Tag: p.Tag, Tone: tone(p), Live: p.TradingMode == events.Live, Headline: s.headline(), Explanation: s.explanation(),
		Stats: s.stats(), Problem: s.problem(), Next: s.next(), Trades: s.trades(), Left: s.left(), Strategies: s.strategies(),
		Warnings: s.warnings(), Facts: s.facts(), Stages: stages(p.Timings, to.Neutral), Footer: s.footer(),
	}
	if v.Trades == nil {
		v.Targets, v.TargetsNote = s.targets()
	}
	if len(v.Stages) > 0 && !to.Neutral {
		v.StagesNote = costNote
	}
	v.Subject = subject(p.Tag, p.TradingMode, p.Session, v.Headline)
	return v
}

// ErrorView is the view of an error outside of a run's summary.
func ErrorView(in events.Envelope, p *events.ErrorNotificationRequested, to Audience) View {
	scrub := scrubber(to.Neutral)
	v := View{
		Tag: p.Severity, Tone: map[string]Tone{"INFO": ToneQuiet, "WARN": ToneWarn}[p.Severity], Live: in.TradingMode == events.Live,
		Headline: scrub(p.Title), Explanation: scrub(p.Message),
		Facts:   []Fact{{"Account", accountName(in)}, {"Environment", to.Environment}, {"Reported", clockTime(in.Timestamp)}},
		Problem: &Problem{Stage: p.Stage, Code: p.Code, Details: details(p.Details, "", scrub)},
		Next:    to.afterError(p),
		Footer:  []Fact{{"Event", in.EventID}, {"Version", in.Producer.Version}},
	}
	if v.Tone == "" {
		v.Tone = ToneBad
	}
	if p.RunID != nil {
		v.Footer = slices.Insert(v.Footer, 0, Fact{"Run", *p.RunID})
	}
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

func accountName(in events.Envelope) string {
	if in.TradingMode == events.Live {
		return in.Account + " (real money)"
	}
	return in.Account + " (paper money)"
}

// summary makes the parts of a summary's view.
type summary struct {
	Audience
	in    events.Envelope
	p     *events.TradingNotificationRequested
	scrub func(string) string
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
	facts := []Fact{{"Account", accountName(s.in)}, {"Environment", s.Environment}, {"Session", string(s.p.Session)}}
	if s.in.DryRun {
		facts = append(facts, Fact{"Dry run", "no order may be sent"})
	}
	if s.p.AsOfSession != "" {
		facts = append(facts, Fact{"Decided on closes of", string(s.p.AsOfSession)})
	}
	return append(facts, Fact{"Reported", clockTime(s.in.Timestamp)})
}

func (s summary) left() []Left {
	var out []Left
	add := func(symbol, what string, qty events.Decimal, reason string) {
		l := Left{Symbol: symbol, What: what, Reason: reason}
		if !s.Neutral {
			l.Quantity = shares(qty)
		}
		out = append(out, l)
	}
	for _, r := range s.p.Residuals {
		what := map[events.Side]string{events.Buy: "not bought", events.Sell: "not sold"}[r.Side]
		if s.unresolved(r) {
			what = "unresolved"
		}
		add(r.Symbol, what, r.Qty, "")
	}
	for _, d := range s.p.Dust {
		add(d.Symbol, "too small to sell", d.Qty, reasonText(d.Reason))
	}
	return out
}

// unresolved reports whether a residual may yet be traded by an order that the
// broker says nothing about.
func (s summary) unresolved(r events.Residual) bool {
	return slices.ContainsFunc(s.p.Legs, func(l events.LegResult) bool {
		return l.Symbol == r.Symbol && l.Side == r.Side && l.Status == events.LegUnknown
	})
}

func (s summary) strategies() []Strategy {
	var out []Strategy
	for _, b := range s.p.Strategies {
		line := Strategy{
			Name: b.Name, Share: percent(b.Weight), Decision: map[string]string{"apply": "rebalances", "hold": "holds"}[b.Decision],
			Holdings: weights(b.Holdings), LeftOut: strings.Join(b.LeftOut, ", "),
		}
		for step := range strings.SplitSeq(s.scrub(b.Reason), "; ") {
			if step != "" {
				line.Steps = append(line.Steps, step)
			}
		}
		out = append(out, line)
	}
	return out
}

func (s summary) warnings() []string {
	var out []string
	for _, w := range s.p.Warnings {
		if text, known := warningTexts[w]; known {
			w = text
		}
		out = append(out, s.scrub(words(w)))
	}
	return out
}

// warningTexts explain the warnings that are codes.
var warningTexts = map[string]string{
	"calendar_mismatch": "Our calendar and the broker's differ for this session; the later open and the earlier close were used.",
}

func (s summary) footer() []Fact {
	footer := []Fact{{"Run", s.in.CorrelationID}}
	if s.p.Plan != nil {
		footer = append(footer, Fact{"Plan", s.p.Plan.PlanID})
	}
	return append(footer, Fact{"Key", s.in.RunKey}, Fact{"Version", s.in.Producer.Version})
}
