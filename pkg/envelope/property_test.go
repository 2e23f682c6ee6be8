package envelope_test

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/alchemiser/alchemiser/pkg/envelope"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// equities are the accounts that break formulas, beside ordinary ones.
func anyEquity(t *rapid.T) money.Decimal {
	return rapid.OneOf(
		rapid.SampledFrom([]money.Decimal{money.Zero(), d("0.01"), d("-5"), d("1000000000")}),
		rapid.Map(rapid.Int64Range(1, 1e14), func(n int64) money.Decimal { return money.FromInt(n).Shift(-2) }),
	).Draw(t, "equity")
}

func amountOf(t *rapid.T, label string, low, high int64, places int32) money.Decimal {
	return money.FromInt(rapid.Int64Range(low, high).Draw(t, label)).Shift(-places)
}

// anyPlan draws plans of 0 to 2,000 symbols, mostly few.
func anyPlan(t *rapid.T) envelope.Plan {
	n := rapid.IntRange(0, 8).Draw(t, "lines")
	if rapid.IntRange(0, 999).Draw(t, "size") == 0 {
		n = rapid.SampledFrom([]int{60, 61, 400, 2000}).Draw(t, "many")
	}
	p := envelope.Plan{Equity: anyEquity(t), After: make(map[string]money.Decimal)}
	for i := range n {
		line := envelope.Line{Symbol: fmt.Sprintf("S%04d", i), Value: amountOf(t, "value", 0, 1e13, 2), Price: amountOf(t, "price", 1, 1e9, 4), NeedsClose: rapid.Bool().Draw(t, "needs")}
		if rapid.IntRange(0, 9).Draw(t, "known") > 0 {
			// Splits in both directions, and ordinary days.
			closing := line.Price.Mul(rapid.SampledFrom([]money.Decimal{d("1"), d("0.97"), d("1.4"), d("2"), d("10"), d("0.1"), d("0.5"), d("0")}).Draw(t, "before"))
			line.PreviousClose = &closing
		}
		p.Lines = append(p.Lines, line)
		p.After[line.Symbol] = amountOf(t, "after", -1e13, 1e13, 2)
	}
	return p
}

func anyLimits(t *rapid.T) envelope.Limits {
	return envelope.Limits{
		MaxOrderUSD: amountOf(t, "order", 1, 1e13, 2), MaxTurnover: amountOf(t, "turnover", 1, 500, 2), MaxPositionWeight: amountOf(t, "position", 1, 200, 2),
		MaxGross: amountOf(t, "gross", 1, 200, 2), MaxLines: rapid.IntRange(1, 100).Draw(t, "max lines"), PriceCollar: amountOf(t, "collar", 1, 100, 2), MaxSubmitsPerLeg: 7,
	}
}

func rat(d money.Decimal) *big.Rat {
	r, ok := new(big.Rat).SetString(d.String())
	if !ok {
		panic(d.String())
	}
	return r
}

// broken works the limits out once more, in fractions of integers: which of
// them a plan breaks, and where.
func broken(l envelope.Limits, p envelope.Plan) []string {
	var out []string
	add := func(limit, where string, is bool) {
		if is {
			out = append(out, limit+" "+where)
		}
	}
	add("max_lines", "", len(p.Lines) > l.MaxLines)
	turnover, gross, equity := new(big.Rat), new(big.Rat), rat(p.Equity)
	for _, line := range p.Lines {
		turnover.Add(turnover, rat(line.Value))
		add("max_order_usd", line.Symbol, rat(line.Value).Cmp(rat(l.MaxOrderUSD)) > 0)
		if line.PreviousClose == nil || line.PreviousClose.Sign() <= 0 {
			add("price_collar", line.Symbol, line.NeedsClose)
			continue
		}
		// |price − close| > collar × close
		off := new(big.Rat).Sub(rat(line.Price), rat(*line.PreviousClose))
		add("price_collar", line.Symbol, off.Abs(off).Cmp(new(big.Rat).Mul(rat(l.PriceCollar), rat(*line.PreviousClose))) > 0)
	}
	if equity.Sign() <= 0 {
		return append(out, "equity ")
	}
	of := func(limit money.Decimal) *big.Rat { return new(big.Rat).Mul(rat(limit), equity) }
	add("max_turnover", "", turnover.Cmp(of(l.MaxTurnover)) > 0)
	for symbol, v := range p.After {
		value := rat(v)
		gross.Add(gross, value.Abs(value))
		add("max_position_weight", symbol, value.Cmp(of(l.MaxPositionWeight)) > 0)
	}
	add("max_gross", "", gross.Cmp(of(l.MaxGross)) > 0)
	return out
}

// Every broken limit is named, no other is, and the same plan is refused in the
// same words: over accounts of nothing, of a cent and of a billion, up to 2,000
// symbols, and prices on the other side of a split.
func TestEveryBrokenLimitIsNamedAndNoOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, p := anyLimits(t), anyPlan(t)
		var got []string
		breaches := l.CheckPlan(p)
		for _, b := range breaches {
			got = append(got, b.Limit+" "+b.Where)
		}
		want := broken(l, p)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("named %v\nbroken %v", got, want)
		}
		if len(breaches) == 0 {
			return
		}
		message, details := envelope.Words(breaches)
		again, _ := envelope.Words(l.CheckPlan(p))
		if message != again || len(details) != len(breaches) || !strings.HasPrefix(message, breaches[0].String()) {
			t.Fatalf("%q and %q, %d details of %d", message, again, len(details), len(breaches))
		}
	})
}

// A narrower limit never lets more through.
func TestANarrowerLimitLetsNoMoreThrough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, p := anyLimits(t), anyPlan(t)
		half := d("0.5")
		narrow := l
		narrow.MaxOrderUSD, narrow.MaxTurnover, narrow.MaxPositionWeight = l.MaxOrderUSD.Mul(half), l.MaxTurnover.Mul(half), l.MaxPositionWeight.Mul(half)
		narrow.MaxGross, narrow.PriceCollar, narrow.MaxLines = l.MaxGross.Mul(half), l.PriceCollar.Mul(half), l.MaxLines/2
		if wide, close := len(l.CheckPlan(p)), len(narrow.CheckPlan(p)); close < wide {
			t.Fatalf("%d limits are broken, %d narrower ones", wide, close)
		}
	})
}
