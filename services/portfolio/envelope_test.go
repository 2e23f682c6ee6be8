package portfolio_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/envelope"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/services/portfolio"
)

// deskOf is a broker with a book: what it holds, quotes and values.
func deskOf(b portfolio.Book) *desk {
	k := newDesk()
	k.positions, k.assets, k.market = nil, map[string]broker.Asset{}, map[string]broker.Snapshot{}
	equity := b.Cash
	for symbol, h := range b.Holdings {
		price := *h.Price
		equity = equity.Add(h.Qty.Mul(price))
		if !h.Qty.IsZero() {
			k.positions = append(k.positions, broker.Position{Symbol: symbol, Qty: h.Qty, Available: h.Available})
		}
		k.assets[symbol] = broker.Asset{Symbol: symbol, Tradable: h.Tradable, Fractionable: h.Fractionable}
		closing := price
		if h.PreviousClose != nil {
			closing = *h.PreviousClose
		}
		k.market[symbol] = broker.Snapshot{Quote: &broker.Quote{Bid: price, Ask: price, At: now}, PreviousClose: &closing}
	}
	k.account.Cash, k.account.Equity = b.Cash, equity
	return k
}

func signalFor(targets map[string]money.Decimal) events.Envelope {
	in := signalled()
	s := *in.Payload.(*events.SignalGenerated)
	s.TargetWeights = make(events.Weights)
	for symbol, w := range targets {
		if w.Sign() > 0 {
			s.TargetWeights[symbol] = events.Decimal(w.String())
		}
	}
	in.Payload = &s
	return in
}

// What the stage publishes is within the limits as execution reads them, or it
// is refused with every reason; and it encodes: over extreme accounts.
func TestWhatIsPublishedIsWithinTheEnvelope(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, targets := anyBook(t)
		p := newPortfolio(deskOf(b))
		p.Config.Limits.MaxOrderUSD = d(rapid.SampledFrom([]string{"100", "250000", "100000000000"}).Draw(t, "max order"))
		p.Config.Limits.MaxTurnover = d(rapid.SampledFrom([]string{"0.1", "2.05", "100000"}).Draw(t, "turnover"))
		out, err := p.SignalGenerated(t.Context(), signalFor(targets))
		if err != nil {
			var e *stage.Error
			if !errors.As(err, &e) || e.Code == "" {
				t.Fatalf("a refusal without a code: %v", err)
			}
			if e.Code == "envelope_refused" && len(e.Details) == 0 {
				t.Fatalf("refused without a reason: %v", err)
			}
			return
		}
		detail, err := json.Marshal(out[0].Payload)
		if err != nil {
			t.Fatal(err)
		}
		var back events.RebalancePlanned
		if err := json.Unmarshal(detail, &back); err != nil {
			t.Fatal(err)
		}
		read, err := envelope.PlanOf(&back)
		if err != nil {
			t.Fatal(err)
		}
		if breaches := p.Config.Limits.CheckPlan(read); len(breaches) > 0 {
			t.Fatalf("execution would refuse what was published: %v", breaches)
		}
	})
}

// A split that one side knows of and the other does not: the price, the
// previous close or the quantity is off by its ratio. Nothing that the symbol is
// concerned with is traded.
func TestASplitBetweenBarsAndPositionsTradesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ratio := d(rapid.SampledFrom([]string{"2", "3", "4", "10", "20", "0.5", "0.25", "0.1", "0.05"}).Draw(t, "ratio"))
		price := amount(t, "price", 100, 1e6, 2)
		qty := amount(t, "qty", 1, 1e5, 0)
		held := portfolio.Holding{Qty: qty, Available: qty, Price: &price, Tradable: true, Fractionable: true, PreviousClose: &price}
		other := d("50")
		b := portfolio.Book{Cash: qty.Mul(price).Mul(d("0.5")), Holdings: map[string]portfolio.Holding{
			"SPLIT": held, "OTHER": {Price: &other, Tradable: true, Fractionable: true, PreviousClose: &other},
		}}
		targets := map[string]money.Decimal{"OTHER": d("0.9")} // SPLIT is to be sold
		k := deskOf(b)
		after := price.Quo(ratio).Round(4)
		quote := broker.Snapshot{Quote: &broker.Quote{Bid: after, Ask: after, At: now}, PreviousClose: &price}
		want := "price_collar"
		if rapid.Bool().Draw(t, "close is adjusted") {
			// Only the position is late: the broker values it at the old price.
			quote.PreviousClose, want = &after, "equity_mismatch"
		} else {
			k.account.Equity = b.Cash.Add(qty.Mul(after)) // the broker agrees with the quote
		}
		k.market["SPLIT"] = quote
		p := newPortfolio(k)
		p.Config.Limits.MaxOrderUSD = d("100000000000")
		_, err := p.SignalGenerated(t.Context(), signalFor(targets))
		var e *stage.Error
		if !errors.As(err, &e) {
			t.Fatalf("a plan was made across a split of %s: %v", ratio, err)
		}
		text := e.Code
		for _, v := range e.Details {
			text += " " + v
		}
		if !strings.Contains(text, want) {
			t.Fatalf("refused for %s, want %s", text, want)
		}
	})
}

func amount(t *rapid.T, label string, low, high int64, places int32) money.Decimal {
	return money.FromInt(rapid.Int64Range(low, high).Draw(t, label)).Shift(-places)
}

// All symbols without a price are named, in the same order every time.
func TestEverySymbolWithoutAPriceIsNamed(t *testing.T) {
	k := newDesk()
	old := now.Add(-time.Hour)
	future := now.Add(time.Minute)
	k.market["A"] = broker.Snapshot{Quote: &broker.Quote{Bid: d("100"), Ask: d("100"), At: old}}
	k.market["B"] = broker.Snapshot{Quote: &broker.Quote{Bid: d("50"), Ask: d("50"), At: future}, Trade: &broker.Trade{Price: d("50"), At: future}}
	_, err := newPortfolio(k).SignalGenerated(t.Context(), signalled())
	if err == nil || !strings.Contains(err.Error(), "A, B: neither a sane quote") {
		t.Errorf("error %v", err)
	}
}
