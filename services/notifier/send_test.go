package notifier_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-smtp"

	"github.com/alchemiser/alchemiser/services/notifier"
)

func sample() notifier.Mail {
	return notifier.Mail{
		MessageID: "ca20072b-1670-5f1b-9154-6d51723e61a8@example.com", From: netmail.Address{Name: "Alchemiser", Address: "alchemiser@example.com"},
		To: []string{"owner@example.com", "second@example.com"}, Date: slot, Subject: "[OK] Alchemiser PAPER 2026-11-23: 4 orders filled – ok",
		Text: "Every line was filled – fully.\n", HTML: "<p>Every line was filled – fully.</p>\n", RunID: "6f56e1c6-736e-51c9-bef6-1ef189e414d3",
	}
}

// read takes a delivered message apart.
func read(t testing.TB, raw string) (header mail.Header, text, html string) {
	t.Helper()
	r, err := mail.CreateReader(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return r.Header, text, html
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(part.Body)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))
		switch kind, _, _ := part.Header.(*mail.InlineHeader).ContentType(); kind {
		case "text/plain":
			text = string(body)
		case "text/html":
			html = string(body)
		default:
			t.Errorf("a part of type %s", kind)
		}
	}
}

func TestSendOverSTARTTLS(t *testing.T) {
	server := startServer(t, true)
	m := sample()
	if err := server.client().Send(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	mails := server.mails()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	h, text, html := read(t, mails[0])
	if text != m.Text || html != m.HTML {
		t.Errorf("text %q, html %q", text, html)
	}
	if subject, _ := h.Subject(); subject != m.Subject {
		t.Errorf("subject %q", subject)
	}
	if id, _ := h.MessageID(); id != m.MessageID {
		t.Errorf("Message-ID %q", id)
	}
	if date, _ := h.Date(); !date.Equal(m.Date) {
		t.Errorf("date %s", date)
	}
	if h.Get("Auto-Submitted") != "auto-generated" || h.Get("X-Alchemiser-Run") != m.RunID || h.Get("To") != "<owner@example.com>, <second@example.com>" {
		t.Errorf("header %v", h)
	}
}

func TestSendFailures(t *testing.T) {
	busy := &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "try later"}
	refused := &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "no"}
	for _, c := range []struct {
		name      string
		withTLS   bool
		change    func(*mailServer, *notifier.SMTP)
		temporary bool
	}{
		{"451 after the message", true, func(m *mailServer, _ *notifier.SMTP) { m.answerData = func(int) error { return busy } }, true},
		{"451 for the recipient", true, func(m *mailServer, _ *notifier.SMTP) { m.answerRcpt = busy }, true},
		{"554 after the message", true, func(m *mailServer, _ *notifier.SMTP) { m.answerData = func(int) error { return refused } }, false},
		{"554 for the recipient", true, func(m *mailServer, _ *notifier.SMTP) { m.answerRcpt = refused }, false},
		{"wrong password", true, func(_ *mailServer, s *notifier.SMTP) { s.Credentials = credentials(username, "guess") }, false},
		{"certificate of an unknown authority", true, func(_ *mailServer, s *notifier.SMTP) { s.Roots = nil }, false},
		{"certificate of another host", true, func(_ *mailServer, s *notifier.SMTP) { s.Host = "localhost" }, false},
		{"no STARTTLS", false, func(*mailServer, *notifier.SMTP) {}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := startServer(t, c.withTLS)
			client := server.client()
			c.change(server, client)
			err := client.Send(context.Background(), sample())
			var failed *notifier.SendError
			if !errors.As(err, &failed) {
				t.Fatalf("Send = %v", err)
			}
			if failed.Temporary != c.temporary {
				t.Errorf("temporary = %v for %v", failed.Temporary, err)
			}
			if strings.Contains(err.Error(), password) || strings.Contains(err.Error(), "guess") {
				t.Errorf("the error tells the password: %v", err)
			}
			if len(server.mails()) != 0 {
				t.Error("the server has a mail")
			}
		})
	}
}

func TestAServerThatIsAwayIsTemporary(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	client := &notifier.SMTP{Host: "127.0.0.1", Port: port, Credentials: credentials(username, password)}
	var failed *notifier.SendError
	if err := client.Send(context.Background(), sample()); !errors.As(err, &failed) || !failed.Temporary {
		t.Errorf("Send = %v", err)
	}
}

// A server that accepts the connection and then dawdles must not hold the
// function: every byte it sends would otherwise extend the deadline.
func TestASlowServerIsLeft(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for _, b := range []byte("220-" + strings.Repeat("a", 1<<20)) {
					if _, err := conn.Write([]byte{b}); err != nil {
						return
					}
					time.Sleep(5 * time.Millisecond)
				}
			}()
		}
	}()
	client := &notifier.SMTP{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, Credentials: credentials(username, password), Timeout: 100 * time.Millisecond}
	var failed *notifier.SendError
	if err := client.Send(context.Background(), sample()); !errors.As(err, &failed) || !failed.Temporary {
		t.Errorf("Send = %v", err)
	}
}

// The server took the mail and said so; what happens afterwards is not the
// mail's concern: a failure would send it again.
func TestAnAcceptedMailIsSentWhateverFollows(t *testing.T) {
	server := startServer(t, true)
	server.dropAfterAnswer = true
	if err := server.client().Send(context.Background(), sample()); err != nil {
		t.Error(err)
	}
	if len(server.mails()) != 1 {
		t.Error("the server has no mail")
	}
}

// The connection broke before the server's answer: whether it has the mail is
// not known, and trying again under the same Message-ID is right.
func TestALostAnswerIsTemporary(t *testing.T) {
	server := startServer(t, true)
	server.dropBeforeAnswer = true
	var failed *notifier.SendError
	if err := server.client().Send(context.Background(), sample()); !errors.As(err, &failed) || !failed.Temporary {
		t.Errorf("Send = %v", err)
	}
}

func TestHeadersCannotBeInjected(t *testing.T) {
	server := startServer(t, true)
	m := sample()
	m.Subject = "[OK] fine\r\nBcc: thief@example.org\r\n\r\nbody\nX-Evil: 1\u2028more"
	m.RunID = "run\r\nX-Evil: 2"
	m.MessageID = "id\r\nX-Evil: 3@example.com"
	if err := server.client().Send(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	raw := server.mails()[0]
	h, text, _ := read(t, raw)
	if h.Has("Bcc") || h.Has("X-Evil") || text != m.Text {
		t.Errorf("a header was injected:\n%s", raw)
	}
	if subject, _ := h.Subject(); strings.ContainsAny(subject, "\r\n\u2028") || !strings.HasPrefix(subject, "[OK] fine Bcc: thief@example.org") {
		t.Errorf("subject %q", subject)
	}
}
