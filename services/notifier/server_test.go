package notifier_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/alchemiser/alchemiser/services/notifier"
)

const (
	username = "alchemiser@example.com"
	password = "correct horse"
)

// mailServer is a real SMTP server on this machine whose answers tests choose.
type mailServer struct {
	mu       sync.Mutex
	accepted []string // what the server took, raw
	sessions int

	answerData       func(n int) error // n counts from 1; nil: accept
	answerRcpt       error
	dropBeforeAnswer bool // break the connection after taking a mail
	dropAfterAnswer  bool

	port     int
	roots    *x509.CertPool
	password string
}

// setPassword changes what the server expects: the owner changed it there, or
// here.
func (m *mailServer) setPassword(p string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.password = p
}

func (m *mailServer) knows(user, pass string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return user == username && pass == m.password
}

// startServer serves until the test ends. Without TLS it offers no STARTTLS.
func startServer(t testing.TB, withTLS bool) *mailServer {
	t.Helper()
	m := &mailServer{roots: x509.NewCertPool(), password: password}
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.sessions++
		return &session{server: m, conn: c}, nil
	}))
	s.Domain, s.ErrorLog = "localhost", quiet{}
	s.ReadTimeout, s.WriteTimeout = 10*time.Second, 10*time.Second
	s.AllowInsecureAuth = !withTLS
	if withTLS {
		https := httptest.NewTLSServer(nil) // lends its throw-away certificate
		t.Cleanup(https.Close)
		s.TLSConfig = &tls.Config{Certificates: https.TLS.Certificates}
		m.roots.AddCert(https.Certificate())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.port = listener.Addr().(*net.TCPAddr).Port
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(listener)
	}()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return m
}

func (m *mailServer) mails() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.accepted...)
}

// client is the product's mailer for the server.
func (m *mailServer) client() *notifier.SMTP {
	return &notifier.SMTP{Host: "127.0.0.1", Port: m.port, Roots: m.roots, Credentials: credentials(username, password)}
}

func credentials(user, pass string) func(context.Context) (string, string, error) {
	return func(context.Context) (string, string, error) { return user, pass, nil }
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

type session struct {
	server *mailServer
	conn   *smtp.Conn
	known  bool
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, pass string) error {
		if !s.server.knows(user, pass) {
			return smtp.ErrAuthFailed
		}
		s.known = true
		return nil
	}), nil
}

func (s *session) Mail(string, *smtp.MailOptions) error {
	if _, encrypted := s.conn.TLSConnectionState(); !encrypted || !s.known {
		return errors.New("not encrypted or not authenticated")
	}
	return nil
}

func (s *session) Rcpt(string, *smtp.RcptOptions) error { return s.server.answerRcpt }

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m := s.server
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.answerData != nil {
		if err := m.answerData(len(m.accepted) + 1); err != nil {
			return err
		}
	}
	m.accepted = append(m.accepted, string(raw))
	if m.dropBeforeAnswer {
		_ = s.conn.Conn().Close()
	}
	return nil
}

func (s *session) Reset() {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if s.server.dropAfterAnswer && len(s.server.accepted) > 0 {
		_ = s.conn.Conn().Close()
	}
}

func (s *session) Logout() error { return nil }
