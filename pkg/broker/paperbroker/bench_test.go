package paperbroker_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/alpacabroker"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/alpacamarket"
	"github.com/alchemiser/alchemiser/pkg/market/synthmarket"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// BenchmarkSubmit is one order through the adapter and real HTTP, filled.
func BenchmarkSubmit(b *testing.B) {
	w := newWorld(b, damagedReplies, func(o *paperbroker.Options) { o.Cash = money.MustParse("1000000000") })
	benchmarkSubmit(b, w, w.Client)
}

// BenchmarkSubmitInProcess is the same without a network.
func BenchmarkSubmitInProcess(b *testing.B) {
	w := newWorld(b, damagedReplies, func(o *paperbroker.Options) { o.Cash = money.MustParse("1000000000") })
	benchmarkSubmit(b, w, inProcess(b, w))
}

// benchmarkSubmit fills one order after the other. The adapter's budget waits
// on the virtual clock, so it is not in the figures.
func benchmarkSubmit(b *testing.B, w world, client *alpacabroker.Client) {
	var took []time.Duration
	for b.Loop() {
		r := broker.OrderRequest{ClientID: fmt.Sprint("b-", len(took)), Symbol: "AAA", Side: events.Buy, Qty: money.One(), Type: broker.Market}
		if len(took)%2 == 1 {
			r.Side = events.Sell
		}
		began := time.Now()
		o, err := client.Submit(b.Context(), r)
		took = append(took, time.Since(began))
		if err != nil || o.Status != "filled" {
			b.Fatal(o, err)
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "orders/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkQuotes is one read of thirty symbols.
func BenchmarkQuotes(b *testing.B) {
	var symbols []string
	for i := range 30 {
		symbols = append(symbols, fmt.Sprint("S", i))
	}
	w := newWorld(b, damagedReplies, func(o *paperbroker.Options) { o.Bars = bars(b, "2026-11-27", symbols...) })
	for b.Loop() {
		if q, err := w.Client.Quotes(b.Context(), symbols); err != nil || len(q) != 30 {
			b.Fatal(len(q), err)
		}
	}
}

// BenchmarkDailyBars is what a run reads: thirty symbols, 520 sessions.
func BenchmarkDailyBars(b *testing.B) {
	var symbols []string
	for i := range 30 {
		symbols = append(symbols, fmt.Sprint("S", i))
	}
	all, err := synthmarket.New(1).DailyBars(b.Context(), market.Request{Symbols: symbols, From: "2024-01-02", To: "2026-11-27"})
	if err != nil {
		b.Fatal(err)
	}
	w := newWorld(b, damagedReplies, func(o *paperbroker.Options) { o.Bars = all })
	source, err := alpacamarket.New(alpacamarket.Options{BaseURL: w.URL, Feed: "iex", KeyID: "id", Secret: "secret", Clock: w.Clock})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		got, err := source.DailyBars(b.Context(), market.Request{Symbols: symbols, From: "2024-10-01", To: "2026-11-23"})
		if err != nil || len(got) != 30 || len(got["S0"]) < 520 {
			b.Fatal(len(got), err)
		}
	}
}
