package notifier

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"net/textproto"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Mail is a message ready to send.
type Mail struct {
	MessageID string // without angle brackets
	From      mail.Address
	To        []string
	Date      time.Time
	Subject   string
	Text      string
	HTML      string
	RunID     string
}

// Mailer hands mails to a server. Send may block but must return when ctx is
// done. nil means that the server took the mail for every recipient; an error
// leaves open whether it did. A *SendError says whether trying again can help.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

// SendError is a mail that was not accepted.
type SendError struct {
	Temporary bool
	Err       error
}

func (e *SendError) Error() string {
	if e.Temporary {
		return "mail_deferred: " + e.Err.Error()
	}
	return "mail_refused: " + e.Err.Error() + "; correct the mail settings, then redrive"
}

// Unwrap is the cause.
func (e *SendError) Unwrap() error { return e.Err }

// The time a mail may take: a function has 30 seconds.
const (
	connectTimeout  = 5 * time.Second
	dialogueTimeout = 15 * time.Second
)

// SMTP sends over STARTTLS with authentication, and over nothing less.
type SMTP struct {
	Host string
	Port int
	// Credentials are asked for with every mail, so that a corrected password
	// needs no new deployment.
	Credentials func(ctx context.Context) (username, password string, err error)
	// Roots are the authorities that may vouch for the server; nil: the
	// system's.
	Roots *x509.CertPool
	// Timeout bounds the whole dialogue; 0: 15 seconds.
	Timeout time.Duration
}

// Send implements Mailer.
func (s *SMTP) Send(ctx context.Context, m Mail) error {
	message, err := compose(m)
	if err != nil {
		return &SendError{Err: err}
	}
	username, password, err := s.Credentials(ctx)
	if err != nil {
		return fmt.Errorf("notifier: credentials of the mail server: %w", err)
	}
	timeout := s.Timeout
	if timeout == 0 {
		timeout = dialogueTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	client, err := gomail.NewClient(s.Host,
		gomail.WithPort(s.Port), gomail.WithTimeout(timeout), gomail.WithDialContextFunc(dial),
		gomail.WithTLSPolicy(gomail.TLSMandatory),
		gomail.WithTLSConfig(&tls.Config{ServerName: s.Host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}),
		gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(username), gomail.WithPassword(password),
		gomail.WithoutNoop(), gomail.WithHELO("alchemiser.localdomain"),
	)
	if err != nil {
		return &SendError{Err: err}
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return classify(err)
	}
	err = client.SendWithSMTPClient(session, message)
	// The farewell decides nothing: the server has the mail, or said why not.
	_ = client.CloseWithSMTPClient(session)
	if err != nil && !message.IsDelivered() {
		return classify(err)
	}
	return nil
}

// compose makes the message: two renderings of the same view, nothing else.
func compose(m Mail) (*gomail.Msg, error) {
	msg := gomail.NewMsg()
	if err := msg.FromFormat(m.From.Name, m.From.Address); err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	if err := msg.To(m.To...); err != nil {
		return nil, fmt.Errorf("recipient: %w", err)
	}
	msg.SetMessageIDWithValue(headerText(m.MessageID))
	msg.SetDateWithValue(m.Date)
	msg.Subject(headerText(m.Subject))
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Alchemiser-Run", headerText(m.RunID))
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	return msg, nil
}

// headerText is s on one line: nothing in an event can begin a header.
func headerText(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 }), " ")
}

// dial connects within its own timeout and keeps the deadline of the whole
// dialogue, which the client would otherwise extend with every step.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: connectTimeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	end, ok := ctx.Deadline()
	if !ok {
		return conn, nil
	}
	return &bounded{Conn: conn, end: end}, nil
}

// bounded is a connection whose deadlines are never later than end.
type bounded struct {
	net.Conn
	end time.Time
}

func (b *bounded) cut(t time.Time) time.Time {
	if t.IsZero() || t.After(b.end) {
		return b.end
	}
	return t
}

func (b *bounded) SetDeadline(t time.Time) error      { return b.Conn.SetDeadline(b.cut(t)) }
func (b *bounded) SetReadDeadline(t time.Time) error  { return b.Conn.SetReadDeadline(b.cut(t)) }
func (b *bounded) SetWriteDeadline(t time.Time) error { return b.Conn.SetWriteDeadline(b.cut(t)) }

// classify tells a server that is busy or away from one that says no.
func classify(err error) error {
	var reply *textproto.Error
	var sent *gomail.SendError
	var network net.Error
	var certificate *tls.CertificateVerificationError
	temporary := false
	switch {
	case errors.As(err, &certificate):
	case errors.As(err, &sent) && sent.ErrorCode() != 0:
		temporary = sent.ErrorCode()/100 == 4
	case errors.As(err, &sent): // no answer: the connection broke, or the message was never begun
		temporary = sent.Reason != gomail.ErrGetSender && sent.Reason != gomail.ErrGetRcpts && sent.Reason != gomail.ErrNoUnencoded
	case errors.As(err, &reply):
		temporary = reply.Code/100 == 4
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.DeadlineExceeded):
		temporary = true
	}
	return &SendError{Temporary: temporary, Err: err}
}
