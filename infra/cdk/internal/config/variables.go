package config

import (
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/topology"
)

// BuildVersion is what the functions report as their version. It is the same
// for equal sources: a commit id here would redeploy all of them every time.
const BuildVersion = "1"

// BrokerPath is the prefix of the parameters that hold the broker's keys. The
// environment of a function names it; it never holds a secret.
func (c Config) BrokerPath() string { return "/alchemiser/" + string(c.Env) + "/broker" }

// MailPath is the prefix of the parameters that hold the mail credentials.
func (c Config) MailPath() string { return "/alchemiser/" + string(c.Env) + "/mail" }

// Variables is the complete environment of a function: it refuses to start when
// one is missing, and there are no fallbacks in its code for what stands here.
func (c Config) Variables(f topology.Function) map[string]string {
	v := map[string]string{
		"ALCHEMISER_ENV": string(c.Env),
		"TABLE_NAME":     c.Name("state"),
		"ACCOUNT":        c.Trading.Account,
		"TRADING_MODE":   c.Trading.Mode,
		"BUILD_VERSION":  BuildVersion,
		"LOG_LEVEL":      "info",
		"CLOCK_OFFSET":   "0s",
		"SIM_HOSTS":      "",
	}
	if len(f.Publishes) > 0 {
		v["BUS_NAME"] = c.Name("bus")
	}
	if f.Broker {
		maps.Copy(v, c.marketVariables())
	}
	switch f.Name {
	case topology.Start:
		maps.Copy(v, c.accountVariables())
		maps.Copy(v, map[string]string{"RUN_MINUTES": "15", "CLOSE_BUFFER": "2m", "RUNS_PER_SESSION": "1"})
	case topology.Signal:
		v["MAX_MISSING_SESSIONS"] = "0"
	case topology.Portfolio:
		maps.Copy(v, c.accountVariables())
		maps.Copy(v, c.envelopeVariables())
		maps.Copy(v, map[string]string{
			"RESERVE_PCT": "0.01", "MIN_TRADE_PCT": "0.01", "MIN_TRADE_REL": "0.25", "MIN_TRADE_USD": "5",
			"SHORT_POLICY": "refuse", "SELL_DUST": "true", "IGNORE_SYMBOLS": "",
		})
	case topology.Execution:
		maps.Copy(v, c.accountVariables())
		maps.Copy(v, c.envelopeVariables())
		maps.Copy(v, map[string]string{
			"CAP_BPS": "50", "MAX_SPREAD_BPS": "100", "MARKET_FALLBACK": "off", "MAX_CONTINUATIONS": "10",
		})
	case topology.Monitor:
		maps.Copy(v, map[string]string{"SCHEDULES": c.expectedRuns(), "EXPECTED_AFTER": "30m"})
	case topology.Notifier:
		maps.Copy(v, c.mailVariables())
	}
	return v
}

// marketVariables are for every function that speaks to the broker or reads
// its data.
func (c Config) marketVariables() map[string]string {
	return map[string]string{
		"BROKER_BASE_URL": c.Trading.BrokerURL, "DATA_BASE_URL": c.Trading.DataURL, "DATA_FEED": c.Trading.DataFeed,
		"SECRET_PATH": c.BrokerPath(),
	}
}

// accountVariables are for the functions that must be sure whose money it is.
func (c Config) accountVariables() map[string]string {
	return map[string]string{"ACCOUNT_NUMBER": c.Trading.AccountNumber, "LIVE_CONFIRM": c.Trading.LiveConfirm}
}

// envelopeVariables are the limits that portfolio checks for the plan and
// execution for every order: both must get the same ones.
func (c Config) envelopeVariables() map[string]string {
	return map[string]string{
		"MAX_ORDER_USD": c.Trading.MaxOrderUSD, "MAX_TURNOVER": "2.05", "MAX_POSITION_WEIGHT": "1", "MAX_GROSS": "1",
		"MAX_LINES": "60", "PRICE_COLLAR": "0.35", "MAX_SUBMISSIONS_PER_LEG": "7", "QUOTE_MAX_AGE": "60s",
	}
}

func (c Config) mailVariables() map[string]string {
	return map[string]string{
		"SMTP_HOST": c.Mail.Host, "SMTP_PORT": strconv.Itoa(c.Mail.Port), "MAIL_FROM": c.Mail.From, "MAIL_TO": c.Mail.To,
		"ALLOWED_RECIPIENTS": c.Mail.Allowed, "NEUTRAL_MODE": "false", "SECRET_PATH": c.MailPath(),
	}
}

var timeOfDay = regexp.MustCompile(`^cron\(([0-9]+) ([0-9]+) `)

// expectedRuns names the schedules whose runs monitor must miss when they do
// not begin: none where the schedules are switched off.
func (c Config) expectedRuns() string {
	var runs []string
	for _, f := range topology.Functions() {
		for _, s := range f.Schedules {
			if at := timeOfDay.FindStringSubmatch(s.Expression); at != nil && s.Switched && c.ScheduleEnabled {
				runs = append(runs, fmt.Sprintf("%s=%02s:%02s", s.Name, at[2], at[1]))
			}
		}
	}
	if len(runs) == 0 {
		return "none"
	}
	return strings.Join(runs, ",")
}
