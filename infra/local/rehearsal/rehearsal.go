// Package rehearsal plays one whole run on this machine: the one-machine cloud
// with the real function binaries, a broker, and a clock set to the session to
// be traded. It works at any hour of any day and on bars of any year, because
// every gate sees the rehearsed time.
//
//	r, err := rehearsal.Start(ctx, rehearsal.Options{Root: root, Source: source, Cash: cash, Dir: dir})
//	defer r.Close()
//	report, err := r.Run(ctx)
package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/cloudwatch"
	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/infra/local/journal"
	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/alpacabroker"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// environment is whose templates are rehearsed.
const environment = "dev"

// Names of the deployed things, as the templates give them.
const (
	dailySchedule = "alchemiser-" + environment + "-start-daily"
	sweepSchedule = "alchemiser-" + environment + "-monitor-sweep"
	parameterPath = "/alchemiser/" + environment + "/"
)

// Options say what to rehearse. Root is required, and Source unless Alpaca is
// given.
type Options struct {
	Root       string // the repository
	Strategies string // a folder with portfolio.yaml; empty: what ships with signal

	// Source are the bars of the paper broker.
	Source market.Source
	// AsOf is the newest session the strategies see; empty: the newest one of
	// the data (Newest), or the last one that closed.
	AsOf   events.Date
	Newest events.Date
	// Slot is the scheduled time; zero: 09:35 in New York on the first session
	// after AsOf. On a day without one the run ends as skipped.
	Slot      time.Time
	Cash      money.Decimal
	Positions map[string]money.Decimal
	Seed      uint64
	// Fills is how the paper broker fills; empty: paperbroker.Midpoint.
	Fills paperbroker.Profile
	// Symbols can be traded beside those that the strategies name.
	Symbols []string

	// Alpaca trades a real account instead of the paper broker's.
	Alpaca *Alpaca

	Dir string // receives mails, logs and events
	// Binaries are functions built already, as local.Build returns them; empty:
	// they are built.
	Binaries map[string]string
	// Serve keeps the cloud running, with schedules that fire by themselves,
	// instead of playing one run.
	Serve *Serve

	Backoff local.Backoff
	OnLine  func(Line) // hears of every invocation when it has ended
	// OnWait hears until when a run at a real account waits for its close-out.
	OnWait func(until time.Time)
	// OnAlarm hears of every alarm that begins or ceases to fire, within a minute.
	OnAlarm func(cloudwatch.State)
	Faults  *fault.Plan
	// Environment overrides variables of the templates: see local.Options.
	Environment map[string]map[string]string
	// Concurrency is how many invocations of a function may run at once; 0
	// means the cloud's default.
	Concurrency int
}

// Serve says how a cloud is kept running.
type Serve struct {
	// ClockAt is where the rehearsal clock begins; zero: the machine's clock.
	// It goes with the paper broker only.
	ClockAt time.Time
	// Trade enables the daily schedule, which the template has disabled.
	Trade bool
	// DataDir keeps ledger and paper account over restarts.
	DataDir string
}

// Alpaca is an account at Alpaca. Its keys never leave this process and its
// functions.
type Alpaca struct {
	BaseURL, DataURL, Feed string
	KeyID, Secret          string
	Live                   bool
	// AccountNumber must be the account's when Live is set.
	AccountNumber string
	Environment   map[string]string
}

// Rehearsal is a running stage set.
type Rehearsal struct {
	Cloud  *local.Cloud
	Broker broker.Broker
	Paper  *paperbroker.Server // nil when a real account is traded
	Clock  env.Clock           // the rehearsed time
	AsOf   events.Date
	// Session is the session to be traded; Slot its scheduled time.
	Session market.Session
	Slot    time.Time

	opened  time.Time // orders since then are the rehearsal's
	options Options
	door    *door        // of Paper
	moved   *local.Clock // Clock, unless a real account is traded
	watch   *watcher
	kept    *journal.Journal[paperbroker.Change] // the paper account of DataDir; nil: it is not kept
	purse   *paperbroker.Change                  // as it was kept; nil: the options'
	close   []func() error
}

// Start builds the functions, starts broker and cloud, and sets the clock.
func Start(ctx context.Context, o Options) (*Rehearsal, error) {
	if o.Fills == "" {
		o.Fills = paperbroker.Midpoint
	}
	r := &Rehearsal{options: o, watch: newWatcher(o.OnLine, o.OnAlarm)}
	if err := r.start(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Rehearsal) start(ctx context.Context) error {
	o := r.options
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	var bars market.Bars
	if o.Alpaca == nil { // what is wrong with the data is said before anything is built
		if s := o.Serve; s != nil && s.DataDir != "" {
			if err := os.MkdirAll(s.DataDir, 0o700); err != nil {
				return fmt.Errorf("rehearsal: %w", err)
			}
			if err := r.openPaper(s.DataDir); err != nil {
				return err
			}
		}
		var err error
		if bars, err = r.world(ctx); err != nil {
			return err
		}
	}
	binaries := o.Binaries
	if len(binaries) == 0 {
		dir, err := filepath.Abs(o.Dir)
		if err != nil {
			return fmt.Errorf("rehearsal: %w", err)
		}
		if binaries, err = local.Build(ctx, local.BuildOptions{Root: o.Root, Strategies: o.Strategies, Bundle: filepath.Join(dir, "signal")}); err != nil {
			return err
		}
	}
	variables := map[string]string{}
	parameters := map[string]string{}
	var offset time.Duration
	var err error
	if o.Alpaca != nil {
		err = r.connectAlpaca(ctx, variables, parameters)
	} else {
		offset, err = r.startPaper(ctx, bars, variables, parameters)
	}
	if err != nil {
		return err
	}
	r.watch.rehearse(offset)
	const user = "alchemiser"
	password := env.Token()
	parameters[parameterPath+"mail/username"], parameters[parameterPath+"mail/password"] = user, password
	overrides := map[string]map[string]string{"*": variables}
	for service, vars := range o.Environment {
		if overrides[service] == nil {
			overrides[service] = map[string]string{}
		}
		for k, v := range vars {
			overrides[service][k] = v
		}
	}
	cloud := local.Options{
		Templates: os.DirFS(filepath.Join(o.Root, "infra", "cdk", "templates", environment)),
		Binaries:  binaries, Parameters: parameters, Environment: overrides, ClockOffset: offset,
		Backoff: o.Backoff, ManualSchedules: true, Concurrency: o.Concurrency, Faults: o.Faults,
		MailDir: filepath.Join(o.Dir, "mail"), MailUser: user, MailPassword: password,
		LogDir: filepath.Join(o.Dir, LogsDir), Observer: r.watch.observe,
	}
	if s := o.Serve; s != nil {
		cloud.ManualSchedules, cloud.DataDir = false, s.DataDir
		if s.Trade {
			cloud.Enable = []string{dailySchedule}
		}
		r.watch.restart(time.Now())
	}
	if r.Cloud, err = local.Start(ctx, cloud); err != nil {
		return err
	}
	r.close = append(r.close, r.Cloud.Close)
	if s := o.Serve; s != nil && s.DataDir != "" {
		if err := r.announce(s.DataDir); err != nil {
			return err
		}
	}
	r.opened = r.Clock.Now()
	return nil
}

// startPaper opens the market of the rehearsed session and returns the offset
// of its clock.
func (r *Rehearsal) startPaper(ctx context.Context, bars market.Bars, variables, parameters map[string]string) (time.Duration, error) {
	var holdings []paperbroker.Holding
	for symbol, qty := range r.options.Positions {
		holdings = append(holdings, paperbroker.Holding{Symbol: symbol, Qty: qty})
	}
	offset := r.offset()
	r.moved = local.NewClock(offset)
	r.Clock = r.moved
	keyID, secret := "PK"+strings.ToUpper(env.Token()[:18]), env.Token()
	const number = "PA0000000000"
	var err error
	r.Paper, err = paperbroker.New(paperbroker.Options{
		Bars: bars, Clock: r.Clock, Seed: r.options.Seed, Cash: r.options.Cash, Positions: holdings, Keep: r.keep(), Kept: r.purse,
		AccountNumber: number, KeyID: keyID, Secret: secret, Profile: r.options.Fills,
	})
	if err != nil {
		return 0, err
	}
	if r.door, err = openDoor(ctx, r.Paper); err != nil {
		return 0, err
	}
	r.close = append(r.close, r.door.close)
	address := "http://" + r.door.address
	variables["BROKER_BASE_URL"], variables["DATA_BASE_URL"] = address, address
	variables["SIM_HOSTS"], variables["ACCOUNT_NUMBER"] = r.door.address, number
	parameters[parameterPath+"broker/key-id"], parameters[parameterPath+"broker/secret-key"] = keyID, secret
	r.Broker, err = alpacabroker.New(alpacabroker.Options{
		BaseURL: address, DataURL: address, Feed: "iex", KeyID: keyID, Secret: secret, Clock: r.Clock, Unlimited: true,
	})
	return offset, err
}

// connectAlpaca points the functions at a real account. Nothing is rehearsed
// then: the clock is the machine's, and a closed market ends the run as skipped.
func (r *Rehearsal) connectAlpaca(ctx context.Context, variables, parameters map[string]string) error {
	a := r.options.Alpaca
	r.Clock = env.SystemClock(0)
	r.Slot = r.Clock.Now().Truncate(time.Minute)
	b, err := alpacabroker.New(alpacabroker.Options{
		BaseURL: a.BaseURL, DataURL: a.DataURL, Feed: a.Feed, KeyID: a.KeyID, Secret: a.Secret,
		AllowLive: a.Live, Clock: r.Clock, Environment: a.Environment,
	})
	if err != nil {
		return err
	}
	account, err := b.Account(ctx)
	if err != nil {
		return fmt.Errorf("rehearsal: read the account at Alpaca: %w", err)
	}
	if a.Live && a.AccountNumber != account.Number {
		return errors.New("rehearsal: the account that the keys open is not the one that was confirmed; nothing was started")
	}
	var calendar market.Calendar
	r.Session, _ = calendar.Session(events.DateOf(r.Slot, market.NewYork()))
	if asOf, ok := calendar.LastClosedBefore(r.Slot, 20*time.Minute); ok {
		r.AsOf = asOf.Date
	}
	variables["BROKER_BASE_URL"], variables["DATA_BASE_URL"], variables["DATA_FEED"] = a.BaseURL, a.DataURL, a.Feed
	variables["ACCOUNT_NUMBER"] = account.Number
	if host, ok := loopback(a.BaseURL); ok {
		variables["SIM_HOSTS"] = host // alchemiser broker, for example
	}
	if a.Live {
		variables["TRADING_MODE"], variables["LIVE_CONFIRM"], variables["ACCOUNT"] = string(events.Live), account.Number, "live-local"
	}
	parameters[parameterPath+"broker/key-id"], parameters[parameterPath+"broker/secret-key"] = a.KeyID, a.Secret
	r.Broker = b
	return nil
}

// loopback is the URL's host if it is this machine.
func loopback(base string) (string, bool) {
	u, err := url.Parse(base)
	if err != nil {
		return "", false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Host, u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// Advance moves the rehearsed time of the broker and of every invocation from
// now on. OnLine may call it. A real account's clock does not move.
func (r *Rehearsal) Advance(d time.Duration) {
	if r.moved == nil {
		return
	}
	r.moved.Advance(d)
	r.Cloud.Advance(d)
}

// Close stops everything that Start started.
func (r *Rehearsal) Close() error {
	var errs []error
	for i := len(r.close) - 1; i >= 0; i-- {
		errs = append(errs, r.close[i]())
	}
	r.close = nil
	return errors.Join(errs...)
}
