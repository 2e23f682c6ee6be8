// Package notifier tells the owner: it turns a run's summary, or an error
// outside of one, into one mail and sends it once. It publishes nothing, so an
// error here cannot cause another event; it ends in the failure queue and its
// alarm.
//
//	n := &notifier.Notifier{Config: notifier.ReadConfig(vars, "prod"), Mailer: smtp, Ledger: ledger, …}
//	view := notifier.SummaryView(event, notifier.Audience{Environment: "prod"})
//	text, html, err := notifier.Render(view)
package notifier

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/stage"
)

// Notifier is the stage.
type Notifier struct {
	Config  Config
	Mailer  Mailer
	Ledger  *ledger.Ledger
	Clock   env.Clock
	Log     *slog.Logger
	Metrics stage.Metrics
}

// Handlers are the two requests for a mail.
func (n *Notifier) Handlers() map[events.Type]stage.Handler {
	return map[events.Type]stage.Handler{
		events.TypeTradingNotificationRequested: n.Summary,
		events.TypeErrorNotificationRequested:   n.Error,
	}
}

// Summary mails the summary of a run.
func (n *Notifier) Summary(ctx context.Context, in events.Envelope) ([]events.Event, error) {
	p, ok := in.Payload.(*events.TradingNotificationRequested)
	if !ok {
		return nil, fmt.Errorf("notifier: %s is not a summary", in.EventType)
	}
	return nil, n.sendOnce(ctx, in, p.Kind, SummaryView(in, p, n.Config.Audience))
}

// Error mails an error outside of a run's summary, within the limits.
func (n *Notifier) Error(ctx context.Context, in events.Envelope) ([]events.Event, error) {
	p, ok := in.Payload.(*events.ErrorNotificationRequested)
	if !ok {
		return nil, fmt.Errorf("notifier: %s is not an error notification", in.EventType)
	}
	refusal, err := n.admit(ctx, in, p)
	if err != nil {
		return nil, err
	}
	if refusal != "" {
		n.Log.WarnContext(ctx, "error mail not sent", "reason", refusal, "code", p.Code, "stage", p.Stage, "title", p.Title)
		n.Metrics.Count(ctx, map[string]int64{"ErrorMailSuppressed": 1})
		return nil, nil
	}
	return nil, n.sendOnce(ctx, in, "error-"+in.EventID, ErrorView(in, p, n.Config.Audience))
}
