package paperbroker_test

import (
	"bufio"
	"context"
	"io"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/synthmarket"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// sdk is the module whose example programs are built where its version is
// pinned: in the module cache, from unmodified sources.
const sdk = "github.com/alpacahq/alpaca-trade-api-go/v3"

// notRun are the example programs that this broker cannot serve, with the
// reason.
var notRun = map[string]string{
	"bull-spread":        "trades options, at an address of its own in its source",
	"crypto-perp-stream": "a websocket stream of crypto futures",
	"crypto-stream":      "a websocket stream of crypto currencies",
	"data-stream":        "a websocket stream; the product polls, because streams end without a word",
	"martingale":         "a websocket stream, and an address of its own in its source",
	"mean-reversion":     "trades on what a websocket stream says",
}

// Every example program of Alpaca's client for Go is either run here or named
// above: a new version of the client cannot bring one unnoticed.
func TestEveryExampleOfTheGoClientIsKnown(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", sdk).Output()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(strings.TrimSpace(string(dir)), "examples"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		if entry.IsDir() {
			got = append(got, entry.Name())
		}
	}
	want := slices.Sorted(maps.Keys(notRun))
	want = append(want, "marketdata", "long-short")
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("there are the examples %v; run or known are %v", got, want)
	}
}

// example is an example program while it runs.
type example struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

// startExample builds an example and runs it against a broker. All that it is
// told is where that is, in the variables that Alpaca's clients read.
func startExample(t *testing.T, name, url string) example {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, sdk+"/examples/"+name).CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	command := exec.CommandContext(ctx, program)
	command.Env = []string{"APCA_API_BASE_URL=" + url, "APCA_API_DATA_URL=" + url, "APCA_API_KEY_ID=id", "APCA_API_SECRET_KEY=secret", "HOME=" + t.TempDir()}
	command.Stderr = os.Stderr
	in, err1 := command.StdinPipe()
	out, err2 := command.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel() // an example that goes on for ever is ended
		_ = command.Wait()
	})
	return example{t: t, in: in, out: bufio.NewReader(out)}
}

// until is what the example prints up to some words.
func (e example) until(words string) string {
	e.t.Helper()
	var said strings.Builder
	for !strings.HasSuffix(said.String(), words) {
		b, err := e.out.ReadByte()
		if err != nil {
			e.t.Fatalf("%v before %q, after\n%s", err, words, said.String())
		}
		said.WriteByte(b)
	}
	return said.String()
}

func exampleBars(t *testing.T, from, to events.Date, symbols ...string) market.Bars {
	t.Helper()
	bars, err := synthmarket.New(1).DailyBars(t.Context(), market.Request{Symbols: symbols, From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	return bars
}

// marketdata prints whichever part of the history it is asked for.
func TestTheGoClientsMarketDataExample(t *testing.T) {
	all := exampleBars(t, "2021-08-02", "2026-11-27", "AAPL", "IBM", "META", "MSFT", "TSLA")
	w := newWorld(t, validReplies, func(o *paperbroker.Options) { o.Bars = all })
	e := startExample(t, "marketdata", w.URL)
	const prompt = "q to exit: "
	e.until(prompt)
	ask := func(number string) string {
		if _, err := io.WriteString(e.in, number+"\n"); err != nil {
			t.Fatal(err)
		}
		return e.until(prompt)
	}
	if said := ask("0"); !strings.Contains(said, "AAPL trades:\n{Timestamp:2021-08-09 13:30:00") || !strings.Contains(said, "MSFT trades:\n{Timestamp:2021-08-09 13:30:00") {
		t.Errorf("trades: %s", said)
	}
	if said := ask("1"); strings.Count(said, "BidPrice:") != 30 || !strings.Contains(said, "Timestamp:2021-08-09 13:30:29 ") {
		t.Errorf("quotes: %s", said)
	}
	sessions := market.Calendar{}.Sessions("2022-06-01", "2022-06-21") // the day of the end begins after it
	if said := ask("2"); strings.Count(said, "{Timestamp:2022-06-") != len(sessions) {
		t.Errorf("bars of %d sessions: %s", len(sessions), said)
	}
	days := len(market.Calendar{}.Sessions("2021-08-02", "2021-08-31"))
	if said := ask("3"); days != 22 || !regexp.MustCompile(`AAPL ADTV: \d+\.\d\d \(22 marketdays\)`).MatchString(said) {
		t.Errorf("average volume of %d days: %s", days, said)
	}
	if said := ask("5"); !strings.Contains(said, "IBM auctions:\n Date: 2022-10-17\n Opening:\n  {Timestamp:2022-10-17 13:30:00") || strings.Count(said, "Closing:") != 3 {
		t.Errorf("auctions: %s", said)
	}
}

// long-short ranks thirty stocks by their minute bars, buys the best and sells
// the worst short, which this broker refuses as Alpaca does of an account that
// may not. It runs in real time, so the session is made around that.
func TestTheGoClientsLongShortExample(t *testing.T) {
	symbols := strings.Fields("DOMO SQ MRO AAPL GM SNAP SHOP SPLK BA AMZN SUI SUN TSLA CGC SPWR NIO CAT MSFT PANW OKTA TWTR TM GE ATVI GS BAC MS TWLO QCOM IBM")
	clock := env.SystemClock(0)
	now := clock.Now()
	today := events.DateOf(now, market.NewYork())
	bars := exampleBars(t, "2026-10-01", "2026-11-20", symbols...)
	for symbol, series := range bars {
		series = slices.Clone(series)
		for i := range series {
			series[i].Date = today.AddDays(i + 1 - len(series))
		}
		bars[symbol] = series
	}
	server, err := paperbroker.New(paperbroker.Options{
		Bars: bars, Clock: clock, Cash: money.MustParse("100000"), KeyID: "id", Secret: "secret",
		Calendar: market.Calendar{}.With(market.Session{Date: today, Open: now.Add(-3 * time.Hour), Close: now.Add(3 * time.Hour)}),
	})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(validated(t, server))
	defer listener.Close()
	said := startExample(t, "long-short", listener.URL).until("Sleeping for 1 minute\n")
	if strings.Contains(said, "Failed to rebalance") {
		t.Errorf("the example gave up:\n%s", said)
	}
	if strings.Count(said, "buy | completed") != 7 || strings.Count(said, "sell | did not go through: account is not allowed to short") != 7 {
		t.Errorf("orders:\n%s", said)
	}
	held := server.Positions()
	for _, p := range held {
		if !p.Qty.Equal(held[0].Qty) || !strings.Contains(said, p.Qty.String()+" "+p.Symbol+" buy | completed") {
			t.Errorf("%s of %s is held; the example said\n%s", p.Qty, p.Symbol, said)
		}
	}
	if asked := server.State().Requests; len(held) != 7 || asked["GET /v2/stocks/bars"] != 1 || asked["POST /v2/orders"] != 14 {
		t.Errorf("%d positions after %v", len(held), asked)
	}
}
