// Package config holds what differs from one environment to the next: where it
// is deployed, how careful a deployment is, which broker account it trades and
// whom it tells. What all environments share, such as who consumes which event,
// is pkg/topology. Nothing here knows the CDK, so its tests take milliseconds.
//
//	c, err := config.For("prod", "123456789012") // every mistake at once
//	c.Name("bus")                                // alchemiser-prod-bus
package config

import (
	"fmt"
	"time"
)

// Env names an environment; every physical name carries it.
type Env string

const (
	Dev     Env = "dev"
	Staging Env = "staging"
	Prod    Env = "prod"
)

// OfflineAccount is the AWS account of the golden templates and of the
// one-machine cloud. Nothing is ever deployed to it.
const OfflineAccount = "111111111111"

// Config is one environment.
type Config struct {
	Env       Env
	Account   string // AWS account id; empty: that of the credentials. prod must have one
	Region    string
	Qualifier string // of the bootstrap stack: own deployment roles and bucket

	AlarmEmail       string // who is told by the alarm topic, not by our own mail
	LogRetentionDays int
	ArchiveRetention time.Duration

	RetainData         bool // table, archive and logs outlive their stacks
	TerminationProtect bool
	Canary             bool // 10 % of the traffic for five minutes before the rest
	ScheduleEnabled    bool // whether the switched schedules fire by themselves
	// SourceCondition limits events:PutEvents by events:source. Switch it off if
	// the condition turns out to refuse calls with several entries.
	SourceCondition bool

	Trading Trading
	Mail    Mail
}

// Trading is the broker account and the limits of what may be done with it.
type Trading struct {
	Account       string // alias, [a-z0-9-]{1,24}; appears in run keys
	AccountNumber string // the broker's number, compared before every run
	Mode          string // PAPER or LIVE
	LiveConfirm   string // LIVE: the account number once more; PAPER: empty
	BrokerURL     string
	DataURL       string
	DataFeed      string // iex or sip
	MaxOrderUSD   string // largest single order
}

// Mail is where the summaries go.
type Mail struct {
	Host, From string
	Port       int
	To         string // recipients, comma-separated
	Allowed    string // recipients that may be written to, comma-separated
}

// Name is the physical name of a part. Names are fixed so that stacks refer to
// each other by name alone and none can lock another.
func (c Config) Name(part string) string { return "alchemiser-" + string(c.Env) + "-" + part }

// Offline reports whether the configuration is for templates that are read on
// this machine and never deployed.
func (c Config) Offline() bool { return c.Account == OfflineAccount }

// For returns the environment for an AWS account. The account may be empty only
// when the environment pins one. The error lists every mistake; for an account
// that can be deployed to, also every value its owner has not filled in yet.
func For(env, account string) (Config, error) {
	c, ok := environments()[Env(env)]
	if !ok {
		return Config{}, fmt.Errorf("unknown environment %q: pass -c env=dev, -c env=staging or -c env=prod", env)
	}
	ready := c.Ready() // of what the table says: an account given now pins nothing
	switch {
	case account == "" && c.Account == "" && c.Env == Prod:
		return Config{}, fmt.Errorf("%w\n(make synth ENV=prod needs no account)", ready)
	case account == "" && c.Account == "":
		return Config{}, fmt.Errorf("environment %s pins no AWS account: pass -c account=<12 digits>", env)
	case account != "" && c.Account != "" && account != c.Account && account != OfflineAccount:
		return Config{}, fmt.Errorf("environment %s is pinned to AWS account %s, not %s: use the credentials of that account or change internal/config/environments.go", env, c.Account, account)
	case account != "":
		c.Account = account
	}
	if err := c.Validate(); err != nil {
		return Config{}, err
	}
	if !c.Offline() && ready != nil {
		return Config{}, ready
	}
	return c, nil
}
