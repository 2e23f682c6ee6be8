package config_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// A function refuses to start without each of its variables and does not know
// any other, so the names are a contract. This is its second signature.
func TestVariablesAreWhatEachFunctionReads(t *testing.T) {
	all := "ACCOUNT ALCHEMISER_ENV BUILD_VERSION CLOCK_OFFSET LOG_LEVEL SIM_HOSTS TABLE_NAME TRADING_MODE "
	market := "BROKER_BASE_URL DATA_BASE_URL DATA_FEED SECRET_PATH "
	account := "ACCOUNT_NUMBER LIVE_CONFIRM "
	envelope := "MAX_GROSS MAX_LINES MAX_ORDER_USD MAX_POSITION_WEIGHT MAX_SUBMISSIONS_PER_LEG MAX_TURNOVER PRICE_COLLAR QUOTE_MAX_AGE "
	want := map[topology.Name]string{
		topology.Start:     all + "BUS_NAME " + market + account + "RUN_MINUTES CLOSE_BUFFER RUNS_PER_SESSION",
		topology.Signal:    all + "BUS_NAME " + market + "MAX_MISSING_SESSIONS",
		topology.Portfolio: all + "BUS_NAME " + market + account + envelope + "RESERVE_PCT MIN_TRADE_PCT MIN_TRADE_REL MIN_TRADE_USD SHORT_POLICY SELL_DUST IGNORE_SYMBOLS",
		topology.Execution: all + "BUS_NAME " + market + account + envelope + "CAP_BPS MAX_SPREAD_BPS MARKET_FALLBACK MAX_CONTINUATIONS",
		topology.Monitor:   all + "BUS_NAME SCHEDULES EXPECTED_AFTER",
		topology.Notifier:  all + "SMTP_HOST SMTP_PORT MAIL_FROM MAIL_TO ALLOWED_RECIPIENTS NEUTRAL_MODE SECRET_PATH",
	}
	for _, env := range []config.Env{config.Dev, config.Staging, config.Prod} {
		for _, f := range topology.Functions() {
			names := strings.Fields(want[f.Name])
			slices.Sort(names)
			if have := slices.Sorted(maps.Keys(offline(t, env).Variables(f))); !slices.Equal(have, names) {
				t.Errorf("%s %s has\n%v, want\n%v", env, f.Name, have, names)
			}
		}
	}
}

// Portfolio checks the limits for the plan, execution for every order: what
// one allows the other must not refuse.
func TestPortfolioAndExecutionShareTheLimits(t *testing.T) {
	portfolio, err := topology.Lookup(topology.Portfolio)
	if err != nil {
		t.Fatal(err)
	}
	execution, err := topology.Lookup(topology.Execution)
	if err != nil {
		t.Fatal(err)
	}
	c := offline(t, config.Prod)
	p, shared := c.Variables(portfolio), 0
	for k, v := range c.Variables(execution) {
		if other, ok := p[k]; ok {
			shared++
			if other != v {
				t.Errorf("%s is %q for portfolio and %q for execution", k, other, v)
			}
		}
	}
	if shared < 8+2 {
		t.Errorf("only %d variables are shared", shared)
	}
}

func TestNamesFitAndDiffer(t *testing.T) {
	for _, env := range []config.Env{config.Dev, config.Staging, config.Prod} {
		c, seen := offline(t, env), map[string]bool{}
		check := func(name string, limit int) {
			if len(name) > limit || seen[name] {
				t.Errorf("%s: %d characters of %d, or there twice", name, len(name), limit)
			}
			seen[name] = true
		}
		check(c.Name("archive"), 48)
		for _, f := range topology.Functions() {
			check(c.Name(string(f.Name)+"-prehook"), 64)
			check(c.Name(string(f.Name)+"-delivery-dlq"), 80)
			for _, s := range f.Schedules {
				check(c.ScheduleName(f, s), 64)
			}
			for _, s := range f.Consumes {
				check(c.RuleName(f, s), 64)
			}
			if len(f.Consumes) > 10 {
				t.Errorf("%s has %d rules; an alarm over a sum takes ten metrics", f.Name, len(f.Consumes))
			}
		}
	}
}

func TestRuleNames(t *testing.T) {
	c := offline(t, config.Dev)
	var names []string
	for _, f := range topology.Functions() {
		for _, s := range f.Consumes {
			names = append(names, strings.TrimPrefix(c.RuleName(f, s), "alchemiser-dev-"))
		}
	}
	want := []string{
		"signal-workflow-started", "portfolio-signal-generated", "execution-rebalance-planned",
		"execution-trade-execution-continued-execution", "execution-trade-execution-continued-monitor",
		"monitor-trade-executed", "monitor-workflow-skipped", "monitor-workflow-failed-start-monitor", "monitor-workflow-failed-signal",
		"monitor-workflow-failed-portfolio", "monitor-workflow-failed-execution",
		"notifier-trading-notification-requested", "notifier-error-notification-requested",
	}
	if !slices.Equal(names, want) {
		t.Errorf("rules\n%v, want\n%v", names, want)
	}
}

// Where the schedule is switched off, a run that does not begin is no news.
func TestMonitorMissesOnlyWhatIsSwitchedOn(t *testing.T) {
	monitor, err := topology.Lookup(topology.Monitor)
	if err != nil {
		t.Fatal(err)
	}
	for env, want := range map[config.Env]string{config.Dev: "none", config.Staging: "daily=09:35", config.Prod: "daily=09:35"} {
		if have := offline(t, env).Variables(monitor)["SCHEDULES"]; have != want {
			t.Errorf("%s: SCHEDULES is %q, want %q", env, have, want)
		}
	}
}
