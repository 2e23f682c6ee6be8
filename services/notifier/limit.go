package notifier

import (
	"context"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/market"
)

// Limits of error mails: an error that repeats itself must not bury the one
// that matters. What is beyond is counted and logged.
const (
	maxPerRun  = 3
	maxPerDay  = 10
	keepLimits = 7 * 24 * time.Hour
)

// admitted are the error mails of an account's day.
type admitted struct {
	Mails []admission `json:"mails"`
}

type admission struct {
	EventID string `json:"event_id"`
	RunID   string `json:"run_id"`
	Code    string `json:"code"`
	Stage   string `json:"stage"`
}

// admit counts the mail among those of its day, or says why it must not be
// sent. An event that was admitted stays so when it arrives again.
func (n *Notifier) admit(ctx context.Context, in events.Envelope, p *events.ErrorNotificationRequested) (refusal string, err error) {
	day := events.DateOf(in.Timestamp.Time(), market.NewYork())
	doc, err := ledger.LoadOr[admitted](ctx, n.Ledger, ledger.ErrorMailKey(in.Account, day))
	if err != nil {
		return "", err
	}
	next := admission{EventID: in.EventID, RunID: in.CorrelationID, Code: p.Code, Stage: p.Stage}
	refusal, known := judge(doc.Value.Mails, next)
	if refusal != "" || known {
		return refusal, nil
	}
	doc.Value.Mails = append(doc.Value.Mails, next)
	doc.Expires = n.Clock.Now().Add(keepLimits)
	return "", ledger.Save(ctx, n.Ledger, &doc)
}

// judge compares a mail with those of the day before it; known: it is one of
// them.
func judge(before []admission, next admission) (refusal string, known bool) {
	ofRun := 0
	for _, a := range before {
		switch {
		case a.EventID == next.EventID:
			return "", true
		case a.Code == next.Code && a.Stage == next.Stage:
			return "the same error of this stage was mailed today", false
		case a.RunID == next.RunID:
			ofRun++
		}
	}
	switch {
	case ofRun >= maxPerRun:
		return "three error mails were sent for this run", false
	case len(before) >= maxPerDay:
		return "ten error mails were sent today", false
	}
	return "", false
}
