package notifier_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	netmail "net/mail"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/memledger"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/alchemiser/alchemiser/services/notifier"
)

// clock is a clock that tests move by hand.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time                             { return c.now }
func (c *clock) Sleep(context.Context, time.Duration) error { return nil }

// killable is a ledger whose writes stop reaching it, as when the function
// dies.
type killable struct {
	ledger.Driver
	before func(ledger.Item) error
}

func (k *killable) Put(ctx context.Context, item ledger.Item) error {
	if k.before != nil {
		if err := k.before(item); err != nil {
			return err
		}
	}
	return k.Driver.Put(ctx, item)
}

// world is the notifier between a ledger in memory and a real mail server.
type world struct {
	t      testing.TB
	server *mailServer
	driver *killable
	ledger *ledger.Ledger
	clock  *clock
	log    *bytes.Buffer
	mailer *notifier.Notifier
	stage  *stage.Stage
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, server: startServer(t, true), driver: &killable{Driver: memledger.New()}, clock: &clock{slot.Add(13 * time.Second)}, log: new(bytes.Buffer)}
	w.ledger = ledger.New(w.driver, w.clock)
	log := slog.New(slog.NewJSONHandler(io.MultiWriter(w.log), nil))
	n := &notifier.Notifier{
		Config: notifier.Config{From: netmail.Address{Name: "Alchemiser", Address: "alchemiser@example.com"}, To: []string{"owner@example.com"}},
		Mailer: w.server.client(), Ledger: w.ledger, Clock: w.clock, Log: log,
		Metrics: stage.Metrics{Environment: "dev", Log: log, Clock: w.clock},
	}
	w.mailer = n
	var owners atomic.Int64
	var err error
	w.stage, err = stage.New(stage.Config{
		Name: topology.Notifier, Account: account, Mode: events.Paper, Version: "test", Ledger: w.ledger, Clock: w.clock, Log: log,
		Owner: func() string { return fmt.Sprint("owner-", owners.Add(1)) }, Handle: n.Handlers(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) deliver(in events.Envelope) error {
	w.t.Helper()
	detail, err := events.Encode(in)
	if err != nil {
		w.t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{
		"version": "0", "id": "1", "detail-type": in.EventType, "source": in.Source, "account": "000000000000", "time": "2026-11-23T14:35:12Z",
		"region": "us-east-1", "resources": in.Resources(), "detail": json.RawMessage(detail),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = w.stage.Invoke(context.Background(), payload)
	return err
}

func (w *world) record(in events.Envelope, kind string) notifier.Record {
	w.t.Helper()
	doc, err := ledger.Load[notifier.Record](context.Background(), w.ledger, ledger.MailKey(in.CorrelationID, kind))
	if err != nil {
		w.t.Fatal(err)
	}
	return doc.Value
}

func (w *world) metric(name string) (sum int) {
	w.t.Helper()
	for line := range bytes.Lines(w.log.Bytes()) {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			w.t.Fatalf("%v in %s", err, line)
		}
		if n, ok := fields[name].(float64); ok && fields["_aws"] != nil {
			sum += int(n)
		}
	}
	return sum
}

func messageIDs(t testing.TB, mails []string) map[string]int {
	t.Helper()
	ids := make(map[string]int)
	for _, raw := range mails {
		h, _, _ := read(t, raw)
		id, err := h.MessageID()
		if err != nil {
			t.Fatal(err)
		}
		ids[id]++
	}
	return ids
}

var errDied = errors.New("the function died")

// F91: one mail per run, whatever is delivered again.
func TestF91ARedeliverySendsNothing(t *testing.T) {
	w := newWorld(t)
	in := envelope(t, rotationOnPaper(), nil)
	for range 5 {
		if err := w.deliver(in); err != nil {
			t.Fatal(err)
		}
	}
	// A redrive months later finds no inbox item any more.
	if _, err := w.mailer.Summary(context.Background(), in); err != nil {
		t.Fatal(err)
	}
	mails := w.server.mails()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	if id := in.EventID + "@example.com"; messageIDs(t, mails)[id] != 1 {
		t.Errorf("Message-IDs %v, want %s", messageIDs(t, mails), id)
	}
	if r := w.record(in, "summary"); r.State != notifier.Sent || r.Attempts != 1 || r.SentAt != w.clock.now.UnixMilli() {
		t.Errorf("record %+v", r)
	}
}

func rotationOnPaper() *events.TradingNotificationRequested {
	p := rotation()
	p.TradingMode = events.Paper
	return p
}

// F91: the function dies before each of its writes in turn, the redelivery
// finishes the work, and a copy goes out only when the server had taken the
// mail and the mark was missing; then under the same Message-ID.
func TestF91ACrashLosesNoMail(t *testing.T) {
	in := envelope(t, rotationOnPaper(), nil)
	for death := 1; ; death++ {
		w := newWorld(t)
		n, dead := 0, false
		w.driver.before = func(ledger.Item) error {
			if n++; n >= death {
				dead = true
				return errDied // and every write that follows
			}
			return nil
		}
		_ = w.deliver(in)
		died, sentBefore := dead, len(w.server.mails())
		marked, err := ledger.LoadOr[notifier.Record](context.Background(), w.ledger, ledger.MailKey(in.CorrelationID, "summary"))
		if err != nil {
			t.Fatal(err)
		}
		w.driver.before = nil
		w.clock.now = w.clock.now.Add(time.Minute)
		for range 2 {
			if err := w.deliver(in); err != nil {
				t.Fatalf("death %d: %v", death, err)
			}
		}
		mails := w.server.mails()
		if ids := messageIDs(t, mails); len(ids) != 1 || len(mails) < 1 || len(mails) > 2 || (len(mails) == 2 && sentBefore == 0) {
			t.Errorf("death %d: %d mails, %v", death, len(mails), ids)
		}
		if marked.Value.State == notifier.Sent && len(mails) != 1 {
			t.Errorf("death %d: a mail marked as sent was sent again", death)
		}
		if r := w.record(in, "summary"); r.State != notifier.Sent {
			t.Errorf("death %d: record %+v", death, r)
		}
		if !died {
			if len(mails) != 1 {
				t.Errorf("%d mails without a crash", len(mails))
			}
			if death < 5 {
				t.Errorf("the sweep ended after %d writes", death)
			}
			return
		}
	}
}

// F91: a failed send is an error of the invocation, never swallowed.
func TestF91AFailedSendFailsTheInvocation(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer *smtp.SMTPError
		alarms []int // MailFailed after each attempt
	}{
		{"busy", &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}, []int{0, 0, 1}},
		{"refused", &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "no"}, []int{1, 2, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			in := envelope(t, rotationOnPaper(), nil)
			w.server.answerData = func(int) error { return c.answer }
			for i, want := range c.alarms {
				if err := w.deliver(in); err == nil {
					t.Fatal("the invocation succeeded without a mail")
				}
				if got := w.metric("MailFailed"); got != want {
					t.Errorf("MailFailed is %d after attempt %d, want %d", got, i+1, want)
				}
				w.clock.now = w.clock.now.Add(time.Minute)
			}
			if r := w.record(in, "summary"); r.State != notifier.Sending || r.Attempts != 3 || !strings.Contains(r.LastError, fmt.Sprint(c.answer.Code)) {
				t.Errorf("record %+v", r)
			}
			w.server.answerData = nil
			if err := w.deliver(in); err != nil { // the redrive
				t.Fatal(err)
			}
			if len(w.server.mails()) != 1 {
				t.Errorf("%d mails", len(w.server.mails()))
			}
		})
	}
}

// A mail server that is broken over several redrives: the event was begun more
// often than any other stage would allow, each time it ended as an error (the
// failure queue and its alarm), and the redrive after the repair sends the
// mail, once. Later redrives send nothing (F97).
func TestF97ARedriveAfterTheRepairSendsTheMailOnce(t *testing.T) {
	for name, in := range map[string]events.Envelope{
		"summary": envelope(t, rotationOnPaper(), nil), "error": failure(t, "late_outcome", "monitor", runKey),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.server.setPassword("changed")
			const rounds, tries = 5, 3 // a delivery is tried three times, then it is in the failure queue
			for range rounds * tries {
				if err := w.deliver(in); err == nil || !strings.Contains(err.Error(), "mail_refused") {
					t.Fatalf("deliver = %v, want the server's refusal", err)
				}
				w.clock.now = w.clock.now.Add(time.Minute)
			}
			if n := w.metric("MailFailed"); n != rounds*tries {
				t.Errorf("MailFailed is %d, want %d", n, rounds*tries)
			}
			w.server.setPassword(password)
			for range 4 { // the redrive, and more of them
				if err := w.deliver(in); err != nil {
					t.Fatal(err)
				}
				w.clock.now = w.clock.now.Add(time.Hour)
			}
			if n := len(w.server.mails()); n != 1 {
				t.Errorf("%d mails, want 1", n)
			}
		})
	}
}

func failure(t testing.TB, code, stage, key string) events.Envelope {
	t.Helper()
	runID := events.RunID(key)
	p := &events.ErrorNotificationRequested{Severity: "ERROR", Code: code, Title: "Something of " + code, Message: "It happened.", Stage: stage, RunID: &runID, Details: events.Details{"leg_01": "BUY QQQ FILLED: 3 of 3 at 595.1"}}
	return envelope(t, p, func(e *events.Envelope) {
		e.CorrelationID, e.RunKey, e.EventID = runID, key, events.EventID(runID+code+stage, e.EventType, 0)
	})
}

func TestErrorMails(t *testing.T) {
	w := newWorld(t)
	in := failure(t, "late_outcome", "monitor", runKey)
	for range 3 {
		if err := w.deliver(in); err != nil {
			t.Fatal(err)
		}
	}
	mails := w.server.mails()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	h, text, html := read(t, mails[0])
	if subject, _ := h.Subject(); subject != "[ERROR] Alchemiser PAPER 2026-11-23: Something of late_outcome" {
		t.Errorf("subject %q", subject)
	}
	for _, want := range []string{"It happened.", "late_outcome", "BUY QQQ FILLED: 3 of 3 at 595.1", "alchemiser show " + events.RunID(runKey)} {
		if !strings.Contains(text, want) || !strings.Contains(html, want) {
			t.Errorf("the mail does not say %q:\n%s", want, text)
		}
	}
}

func TestErrorMailLimits(t *testing.T) {
	key := func(i int) string { return fmt.Sprintf("%s/often/2026-11-23T%02d:00Z", account, i) }
	type in struct{ code, stage, key string }
	for _, c := range []struct {
		name   string
		events func() []in
		want   int
	}{
		{"the same error of a stage once a day", func() (out []in) {
			for i := range 5 {
				out = append(out, in{"clock_skew", "start", key(i)})
			}
			return append(out, in{"clock_skew", "execution", key(7)})
		}, 2},
		{"three for a run", func() (out []in) {
			for i := range 6 {
				out = append(out, in{fmt.Sprint("error_", i), "execution", key(0)})
			}
			return out
		}, 3},
		{"ten a day", func() (out []in) {
			for i := range 15 {
				out = append(out, in{fmt.Sprint("error_", i), "execution", key(i)})
			}
			return out
		}, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			all := c.events()
			for _, e := range all {
				for range 2 {
					if err := w.deliver(failure(t, e.code, e.stage, e.key)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if n := len(w.server.mails()); n != c.want {
				t.Errorf("%d mails, want %d", n, c.want)
			}
			if n := w.metric("ErrorMailSuppressed"); n != len(all)-c.want {
				t.Errorf("%d counted as suppressed, want %d", n, len(all)-c.want)
			}
		})
	}
}

// An admitted error mail whose sending failed is still admitted on the retry.
func TestAnErrorMailIsRetriedUnderItsAdmission(t *testing.T) {
	w := newWorld(t)
	w.server.answerData = func(int) error {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}
	}
	in := failure(t, "late_outcome", "monitor", runKey)
	if err := w.deliver(in); err == nil {
		t.Fatal("no error")
	}
	w.server.answerData = nil
	if err := w.deliver(in); err != nil {
		t.Fatal(err)
	}
	if n := len(w.server.mails()); n != 1 {
		t.Errorf("%d mails", n)
	}
}

func TestConfig(t *testing.T) {
	good := map[string]string{
		"SMTP_HOST": "smtp.example.com", "MAIL_FROM": "alchemiser@example.com", "MAIL_TO": "Owner@example.com", "ALLOWED_RECIPIENTS": "owner@example.com,other@example.com",
	}
	for _, c := range []struct {
		name, environment string
		change            map[string]string
		wrong             string
	}{
		{"good", "dev", nil, ""},
		{"not allowed", "dev", map[string]string{"MAIL_TO": "owner@example.com, stranger@example.org"}, "stranger@example.org"},
		{"nothing allowed", "staging", map[string]string{"ALLOWED_RECIPIENTS": ""}, "ALLOWED_RECIPIENTS"},
		{"production writes to its owner", "prod", map[string]string{"ALLOWED_RECIPIENTS": ""}, ""},
		{"nobody", "prod", map[string]string{"MAIL_TO": ""}, "MAIL_TO"},
		{"no sender", "prod", map[string]string{"MAIL_FROM": "alchemiser"}, "MAIL_FROM"},
		{"a recipient with a header", "prod", map[string]string{"MAIL_TO": "owner@example.com\r\nBcc: x@example.org"}, "MAIL_TO"},
		{"a port", "prod", map[string]string{"SMTP_PORT": "smtp"}, "SMTP_PORT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			vars := make(map[string]string)
			for k, v := range good {
				vars[k] = v
			}
			for k, v := range c.change {
				vars[k] = v
			}
			v := env.Read(vars)
			config := notifier.ReadConfig(v, c.environment)
			err := v.Err()
			if c.wrong == "" && (err != nil || config.Port != 587 || config.To[0] != "owner@example.com" || config.From.Name != "Alchemiser") {
				t.Errorf("%+v, %v", config, err)
			}
			if c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
				t.Errorf("the error does not name %s: %v", c.wrong, err)
			}
		})
	}
}
