// Package brokerenv connects a function to its broker: the address and the
// account come from the environment, the keys from Parameter Store. It is
// apart from lambdaenv so that only functions that trade link the broker's SDK.
package brokerenv

import (
	"context"
	"net/url"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/alpacabroker"
	"github.com/alchemiser/alchemiser/pkg/broker/tapebroker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv"
)

// The broker's hosts: real money moves at the first one only.
const (
	liveHost  = "api.alpaca.markets"
	paperHost = "paper-api.alpaca.markets"
)

// Connect reads BROKER_BASE_URL, DATA_BASE_URL, DATA_FEED, the account's guard
// and the keys. The settings must agree with TRADING_MODE: paper trades at the
// paper host or a simulated one, live at the live host and nowhere else (F41).
// What the broker answers while a delivery is decided is written down.
func Connect(ctx context.Context, e *lambdaenv.Env) (broker.Broker, broker.AccountGuard, error) {
	base, data := e.Host("BROKER_BASE_URL"), e.Host("DATA_BASE_URL")
	feed := e.Vars.OneOf("DATA_FEED", "iex", "sip")
	guard := broker.ReadAccountGuard(e.Vars, e.Mode)
	e.Tape.Hide(guard.Number, "ACCOUNT_NUMBER")
	if u, err := url.Parse(base); err == nil && base != "" {
		if !hostAgrees(e, u) {
			e.Vars.Fail("BROKER_BASE_URL", "points at %s although TRADING_MODE is %s: paper trades at %s or a host in SIM_HOSTS, live at %s", u.Host, e.Mode, paperHost, liveHost)
		}
	}
	if err := e.Vars.Err(); err != nil {
		return nil, guard, err // without settings that hold, no key is read
	}
	keys, err := e.Secrets(ctx, "key-id", "secret-key")
	if err != nil {
		return nil, guard, err
	}
	u, err := url.Parse(base)
	if err != nil {
		return nil, guard, err
	}
	client, err := alpacabroker.New(alpacabroker.Options{
		BaseURL: base, DataURL: data, Feed: feed, KeyID: keys[0], Secret: keys[1],
		AllowLive: e.Mode == events.Live, Unlimited: e.Simulated(u), Clock: e.System, Environment: e.Process,
	})
	return tapebroker.New(e.Tape, client), guard, err
}

func hostAgrees(e *lambdaenv.Env, u *url.URL) bool {
	if e.Mode == events.Live {
		return u.Host == liveHost
	}
	return u.Host == paperHost || e.Simulated(u)
}
