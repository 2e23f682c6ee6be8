package paperbroker_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker/alpacabroker"
	"github.com/alchemiser/alchemiser/pkg/broker/brokertest"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/alpacamarket"
	"github.com/alchemiser/alchemiser/pkg/market/markettest"
	"github.com/alchemiser/alchemiser/pkg/market/synthmarket"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// morning is 10:05 in New York on a Tuesday.
var morning = time.Date(2026, 11, 24, 15, 5, 0, 0, time.UTC)

func bars(t testing.TB, to events.Date, symbols ...string) market.Bars {
	t.Helper()
	got, err := synthmarket.New(1).DailyBars(t.Context(), market.Request{Symbols: symbols, From: "2026-01-02", To: to})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// world is a broker on paper behind a real listener, with a client.
type world struct {
	*paperbroker.Server
	URL    string
	Client *alpacabroker.Client
	Clock  *brokertest.Clock
}

// validation says whether the replies of a world are held against the documents.
type validation bool

const (
	validReplies   validation = true
	damagedReplies validation = false // faults make them invalid on purpose
)

func newWorld(t testing.TB, v validation, change func(*paperbroker.Options)) world {
	t.Helper()
	clock := brokertest.NewClock(morning)
	o := paperbroker.Options{
		Bars: bars(t, "2026-11-27", "AAA", "BBB", "CCC"), Clock: clock, Seed: 7, Cash: money.MustParse("100000"),
		KeyID: "id", Secret: "secret",
	}
	if change != nil {
		change(&o)
	}
	server, err := paperbroker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	var h http.Handler = server
	if tt, ok := t.(*testing.T); ok && bool(v) {
		h = validated(tt, server)
	}
	listener := httptest.NewServer(h)
	t.Cleanup(listener.Close)
	client, err := alpacabroker.New(alpacabroker.Options{
		BaseURL: listener.URL, DataURL: listener.URL, Feed: "iex", KeyID: "id", Secret: "secret", Clock: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	return world{Server: server, URL: listener.URL, Client: client, Clock: clock}
}

func TestConformance(t *testing.T) {
	for _, profile := range []paperbroker.Profile{paperbroker.Instant, paperbroker.Paper, paperbroker.Realistic, paperbroker.Adversarial} {
		for _, duplicate := range []int{422, 409} {
			t.Run(fmt.Sprintf("%s %d", profile, duplicate), func(t *testing.T) {
				brokertest.Run(t, func(t *testing.T) brokertest.World {
					w := newWorld(t, validReplies, func(o *paperbroker.Options) {
						switches := paperbroker.DefaultSwitches(profile)
						switches.DuplicateStatus = duplicate
						o.Profile, o.Switches = profile, &switches
					})
					return brokertest.World{Broker: w.Client, Clock: w.Clock, Symbol: "AAA"}
				})
			})
		}
	}
}

// The same suite without a network.
func TestConformanceInProcess(t *testing.T) {
	brokertest.Run(t, func(t *testing.T) brokertest.World {
		w := newWorld(t, damagedReplies, nil)
		return brokertest.World{Broker: inProcess(t, w), Clock: w.Clock, Symbol: "AAA"}
	})
}

func inProcess(t testing.TB, w world) *alpacabroker.Client {
	t.Helper()
	client, err := alpacabroker.New(alpacabroker.Options{
		BaseURL: "http://paper", DataURL: "http://paper", Feed: "iex", KeyID: "id", Secret: "secret", Clock: w.Clock, HTTP: w.Transport(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestInProcessFaults(t *testing.T) {
	w := newWorld(t, damagedReplies, nil)
	client := inProcess(t, w)
	for kind, want := range map[paperbroker.FaultKind]int{paperbroker.CutBefore: 0, paperbroker.CutReply: 1, paperbroker.TruncateReply: 1} {
		if err := w.Inject(paperbroker.Fault{Kind: kind, Method: "POST"}); err != nil {
			t.Fatal(err)
		}
		before := len(w.Orders())
		if _, err := client.Submit(t.Context(), buy(string(kind))); outcome(err) != "unknown" {
			t.Errorf("%s: %v", kind, err)
		}
		if got := len(w.Orders()) - before; got != want {
			t.Errorf("%s: %d orders", kind, got)
		}
	}
}

func TestShortPosition(t *testing.T) {
	w := newWorld(t, validReplies, func(o *paperbroker.Options) {
		o.Positions = []paperbroker.Holding{{Symbol: "AAA", Qty: money.MustParse("-3")}}
	})
	got, err := w.Client.Positions(t.Context())
	if err != nil || len(got) != 1 || got[0].Qty.String() != "-3" {
		t.Errorf("%+v %v", got, err)
	}
	w.call(t, "GET", "/v2/account", "", 200, `"short_market_value":"-`)
	w.call(t, "GET", "/v2/positions", "", 200, `"side":"short"`)
}

// Bars that went over the wire are bars as any other.
func TestBarsOverTheWire(t *testing.T) {
	markettest.Run(t, func(t *testing.T) market.Source {
		w := newWorld(t, validReplies, nil)
		source, err := alpacamarket.New(alpacamarket.Options{BaseURL: w.URL, Feed: "iex", KeyID: "id", Secret: "secret", Clock: w.Clock})
		if err != nil {
			t.Fatal(err)
		}
		return source
	})
}
