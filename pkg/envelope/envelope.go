// Package envelope holds the safety limits of an account as data. Portfolio
// checks the plan that it is about to publish, execution the plan that it got,
// and then every order. A plan that breaks a limit is refused as a whole, with
// every reason: nothing is clipped.
//
//	p, err := envelope.PlanOf(planned)
//	if breaches := limits.CheckPlan(p); len(breaches) > 0 { … }
package envelope

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// Limits are the bounds of one account. Fractions are of its equity.
type Limits struct {
	MaxOrderUSD       money.Decimal
	MaxTurnover       money.Decimal // (Σ buys + Σ sells) / equity
	MaxPositionWeight money.Decimal // of one symbol, after the plan
	MaxGross          money.Decimal // of all positions, after the plan
	MaxLines          int
	PriceCollar       money.Decimal // |price / previous close − 1|
	MaxSubmitsPerLeg  int
}

// MostLines is how many trades a plan may have at most: so many can be reported
// in one event whatever happens to them, and be made within a run's time.
const MostLines = 300

// FromVars reads MAX_ORDER_USD, MAX_TURNOVER, MAX_POSITION_WEIGHT, MAX_GROSS,
// MAX_LINES, PRICE_COLLAR and MAX_SUBMISSIONS_PER_LEG. A live account has no
// default for the size of an order: somebody must have thought about it.
func FromVars(v *env.Vars, mode events.Mode) Limits {
	if n := v.Int("MAX_LINES", 60); n > MostLines {
		v.Fail("MAX_LINES", "is %d; the report of a run with more than %d trades may not fit into an event", n, MostLines)
	}
	if mode == events.Live {
		v.String("MAX_ORDER_USD")
	}
	return Limits{
		MaxOrderUSD:       positive(v, "MAX_ORDER_USD", "250000"),
		MaxTurnover:       positive(v, "MAX_TURNOVER", "2.05"),
		MaxPositionWeight: positive(v, "MAX_POSITION_WEIGHT", "1"),
		MaxGross:          positive(v, "MAX_GROSS", "1"),
		MaxLines:          count(v, "MAX_LINES", 60),
		PriceCollar:       positive(v, "PRICE_COLLAR", "0.35"),
		MaxSubmitsPerLeg:  count(v, "MAX_SUBMISSIONS_PER_LEG", 7),
	}
}

func positive(v *env.Vars, name, fallback string) money.Decimal {
	return env.Parsed(v, name, money.MustParse(fallback), "a positive number such as "+fallback, func(s string) (money.Decimal, error) {
		d, err := money.Parse(s)
		if err == nil && (d.Sign() <= 0 || !events.Decimal(d.String()).Valid()) {
			err = fmt.Errorf("%s is not a positive number of at most nine fractional digits", s)
		}
		return d, err
	})
}

func count(v *env.Vars, name string, fallback int) int {
	n := v.Int(name, fallback)
	if n < 1 {
		v.Fail(name, "is %d; at least 1 is needed", n)
	}
	return n
}

// Wire is the form of the limits in an event.
func (l Limits) Wire() events.SafetyEnvelope {
	d := func(x money.Decimal) events.Decimal { return events.Decimal(x.String()) }
	return events.SafetyEnvelope{
		MaxOrderUSD: d(l.MaxOrderUSD), MaxTurnover: d(l.MaxTurnover), MaxPositionWeight: d(l.MaxPositionWeight),
		MaxGross: d(l.MaxGross), MaxLines: l.MaxLines, PriceCollar: d(l.PriceCollar), MaxSubmitsPerLeg: l.MaxSubmitsPerLeg,
	}
}

// Line is one trade of a plan: its value in USD, its plan price, and the
// symbol's previous close; nil: unknown, which NeedsClose refuses.
type Line struct {
	Symbol        string
	Value         money.Decimal
	Price         money.Decimal
	PreviousClose *money.Decimal
	NeedsClose    bool
}

// Plan is what the limits are checked against.
type Plan struct {
	Equity money.Decimal
	Lines  []Line
	After  map[string]money.Decimal // value of every position after the plan
}

// halfCent is the most that the equity in an event may be off: it is rounded.
func halfCent() money.Decimal { return money.FromInt(5).Shift(-3) }

// PlanOf reads a published plan as the limits see it. What makes a position
// larger needs a previous close; a position may be left without one. A plan of
// version 1.0 has recorded none: it is checked without the collar.
func PlanOf(p *events.RebalancePlanned) (Plan, error) {
	out := Plan{After: make(map[string]money.Decimal)}
	var errs []error
	read := func(what string, d events.Decimal) money.Decimal {
		v, err := money.Parse(d)
		if err != nil {
			errs = append(errs, fmt.Errorf("envelope: %s: %w", what, err))
		}
		return v
	}
	out.Equity = read("equity", p.Equity).Add(halfCent())
	for _, position := range p.Snapshot.Positions {
		if position.Price == nil {
			continue // frozen: worth nothing here
		}
		out.After[position.Symbol] = read("quantity of "+position.Symbol, position.Qty).Mul(read("price of "+position.Symbol, *position.Price))
	}
	for _, l := range p.Lines {
		price := read("price of "+l.Symbol, l.Price)
		line := Line{
			Symbol: l.Symbol, Price: price, Value: read("quantity of "+l.Symbol, l.Qty).Mul(price),
			NeedsClose: p.PreviousCloses != nil && l.Side == events.Buy && l.Kind != events.Exit,
		}
		if c, ok := p.PreviousCloses[l.Symbol]; ok {
			closing := read("previous close of "+l.Symbol, c)
			line.PreviousClose = &closing
		}
		out.Lines = append(out.Lines, line)
		if l.Side == events.Buy {
			out.After[l.Symbol] = out.After[l.Symbol].Add(line.Value)
		} else {
			out.After[l.Symbol] = out.After[l.Symbol].Sub(line.Value)
		}
	}
	return out, errors.Join(errs...)
}

// Breach is one limit that a plan breaks.
type Breach struct{ Limit, Value, Bound, Where string }

func (b Breach) String() string {
	if b.Where == "" {
		return fmt.Sprintf("%s is %s, at most %s is allowed", b.Limit, b.Value, b.Bound)
	}
	return fmt.Sprintf("%s of %s is %s, at most %s is allowed", b.Limit, b.Where, b.Value, b.Bound)
}

// Words puts breaches into a message and the details of a failure: all of them.
func Words(breaches []Breach) (string, events.Details) {
	details := make(events.Details, len(breaches))
	for i, b := range breaches {
		details[fmt.Sprintf("%03d %s", i+1, b.Limit)] = b.String()
	}
	message := breaches[0].String()
	if n := len(breaches) - 1; n > 0 {
		message += fmt.Sprintf(" (and %d more limits)", n)
	}
	return message, details
}

// CheckPlan lists every limit that the plan breaks, in the same order every time.
func (l Limits) CheckPlan(p Plan) []Breach {
	var out []Breach
	check := func(limit, where string, value, bound money.Decimal) {
		places := int32(4)
		if limit == "max_order_usd" {
			places = 2
		}
		if bound.Less(value) {
			out = append(out, Breach{limit, value.Fixed(places), bound.String(), where})
		}
	}
	if len(p.Lines) > l.MaxLines {
		out = append(out, Breach{"max_lines", fmt.Sprint(len(p.Lines)), fmt.Sprint(l.MaxLines), ""})
	}
	turnover := money.Zero()
	for _, line := range p.Lines {
		turnover = turnover.Add(line.Value)
		check("max_order_usd", line.Symbol, line.Value, l.MaxOrderUSD)
		out = append(out, l.collar(line)...)
	}
	if p.Equity.Sign() <= 0 { // no fraction of it means anything
		return append(out, Breach{"equity", p.Equity.Fixed(2), "more than 0", ""})
	}
	check("max_turnover", "", turnover.Quo(p.Equity), l.MaxTurnover)
	gross := money.Zero()
	for _, symbol := range slices.Sorted(maps.Keys(p.After)) { // the same plan is refused in the same words
		value := p.After[symbol]
		gross = gross.Add(value.Abs())
		check("max_position_weight", symbol, value.Abs().Quo(p.Equity), l.MaxPositionWeight)
	}
	check("max_gross", "", gross.Quo(p.Equity), l.MaxGross)
	return out
}

// collar checks a price against the previous close.
func (l Limits) collar(line Line) []Breach {
	c := line.PreviousClose
	if c == nil || c.Sign() <= 0 {
		if line.NeedsClose {
			return []Breach{{"price_collar", "unknown (there is no previous close)", l.PriceCollar.String(), line.Symbol}}
		}
		return nil
	}
	if off := line.Price.Quo(*c).Sub(money.One()).Abs(); l.PriceCollar.Less(off) {
		return []Breach{{"price_collar", off.Fixed(4), l.PriceCollar.String(), line.Symbol}}
	}
	return nil
}

// CheckOrder refuses an order that is larger than any may be, or whose price is
// too far from the previous close.
func (l Limits) CheckOrder(order Line) error {
	out := l.collar(order)
	if l.MaxOrderUSD.Less(order.Value) {
		out = append(out, Breach{"max_order_usd", order.Value.Fixed(2), l.MaxOrderUSD.String(), order.Symbol})
	}
	if len(out) == 0 {
		return nil
	}
	texts := make([]string, len(out))
	for i, b := range out {
		texts[i] = b.String()
	}
	return errors.New(strings.Join(texts, "; "))
}
