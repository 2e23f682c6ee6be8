// Package smtp is a mail server that delivers nothing: it insists on STARTTLS and AUTH PLAIN as a real one would, keeps every mail
// and writes it as an .eml file. Its certificate comes from an authority made at start and thrown away at the end.
//
//	sink, err := smtp.Start(smtp.Options{Dir: "mails"})
//	host, port := sink.Host(), sink.Port()
package smtp

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/pkg/env"
)

// Options configure a Sink. Without a username any credentials are accepted, but some must be given.
type Options struct {
	Dir                string // for .eml files; empty keeps mails in memory only
	Username, Password string
	Clock              env.Clock // of the times of mails; nil: the machine's
	Faults             *fault.Plan
	Observe            func(Mail) // may be nil; must not block
}

// Mail is one accepted mail.
type Mail struct {
	From     string    `json:"from"`
	To       []string  `json:"to"`
	Data     []byte    `json:"-"`
	File     string    `json:"file,omitempty"`
	Received time.Time `json:"received"`
}

// Sink is a running mail server.
type Sink struct {
	options   Options
	authority *authority
	server    *gosmtp.Server
	listener  net.Listener
	done      chan struct{}

	mu    sync.Mutex
	mails []Mail
}

const (
	dialogueTimeout = 30 * time.Second
	maxMessage      = 10 << 20
)

// Start listens on a free loopback port.
func Start(o Options) (*Sink, error) {
	if o.Clock == nil {
		o.Clock = env.SystemClock(0)
	}
	if o.Dir != "" {
		if err := os.MkdirAll(o.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("mail sink: %w", err)
		}
	}
	// Certificates are checked by the machine's clock, also in a rehearsal of another year.
	now := env.SystemClock(0).Now()
	authority, err := newAuthority(now)
	if err != nil {
		return nil, fmt.Errorf("mail sink: %w", err)
	}
	certificate, err := authority.issue(now)
	if err != nil {
		return nil, fmt.Errorf("mail sink: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("mail sink: %w", err)
	}
	s := &Sink{options: o, authority: authority, listener: listener, done: make(chan struct{})}
	s.server = gosmtp.NewServer(gosmtp.BackendFunc(func(c *gosmtp.Conn) (gosmtp.Session, error) { return &session{sink: s, conn: c}, nil }))
	s.server.Domain = "localhost"
	s.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, GetConfigForClient: s.handshake}
	s.server.ReadTimeout, s.server.WriteTimeout = dialogueTimeout, dialogueTimeout
	s.server.MaxMessageBytes = maxMessage
	s.server.ErrorLog = silent{}
	go func() {
		defer close(s.done)
		// Serve returns when Close closes the listener.
		_ = s.server.Serve(listener)
	}()
	return s, nil
}

var errNoTLS = errors.New("injected: TLS is refused")

// handshake lets every client have TLS but for a fault. No configuration means the server's own.
func (s *Sink) handshake(*tls.ClientHelloInfo) (*tls.Config, error) {
	if _, ok := s.options.Faults.Take(fault.Occurrence{Do: fault.MailRefuseTLS}); ok {
		return nil, errNoTLS
	}
	return nil, nil //nolint:nilnil // what crypto/tls asks for
}

// silent drops the server's log: broken connections are faults of the test, and clients report them.
type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// Host is the name the certificate is for.
func (s *Sink) Host() string { return "localhost" }

// Port is where the sink listens.
func (s *Sink) Port() int {
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	n, _ := strconv.Atoi(port)
	return n
}

// Mails lists what was accepted, oldest first.
func (s *Sink) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Close ends the server and its connections.
func (s *Sink) Close() error {
	err := s.server.Close()
	// The server knows the listener only once Serve has begun: close it here as well, or Serve would never return. It is closed
	// twice otherwise, which is no failure.
	_ = s.listener.Close()
	<-s.done
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (s *Sink) accept(m Mail) error {
	s.mu.Lock()
	m.Received = s.options.Clock.Now()
	if s.options.Dir != "" {
		m.File = filepath.Join(s.options.Dir, fmt.Sprintf("%s-%03d.eml", m.Received.Format("20060102T150405"), len(s.mails)+1))
		if err := os.WriteFile(m.File, m.Data, 0o600); err != nil {
			s.mu.Unlock()
			return &gosmtp.SMTPError{Code: 452, EnhancedCode: gosmtp.EnhancedCode{4, 3, 1}, Message: err.Error()}
		}
	}
	s.mails = append(s.mails, m)
	s.mu.Unlock()
	if s.options.Observe != nil {
		s.options.Observe(m)
	}
	return nil
}

// session is one connection's dialogue.
type session struct {
	sink     *Sink
	conn     *gosmtp.Conn
	loggedIn bool
	mail     Mail
}

func (s *session) AuthMechanisms() []string {
	if _, encrypted := s.conn.TLSConnectionState(); !encrypted {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(mechanism string) (sasl.Server, error) {
	if mechanism != sasl.Plain {
		return nil, gosmtp.ErrAuthUnknownMechanism
	}
	o := s.sink.options
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username == "" || password == "" || o.Username != "" && (username != o.Username || password != o.Password) {
			return gosmtp.ErrAuthFailed
		}
		s.loggedIn = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *gosmtp.MailOptions) error {
	if _, encrypted := s.conn.TLSConnectionState(); !encrypted {
		return &gosmtp.SMTPError{Code: 530, EnhancedCode: gosmtp.EnhancedCode{5, 7, 0}, Message: "Must issue a STARTTLS command first"}
	}
	if !s.loggedIn {
		return &gosmtp.SMTPError{Code: 530, EnhancedCode: gosmtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	if f, ok := s.sink.options.Faults.Take(fault.Occurrence{Do: fault.MailReject}); ok {
		return &gosmtp.SMTPError{Code: f.Code, EnhancedCode: gosmtp.EnhancedCode{f.Code / 100, 0, 0}, Message: "injected"}
	}
	s.mail = Mail{From: from}
	return nil
}

func (s *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	s.mail.To = append(s.mail.To, to)
	return nil
}

var errDropped = errors.New("injected: the connection is dropped")

func (s *session) Data(r io.Reader) error {
	var data bytes.Buffer
	if _, err := data.ReadFrom(r); err != nil {
		return err
	}
	s.mail.Data = data.Bytes()
	if _, ok := s.sink.options.Faults.Take(fault.Occurrence{Do: fault.MailDropBefore}); ok {
		return errors.Join(errDropped, s.conn.Conn().Close())
	}
	if err := s.sink.accept(s.mail); err != nil {
		return err
	}
	if _, ok := s.sink.options.Faults.Take(fault.Occurrence{Do: fault.MailDropAfter}); ok {
		return errors.Join(errDropped, s.conn.Conn().Close())
	}
	return nil
}

func (s *session) Reset()        { s.mail = Mail{} }
func (s *session) Logout() error { return nil }
