package alpacabroker

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/alpacahttp"
	"github.com/alchemiser/alchemiser/pkg/money"
)

const symbolsInURL = 100

// Quotes reads the latest quotes. A quote that cannot be read is no quote.
func (c *Client) Quotes(ctx context.Context, symbols []string) (map[string]broker.Quote, error) {
	got, err := latest(ctx, c, "quotes", symbols, func(api *marketdata.Client, some []string) (map[string]marketdata.Quote, error) {
		return api.GetLatestQuotes(some, marketdata.GetLatestQuoteRequest{Feed: c.o.Feed})
	})
	if err != nil {
		return nil, err
	}
	out := make(map[string]broker.Quote, len(got))
	for symbol, q := range got {
		if quote, ok := quote(q); ok {
			out[symbol] = quote
		}
	}
	return out, nil
}

// Snapshots reads what the market shows of the symbols.
func (c *Client) Snapshots(ctx context.Context, symbols []string) (map[string]broker.Snapshot, error) {
	got, err := latest(ctx, c, "snapshots", symbols, func(api *marketdata.Client, some []string) (map[string]*marketdata.Snapshot, error) {
		return api.GetSnapshots(some, marketdata.GetSnapshotRequest{Feed: c.o.Feed})
	})
	if err != nil {
		return nil, err
	}
	today := events.DateOf(c.o.Clock.Now(), market.NewYork())
	out := make(map[string]broker.Snapshot, len(got))
	for symbol, s := range got {
		if s == nil {
			continue
		}
		var snapshot broker.Snapshot
		if s.LatestQuote != nil {
			if q, ok := quote(*s.LatestQuote); ok {
				snapshot.Quote = &q
			}
		}
		if s.LatestTrade != nil {
			if p, ok := price(s.LatestTrade.Price); ok && p.Sign() > 0 {
				snapshot.Trade = &broker.Trade{Price: p, At: s.LatestTrade.Timestamp.UTC()}
			}
		}
		// Until the session's first trade the daily bar is still yesterday's.
		for _, bar := range []*marketdata.Bar{s.DailyBar, s.PrevDailyBar} {
			if bar == nil || events.DateOf(bar.Timestamp, market.NewYork()) >= today {
				continue
			}
			if p, ok := price(bar.Close); ok && p.Sign() > 0 {
				snapshot.PreviousClose = &p
			}
			break
		}
		out[symbol] = snapshot
	}
	return out, nil
}

func quote(q marketdata.Quote) (broker.Quote, bool) {
	bid, ok1 := price(q.BidPrice)
	ask, ok2 := price(q.AskPrice)
	return broker.Quote{Bid: bid, Ask: ask, At: q.Timestamp.UTC()}, ok1 && ok2 && !q.Timestamp.IsZero()
}

// price is the number that Alpaca wrote: prices reach us as binary floating
// point, whose shortest decimal text is what was on the wire.
func price(f float64) (money.Decimal, bool) {
	p, err := money.FromShortest(f)
	return p, err == nil && p.Sign() >= 0
}

// latest fetches values by symbol, some symbols at a time. A reply that the
// SDK cannot read is asked for again in halves, so that one odd symbol does
// not hide the others.
func latest[V any](ctx context.Context, c *Client, op string, symbols []string,
	get func(*marketdata.Client, []string) (map[string]V, error),
) (map[string]V, error) {
	out := make(map[string]V, len(symbols))
	fetch := func(some []string) (map[string]V, error) {
		return read(ctx, c, op, func() (map[string]V, error) {
			got, err := look(ctx, c, func(api *marketdata.Client) (map[string]V, error) { return get(api, some) })
			if errors.Is(err, alpacahttp.ErrUndecodable) {
				return nil, errors.Join(errInHalves, err)
			}
			return got, err
		})
	}
	var collect func([]string) error
	collect = func(some []string) error {
		got, err := fetch(some)
		switch {
		case err == nil:
			maps.Copy(out, got)
			return nil
		case !errors.Is(err, alpacahttp.ErrUndecodable):
			return err
		case len(some) == 1:
			return nil
		}
		half := len(some) / 2
		if err := collect(some[:half]); err != nil {
			return err
		}
		return collect(some[half:])
	}
	for some := range slices.Chunk(symbols, symbolsInURL) {
		if err := collect(some); err != nil {
			return nil, err
		}
	}
	return out, nil
}
