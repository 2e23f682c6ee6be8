package portfolio_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/services/portfolio"
	"pgregory.net/rapid"
)

func d(s string) money.Decimal { return money.MustParse(s) }

func policy() portfolio.Policy {
	return portfolio.Policy{
		ReservePct: d("0.01"), MinTradePct: d("0.01"), MinTradeRel: d("0.25"), MinTradeUSD: d("5"), BrokerMinUSD: d("1"),
		Shorts: portfolio.RefuseShorts, SellDust: true, Control: events.Active,
	}
}

// held is a fractionable holding at a price.
func held(qty, price string) portfolio.Holding {
	p := d(price)
	return portfolio.Holding{Qty: d(qty), Available: d(qty), Price: &p, Tradable: true, Fractionable: true}
}

func book(cash string, holdings map[string]portfolio.Holding) portfolio.Book {
	return portfolio.Book{Cash: d(cash), Holdings: holdings}
}

func weights(pairs ...string) map[string]money.Decimal {
	out := make(map[string]money.Decimal)
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = d(pairs[i+1])
	}
	return out
}

// show writes a plan on one line: what it trades, what it holds.
func show(p *portfolio.Plan) string {
	var parts []string
	for _, l := range p.Lines {
		parts = append(parts, fmt.Sprintf("%s %s %s %s", l.Kind, l.Side, l.Qty, l.Symbol))
	}
	for _, h := range p.Holds {
		parts = append(parts, fmt.Sprintf("hold %s %s", h.Symbol, h.Reason))
	}
	for _, x := range p.Dust {
		parts = append(parts, fmt.Sprintf("dust %s %s", x.Qty, x.Symbol))
	}
	return strings.Join(parts, "; ")
}

func TestMake(t *testing.T) {
	whole := held("0", "300")
	whole.Fractionable = false
	locked := held("10", "100")
	locked.Available = d("4")
	frozen := held("5", "1")
	frozen.Price, frozen.Tradable = nil, false
	for _, c := range []struct {
		name    string
		book    portfolio.Book
		targets map[string]money.Decimal
		change  func(*portfolio.Policy)
		want    string
	}{
		// D = 10,000 × 0.99 = 9,900; 0.6 × 9,900 / 301.25 = 19.717842 (floor)
		{"open from cash", book("10000", map[string]portfolio.Holding{"A": held("0", "301.25"), "B": held("0", "50")}), weights("A", "0.6", "B", "0.4"), nil,
			"OPEN BUY 19.717842 A; OPEN BUY 79.2 B"},
		{"F57 an exit sells exactly what is held", book("0", map[string]portfolio.Holding{"A": held("7.227357645", "100")}), nil, nil,
			"EXIT SELL 7.227357645 A"},
		{"F52 small targets are bought, small leftovers sold", book("10000", map[string]portfolio.Holding{"A": held("0", "10"), "B": held("0.2", "10")}), weights("A", "0.001"), nil,
			"EXIT SELL 0.2 B; OPEN BUY 0.990198 A"},
		{"below the threshold", book("5000", map[string]portfolio.Holding{"A": held("49", "100")}), weights("A", "0.5"), nil,
			"hold A on_target"},
		{"an adjustment of a small position is judged against itself", book("9700", map[string]portfolio.Holding{"A": held("2.9", "100")}), weights("A", "0.04"), nil,
			"INCREASE BUY 1.05604 A"},
		{"sells before buys, larger first", book("0", map[string]portfolio.Holding{"A": held("10", "100"), "B": held("30", "100"), "C": held("0", "10"), "E": held("60", "100")}), weights("C", "0.4", "E", "0.3"), nil,
			"EXIT SELL 30 B; EXIT SELL 10 A; DECREASE SELL 30.3 E; OPEN BUY 396 C"},
		{"F58 whole shares only", book("1000", map[string]portfolio.Holding{"A": whole}), weights("A", "1"), nil, "OPEN BUY 3 A"},
		{"less than one share of what is not fractionable", book("200", map[string]portfolio.Holding{"A": whole}), weights("A", "1"), nil, "hold A below_one_share"},
		{"below the broker's minimum", book("90", map[string]portfolio.Holding{"A": held("0", "10")}), weights("A", "0.01"), nil, "hold A below_minimum"},
		{"dust is sold", book("100", map[string]portfolio.Holding{"A": held("0.01", "10")}), nil, nil, "EXIT SELL 0.01 A"},
		{"dust is kept", book("100", map[string]portfolio.Holding{"A": held("0.01", "10")}), nil, func(p *portfolio.Policy) { p.SellDust = false }, "dust 0.01 A"},
		{"F49 nothing to do", book("100", map[string]portfolio.Holding{}), nil, nil, ""},
		{"what an open order holds is not sold", book("0", map[string]portfolio.Holding{"A": locked}), nil, nil, "EXIT SELL 4 A"},
		{"a symbol without a market is frozen", book("100", map[string]portfolio.Holding{"A": frozen}), nil, nil, "hold A frozen"},
		{"REDUCING buys nothing", book("1000", map[string]portfolio.Holding{"A": held("0", "10"), "B": held("50", "10")}), weights("A", "0.5"), func(p *portfolio.Policy) { p.Control = events.Reducing },
			"EXIT SELL 50 B; hold A reducing"},
		// E = 200 − 0 … cash −100: R = 9; the deficit is 109, 109 / 100 = 1.09 shares.
		{"F50 negative cash is corrected, not liquidated", book("-100", map[string]portfolio.Holding{"A": held("10", "100")}), weights("A", "1"), nil,
			"DECREASE SELL 1.09 A"},
		{"a short position is covered", book("2000", map[string]portfolio.Holding{"A": held("-3", "100")}), nil, func(p *portfolio.Policy) { p.Shorts = portfolio.CoverShorts }, "EXIT BUY 3 A"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := policy()
			if c.change != nil {
				c.change(&p)
			}
			plan, err := portfolio.Make(c.book, c.targets, p)
			if err != nil {
				t.Fatal(err)
			}
			if got := show(plan); got != c.want {
				t.Errorf("plan\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	untradable := held("0", "10")
	untradable.Tradable = false
	many := make(map[string]portfolio.Holding)
	for i := range 401 {
		many[fmt.Sprintf("S%d", i)] = held("1", "10")
	}
	for _, c := range []struct {
		name, code string
		book       portfolio.Book
		targets    map[string]money.Decimal
	}{
		{"F53 zero equity", "non_positive_equity", book("0", nil), nil},
		{"F53 negative equity", "non_positive_equity", book("-5", map[string]portfolio.Holding{"A": held("1", "4")}), nil},
		{"a short position", "short_position", book("1000", map[string]portfolio.Holding{"A": held("-3", "100")}), nil},
		{"F59 a target that does not trade", "not_tradable", book("1000", map[string]portfolio.Holding{"A": untradable}), weights("A", "1")},
		{"F09 too many symbols", "too_many_symbols", book("1000", many), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := portfolio.Make(c.book, c.targets, policy())
			var e *stage.Error
			if !errors.As(err, &e) || e.Code != c.code || !e.Final || e.Hint == "" {
				t.Errorf("error %v, want %s with a hint", err, c.code)
			}
		})
	}
}

// anyBook draws extreme accounts: worth nothing, a cent, a billion; negative
// cash; whole and fractional shares; quantities that open orders hold; at times
// hundreds and thousands of symbols.
func anyBook(t *rapid.T) (portfolio.Book, map[string]money.Decimal) {
	units := func(label string, low, high int64, places int32) money.Decimal {
		return money.FromInt(rapid.Int64Range(low, high).Draw(t, label)).Shift(-places)
	}
	b := portfolio.Book{Cash: units("cash", -1e7, 1e11, 2), Holdings: make(map[string]portfolio.Holding)}
	if rapid.IntRange(0, 4).Draw(t, "edge") == 0 {
		b.Cash = d(rapid.SampledFrom([]string{"0", "0.01", "-0.01", "1000000000", "0.000001"}).Draw(t, "edge cash"))
	}
	targets := make(map[string]money.Decimal)
	left := int64(1e8)
	symbols := rapid.IntRange(0, 12).Draw(t, "symbols")
	if rapid.IntRange(0, 1999).Draw(t, "size") == 0 {
		symbols = rapid.SampledFrom([]int{60, 399, 400, 401, 2000}).Draw(t, "many")
	}
	for i := range symbols {
		symbol := fmt.Sprintf("S%04d", i)
		price := units("price", 1, 1e7, 4)
		h := portfolio.Holding{Price: &price, Tradable: true, Fractionable: rapid.Bool().Draw(t, "fractionable")}
		if rapid.Bool().Draw(t, "held") {
			h.Qty = units("qty", 1, 1e12, 9)
		}
		h.Available = h.Qty
		if rapid.IntRange(0, 9).Draw(t, "locked") == 0 {
			h.Available = h.Qty.Mul(d("0.5")).Floor(9)
		}
		b.Holdings[symbol] = h
		if w := rapid.Int64Range(0, left).Draw(t, "weight"); rapid.Bool().Draw(t, "wanted") {
			targets[symbol] = money.FromInt(w).Shift(-8)
			left -= w
		}
	}
	return b, targets
}

// The laws of a plan, over extreme accounts: it keeps the budget, sells no more
// than can be sold, trades a symbol on one side only, exits exactly, and ends
// with a plan or a coded refusal (F51, F53, F54, F55).
func TestPlanLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, targets := anyBook(t)
		plan, err := portfolio.Make(b, targets, policy())
		if err != nil {
			var e *stage.Error
			if !errors.As(err, &e) || e.Code == "" {
				t.Fatalf("a refusal without a code: %v", err)
			}
			return
		}
		seen := make(map[string]bool)
		buys, sells, sellsDone := money.Zero(), money.Zero(), false
		for _, l := range plan.Lines {
			h := b.Holdings[l.Symbol]
			if seen[l.Symbol] {
				t.Fatalf("%s is traded twice", l.Symbol)
			}
			seen[l.Symbol] = true
			if l.Qty.Sign() <= 0 || !h.Fractionable && l.Kind != events.Exit && !l.Qty.Equal(l.Qty.Floor(0)) {
				t.Fatalf("%s: quantity %s", l.Symbol, l.Qty)
			}
			if l.Side == events.Sell {
				sells = sells.Add(l.Value())
				if sellsDone {
					t.Fatalf("%s is sold after a buy", l.Symbol)
				}
				if money.Min(h.Qty, h.Available).Less(l.Qty) {
					t.Fatalf("%s: sells %s of %s", l.Symbol, l.Qty, h.Available)
				}
			} else {
				sellsDone = true
				buys = buys.Add(l.Value())
				if l.Value().Less(d("1")) {
					t.Fatalf("%s: a buy of %s", l.Symbol, l.Value())
				}
			}
			if l.Kind == events.Exit && !l.Qty.Equal(money.Min(h.Qty, h.Available)) {
				t.Fatalf("%s: exits %s of %s", l.Symbol, l.Qty, h.Qty)
			}
			if l.Kind == events.Exit != (targets[l.Symbol].Sign() == 0 && h.Available.Sign() > 0) && l.Kind == events.Exit {
				t.Fatalf("%s is exited although its target is %s", l.Symbol, targets[l.Symbol])
			}
		}
		if budget := b.Cash.Add(sells).Sub(plan.Reserve); buys.Sign() > 0 && budget.Less(buys) {
			t.Fatalf("buys of %s with a budget of %s", buys, budget)
		}
		for symbol, h := range b.Holdings {
			if targets[symbol].Sign() == 0 && money.Min(h.Qty, h.Available).Sign() > 0 && !seen[symbol] {
				t.Fatalf("%s has no target and is not exited", symbol)
			}
		}
		again, err := portfolio.Make(b, targets, policy())
		if err != nil || show(again) != show(plan) {
			t.Fatalf("the same book leads to another plan")
		}
	})
}

// Executing a plan at its prices leaves nothing to do, unless cash or whole
// shares were missing: a plan that is followed is not followed by another.
func TestAPlanThatWasFollowedIsFollowedByNone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, targets := anyBook(t)
		for symbol, h := range b.Holdings {
			h.Fractionable, h.Available = true, h.Qty
			b.Holdings[symbol] = h
		}
		if b.Cash.Sign() < 0 {
			b.Cash = b.Cash.Neg()
		}
		plan, err := portfolio.Make(b, targets, policy())
		if err != nil {
			return
		}
		for _, l := range plan.Lines {
			h := b.Holdings[l.Symbol]
			if l.Side == events.Buy {
				h.Qty, b.Cash = h.Qty.Add(l.Qty), b.Cash.Sub(l.Value())
			} else {
				h.Qty, b.Cash = h.Qty.Sub(l.Qty), b.Cash.Add(l.Value())
			}
			h.Available = h.Qty
			b.Holdings[l.Symbol] = h
		}
		again, err := portfolio.Make(b, targets, policy())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range again.Lines {
			if l.Kind != events.Increase && l.Kind != events.Open || !strings.Contains(show(plan), "no_cash") {
				t.Fatalf("first %s\nthen %s", show(plan), show(again))
			}
		}
	})
}
