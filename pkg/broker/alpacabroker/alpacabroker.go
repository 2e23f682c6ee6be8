// Package alpacabroker is the broker port over Alpaca's official SDK. It sends
// exactly one request per call of the SDK, under the caller's context, within
// a budget of 150 requests a minute; it repeats reads and never an order.
//
//	b, err := alpacabroker.New(alpacabroker.Options{
//		BaseURL: "https://paper-api.alpaca.markets", DataURL: "https://data.alpaca.markets", Feed: "iex",
//		KeyID: id, Secret: secret, Clock: clock, Environment: env.Process(),
//	})
//	order, err := b.Submit(ctx, broker.OrderRequest{…})
package alpacabroker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/alpacahq/alpaca-trade-api-go/v3/alpaca"
	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/market/alpacahttp"
)

// Options say where and as whom to trade. HTTP, AllowLive and Environment may
// be left out; everything else is required.
type Options struct {
	BaseURL       string // of the trading API
	DataURL       string // of the market data API; a paper broker serves both
	Feed          string // iex or sip
	KeyID, Secret string
	// AllowLive permits BaseURL to be the host that trades real money.
	AllowLive bool
	Clock     env.Clock
	HTTP      http.RoundTripper // nil: a pool of its own
	// Unlimited sends requests as fast as they come: for a broker on this
	// machine, which nobody else uses.
	Unlimited bool
	// Environment is the process environment. The SDK would read
	// APCA_API_OAUTH from it by itself, so New refuses it.
	Environment map[string]string
}

// Client is a broker.Broker. It is safe for concurrent use.
type Client struct {
	o          Options
	trading    string // base URLs without a trailing slash
	data       string
	tradeQuota *quota
	dataQuota  *quota
	assets     *assetList
}

var _ broker.Broker = (*Client)(nil)

// New checks the options; it sends nothing.
func New(o Options) (*Client, error) {
	endpoint := alpacahttp.Endpoint{BaseURL: o.BaseURL, KeyID: o.KeyID, Secret: o.Secret, AllowLive: o.AllowLive, Environment: o.Environment}
	trading, err := endpoint.Check()
	if err != nil {
		return nil, fmt.Errorf("alpacabroker: trading API: %w", err)
	}
	endpoint.BaseURL, endpoint.AllowLive = o.DataURL, false
	data, err := endpoint.Check()
	if err != nil {
		return nil, fmt.Errorf("alpacabroker: market data API: %w", err)
	}
	if o.Feed == "" {
		return nil, errors.New("alpacabroker: no feed: set iex or sip")
	}
	if o.Clock == nil {
		return nil, errors.New("alpacabroker: no clock")
	}
	if o.HTTP == nil {
		o.HTTP = alpacahttp.Transport()
	}
	c := &Client{o: o, trading: trading, data: data, assets: newAssetList(o.Clock)}
	if !o.Unlimited {
		c.tradeQuota, c.dataQuota = newQuota(o.Clock), newQuota(o.Clock)
	}
	return c, nil
}

// trade runs one call of the trading API.
func trade[T any](ctx context.Context, c *Client, priority priority, f func(*alpaca.Client) (T, error)) (T, error) {
	if err := c.tradeQuota.take(ctx, priority); err != nil {
		var none T
		return none, fmt.Errorf("%w: %w", errNotSent, err)
	}
	call := alpacahttp.NewCall(ctx, c.o.HTTP)
	got, err := f(alpaca.NewClient(alpaca.ClientOpts{
		APIKey: c.o.KeyID, APISecret: c.o.Secret, BaseURL: c.trading, RetryLimit: -1, HTTPClient: call.Client(),
	}))
	return got, call.Explain(err)
}

// look runs one call of the market data API.
func look[T any](ctx context.Context, c *Client, f func(*marketdata.Client) (T, error)) (T, error) {
	if err := c.dataQuota.take(ctx, reading); err != nil {
		var none T
		return none, fmt.Errorf("%w: %w", errNotSent, err)
	}
	call := alpacahttp.NewCall(ctx, c.o.HTTP)
	got, err := f(marketdata.NewClient(marketdata.ClientOpts{
		APIKey: c.o.KeyID, APISecret: c.o.Secret, BaseURL: c.data, RetryLimit: -1, HTTPClient: call.Client(),
	}))
	return got, call.Explain(err)
}

const (
	readTries  = 5 // one and four repetitions
	firstPause = 250 * time.Millisecond
)

// read repeats f while its failure may pass by itself and ctx lasts.
func read[T any](ctx context.Context, c *Client, op string, f func() (T, error)) (T, error) {
	pause := firstPause
	for try := 1; ; try++ {
		got, err := f()
		if err == nil {
			return got, nil
		}
		wait, again := passing(err)
		if !again || try == readTries || ctx.Err() != nil || c.o.Clock.Sleep(ctx, max(pause, wait)) != nil {
			var none T
			return none, classify(op, err)
		}
		pause *= 2
	}
}
