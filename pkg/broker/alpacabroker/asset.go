package alpacabroker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/alpacahq/alpaca-trade-api-go/v3/alpaca"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/market/alpacahttp"
)

const (
	assetsSingly = 30          // of so many within a minute each is read by itself
	assetsHold   = time.Minute // how long a list of all of them holds
)

// Asset reads how a symbol may be traded. An asset that cannot be read may not
// be traded. Who asks for more than thirty within a minute is answered from one
// list of all: hundreds of single reads would not fit into a function's time.
func (c *Client) Asset(ctx context.Context, symbol string) (broker.Asset, error) {
	if a, ok := c.assets.find(ctx, c, symbol); ok {
		return a, nil
	}
	return read(ctx, c, "asset "+symbol, func() (broker.Asset, error) {
		a, err := trade(ctx, c, reading, func(api *alpaca.Client) (*alpaca.Asset, error) {
			return api.GetAsset(url.PathEscape(symbol))
		})
		if err != nil {
			return broker.Asset{}, err
		}
		if a.Symbol != symbol {
			return broker.Asset{}, wrongReply("asset %q for %q", a.Symbol, symbol)
		}
		return broker.Asset{
			Symbol:       a.Symbol,
			Tradable:     a.Tradable && a.Status == alpaca.AssetActive,
			Fractionable: a.Fractionable,
		}, nil
	})
}

// assetList is the list of all assets that can be traded, while it holds.
type assetList struct {
	clock env.Clock
	turn  chan struct{} // held by who looks at the fields below

	since  time.Time // the minute in which asked were asked for
	asked  int
	readAt time.Time // also of a list that could not be read
	known  map[string]broker.Asset
}

func newAssetList(clock env.Clock) *assetList {
	return &assetList{clock: clock, turn: make(chan struct{}, 1)}
}

// find answers from the list, and reads it when so many were asked for that it
// pays. What is not on the list, or no list, is for a single read.
func (l *assetList) find(ctx context.Context, c *Client, symbol string) (broker.Asset, bool) {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return broker.Asset{}, false
	}
	defer func() { <-l.turn }()
	now := l.clock.Now()
	if now.Sub(l.since) > assetsHold {
		l.since, l.asked = now, 0
	}
	l.asked++
	if l.asked > assetsSingly && now.Sub(l.readAt) > assetsHold {
		l.readAt = now
		l.known, _ = listAssets(ctx, c) // without it the single reads go on, and say why they fail
	}
	if now.Sub(l.readAt) > assetsHold {
		return broker.Asset{}, false
	}
	a, ok := l.known[symbol]
	return a, ok
}

// listAssets reads all active assets. It reads the reply itself: one number of
// one asset that the SDK cannot decode would hide all the others.
func listAssets(ctx context.Context, c *Client) (map[string]broker.Asset, error) {
	return read(ctx, c, "assets", func() (map[string]broker.Asset, error) {
		if err := c.tradeQuota.take(ctx, reading); err != nil {
			return nil, fmt.Errorf("%w: %w", errNotSent, err)
		}
		call := alpacahttp.NewCall(ctx, c.o.HTTP)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.trading+"/v2/assets?status=active&asset_class=us_equity", http.NoBody)
		if err != nil {
			return nil, err
		}
		r.Header.Set("APCA-API-KEY-ID", c.o.KeyID)
		r.Header.Set("APCA-API-SECRET-KEY", c.o.Secret)
		resp, err := call.Client().Do(r)
		if err != nil {
			return nil, call.Explain(err)
		}
		defer resp.Body.Close()
		var all []struct {
			Symbol, Status         string
			Tradable, Fractionable bool
		}
		if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
			return nil, call.Explain(err)
		}
		known := make(map[string]broker.Asset, len(all))
		for _, a := range all {
			known[a.Symbol] = broker.Asset{
				Symbol: a.Symbol, Tradable: a.Tradable && a.Status == string(alpaca.AssetActive), Fractionable: a.Fractionable,
			}
		}
		return known, nil
	})
}
