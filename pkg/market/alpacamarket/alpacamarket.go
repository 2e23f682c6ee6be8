// Package alpacamarket fetches daily bars from Alpaca's market data API
// through its official SDK: one feed, adjusted for splits and dividends, in
// chunks of symbols that fit on one page each.
//
//	source, err := alpacamarket.New(alpacamarket.Options{BaseURL: url, Feed: "iex", KeyID: id, Secret: secret, Clock: clock})
//	bars, err := source.DailyBars(ctx, market.Request{Symbols: symbols, From: from, To: to})
package alpacamarket

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/alpacahttp"
)

const (
	pageLimit   = 10_000 // bars on a page over all symbols, the API's maximum
	chunkLimit  = 100    // symbols in a URL
	parallel    = 4
	worthAReply = 9 // symbols: fewer are not worth a request of their own
	tries       = 3
	firstPause  = 500 * time.Millisecond // doubles
	delayedData = 16 * time.Minute       // free plans may not ask for the last 15 minutes of SIP
)

// Options say where to fetch from. All but HTTP, Environment and Report are
// required.
type Options struct {
	BaseURL       string // https://data.alpaca.markets or a paper broker
	Feed          string // iex or sip
	KeyID, Secret string
	Clock         env.Clock
	HTTP          http.RoundTripper // nil: a pool of its own
	Environment   map[string]string // of the process, to refuse what the SDK would read from it
	// Report hears of symbols that are left out because their bars cannot be
	// read; nil: nobody does. It may be called from several goroutines.
	Report func(symbol string, err error)
}

// Source is a market.Source. It is safe for concurrent use.
type Source struct {
	o       Options
	baseURL string
}

var _ market.Source = (*Source)(nil)

// New checks the options; it sends nothing.
func New(o Options) (*Source, error) {
	base, err := alpacahttp.Endpoint{BaseURL: o.BaseURL, KeyID: o.KeyID, Secret: o.Secret, Environment: o.Environment}.Check()
	if err != nil {
		return nil, fmt.Errorf("alpacamarket: %w", err)
	}
	if o.Feed == "" {
		return nil, errors.New("alpacamarket: no feed: set iex or sip")
	}
	if o.Clock == nil {
		return nil, errors.New("alpacamarket: no clock")
	}
	if o.HTTP == nil {
		o.HTTP = alpacahttp.Transport()
	}
	if o.Report == nil {
		o.Report = func(string, error) {}
	}
	return &Source{o: o, baseURL: base}, nil
}

// DailyBars fetches all chunks, at most four at a time. The first failure
// ends the others. A failure is a *market.TemporaryError, a
// *market.DeniedError, or a permanent one. A symbol whose bars alone cannot be
// read is left out and reported; when none can be read, that is an error.
func (s *Source) DailyBars(ctx context.Context, r market.Request) (market.Bars, error) {
	if r.To < r.From || len(r.Symbols) == 0 {
		return market.Bars{}, nil
	}
	outer := ctx
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	var (
		mu         sync.Mutex
		all        = make(market.Bars, len(r.Symbols))
		unreadable int
		slots      = make(chan struct{}, parallel)
		group      sync.WaitGroup
	)
	report := func(symbol string, err error) {
		mu.Lock()
		unreadable++
		mu.Unlock()
		s.o.Report(symbol, err)
	}
	for chunk := range slices.Chunk(r.Symbols, s.chunkSize(r)) {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			bars, err := s.chunk(ctx, chunk, r, report)
			if err != nil {
				cancel(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(all, bars)
		})
	}
	group.Wait()
	if err := outer.Err(); err != nil {
		return nil, &market.TemporaryError{Err: fmt.Errorf("alpacamarket: daily bars: %w", context.Cause(outer))}
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if unreadable == len(r.Symbols) {
		return nil, &market.TemporaryError{Err: fmt.Errorf("alpacamarket: daily bars: no reply could be read; is %s the data API?", s.baseURL)}
	}
	return all, nil
}

// chunkSize divides the symbols evenly into requests that are answered side by
// side and fit on one page each: the SDK throws all pages away when a later one
// fails.
func (s *Source) chunkSize(r market.Request) int {
	most := min(max(pageLimit/mostSessions(r.From, r.To), 1), chunkLimit)
	n := len(r.Symbols)
	requests := max((n+most-1)/most, min(n/worthAReply, parallel), 1)
	return (n + requests - 1) / requests
}

// mostSessions is how many sessions the range can have: its weekdays.
func mostSessions(from, to events.Date) int {
	days := int(to.In(time.UTC).Sub(from.In(time.UTC)).Hours()/24) + 1
	return days/7*5 + min(days%7, 5)
}

// chunk fetches some symbols. The SDK cannot read a reply with one fractional
// volume in it, so a reply that it cannot read is asked for again in halves,
// down to the symbols that are to blame.
func (s *Source) chunk(ctx context.Context, symbols []string, r market.Request, unreadable func(string, error)) (market.Bars, error) {
	bars, err := s.fetch(ctx, symbols, r)
	if err == nil || !errors.Is(err, alpacahttp.ErrUndecodable) {
		return bars, err
	}
	if len(symbols) == 1 {
		unreadable(symbols[0], err)
		return nil, nil
	}
	half := len(symbols) / 2
	left, err := s.chunk(ctx, symbols[:half], r, unreadable)
	if err != nil {
		return nil, err
	}
	right, err := s.chunk(ctx, symbols[half:], r, unreadable)
	if err != nil {
		return nil, err
	}
	all := make(market.Bars, len(left)+len(right))
	maps.Copy(all, left)
	maps.Copy(all, right)
	return all, nil
}

// fetch asks for one page and repeats what may pass by itself.
func (s *Source) fetch(ctx context.Context, symbols []string, r market.Request) (market.Bars, error) {
	pause := firstPause
	for try := 1; ; try++ {
		bars, err := s.once(ctx, symbols, r)
		var temporary *market.TemporaryError
		if err == nil || try == tries || !errors.As(err, &temporary) || ctx.Err() != nil {
			return bars, err
		}
		wait := pause
		var reply *alpacahttp.Error
		if errors.As(err, &reply) {
			wait = max(wait, reply.After)
		}
		if s.o.Clock.Sleep(ctx, wait) != nil {
			return nil, err
		}
		pause *= 2
	}
}

func (s *Source) once(ctx context.Context, symbols []string, r market.Request) (market.Bars, error) {
	call := alpacahttp.NewCall(ctx, s.o.HTTP)
	client := marketdata.NewClient(marketdata.ClientOpts{
		APIKey: s.o.KeyID, APISecret: s.o.Secret, BaseURL: s.baseURL, RetryLimit: -1, HTTPClient: call.Client(),
	})
	got, err := client.GetMultiBars(symbols, marketdata.GetBarsRequest{
		TimeFrame:  marketdata.OneDay,
		Adjustment: marketdata.AdjustmentAll,
		Start:      r.From.In(time.UTC),
		End:        s.end(r.To),
		PageLimit:  pageLimit,
		Feed:       s.o.Feed,
	})
	if err != nil {
		return nil, classify(call.Explain(err))
	}
	return convert(got, r), nil
}

// end is the last instant of a session's date, but none that a free plan may
// not ask for. A daily bar is dated midnight in New York.
func (s *Source) end(to events.Date) time.Time {
	end := to.AddDays(1).In(time.UTC).Add(-time.Second)
	if allowed := s.o.Clock.Now().Add(-delayedData).Truncate(time.Second); allowed.Before(end) {
		return allowed
	}
	return end
}

func classify(err error) error {
	var reply *alpacahttp.Error
	switch wrapped := fmt.Errorf("alpacamarket: daily bars: %w", err); {
	case errors.Is(err, alpacahttp.ErrUndecodable):
		return wrapped
	case !errors.As(err, &reply):
		return &market.TemporaryError{Err: wrapped}
	case reply.Status == http.StatusTooManyRequests || reply.Status >= 500 || reply.Status < 400:
		return &market.TemporaryError{Err: wrapped}
	case reply.Status == http.StatusUnauthorized || reply.Status == http.StatusForbidden:
		return &market.DeniedError{Err: fmt.Errorf("%w; check the keys and whether the data plan covers the feed", wrapped)}
	default:
		return wrapped
	}
}

// convert dates each bar by its session in New York and leaves out those
// outside of what was asked for. It keeps the provider's order.
func convert(got map[string][]marketdata.Bar, r market.Request) market.Bars {
	out := make(market.Bars, len(got))
	dates := make(map[int64]events.Date) // all symbols have the same sessions
	for symbol, bars := range got {
		series := make(market.Series, 0, len(bars))
		for _, b := range bars {
			date, known := dates[b.Timestamp.Unix()]
			if !known {
				date = events.DateOf(b.Timestamp, market.NewYork())
				dates[b.Timestamp.Unix()] = date
			}
			if date < r.From || date > r.To {
				continue
			}
			series = append(series, market.Bar{
				Date: date, Open: b.Open, High: b.High, Low: b.Low, Close: b.Close, Volume: int64(b.Volume),
			})
		}
		if len(series) > 0 {
			out[symbol] = series
		}
	}
	return out
}
