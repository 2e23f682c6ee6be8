package execution

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/record"
)

func TestBudget(t *testing.T) {
	buy := func(seq int, qty string) Leg {
		return Leg{record.Leg{Seq: seq, Symbol: "B", Side: events.Buy, Kind: events.Open, Intended: dec(qty), Qty: dec(qty), Price: dec("100"), Fractionable: true}}
	}
	for _, c := range []struct {
		name                                 string
		cash, expected, power, reserve, want string
	}{
		{"enough", "20000", "20000", "80000", "200", "1"},
		{"the reserve stays", "5200", "5200", "80000", "200", "0.5"},
		{"what the sells brought counts, not more", "20000", "5200", "80000", "200", "0.5"},
		{"every buy may fill at its cap", "10000", "10000", "80000", "0", "0.995024875621"},
		{"the broker lends less", "20000", "20000", "5025", "200", "0.5"},
		{"no power", "20000", "20000", "0", "200", "0"},
		{"less than the reserve", "100", "100", "80000", "200", "0"},
		{"in debt", "-500", "-500", "80000", "200", "0"},
	} {
		b := NewBudget([]Leg{buy(1, "100")}, map[int]money.Decimal{1: dec("100")},
			Funds{Cash: dec(c.cash), Expected: dec(c.expected), BuyingPower: dec(c.power), Reserve: dec(c.reserve)}, dec("0.005"))
		if b.Scale.String() != c.want {
			t.Errorf("%s: scale %s, want %s", c.name, b.Scale, c.want)
		}
	}
	b := NewBudget([]Leg{buy(1, "100"), buy(2, "50")}, map[int]money.Decimal{2: dec("100")},
		Funds{Cash: dec("20000"), Expected: dec("20000"), BuyingPower: dec("80000"), Reserve: dec("200")}, dec("0.005"))
	l := buy(1, "100")
	if l.share(b, nil); l.ReasonCode != reasonNoQuote {
		t.Errorf("a buy without a quote: %+v", l)
	}
}

// What the exit of a short position costs is not there for the other buys (I5).
func TestF83ExitsOfShortPositionsComeFirst(t *testing.T) {
	leg := func(seq int, kind events.Kind, qty string) Leg {
		return Leg{record.Leg{Seq: seq, Side: events.Buy, Kind: kind, Intended: dec(qty), Qty: dec(qty), Fractionable: true}}
	}
	for _, c := range []struct{ cash, power, exit, open string }{
		{"3000", "90000", "20", "9.850746"}, // 990 at the cap of 100.5
		{"2500", "90000", "20", "4.87562"},  // 490 at the cap
		{"1000", "90000", "9.950248", "0"},  // the exit itself leads into no debt
		{"-10", "90000", "0", "0"},
		{"9000", "2500", "20", "4.87562"},
		{"9000", "90000", "20", "30"},
	} {
		b := NewBudget([]Leg{leg(1, events.Exit, "20"), leg(2, events.Open, "30")}, map[int]money.Decimal{1: dec("100"), 2: dec("100")},
			Funds{Cash: dec(c.cash), Expected: dec(c.cash), BuyingPower: dec(c.power), Reserve: money.Zero()}, dec("0.005"))
		if exit, open := b.Buys[1].Qty, b.Buys[2].Qty.Floor(5); exit.String() != c.exit || open.String() != dec(c.open).Floor(5).String() {
			t.Errorf("cash %s, power %s: exit %s, open %s, want %s and %s", c.cash, c.power, exit, open, c.exit, c.open)
		}
	}
}

func TestBudgetNeverSpendsWhatIsNotThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := func(name string, low int64) money.Decimal {
			return money.FromInt(rapid.Int64Range(low, 50_000_00).Draw(t, name)).Shift(-2)
		}
		var legs []Leg
		mids := make(map[int]money.Decimal)
		for i := range rapid.IntRange(1, 6).Draw(t, "buys") {
			qty := money.FromInt(rapid.Int64Range(1, 500_000_000).Draw(t, "qty")).Shift(-6)
			kind := events.Open
			if i == 0 && rapid.Bool().Draw(t, "short") {
				kind = events.Exit
			}
			legs = append(legs, Leg{record.Leg{Seq: i, Side: events.Buy, Kind: kind, Intended: qty, Qty: qty, Fractionable: rapid.Bool().Draw(t, "fractionable")}})
			mids[i] = amount("mid", 1)
		}
		f := Funds{Cash: amount("cash", -10_000_00), Expected: amount("expected", -10_000_00), BuyingPower: amount("power", 0), Reserve: amount("reserve", 0)}
		b := NewBudget(legs, mids, f, dec("0.005"))
		raw, err := json.Marshal(b)
		var again record.Budget
		if err != nil || json.Unmarshal(raw, &again) != nil || !again.Scale.Equal(b.Scale) {
			t.Fatalf("%s does not read back: %v", raw, err)
		}
		cost := money.Zero()
		for _, l := range legs {
			got := b.Buys[l.Seq]
			if l.Intended.Less(got.Qty) || got.Qty.Sign() < 0 {
				t.Fatalf("%s of %s", got.Qty, l.Intended)
			}
			cost = cost.Add(got.Qty.Mul(capPrice(events.Buy, got.Mid, dec("0.005"))))
		}
		if left := money.Min(f.Cash, f.Expected).Sub(cost); cost.Sign() > 0 && left.Less(dec("-0.000001")) {
			t.Fatalf("every buy at its cap leaves %s", left)
		}
	})
}
