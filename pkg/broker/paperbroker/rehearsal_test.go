package paperbroker_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/alpacabroker"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/alpacamarket"
	"github.com/alchemiser/alchemiser/pkg/market/csvmarket"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// A rehearsal at any hour on bars of another year: the machine's clock is
// moved to the morning after the last bar, and everything that gates a run
// holds: fresh bars, fresh quotes, an open market, fills at the quote.
func TestRehearsalOnRealBars(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "..", "shared", "data", "bars")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no real bars beside the repository: %v", err)
	}
	files := csvmarket.New(os.DirFS(dir))
	symbols, err := files.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	all, err := files.DailyBars(t.Context(), market.Request{Symbols: symbols, From: "2010-01-01", To: "2020-12-11"})
	if err != nil {
		t.Fatal(err)
	}
	var calendar market.Calendar
	session, _ := calendar.Next("2020-12-11")
	clock := env.SystemClock(time.Until(session.Open.Add(5 * time.Minute)))
	server, err := paperbroker.New(paperbroker.Options{Bars: all, Clock: clock, Cash: money.MustParse("100000"), KeyID: "id", Secret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(validated(t, server))
	defer listener.Close()
	source, err := alpacamarket.New(alpacamarket.Options{BaseURL: listener.URL, Feed: "iex", KeyID: "id", Secret: "secret", Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	client, err := alpacabroker.New(alpacabroker.Options{BaseURL: listener.URL, DataURL: listener.URL, Feed: "iex", KeyID: "id", Secret: "secret", Clock: clock})
	if err != nil {
		t.Fatal(err)
	}

	asOf, _ := calendar.LastClosedBefore(clock.Now(), 20*time.Minute)
	served, err := source.DailyBars(t.Context(), market.Request{Symbols: symbols, From: "2018-11-01", To: asOf.Date})
	want := market.Bars{}
	for symbol, series := range all {
		want[symbol] = series.From("2018-11-01")
	}
	if err != nil || asOf.Date != "2020-12-11" || served.Digest() != want.Digest() {
		t.Fatalf("bars served up to %s differ from the files: %v", asOf.Date, err)
	}
	if k, err := client.Clock(t.Context()); err != nil || !k.IsOpen || events.DateOf(k.Now, market.NewYork()) != session.Date {
		t.Fatalf("clock %+v %v", k, err)
	}
	snapshots, err := client.Snapshots(t.Context(), symbols)
	if err != nil || len(snapshots) != len(symbols) {
		t.Fatalf("%d snapshots, %v", len(snapshots), err)
	}
	for symbol, s := range snapshots {
		last, _ := all[symbol].Last()
		if s.Quote == nil || clock.Now().Sub(s.Quote.At).Abs() > 10*time.Second || s.PreviousClose.Float64() != last.Close {
			t.Errorf("%s: %+v beside the close %v", symbol, s, last.Close)
		}
		spread := s.Quote.Ask.Sub(s.Quote.Bid).Float64() / last.Close
		if s.Quote.Bid.Float64() >= last.Close || s.Quote.Ask.Float64() <= last.Close || spread > 0.01 {
			t.Errorf("%s: %+v around the close %v", symbol, s.Quote, last.Close)
		}
	}
	ask := snapshots["MSFT"].Quote.Ask
	o, err := client.Submit(t.Context(), broker.OrderRequest{
		ClientID: "rehearsal-1", Symbol: "MSFT", Side: events.Buy, Qty: money.MustParse("12.345"), Type: broker.Limit, Limit: &ask,
	})
	if err != nil || o.Status != "filled" || !o.AvgPrice.Equal(ask) {
		t.Fatalf("%+v %v", o, err)
	}
	a := server.Account()
	if paid := money.MustParse("100000").Sub(a.Cash); !paid.Equal(money.MustParse("12.345").Mul(ask).Ceil(2)) {
		t.Errorf("paid %s", paid)
	}
}
