package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/record"
	"github.com/alchemiser/alchemiser/services/notifier"
)

// showPrinter shows a run to a person.
type showPrinter struct {
	*screen
	place   *place
	h       *history
	alone   bool // sections were named: they may say more
	preview bool // of a run that does not exist
}

func (p *showPrinter) print(wanted []section) {
	p.head()
	for _, s := range wanted {
		s.print(p)
	}
	if len(p.h.unreadable) > 0 {
		p.heading("Not understood by this build (written by a newer one?)")
		for _, u := range p.h.unreadable {
			p.text("  ", u)
		}
	}
}

// head says how the run ended, and what to do about it.
func (p *showPrinter) head() {
	m := p.h.meta
	if m == nil {
		p.printf("Run %s\n  It has no record of its own: its start failed before it could write one.\n", p.h.id)
		return
	}
	outcome := p.h.outcome()
	p.printf("Run %s\n", p.h.id)
	p.text("  ", p.paint(outcomeStyle(outcome), outcome)+p.sentence())
	mode := string(m.TradingMode)
	if m.DryRun {
		mode += ", dry run: no order is sent"
	}
	t := p.table("")
	t.row("  session", string(m.Session)+", "+m.Schedule+" at "+slotInNewYork(m.Slot)+" in New York")
	t.row("  account", m.Account+" ("+mode+")")
	t.row("  run key", m.RunKey)
	t.row("  opened", instant(m.OpenedAt))
	if m.State == ledger.RunClosed {
		t.row("  closed", instant(m.ClosedAt)+", after "+duration(time.Duration(m.ClosedAt-m.OpenedAt)*time.Millisecond))
	} else {
		t.row("  orders until", instant(m.NotAfter))
		t.row("  stalled from", instant(m.StalledAt)+" on; monitor then closes and reports it")
	}
	t.flush()
	p.trouble()
}

// sentence says in a few words what came of the run.
func (p *showPrinter) sentence() string {
	if x := p.h.executed(); x != nil && len(x.Legs) > 0 {
		return fmt.Sprintf(": %d of %d legs filled, sold $%s, bought $%s", x.Totals.FilledLegs, len(x.Legs), x.Totals.Sold, x.Totals.Bought)
	}
	if s, ok := last[*events.WorkflowSkipped](p.h); ok {
		return ": " + s.Detail
	}
	if pl := p.h.plan(); pl != nil && !pl.TradesRequired {
		return ": the account is on target"
	}
	return ""
}

// trouble is what an operator must see first: failures, late fills, alarms.
func (p *showPrinter) trouble() {
	if f, ok := last[*events.WorkflowFailed](p.h); ok {
		p.printf("\n%s\n", p.paint(bad, "Failed in "+f.Stage+": "+f.FailureCode))
		p.text("  ", f.Message)
		for _, k := range slices.Sorted(keysOf(f.Details)) {
			p.text("  "+k+": ", f.Details[k])
		}
		if len(f.OpenOrders) > 0 {
			p.text("  ", p.paint(bad, "Orders that may be working: "+strings.Join(f.OpenOrders, ", ")+". Look at the broker."))
		}
		if f.Hint != "" {
			p.text("  → ", f.Hint)
		}
	}
	if m := p.h.meta; m.LateEvent != "" {
		p.text("  ", p.paint(bad, "An outcome arrived after the run was closed (event "+m.LateEvent+"): compare the broker's positions with the fills below."))
	}
	if x := p.h.execution; x != nil {
		for _, a := range x.Alarms {
			p.text("  ", p.paint(bad, a.Code+": "+a.Message))
		}
		for _, w := range x.Warnings {
			p.text("  ", p.paint(care, w))
		}
	}
	for _, w := range p.warnings() {
		p.text("  ", p.paint(care, w))
	}
}

func (p *showPrinter) warnings() []string {
	if pl := p.h.plan(); pl != nil {
		return pl.Context.Warnings
	}
	if s := p.h.target(); s != nil {
		return s.Context.Warnings
	}
	return nil
}

// clockTime is the time of day of an instant, to the millisecond, in UTC.
func clockTime(ms int64) string { return time.UnixMilli(ms).UTC().Format("15:04:05.000") }

func (p *showPrinter) timeline() {
	p.heading("Timeline (UTC)")
	t := p.table("llrll")
	t.heads("  time", "function", "took", "event", "result")
	for _, d := range p.h.deliveries {
		result := d.Result
		switch {
		case d.State != ledger.Done:
			result = p.paint(care, "not decided")
			if d.LastError != "" {
				result += ": " + d.LastError
			}
		case d.Pub == ledger.Pending:
			result += p.paint(care, " (not published yet)")
		case strings.HasPrefix(result, "failed:"):
			result = p.paint(bad, result)
		}
		if d.Attempts > 1 {
			result += fmt.Sprintf(", %d tries", d.Attempts)
		}
		t.row("  "+clockTime(d.ClaimedAt), d.Function, d.took(), orDefault(d.EventType, "command"), result)
	}
	t.flush()
}

func (p *showPrinter) events() {
	p.heading("Events (UTC)")
	t := p.table("")
	for _, e := range p.h.events {
		what := orDefault(rehearsal.Describe(e), "closed the record")
		t.row("  "+e.Timestamp.Time().Format("15:04:05.000"), e.Producer.Service, string(e.EventType)+": "+what)
		if p.alone {
			t.row("", "", p.paint(faint, e.EventID+" caused by "+e.CausationID))
		}
	}
	t.flush()
}

func (p *showPrinter) decisions() {
	s := p.h.target()
	if s == nil {
		return
	}
	p.heading("Decisions, on closes of %s (%d symbols, feed %s)", s.AsOfSession, s.Bars.Symbols, s.Bars.Feed)
	for _, b := range s.Context.Strategies {
		does := "applies its target"
		if b.Decision != "apply" {
			does = "keeps what it has"
		}
		p.text("  "+p.paint(bold, b.Name)+"  ", percent(b.Weight)+" % of the capital, "+does+": "+weights(b.Holdings))
		p.text("      ", b.Reason)
		if len(b.LeftOut) > 0 {
			p.text("      left out for want of data: ", strings.Join(b.LeftOut, ", "))
		}
	}
	p.text("  together: ", weights(s.TargetWeights)+", cash "+percent(s.CashWeight)+" %")
	if p.alone {
		for _, r := range p.h.receipts {
			p.printf("\n")
			_ = r.Explain(p.w) // a screen that does not take it is gone
		}
		return
	}
	about := "alchemiser why " + short(p.h.id) + " SYMBOL" + p.place.flag
	if p.preview {
		about = "alchemiser plan SYMBOL" + p.place.flag
	}
	p.printf("  %s\n", p.paint(faint, about+" shows values and margins"))
}

func (p *showPrinter) plan() {
	pl := p.h.plan()
	if pl == nil {
		return
	}
	if p.preview {
		p.heading("Plan")
	} else {
		p.heading("Plan %s", pl.PlanID)
	}
	p.text("  ", fmt.Sprintf("equity $%s, cash $%s, reserve $%s, to be invested $%s; prices of %s", pl.Equity, pl.Cash, pl.Reserve, pl.Deployable, pl.Snapshot.TakenAt))
	if pl.ControlState != events.Active {
		p.text("  ", p.paint(care, "the halt switch said "+string(pl.ControlState)))
	}
	p.lines(pl.Lines)
	if len(pl.Lines) > 0 {
		p.text("  ", fmt.Sprintf("sells $%s, buys $%s, turnover %s %% of equity", pl.Totals.Sells, pl.Totals.Buys, percent(pl.Totals.Turnover)))
	} else {
		p.printf("  no trade\n")
	}
	if len(pl.Suppressed) > 0 {
		p.printf("  not bought because of the halt switch:\n")
		p.lines(pl.Suppressed)
	}
	if len(pl.Holds) > 0 {
		p.printf("\n  held\n")
		t := p.table("lrrl")
		t.heads("  symbol", "now %", "target %", "because")
		for _, h := range pl.Holds {
			t.row("  "+h.Symbol, percent(h.CurrentWeight), percent(h.TargetWeight), holdReason(h.Reason))
		}
		t.flush()
	}
	for _, d := range pl.Dust {
		p.text("  dust: ", fmt.Sprintf("%s %s, worth $%s (%s)", d.Qty, d.Symbol, d.Value, d.Reason))
	}
}

func (p *showPrinter) lines(lines []events.PlanLine) {
	t := p.table("rllrrrrl")
	t.heads("  #", "symbol", "trade", "shares", "price $", "value $", "now→target %", "")
	for _, l := range lines {
		t.row(fmt.Sprintf("  %d", l.Seq), l.Symbol, strings.ToLower(string(l.Side)+" "+string(l.Kind)), string(l.Qty), fixed(l.Price, 2), fixed(l.Value, 2),
			percent(l.CurrentWeight)+"→"+percent(l.TargetWeight), unusual(l.Reason))
	}
	if len(lines) > 0 {
		t.flush()
	}
}

// unusual is what a line's reason says beyond its kind.
func unusual(reason string) string {
	for _, usual := range []string{"not in the target", "new in the target", "above the target", "below the target"} {
		if rest, ok := strings.CutPrefix(reason, usual); ok {
			return strings.TrimLeft(rest, ",; ")
		}
	}
	return reason
}

// legStyle is the colour of a leg's end.
func legStyle(s events.LegStatus) style {
	switch s {
	case events.LegFilled:
		return good
	case events.LegUnknown, events.LegRejected:
		return bad
	}
	return care
}

func (p *showPrinter) legs() {
	if x := p.h.execution; x != nil && x.Phase != events.PhaseDone {
		p.heading("Legs (%s, not at its end)", strings.ToLower(string(x.Phase)))
		t := p.table("rllrrl")
		t.heads("  #", "symbol", "side", "intended", "filled", "state")
		for _, l := range p.h.legs {
			state := "working"
			if l.Ended {
				state = "ended " + l.ReasonCode
			} else if len(l.Attempts) == 0 {
				state = "no order yet"
			}
			t.row(fmt.Sprintf("  %d", l.Seq), l.Symbol, string(l.Side), l.Intended.String(), l.FilledQty().String(), state)
		}
		t.flush()
		return
	}
	results := p.h.legResults()
	if len(results) == 0 {
		return
	}
	p.heading("Legs")
	t := p.table("rllrrrl")
	t.heads("  #", "symbol", "side", "intended", "filled", "tries", "status")
	for _, l := range results {
		status := p.paint(legStyle(l.Status), string(l.Status)) + reasonOf(l)
		if l.BrokerMessage != "" {
			status += " " + l.BrokerMessage
		}
		t.row(fmt.Sprintf("  %d", l.Seq), l.Symbol, string(l.Side), string(l.IntendedQty), string(l.FilledQty), fmt.Sprint(l.Attempts), status)
	}
	t.flush()
}

func (p *showPrinter) orders() {
	var all []record.Leg
	for _, l := range p.h.legs {
		if len(l.Attempts) > 0 {
			all = append(all, l)
		}
	}
	if len(all) == 0 {
		return
	}
	p.heading("Orders (UTC)")
	t := p.table("lllrrrrl")
	t.heads("  meant", "symbol", "side", "shares", "limit", "filled", "price", "state")
	for _, l := range all {
		for _, a := range l.Attempts {
			limit := "market"
			if a.LimitPrice != nil {
				limit = price(a.LimitPrice)
			}
			state := stateOf(a)
			if !a.State.Terminal() {
				state = p.paint(bad, state)
			}
			t.row("  "+a.IntendedAt.UTC().Format("15:04:05.000"), l.Symbol, string(l.Side), a.Qty.String(), limit, a.Filled.String(), price(a.AvgPrice), state)
		}
	}
	t.flush()
	p.printf("\n  ids, ours and the broker's\n")
	for _, l := range all {
		for _, a := range l.Attempts {
			p.printf("  %-39s %s\n", a.ClientOrderID, p.paint(faint, orDefault(a.BrokerOrderID, "not known to the broker")))
		}
	}
}

func (p *showPrinter) fills() {
	fills := p.h.filled()
	if len(fills) == 0 {
		return
	}
	p.heading("Fills")
	t := p.table("llrrrr")
	t.heads("  symbol", "side", "shares", "price", "value", "slippage")
	for _, f := range fills {
		t.row("  "+f.Symbol, string(f.Side), string(f.Qty), dollars(f.Price), dollars(f.Value), bps(f.SlippageBps))
	}
	t.flush()
	x := p.h.executed()
	if x == nil {
		return
	}
	for _, r := range x.Residuals {
		p.text("  left: ", fmt.Sprintf("%s %s %s", strings.ToLower(string(r.Side)), r.Qty, r.Symbol))
	}
	for _, d := range x.Dust {
		p.text("  dust: ", fmt.Sprintf("%s %s, worth $%s", d.Qty, d.Symbol, d.Value))
	}
	if a := x.AccountAfter; a != nil {
		p.text("  after: ", fmt.Sprintf("equity $%s, cash $%s", a.Equity, a.Cash))
	}
}

func (p *showPrinter) mail() {
	p.heading("Mail")
	if len(p.h.mails) == 0 {
		p.printf("  none\n")
	}
	for _, m := range p.h.mails {
		state := strings.ToLower(string(m.State))
		switch {
		case m.SentAt > 0:
			state = p.paint(good, "sent "+instant(m.SentAt))
		case m.LastError != "":
			state = p.paint(bad, state+": "+m.LastError)
		}
		p.text("  ", m.Subject)
		p.text("    to "+strings.Join(m.To, ", ")+", ", state)
		p.printf("    %s\n", p.paint(faint, m.MessageID))
	}
	if p.alone {
		p.mailText()
	}
}

// mailText is the summary as it was mailed.
func (p *showPrinter) mailText() {
	for _, e := range p.h.events {
		summary, ok := e.Payload.(*events.TradingNotificationRequested)
		if !ok {
			continue
		}
		text, _, err := notifier.Render(notifier.SummaryView(e, summary, notifier.Audience{Environment: p.place.environment}))
		if err != nil {
			p.text("  ", "The mail cannot be shown: "+err.Error())
			continue
		}
		p.printf("\n%s\n", text)
	}
}

func instant(ms int64) string {
	at := time.UnixMilli(ms).UTC()
	return at.Format("2006-01-02T15:04:05.000Z") + " (" + at.In(market.NewYork()).Format("15:04") + " in New York)"
}
