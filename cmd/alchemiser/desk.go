package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/infra/local/repository"
	"github.com/alchemiser/alchemiser/infra/local/template"
	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/alpacabroker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv/brokerenv"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv/marketenv"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/memledger"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/alpacamarket"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/alchemiser/alchemiser/services/portfolio"
	"github.com/alchemiser/alchemiser/services/signal"
)

// desk is all that signal and portfolio need to plan for an account.
type desk struct {
	account   string
	mode      events.Mode
	clock     env.Clock
	ledger    *ledger.Ledger // forgets what is written
	source    market.Source
	broker    broker.Broker
	signal    signal.Config
	portfolio portfolio.Config
}

// desk connects to the account of an environment with the settings and the
// keys that its functions have.
func (p *place) desk(ctx context.Context) (*desk, error) {
	if _, err := p.cloud(); err != nil {
		return nil, fmt.Errorf("%w; or plan for your account at Alpaca with --broker alpaca", err)
	}
	s, err := p.functionEnv(ctx, topology.Signal)
	if err != nil {
		return nil, err
	}
	f, err := p.functionEnv(ctx, topology.Portfolio)
	if err != nil {
		return nil, err
	}
	d := &desk{account: f.Account, mode: f.Mode, clock: f.Clock, ledger: forgetful(p.driver, f.Clock), signal: signal.ReadConfig(s.Vars)}
	source, err := marketenv.Connect(ctx, s)
	if err := errors.Join(s.Vars.Err(), err); err != nil {
		return nil, err
	}
	d.source = source
	b, guard, err := brokerenv.Connect(ctx, f)
	d.portfolio = portfolio.ReadConfig(f.Vars, f.Mode, guard)
	if err := errors.Join(f.Vars.Err(), err); err != nil {
		return nil, err
	}
	d.broker = b
	return d, nil
}

// functionEnv is what a function has, but with the operator's own credentials.
func (p *place) functionEnv(ctx context.Context, name topology.Name) (*lambdaenv.Env, error) {
	values, err := p.settings(ctx, name)
	if err != nil {
		return nil, err
	}
	credentials, err := p.aws.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	values["AWS_REGION"] = p.aws.Region
	values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"], values["AWS_SESSION_TOKEN"] = credentials.AccessKeyID, credentials.SecretAccessKey, credentials.SessionToken
	if endpoint := aws.ToString(p.aws.BaseEndpoint); endpoint != "" {
		values["AWS_ENDPOINT_URL"] = endpoint
	}
	e, err := lambdaenv.Load(name, values)
	if err != nil {
		return nil, err
	}
	e.Log, e.Clock, e.Tape = quiet(), e.System, nil // nothing is recorded for a replay
	return e, e.Vars.Err()
}

// alpacaDesk connects to an account at Alpaca, with the settings of dev.
func alpacaDesk(ctx context.Context, a *rehearsal.Alpaca) (*desk, error) {
	root, err := repository.Root()
	if err != nil {
		return nil, err
	}
	model, err := template.Load(os.DirFS(filepath.Join(root, "infra", "cdk", "templates", localEnvironment)))
	if err != nil {
		return nil, err
	}
	clock := env.SystemClock(0)
	d := &desk{account: "alpaca", mode: events.Paper, clock: clock, ledger: forgetful(memledger.New(), clock)}
	if a.Live {
		d.mode = events.Live
	}
	d.broker, err = alpacabroker.New(alpacabroker.Options{
		BaseURL: a.BaseURL, DataURL: a.DataURL, Feed: a.Feed, KeyID: a.KeyID, Secret: a.Secret, AllowLive: a.Live, Clock: clock, Environment: a.Environment,
	})
	if err != nil {
		return nil, err
	}
	d.source, err = alpacamarket.New(alpacamarket.Options{BaseURL: a.DataURL, Feed: a.Feed, KeyID: a.KeyID, Secret: a.Secret, Clock: clock, Environment: a.Environment})
	if err != nil {
		return nil, err
	}
	account, err := d.broker.Account(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the account at %s: %w", a.BaseURL, err)
	}
	if a.Live && account.Number != a.AccountNumber {
		return nil, errors.New("the account that the keys open is not the one that --confirm names")
	}
	guard := broker.AccountGuard{Mode: d.mode, Number: account.Number}
	if a.Live {
		guard.LiveConfirm = account.Number
	}
	for _, f := range model.Functions {
		vars := env.Read(f.Variables)
		switch f.Service {
		case string(topology.Signal):
			d.signal = signal.ReadConfig(vars)
		case string(topology.Portfolio):
			d.portfolio = portfolio.ReadConfig(vars, d.mode, guard)
		default:
			continue
		}
		if err := vars.Err(); err != nil {
			return nil, err
		}
	}
	return d, nil
}
