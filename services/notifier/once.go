package notifier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
)

// MailState is where a mail stands.
type MailState string

const (
	Sending MailState = "SENDING" // the server may have it
	Sent    MailState = "SENT"
)

// Record is the ledger's memory of a mail.
type Record struct {
	State     MailState `json:"state"`
	MessageID string    `json:"message_id"`
	Subject   string    `json:"subject"`
	To        []string  `json:"to"`
	Attempts  int       `json:"attempts"`
	LastError string    `json:"last_error,omitempty"`
	SentAt    int64     `json:"sent_at,omitempty"` // epoch ms
}

const (
	keepRecord = 400 * 24 * time.Hour
	// alarmAfter is the attempt after which also a temporary failure counts as
	// a failed mail: Lambda tries three times.
	alarmAfter = 3
)

// sendOnce sends a mail unless it was sent. The record says SENDING before the
// server hears of the mail, and SENT after it took it: a crash in between is
// followed by a copy under the same Message-ID, because a missing report is
// worse than one that mail programs can fold.
func (n *Notifier) sendOnce(ctx context.Context, in events.Envelope, kind string, view View) error {
	text, html, err := Render(view)
	if err != nil {
		return fmt.Errorf("notifier: render %s: %w", in.EventID, err)
	}
	// Nearly every mail is new: write first, and read only if it is not.
	doc := ledger.Doc[Record]{Key: ledger.MailKey(in.CorrelationID, kind), Expires: n.Clock.Now().Add(keepRecord)}
	doc.Value = Record{State: Sending, MessageID: in.EventID + "@" + n.Config.domain(), Subject: view.Subject, To: n.Config.To, Attempts: 1}
	err = ledger.Save(ctx, n.Ledger, &doc)
	r := &doc.Value
	if errors.Is(err, ledger.ErrConflict) {
		if doc, err = ledger.Load[Record](ctx, n.Ledger, doc.Key); err != nil {
			return err
		}
		if r.State == Sent {
			n.Log.InfoContext(ctx, "the mail was sent before", "message_id", r.MessageID)
			return nil
		}
		r.State = Sending
		r.Attempts++
		err = ledger.Save(ctx, n.Ledger, &doc)
	}
	if err != nil {
		return err
	}
	sendErr := n.Mailer.Send(ctx, Mail{
		MessageID: r.MessageID, From: n.Config.From, To: n.Config.To, Date: n.Clock.Now(),
		Subject: view.Subject, Text: text, HTML: html, RunID: in.CorrelationID,
	})
	if sendErr != nil {
		return n.failed(ctx, doc, sendErr)
	}
	r.State, r.LastError, r.SentAt = Sent, "", n.Clock.Now().UnixMilli()
	if err := ledger.Save(ctx, n.Ledger, &doc); err != nil {
		// The mail is out. Failing now would send a copy of it; the inbox
		// item that is committed next keeps redeliveries away as well.
		n.Log.ErrorContext(ctx, "the mail was sent and could not be marked", "message_id", r.MessageID, "error", err.Error())
		return nil
	}
	n.Log.InfoContext(ctx, "mail sent", "message_id", r.MessageID, "attempt", r.Attempts)
	return nil
}

// failed records why a mail was not sent and returns the reason, so that the
// invocation fails. What a repetition cannot cure raises the alarm at once.
func (n *Notifier) failed(ctx context.Context, doc ledger.Doc[Record], cause error) error {
	var refused *SendError
	final := errors.As(cause, &refused) && !refused.Temporary
	if final || doc.Value.Attempts >= alarmAfter {
		n.Metrics.Count(ctx, map[string]int64{"MailFailed": 1})
	}
	doc.Value.LastError = cause.Error()
	if err := ledger.Save(ctx, n.Ledger, &doc); err != nil {
		n.Log.WarnContext(ctx, "the failed mail could not be recorded", "error", err.Error())
	}
	return fmt.Errorf("notifier: mail %s: %w", doc.Value.MessageID, cause)
}
