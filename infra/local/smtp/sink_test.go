package smtp

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message/mail"
	gomail "github.com/wneessen/go-mail"

	"github.com/alchemiser/alchemiser/infra/local/fault"
)

func sink(t *testing.T, o Options) *Sink {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func send(t *testing.T, s *Sink, pool *x509.CertPool, options ...gomail.Option) error {
	t.Helper()
	m := gomail.NewMsg()
	if err := errors.Join(m.From("alchemiser@example.com"), m.To("owner@example.com")); err != nil {
		t.Fatal(err)
	}
	m.Subject("[OK] Alchemiser PAPER 2026-01-05: 4 orders filled")
	m.SetBodyString(gomail.TypeTextPlain, "four orders filled")
	all := append([]gomail.Option{gomail.WithPort(s.Port()), gomail.WithTLSPolicy(gomail.TLSMandatory), gomail.WithTimeout(5 * time.Second),
		gomail.WithTLSConfig(&tls.Config{RootCAs: pool, ServerName: s.Host(), MinVersion: tls.VersionTLS12}),
		gomail.WithSMTPAuth(gomail.SMTPAuthPlain), gomail.WithUsername("user"), gomail.WithPassword("secret")}, options...)
	c, err := gomail.NewClient(s.Host(), all...)
	if err != nil {
		t.Fatal(err)
	}
	return c.DialAndSend(m)
}

func TestMailIsKeptAsFile(t *testing.T) {
	dir := t.TempDir()
	s := sink(t, Options{Dir: dir, Username: "user", Password: "secret"})
	if err := send(t, s, s.Pool()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.eml"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	r, err := mail.CreateReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := r.Header.Subject()
	if err != nil || subject != "[OK] Alchemiser PAPER 2026-01-05: 4 orders filled" {
		t.Errorf("%q %v", subject, err)
	}
	m := s.Mails()[0]
	if m.From != "alchemiser@example.com" || len(m.To) != 1 || m.File != files[0] || !bytes.Equal(m.Data, text) {
		t.Errorf("%+v", m)
	}
}

func TestRefusedClients(t *testing.T) {
	s := sink(t, Options{Username: "user", Password: "secret"})
	for _, test := range []struct {
		name    string
		pool    *x509.CertPool
		options []gomail.Option
		want    string
	}{
		{"unknown authority", x509.NewCertPool(), nil, "unknown authority"},
		{"wrong password", s.Pool(), []gomail.Option{gomail.WithPassword("guess")}, "535"},
		{"no encryption", s.Pool(), []gomail.Option{gomail.WithTLSPolicy(gomail.NoTLS), gomail.WithSMTPAuth(gomail.SMTPAuthNoAuth)}, "530"},
		{"no authentication", s.Pool(), []gomail.Option{gomail.WithSMTPAuth(gomail.SMTPAuthNoAuth)}, "530"},
	} {
		if err := send(t, s, test.pool, test.options...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", test.name, err, test.want)
		}
	}
	if n := len(s.Mails()); n != 0 {
		t.Errorf("%d mails were accepted", n)
	}
}

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		fault fault.Fault
		kept  int
	}{
		{fault.Fault{Do: fault.MailReject, Code: 451}, 0},
		{fault.Fault{Do: fault.MailReject, Code: 550}, 0},
		{fault.Fault{Do: fault.MailRefuseTLS}, 0},
		{fault.Fault{Do: fault.MailDropBefore}, 0},
		{fault.Fault{Do: fault.MailDropAfter}, 1},
	} {
		t.Run(string(test.fault.Do), func(t *testing.T) {
			plan := &fault.Plan{}
			if err := plan.Add(test.fault); err != nil {
				t.Fatal(err)
			}
			s := sink(t, Options{Faults: plan})
			err := send(t, s, s.Pool())
			if err == nil {
				t.Fatal("the client saw no error")
			}
			var sendError *gomail.SendError
			if test.fault.Code == 451 && (!errors.As(err, &sendError) || !sendError.IsTemp()) {
				t.Errorf("a 451 is temporary: %v", err)
			}
			if n := len(s.Mails()); n != test.kept {
				t.Errorf("%d mails were kept, want %d", n, test.kept)
			}
			if err := send(t, s, s.Pool()); err != nil {
				t.Errorf("the fault struck twice: %v", err)
			}
		})
	}
}
