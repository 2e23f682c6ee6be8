package notifier

import (
	"net/mail"
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/env"
)

// Config is what notifier reads from its environment beside what every
// function reads.
type Config struct {
	Host string // of the SMTP server
	Port int
	From mail.Address
	To   []string // plain addresses; no event can add one
	Audience
}

// production is the environment whose mails may go to any address.
const production = "prod"

// ReadConfig reads SMTP_HOST, SMTP_PORT, MAIL_FROM, MAIL_TO,
// ALLOWED_RECIPIENTS and NEUTRAL_MODE; mistakes are collected in v. Outside of
// production every recipient must be among the allowed ones.
func ReadConfig(v *env.Vars, environment string) Config {
	c := Config{Host: v.String("SMTP_HOST"), Port: v.Int("SMTP_PORT", 587)}
	c.Audience = Audience{Environment: environment, Neutral: v.Bool("NEUTRAL_MODE", false)}
	if raw := v.String("MAIL_FROM"); raw != "" {
		from, err := mail.ParseAddress(raw)
		if err != nil {
			v.Fail("MAIL_FROM", "is %q; expected an address such as alchemiser@example.com", raw)
		} else {
			c.From = *from
		}
	}
	if c.From.Name == "" {
		c.From.Name = "Alchemiser"
	}
	c.To = addresses(v, "MAIL_TO")
	if len(c.To) == 0 {
		v.Fail("MAIL_TO", "names nobody; the reports must reach somebody")
	}
	allowed := addresses(v, "ALLOWED_RECIPIENTS")
	for _, to := range c.To {
		if environment != production && !slices.Contains(allowed, to) {
			v.Fail("MAIL_TO", "holds %s, which is not in ALLOWED_RECIPIENTS: environment %s writes to nobody else", to, environment)
		}
	}
	return c
}

func addresses(v *env.Vars, name string) []string {
	var out []string
	for _, raw := range v.List(name) {
		a, err := mail.ParseAddress(raw)
		if err != nil {
			v.Fail(name, "holds %q, which is not an address", raw)
			continue
		}
		out = append(out, strings.ToLower(a.Address))
	}
	return out
}

// domain is the sender's domain, the right half of every Message-ID.
func (c Config) domain() string {
	_, domain, _ := strings.Cut(c.From.Address, "@")
	return domain
}
