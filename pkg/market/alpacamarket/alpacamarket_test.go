package alpacamarket_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/alpacahttp"
	"github.com/alchemiser/alchemiser/pkg/market/alpacamarket"
)

// still is a clock at which sleeping takes no time.
type still struct {
	mu    sync.Mutex
	slept []time.Duration
}

func (c *still) Now() time.Time { return time.Date(2026, 11, 24, 14, 35, 0, 0, time.UTC) }

func (c *still) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slept = append(c.slept, d)
	return ctx.Err()
}

// provider answers requests for bars with a function and keeps the requests.
type provider struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
}

func newProvider(t *testing.T, answer func(n int, symbols []string, w http.ResponseWriter)) *provider {
	p := &provider{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.requests = append(p.requests, r)
		n := len(p.requests)
		p.mu.Unlock()
		answer(n, strings.Split(r.URL.Query().Get("symbols"), ","), w)
	}))
	t.Cleanup(p.Close)
	return p
}

// seen are the requests so far.
func (p *provider) seen() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

func (p *provider) source(t *testing.T, change func(*alpacamarket.Options)) (*alpacamarket.Source, *still) {
	clock := &still{}
	o := alpacamarket.Options{BaseURL: p.URL + "/", Feed: "iex", KeyID: "id", Secret: "secret", Clock: clock}
	if change != nil {
		change(&o)
	}
	s, err := alpacamarket.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, clock
}

func bar(at string, volume string) string {
	return fmt.Sprintf(`{"t":%q,"o":1,"h":2,"l":0.5,"c":1.5,"v":%s,"n":3,"vw":1.4}`, at, volume)
}

func body(symbols []string, bar func(symbol string) string) string {
	var parts []string
	for _, s := range symbols {
		parts = append(parts, fmt.Sprintf("%q:[%s]", s, bar(s)))
	}
	return `{"bars":{` + strings.Join(parts, ",") + `},"next_page_token":null}`
}

func november(string) string { return bar("2026-11-23T05:00:00Z", "7") }

func request(n int) market.Request {
	r := market.Request{From: "2025-11-11", To: "2026-11-23"}
	for i := range n {
		r.Symbols = append(r.Symbols, fmt.Sprintf("S%03d", i))
	}
	return r
}

func TestF46SessionDatesAreNewYorks(t *testing.T) {
	p := newProvider(t, func(_ int, _ []string, w http.ResponseWriter) {
		fmt.Fprint(w, `{"bars":{"MSFT":[`+bar("2026-06-30T04:00:00Z", "1")+","+bar("2026-07-01T04:00:00Z", "10")+","+bar("2026-11-23T05:00:00Z", "20")+","+
			bar("2026-11-24T05:00:00Z", "30")+`],"OLD":[`+bar("2020-01-02T05:00:00Z", "1")+`]},"next_page_token":null}`)
	})
	s, _ := p.source(t, nil)
	got, err := s.DailyBars(t.Context(), market.Request{Symbols: []string{"MSFT", "NONE", "OLD"}, From: "2026-07-01", To: "2026-11-23"})
	if err != nil {
		t.Fatal(err)
	}
	want := market.Series{
		{Date: "2026-07-01", Open: 1, High: 2, Low: 0.5, Close: 1.5, Volume: 10},
		{Date: "2026-11-23", Open: 1, High: 2, Low: 0.5, Close: 1.5, Volume: 20},
	}
	if len(got) != 1 || !slices.Equal(got["MSFT"], want) {
		t.Errorf("got %v, want %v", got, want)
	}
	q := p.seen()[0].URL.Query()
	for key, want := range map[string]string{
		"symbols": "MSFT,NONE,OLD", "timeframe": "1Day", "adjustment": "all", "feed": "iex", "limit": "10000",
		"start": "2026-07-01T00:00:00Z", "end": "2026-11-23T23:59:59Z",
	} {
		if q.Get(key) != want {
			t.Errorf("%s = %q, want %q", key, q.Get(key), want)
		}
	}
	if p.seen()[0].Header.Get("APCA-API-KEY-ID") != "id" || p.seen()[0].URL.Path != "/v2/stocks/bars" {
		t.Errorf("request %s %v", p.seen()[0].URL, p.seen()[0].Header)
	}
}

func TestNeverAsksForTheLastQuarterHour(t *testing.T) {
	p := newProvider(t, func(_ int, symbols []string, w http.ResponseWriter) { fmt.Fprint(w, body(symbols, november)) })
	s, clock := p.source(t, nil)
	if _, err := s.DailyBars(t.Context(), market.Request{Symbols: []string{"A"}, From: "2026-11-23", To: "2026-11-24"}); err != nil {
		t.Fatal(err)
	}
	if got, want := p.seen()[0].URL.Query().Get("end"), clock.Now().Add(-16*time.Minute).Format(time.RFC3339); got != want {
		t.Errorf("end = %s, want %s", got, want)
	}
}

func TestChunksFitOnOnePage(t *testing.T) {
	p := newProvider(t, func(_ int, symbols []string, w http.ResponseWriter) { fmt.Fprint(w, body(symbols, november)) })
	s, _ := p.source(t, nil)
	r := request(100)
	got, err := s.DailyBars(t.Context(), r)
	if err != nil || len(got) != 100 {
		t.Fatalf("%d series, %v", len(got), err)
	}
	var calendar market.Calendar
	sessions := len(calendar.Sessions(r.From, r.To))
	var seen []string
	for _, req := range p.seen() {
		symbols := strings.Split(req.URL.Query().Get("symbols"), ",")
		seen = append(seen, symbols...)
		if len(symbols)*sessions > 10_000 {
			t.Errorf("%d symbols × %d sessions do not fit on a page", len(symbols), sessions)
		}
		if len(symbols) != 25 {
			t.Errorf("a request for %d symbols: they are answered side by side and should be as large as each other", len(symbols))
		}
	}
	slices.Sort(seen)
	if !slices.Equal(seen, r.Symbols) || len(p.seen()) != 4 {
		t.Errorf("%d requests asked for %d symbols", len(p.seen()), len(seen))
	}
}

// A fractional volume makes the SDK refuse the whole reply; only its symbol is lost.
func TestF47OneUnreadableSymbolDoesNotTakeTheOthersAlong(t *testing.T) {
	p := newProvider(t, func(_ int, symbols []string, w http.ResponseWriter) {
		fmt.Fprint(w, body(symbols, func(s string) string {
			if s == "S005" {
				return bar("2026-11-23T05:00:00Z", "100.5")
			}
			return november(s)
		}))
	})
	var mu sync.Mutex
	reported := map[string]error{}
	s, clock := p.source(t, func(o *alpacamarket.Options) {
		o.Report = func(symbol string, err error) {
			mu.Lock()
			defer mu.Unlock()
			reported[symbol] = err
		}
	})
	got, err := s.DailyBars(t.Context(), request(10))
	if err != nil || len(got) != 9 || got["S005"] != nil {
		t.Fatalf("%v, %v", got.Symbols(), err)
	}
	if keys := slices.Collect(maps.Keys(reported)); !slices.Equal(keys, []string{"S005"}) || !errors.Is(reported["S005"], alpacahttp.ErrUndecodable) {
		t.Errorf("reported %v", reported)
	}
	if len(clock.slept) != 0 {
		t.Errorf("waited %v for a reply that repeating does not change", clock.slept)
	}
	var temporary *market.TemporaryError
	if _, err := s.DailyBars(t.Context(), market.Request{Symbols: []string{"S005"}, From: "2026-11-01", To: "2026-11-23"}); !errors.As(err, &temporary) {
		t.Errorf("nothing readable: %v", err)
	}
}

func TestFailures(t *testing.T) {
	reply := func(status int, text string) func(int, []string, http.ResponseWriter) {
		return func(_ int, _ []string, w http.ResponseWriter) {
			w.WriteHeader(status)
			fmt.Fprint(w, text)
		}
	}
	hangUp := func(_ int, _ []string, w http.ResponseWriter) { panic(http.ErrAbortHandler) }
	for name, c := range map[string]struct {
		answer    func(int, []string, http.ResponseWriter)
		requests  int
		temporary bool
		denied    bool
	}{
		"too many":         {reply(429, `{"message":"too many requests."}`), 3, true, false},
		"server error":     {reply(500, `{"code":50010000,"message":"internal server error occurred"}`), 3, true, false},
		"gateway HTML":     {reply(502, `<html>`), 3, true, false},
		"redirect":         {reply(302, ``), 3, true, false},
		"connection ended": {hangUp, 3, true, false},
		"no keys":          {reply(401, `<html>`), 1, false, true},
		"recent SIP":       {reply(403, `{"message":"subscription does not permit querying recent SIP data"}`), 1, false, true},
		"bad request":      {reply(400, `{"message":"invalid symbol: BTC/USD"}`), 1, false, false},
		"not JSON":         {reply(200, `<html>hello`), 1, true, false},
	} {
		p := newProvider(t, c.answer)
		p.Config.ErrorLog = nil
		s, _ := p.source(t, func(o *alpacamarket.Options) { o.HTTP = &http.Transport{DisableKeepAlives: true} })
		got, err := s.DailyBars(t.Context(), request(1))
		var temporary *market.TemporaryError
		var denied *market.DeniedError
		if err == nil || errors.As(err, &temporary) != c.temporary || errors.As(err, &denied) != c.denied {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if len(p.seen()) != c.requests {
			t.Errorf("%s: %d requests, want %d", name, len(p.seen()), c.requests)
		}
	}
}

func TestPassingFailure(t *testing.T) {
	p := newProvider(t, func(n int, symbols []string, w http.ResponseWriter) {
		if n == 1 {
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		fmt.Fprint(w, body(symbols, november))
	})
	s, clock := p.source(t, nil)
	got, err := s.DailyBars(t.Context(), request(1))
	if err != nil || len(got) != 1 || !slices.Equal(clock.slept, []time.Duration{3 * time.Second}) {
		t.Errorf("%v, %v after waiting %v", got, err, clock.slept)
	}
}

func TestDeadline(t *testing.T) {
	release := make(chan struct{})
	p := newProvider(t, func(_ int, _ []string, w http.ResponseWriter) {
		w.WriteHeader(http.StatusOK)
		fmt.Fprint(w, `{"bars":`)
		w.(http.Flusher).Flush()
		<-release // a body that never ends
	})
	defer close(release)
	s, _ := p.source(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.DailyBars(ctx, request(1))
	var temporary *market.TemporaryError
	if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &temporary) || len(p.seen()) != 1 {
		t.Errorf("%v after %d requests", err, len(p.seen()))
	}
}

func TestF42RefusesBadOptions(t *testing.T) {
	good := alpacamarket.Options{BaseURL: "https://data.alpaca.markets", Feed: "iex", KeyID: "id", Secret: "secret", Clock: &still{}}
	if _, err := alpacamarket.New(good); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*alpacamarket.Options){
		"base URL":       func(o *alpacamarket.Options) { o.BaseURL = "" },
		"plain http":     func(o *alpacamarket.Options) { o.BaseURL = "data.alpaca.markets" },
		"feed":           func(o *alpacamarket.Options) { o.Feed = "" },
		"API key":        func(o *alpacamarket.Options) { o.Secret = "" },
		"clock":          func(o *alpacamarket.Options) { o.Clock = nil },
		"APCA_API_OAUTH": func(o *alpacamarket.Options) { o.Environment = map[string]string{"APCA_API_OAUTH": "x"} },
		"real money":     func(o *alpacamarket.Options) { o.BaseURL = "https://API.alpaca.markets./" },
	} {
		o := good
		change(&o)
		if _, err := alpacamarket.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
