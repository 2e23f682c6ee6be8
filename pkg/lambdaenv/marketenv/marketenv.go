// Package marketenv connects a function to its market data: the address and
// the feed come from the environment, the keys from Parameter Store.
package marketenv

import (
	"context"

	"github.com/alchemiser/alchemiser/pkg/lambdaenv"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/alpacamarket"
	"github.com/alchemiser/alchemiser/pkg/market/tapemarket"
)

// Connect reads DATA_BASE_URL, DATA_FEED and the keys. The bars that a delivery
// is decided on are kept.
func Connect(ctx context.Context, e *lambdaenv.Env) (market.Source, error) {
	data := e.Host("DATA_BASE_URL")
	feed := e.Vars.OneOf("DATA_FEED", "iex", "sip")
	if err := e.Vars.Err(); err != nil {
		return nil, err // without settings that hold, no key is read
	}
	keys, err := e.Secrets(ctx, "key-id", "secret-key")
	if err != nil {
		return nil, err
	}
	source, err := alpacamarket.New(alpacamarket.Options{
		BaseURL: data, Feed: feed, KeyID: keys[0], Secret: keys[1], Clock: e.System, Environment: e.Process,
		Report: func(symbol string, err error) {
			e.Log.WarnContext(ctx, "bars left out", "symbol", symbol, "error", err.Error())
		},
	})
	return tapemarket.New(e.Tape, source), err
}
