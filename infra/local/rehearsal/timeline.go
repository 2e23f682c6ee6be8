package rehearsal

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/cloudwatch"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// Line is one invocation, as the timeline shows it.
type Line struct {
	N        int           `json:"n"`
	Offset   time.Duration `json:"offset_ns"` // since the run was fired
	Time     time.Time     `json:"time"`      // of the rehearsed clock, when it ended
	Trigger  string        `json:"trigger"`
	Function string        `json:"function"`
	Attempt  int           `json:"attempt"`
	Did      string        `json:"did"`
	Duration time.Duration `json:"duration_ns"`
	Cold     bool          `json:"cold"`
	Failed   bool          `json:"failed"`
}

// watcher turns what the cloud tells into lines: an invocation together with
// the events it published.
type watcher struct {
	mu        sync.Mutex
	began     time.Time
	offset    time.Duration // of the rehearsed clock
	onLine    func(Line)
	onAlarm   func(cloudwatch.State)
	lines     []Line
	ended     bool
	unread    []json.RawMessage            // events that were published, not yet in published
	published map[string][]events.Envelope // by the producing service, since its last line
	mails     []string
}

func newWatcher(onLine func(Line), onAlarm func(cloudwatch.State)) *watcher {
	return &watcher{onLine: onLine, onAlarm: onAlarm, published: make(map[string][]events.Envelope)}
}

// rehearse moves the times of the lines to the rehearsed clock.
func (w *watcher) rehearse(offset time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offset = offset
}

// restart begins a new timeline.
func (w *watcher) restart(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began, w.lines, w.ended = now, nil, false
}

// end closes the timeline: what is invoked from now on is not the run's.
func (w *watcher) end() []Line {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	return w.lines
}

// observe implements local.Options.Observer.
func (w *watcher) observe(e local.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e.Kind {
	case local.Published:
		w.unread = append(w.unread, e.Bus.Event.Detail) // the next function waits for us
	case local.MailReceived:
		w.mails = append(w.mails, strings.Join(e.Mail.To, ", "))
	case local.AlarmChanged:
		if w.onAlarm != nil {
			w.onAlarm(*e.Alarm)
		}
	case local.Finished:
		if !w.ended {
			w.finish(e)
		}
	}
}

func (w *watcher) finish(e local.Event) {
	line := Line{
		N: len(w.lines) + 1, Offset: e.Time.Sub(w.began), Time: e.Time.Add(w.offset).UTC(), Trigger: e.EventType, Function: e.Service,
		Attempt: e.Attempt, Duration: e.Duration, Cold: e.Cold, Failed: e.Error != "",
	}
	if line.Trigger == "" {
		line.Trigger = "command"
	}
	switch {
	case line.Failed:
		line.Did = "failed: " + e.Error
	case e.Service == string(topology.Notifier):
		line.Did = "sent no mail"
		if len(w.mails) > 0 {
			line.Did, w.mails = "mailed "+strings.Join(w.mails, ", "), nil
		}
	default:
		w.read()
		line.Did = describe(w.published[e.Service])
	}
	delete(w.published, e.Service)
	w.lines = append(w.lines, line)
	if w.onLine != nil {
		w.onLine(line)
	}
}

func (w *watcher) read() {
	for _, detail := range w.unread {
		if envelope, err := events.Decode(detail); err == nil {
			w.published[envelope.Producer.Service] = append(w.published[envelope.Producer.Service], envelope)
		}
	}
	w.unread = nil
}

// describe says what an invocation did, from the events it published.
func describe(published []events.Envelope) string {
	if len(published) == 0 {
		return "published nothing"
	}
	parts := make([]string, 0, len(published))
	for _, e := range published {
		if text := Describe(e); text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "; ")
}

// Describe says in a line what an event tells; nothing for one that only closes
// a record.
func Describe(e events.Envelope) string {
	switch p := e.Payload.(type) {
	case *events.WorkflowStarted:
		return fmt.Sprintf("began the run of %s, orders until %s", p.Session, e.NotAfter.Time().Format("15:04Z"))
	case *events.WorkflowSkipped:
		return "skipped the run: " + p.ReasonCode + " (" + p.Detail + ")"
	case *events.SignalGenerated:
		return fmt.Sprintf("wants %s, on closes of %s", holdings(p.TargetWeights), p.AsOfSession)
	case *events.RebalancePlanned:
		if len(p.Lines) == 0 {
			return "planned nothing: the account is on target"
		}
		return fmt.Sprintf("planned %s (sell $%s, buy $%s)", plural(len(p.Lines), "order"), p.Totals.Sells, p.Totals.Buys)
	case *events.TradeExecutionContinued:
		return fmt.Sprintf("goes on later (%d: %s)", p.N, p.Reason)
	case *events.TradeExecuted:
		return fmt.Sprintf("%s: %d of %d legs filled (sold $%s, bought $%s)", strings.ToLower(string(p.Outcome)), p.Totals.FilledLegs, len(p.Legs), p.Totals.Sold, p.Totals.Bought)
	case *events.WorkflowFailed:
		return "failed for good: " + p.FailureCode + ": " + p.Message
	case *events.TradingNotificationRequested:
		return "closed the run as " + p.Tag
	case *events.ErrorNotificationRequested:
		return "reported " + p.Code
	}
	return ""
}

// holdings names the largest weights.
func holdings(w events.Weights) string {
	symbols := slices.SortedFunc(maps.Keys(w), func(a, b string) int {
		if c := money.MustParse(w[b]).Cmp(money.MustParse(w[a])); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	const most = 4
	var parts []string
	for i, s := range symbols {
		if i == most {
			parts = append(parts, fmt.Sprintf("%d more", len(symbols)-most))
			break
		}
		parts = append(parts, s+" "+percent(w[s], 1)+" %")
	}
	return strings.Join(parts, ", ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
