package envelope_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/envelope"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

func d(s string) money.Decimal { return money.MustParse(s) }

func read(t *testing.T, mode events.Mode, values map[string]string) (envelope.Limits, error) {
	t.Helper()
	v := env.Read(values)
	return envelope.FromVars(v, mode), v.Err()
}

func ExampleLimits_CheckPlan() {
	limits := envelope.FromVars(env.Read(map[string]string{"MAX_ORDER_USD": "5000"}), events.Paper)
	for _, breach := range limits.CheckPlan(envelope.Plan{
		Equity: money.MustParse("10000"),
		Lines:  []envelope.Line{{Symbol: "TQQQ", Value: money.MustParse("9900"), Price: money.MustParse("100")}},
		After:  map[string]money.Decimal{"TQQQ": money.MustParse("9900")},
	}) {
		fmt.Println(breach)
	}
	// Output: max_order_usd of TQQQ is 9900.00, at most 5000 is allowed
}

// plan is a full rotation of 10,000 USD that keeps 1 % in cash: within every
// default limit.
func plan(change func(*envelope.Plan)) envelope.Plan {
	close := d("100")
	p := envelope.Plan{
		Equity: d("10000"),
		Lines: []envelope.Line{
			{Symbol: "OLD", Value: d("9900"), Price: d("100"), PreviousClose: &close},
			{Symbol: "NEW", Value: d("9900"), Price: d("100"), PreviousClose: &close},
		},
		After: map[string]money.Decimal{"OLD": money.Zero(), "NEW": d("9900")},
	}
	if change != nil {
		change(&p)
	}
	return p
}

func TestCheckPlan(t *testing.T) {
	limits, err := read(t, events.Paper, nil)
	if err != nil {
		t.Fatal(err)
	}
	price := func(s string) func(*envelope.Plan) {
		return func(p *envelope.Plan) { p.Lines[1].Price = d(s) }
	}
	for _, c := range []struct {
		name, want string // the broken limits
		change     func(*envelope.Plan)
	}{
		{"a full rotation", "", nil},
		{"no line at all", "", func(p *envelope.Plan) { p.Lines = nil }},
		{"a turnover at the bound", "", func(p *envelope.Plan) { p.Lines[0].Value, p.Lines[1].Value = d("10250"), d("10250") }},
		{"a turnover above it", "max_turnover", func(p *envelope.Plan) { p.Lines[0].Value, p.Lines[1].Value = d("10250"), d("10250.01") }},
		{"an order at the bound", "", func(p *envelope.Plan) { p.Equity, p.Lines[1].Value = d("1000000"), d("250000") }},
		{"an order above it", "max_order_usd", func(p *envelope.Plan) { p.Equity, p.Lines[1].Value = d("1000000"), d("250000.01") }},
		{"a position above the account", "max_position_weight max_gross", func(p *envelope.Plan) { p.After["NEW"] = d("10000.01") }},
		{"a short position counts by its size", "max_position_weight max_gross", func(p *envelope.Plan) { p.After["NEW"] = d("-10000.01") }},
		{"F54 two positions above the account", "max_gross", func(p *envelope.Plan) { p.After["OLD"] = d("9900") }},
		{"a price at the collar", "", price("135")},
		{"a price above the collar", "price_collar", price("135.01")},
		{"a price below the collar", "price_collar", price("64.99")},
		{"a position may be left without a previous close", "", func(p *envelope.Plan) { p.Lines[1].Price, p.Lines[1].PreviousClose = d("500"), nil }},
		{"none is opened without one", "price_collar", func(p *envelope.Plan) { p.Lines[1].PreviousClose, p.Lines[1].NeedsClose = nil, true }},
		{"an account worth nothing", "equity", func(p *envelope.Plan) { p.Equity = money.Zero() }},
		{"all at once", "max_order_usd max_turnover max_position_weight max_gross", func(p *envelope.Plan) {
			p.Lines[0].Value = d("300000")
			p.After["NEW"], p.After["OLD"] = d("20000"), d("1")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 20 { // in the same order every time
				var got []string
				for _, b := range limits.CheckPlan(plan(c.change)) {
					got = append(got, b.Limit)
					if b.Value == "" || b.Bound == "" || !strings.Contains(b.String(), b.Bound) {
						t.Fatalf("breach %+v says nothing", b)
					}
				}
				if strings.Join(got, " ") != c.want {
					t.Fatalf("breaches %v, want %q", got, c.want)
				}
			}
		})
	}
}

func TestF61TooManyLines(t *testing.T) {
	limits, err := read(t, events.Paper, map[string]string{"MAX_LINES": "1"})
	if got := limits.CheckPlan(plan(nil)); err != nil || len(got) != 1 || got[0].Limit != "max_lines" {
		t.Errorf("breaches %v, %v", got, err)
	}
}

func TestCheckOrder(t *testing.T) {
	limits, err := read(t, events.Paper, map[string]string{"MAX_ORDER_USD": "1000"})
	if err != nil {
		t.Fatal(err)
	}
	closing := d("100")
	for _, c := range []struct{ name, value, price, want string }{
		{"at both bounds", "1000", "135", ""},
		{"too large", "1000.01", "100", "max_order_usd of A"},
		{"too dear", "10", "135.01", "price_collar of A is 0.3501"},
		{"too cheap", "10", "64.99", "price_collar of A"},
		{"both", "2000", "200", "price_collar of A is 1.0000, at most 0.35 is allowed; max_order_usd of A"},
	} {
		err := limits.CheckOrder(envelope.Line{Symbol: "A", Value: d(c.value), Price: d(c.price), PreviousClose: &closing})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if err := limits.CheckOrder(envelope.Line{Symbol: "A", Value: d("10"), Price: d("999")}); err != nil {
		t.Errorf("without a previous close there is no collar at an order: %v", err)
	}
}

func TestALiveAccountMustNameItsLargestOrder(t *testing.T) {
	if _, err := read(t, events.Live, nil); err == nil || !strings.Contains(err.Error(), "MAX_ORDER_USD") {
		t.Errorf("error %v", err)
	}
	if _, err := read(t, events.Live, map[string]string{"MAX_ORDER_USD": "500"}); err != nil {
		t.Error(err)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for _, name := range []string{"MAX_ORDER_USD", "MAX_TURNOVER", "MAX_POSITION_WEIGHT", "MAX_GROSS", "MAX_LINES", "PRICE_COLLAR", "MAX_SUBMISSIONS_PER_LEG"} {
		for _, value := range []string{"-1", "0", "much", "NaN", "1.0000000001"} {
			if _, err := read(t, events.Paper, map[string]string{name: value}); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s=%s: error %v", name, value, err)
			}
		}
	}
}

// Execution compares the limits of a plan with its own by their wire form.
func TestWire(t *testing.T) {
	limits, err := read(t, events.Paper, nil)
	want := events.SafetyEnvelope{
		MaxOrderUSD: "250000", MaxTurnover: "2.05", MaxPositionWeight: "1", MaxGross: "1", MaxLines: 60, PriceCollar: "0.35", MaxSubmitsPerLeg: 7,
	}
	if got := limits.Wire(); err != nil || got != want {
		t.Errorf("wire %+v, %v", got, err)
	}
	same, err := read(t, events.Paper, map[string]string{"MAX_TURNOVER": "2.0500", "MAX_GROSS": "1.0"})
	if err != nil || same.Wire() != want {
		t.Errorf("the same limits in other digits: %+v, %v", same.Wire(), err)
	}
}

func TestMoreTradesThanAReportCanHoldAreRefused(t *testing.T) {
	if _, err := read(t, events.Paper, map[string]string{"MAX_LINES": "300"}); err != nil {
		t.Error(err)
	}
	if _, err := read(t, events.Paper, map[string]string{"MAX_LINES": "301"}); err == nil || !strings.Contains(err.Error(), "MAX_LINES") {
		t.Errorf("301 lines: %v", err)
	}
}
