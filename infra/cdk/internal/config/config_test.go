package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
)

func offline(t *testing.T, env config.Env) config.Config {
	t.Helper()
	c, err := config.For(string(env), config.OfflineAccount)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestForRefuses(t *testing.T) {
	for _, tt := range []struct{ env, account, want string }{
		{"", config.OfflineAccount, "-c env=dev"},
		{"production", config.OfflineAccount, `"production"`},
		{"prod", "", "Account is not filled in"},
		{"prod", "", "make synth"},
		{"dev", "", "-c account="},
		{"dev", "12345", "12 digits"},
		// What the owner has not filled in must not be deployed.
		{"dev", "123456789012", "Mail.To is still the placeholder"},
		{"prod", "123456789012", "Trading.AccountNumber is still the placeholder"},
		{"prod", "123456789012", "Account is not filled in: prod is pinned to one AWS account"},
	} {
		if _, err := config.For(tt.env, tt.account); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("For(%q, %q) = %v, want %q", tt.env, tt.account, err, tt.want)
		}
	}
}

// filledIn is prod as its owner would have it.
func filledIn(t *testing.T) config.Config {
	c := offline(t, config.Prod)
	c.Account, c.AlarmEmail = "123456789012", "owner@alchemiser.test"
	c.Trading.AccountNumber, c.Trading.LiveConfirm = "123456789", "123456789"
	c.Mail.Host, c.Mail.From, c.Mail.To, c.Mail.Allowed = "smtp.alchemiser.test", "a@alchemiser.test", "b@alchemiser.test", "b@alchemiser.test"
	return c
}

func TestReadyOnceFilledIn(t *testing.T) {
	c := filledIn(t)
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if err := c.Ready(); err != nil {
		t.Error(err)
	}
	c.Account = ""
	if err := c.Ready(); err == nil || !strings.Contains(err.Error(), "Account is not filled in") {
		t.Errorf("prod without an account: %v", err)
	}
	c.Account = "123456789012"
	c.Mail.Host = "smtp.example.com"
	if err := c.Ready(); err == nil || !strings.Contains(err.Error(), "Mail.Host") || strings.Contains(err.Error(), "Mail.From") {
		t.Errorf("Ready = %v", err)
	}
}

func TestValidateRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*config.Config)
		want   string
	}{
		{"account", func(c *config.Config) { c.Account = "1234567890123" }, "12 digits"},
		{"region", func(c *config.Config) { c.Region = "us_east_1" }, "no AWS region"},
		{"qualifier", func(c *config.Config) { c.Qualifier = "alchemiserprod" }, "qualifier"},
		{"log retention", func(c *config.Config) { c.LogRetentionDays = 10 }, "10 days"},
		{"archive retention", func(c *config.Config) { c.ArchiveRetention = 36 * time.Hour }, "36h"},
		{"alarm address", func(c *config.Config) { c.AlarmEmail = "Owner <o@alchemiser.test>" }, "alarm address"},
		{"no alarm address", func(c *config.Config) { c.AlarmEmail = "" }, "alarms would reach nobody"},
		{"no canary", func(c *config.Config) { c.Canary = false }, "Canary"},
		{"no retention", func(c *config.Config) { c.RetainData = false }, "RetainData"},
		{"no protection", func(c *config.Config) { c.TerminationProtect = false }, "TerminationProtect"},
		{"alias", func(c *config.Config) { c.Trading.Account = "Live/Main" }, "account alias"},
		{"account number", func(c *config.Config) { c.Trading.AccountNumber, c.Trading.LiveConfirm = "", "" }, "broker account number"},
		{"feed", func(c *config.Config) { c.Trading.DataFeed = "otc" }, "data feed"},
		{"largest order", func(c *config.Config) { c.Trading.MaxOrderUSD = "0" }, "largest order"},
		{"no largest order", func(c *config.Config) { c.Trading.MaxOrderUSD = "" }, "largest order"},
		{"data address", func(c *config.Config) { c.Trading.DataURL = "http://data.alpaca.markets" }, "data address"},
		{"mode", func(c *config.Config) { c.Trading.Mode = "live" }, "PAPER or LIVE"},
		{"live at the paper host", func(c *config.Config) { c.Trading.BrokerURL = "https://paper-api.alpaca.markets" }, "LIVE trades at"},
		{"live at another host", func(c *config.Config) { c.Trading.BrokerURL = "https://api.alpaca.markets.test" }, "LIVE trades at"},
		{"broker address with a path", func(c *config.Config) { c.Trading.BrokerURL = "https://api.alpaca.markets/v2" }, "broker address"},
		{"live unconfirmed", func(c *config.Config) { c.Trading.LiveConfirm = "" }, "LiveConfirm must repeat"},
		{"live with another number", func(c *config.Config) { c.Trading.LiveConfirm = "987654321" }, "LiveConfirm must repeat"},
		{"paper at the live host", func(c *config.Config) { c.Trading.Mode = "PAPER" }, "PAPER trades at"},
		{"live outside prod", func(c *config.Config) { c.Env = config.Staging }, "only prod trades LIVE"},
		{"dev with its schedule on", func(c *config.Config) { c.Env = config.Dev }, "dev never trades by itself"},
		{"mail host", func(c *config.Config) { c.Mail.Host = "smtp.alchemiser.test:587" }, "mail host"},
		{"mail port", func(c *config.Config) { c.Mail.Port = 0 }, "mail port"},
		{"sender", func(c *config.Config) { c.Mail.From = "alchemiser" }, "sender"},
		{"recipient", func(c *config.Config) { c.Mail.To = "c@alchemiser.test" }, "not among the allowed"},
		{"second recipient", func(c *config.Config) { c.Mail.To += ",c@alchemiser.test" }, "not among the allowed"},
		{"allowed", func(c *config.Config) { c.Mail.Allowed += ", x" }, "allowed recipient"},
	} {
		c := filledIn(t)
		tt.change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Validate = %v, want %q", tt.name, err, tt.want)
		}
	}
}

// A mail of dev or staging cannot reach a recipient of prod: the functions of
// those environments write to allowed addresses only, and none may be prod's.
func TestNoOtherEnvironmentWritesToProdsRecipients(t *testing.T) {
	prod := offline(t, config.Prod)
	for _, env := range []config.Env{config.Dev, config.Staging} {
		c := offline(t, env)
		if err := c.Validate(); err != nil {
			t.Errorf("%s as it ships: %v", env, err)
		}
		c.Mail.Allowed += "," + strings.ToUpper(prod.Mail.To[:1]) + prod.Mail.To[1:]
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "one of prod's") {
			t.Errorf("%s may write to %s: %v", env, c.Mail.Allowed, err)
		}
	}
}

func TestValidateReportsAllMistakesAtOnce(t *testing.T) {
	c := filledIn(t)
	c.Region, c.AlarmEmail, c.Trading.Mode, c.Mail.Port = "", "", "", -1
	err := c.Validate()
	for _, want := range []string{"region", "AlarmEmail", "trading mode", "mail port"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, want also %q", err, want)
		}
	}
}

func TestEnvironmentsShareNothing(t *testing.T) {
	seen := map[string]bool{}
	for _, env := range []config.Env{config.Dev, config.Staging, config.Prod} {
		c := offline(t, env)
		for _, own := range []string{c.Qualifier, c.Name("state"), c.BrokerPath(), c.MailPath(), c.Trading.Account} {
			if seen[own] {
				t.Errorf("%s shares %q with another environment", env, own)
			}
			seen[own] = true
		}
	}
}
