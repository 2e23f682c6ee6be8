package config

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The two hosts of the broker; a paper environment must never name the live one.
const (
	paperHost = "paper-api.alpaca.markets"
	liveHost  = "api.alpaca.markets"
)

var (
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
	region    = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	qualifier = regexp.MustCompile(`^[a-z0-9]{1,10}$`)
	alias     = regexp.MustCompile(`^[a-z0-9-]{1,24}$`)
	number    = regexp.MustCompile(`^[A-Z0-9]{6,16}$`)
	dollars   = regexp.MustCompile(`^[1-9][0-9]*(\.[0-9]{1,2})?$`)

	// retentions are the log retentions in days that the stacks know.
	retentions = []int{7, 30, 365}
)

// mistakes collects what is wrong with one environment.
type mistakes struct {
	env  Env
	errs []error
}

func (m *mistakes) unless(ok bool, format string, args ...any) {
	if !ok {
		m.errs = append(m.errs, fmt.Errorf("%s: %s", m.env, fmt.Sprintf(format, args...)))
	}
}

// Validate reports every contradiction at once; nil means that the templates
// can be written.
func (c Config) Validate() error {
	m := &mistakes{env: c.Env}
	m.unless(slices.Contains([]Env{Dev, Staging, Prod}, c.Env), "unknown environment")
	m.unless(accountID.MatchString(c.Account), "AWS account %q has not 12 digits", c.Account)
	m.unless(region.MatchString(c.Region), "region %q is no AWS region", c.Region)
	m.unless(qualifier.MatchString(c.Qualifier), "bootstrap qualifier %q: 1 to 10 of a-z and 0-9", c.Qualifier)
	m.unless(slices.Contains(retentions, c.LogRetentionDays), "log retention of %d days: 7, 30 or 365", c.LogRetentionDays)
	m.unless(c.ArchiveRetention >= 24*time.Hour && c.ArchiveRetention%(24*time.Hour) == 0, "archive retention %s is not a number of days", c.ArchiveRetention)
	m.unless(c.AlarmEmail == "" || isAddress(c.AlarmEmail), "alarm address %q is not an address", c.AlarmEmail)
	m.unless(c.Env == Dev || c.AlarmEmail != "", "AlarmEmail is empty: alarms would reach nobody")
	m.unless(c.Env == Dev || c.Canary, "Canary is off: deployments must shift traffic slowly")
	m.unless(c.Env != Prod || c.RetainData, "RetainData is off: a deleted stack would delete the ledger")
	m.unless(c.Env != Prod || c.TerminationProtect, "TerminationProtect is off")
	m.unless(c.Env != Dev || !c.ScheduleEnabled, "ScheduleEnabled is on: dev never trades by itself")
	c.Trading.check(c.Env, m)
	c.Mail.check(m)
	if c.Env != Prod {
		c.Mail.apartFrom(environments()[Prod].Mail, m)
	}
	return errors.Join(m.errs...)
}

func (t Trading) check(env Env, m *mistakes) {
	m.unless(alias.MatchString(t.Account), "account alias %q: 1 to 24 of a-z, 0-9 and -", t.Account)
	m.unless(number.MatchString(t.AccountNumber), "broker account number %q: 6 to 16 of A-Z and 0-9", t.AccountNumber)
	m.unless(t.DataFeed == "iex" || t.DataFeed == "sip", "data feed %q: iex or sip", t.DataFeed)
	m.unless(dollars.MatchString(t.MaxOrderUSD), "largest order %q is not an amount in dollars", t.MaxOrderUSD)
	_, ok := host(t.DataURL)
	m.unless(ok, "data address %q: https://host, nothing behind it", t.DataURL)
	broker, ok := host(t.BrokerURL)
	m.unless(ok, "broker address %q: https://host, nothing behind it", t.BrokerURL)
	switch t.Mode {
	case "PAPER":
		m.unless(broker == paperHost, "PAPER trades at %s, not at %q", paperHost, broker)
		m.unless(t.LiveConfirm == "", "PAPER needs no LiveConfirm")
	case "LIVE":
		m.unless(env == Prod, "only prod trades LIVE")
		m.unless(broker == liveHost, "LIVE trades at %s, not at %q", liveHost, broker)
		m.unless(t.LiveConfirm == t.AccountNumber, "LIVE: LiveConfirm must repeat the account number %s", t.AccountNumber)
	default:
		m.unless(false, "trading mode %q: PAPER or LIVE", t.Mode)
	}
}

func (p Mail) check(m *mistakes) {
	m.unless(p.Host != "" && !strings.ContainsAny(p.Host, ":/ "), "mail host %q is not a host name", p.Host)
	m.unless(p.Port > 0 && p.Port < 65536, "mail port %d", p.Port)
	m.unless(isAddress(p.From), "sender %q is not an address", p.From)
	allowed := strings.Split(p.Allowed, ",")
	for _, a := range allowed {
		m.unless(isAddress(a), "allowed recipient %q is not an address", a)
	}
	for _, to := range strings.Split(p.To, ",") {
		m.unless(slices.Contains(allowed, to), "recipient %q is not among the allowed ones %q", to, p.Allowed)
	}
}

// apartFrom checks that no mail can reach a recipient of prod.
func (p Mail) apartFrom(prod Mail, m *mistakes) {
	reserved := strings.Split(strings.ToLower(prod.To), ",")
	for _, a := range strings.Split(strings.ToLower(p.Allowed), ",") {
		m.unless(!slices.Contains(reserved, a), "allowed recipient %q is one of prod's: give the environments addresses of their own, such as owner+%s@…", a, m.env)
	}
}

// Ready reports every value of the shipped environments that its owner must
// replace before anything can be deployed.
func (c Config) Ready() error {
	m := &mistakes{env: c.Env}
	fill := func(field, value string) {
		placeholder := value == placeholderNumber || strings.HasSuffix(value, "."+placeholderDomain) || strings.HasSuffix(value, "@"+placeholderDomain)
		m.unless(!placeholder, "%s is still the placeholder %q: fill it in in infra/cdk/internal/config/environments.go", field, value)
	}
	m.unless(c.Env != Prod || c.Account != "", "Account is not filled in: prod is pinned to one AWS account, so that no other credentials can deploy it: name it in infra/cdk/internal/config/environments.go")
	fill("AlarmEmail", c.AlarmEmail)
	fill("Trading.AccountNumber", c.Trading.AccountNumber)
	fill("Mail.Host", c.Mail.Host)
	fill("Mail.From", c.Mail.From)
	for _, to := range strings.Split(c.Mail.To, ",") {
		fill("Mail.To", to)
	}
	return errors.Join(m.errs...)
}

// isAddress accepts a bare address, without a display name.
func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}

// host returns the host of an https address without a path.
func host(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		return "", false
	}
	return u.Host, true
}
