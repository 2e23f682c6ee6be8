package portfolio

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/alchemiser/alchemiser/pkg/amount"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/stage"
)

// maxSymbols bounds a plan so that its event fits the bus.
const maxSymbols = 400

// qtyPlaces is the precision of fractional quantities that we send.
const qtyPlaces = 6

// Holding is what is known of one symbol: held, wanted or both. Quantities are
// exactly the broker's; the price is in USD.
type Holding struct {
	Qty, Available money.Decimal
	// Price is nil for a symbol that has no market: it is frozen at value 0
	// and not traded.
	Price                  *money.Decimal
	PreviousClose          *money.Decimal
	Tradable, Fractionable bool
}

func (h Holding) value() money.Decimal {
	if h.Price == nil {
		return money.Zero()
	}
	return h.Qty.Mul(*h.Price)
}

// Book is the account with every symbol that is held or wanted.
type Book struct {
	Cash     money.Decimal
	Holdings map[string]Holding
}

// ShortPolicy says what to do with a short position, which this system never
// opens.
type ShortPolicy string

const (
	RefuseShorts ShortPolicy = "refuse"
	CoverShorts  ShortPolicy = "cover"
)

// Policy are the planner's figures; fractions are of equity.
type Policy struct {
	ReservePct   money.Decimal // kept in cash
	MinTradePct  money.Decimal // of equity
	MinTradeRel  money.Decimal // of the larger of target and current value
	MinTradeUSD  money.Decimal
	BrokerMinUSD money.Decimal
	Shorts       ShortPolicy
	SellDust     bool // also exits below BrokerMinUSD
	Control      events.ControlState
}

// Line is one intended trade.
type Line struct {
	Symbol          string
	Side            events.Side
	Kind            events.Kind
	Qty, Price      money.Decimal
	CurrentQty      money.Decimal
	Current, Target money.Decimal // USD
	TargetWeight    money.Decimal
	Fractionable    bool
	Reason          string
}

// Value is the line's quantity at the plan's price, in USD.
func (l Line) Value() money.Decimal { return l.Qty.Mul(l.Price) }

// Hold is a symbol that is not traded, with the reason.
type Hold struct {
	Symbol                string
	Current, TargetWeight money.Decimal
	Reason                string
}

// Plan is what leads from a book to its targets.
type Plan struct {
	Equity, Cash, Reserve, Deployable money.Decimal
	Lines                             []Line // in order of execution
	Suppressed                        []Line // buys that the halt switch forbids
	Holds                             []Hold
	Dust                              []events.Dust
	Warnings                          []string
}

// Make computes the plan. targets are weights of the deployable money by
// symbol, 0 to 1, with a sum of at most 1; every one of their symbols is in the
// book. The formula: E = cash + Σ qty × price, R = E × reserve, D = max(0, E − R),
// delta = weight × D − current value. Adjustments below a threshold are left;
// openings and exits never are.
func Make(b Book, targets map[string]money.Decimal, p Policy) (*Plan, error) {
	if n := len(b.Holdings); n > maxSymbols {
		return nil, stage.Permanent("too_many_symbols", "hold fewer symbols", "%d symbols are held or wanted, at most %d can be planned", n, maxSymbols)
	}
	m := &planner{book: b, targets: targets, policy: p, plan: &Plan{Cash: b.Cash}}
	if err := m.weigh(); err != nil {
		return nil, err
	}
	for _, symbol := range slices.Sorted(maps.Keys(b.Holdings)) {
		if err := m.trade(symbol, targets[symbol]); err != nil {
			return nil, err
		}
	}
	for symbol, w := range targets {
		if _, known := b.Holdings[symbol]; !known && w.Sign() > 0 {
			return nil, fmt.Errorf("portfolio: the target %s is not in the book", symbol)
		}
	}
	m.keepCash()
	m.order()
	return m.plan, nil
}

type planner struct {
	book    Book
	targets map[string]money.Decimal
	policy  Policy
	plan    *Plan
}

// weigh computes equity, reserve and what can be deployed.
func (m *planner) weigh() error {
	e := m.book.Cash
	for _, h := range m.book.Holdings {
		e = e.Add(h.value())
	}
	if e.Sign() <= 0 {
		return stage.Permanent("non_positive_equity", "look at the account at the broker", "cash and positions are worth %s", e.Fixed(2))
	}
	m.plan.Equity = e
	m.plan.Reserve = e.Mul(m.policy.ReservePct)
	m.plan.Deployable = money.Max(money.Zero(), e.Sub(m.plan.Reserve))
	return nil
}

// trade decides one symbol.
func (m *planner) trade(symbol string, weight money.Decimal) error {
	h := m.book.Holdings[symbol]
	switch {
	case h.Qty.Sign() == 0 && weight.Sign() == 0:
		return nil
	case weight.Sign() < 0 || money.One().Less(weight):
		return stage.Permanent("bad_target", "", "the target weight of %s is %s", symbol, weight)
	case weight.Sign() > 0 && !h.Tradable:
		return stage.Permanent("not_tradable", "take "+symbol+" out of the strategies, or wait until it trades again", "%s is a target, but the broker does not trade it", symbol)
	case h.Price == nil:
		m.warn("%s has no price and is not traded; it counts as worth 0", symbol)
		m.hold(symbol, h, weight, "frozen")
		return nil
	case h.Qty.Sign() < 0:
		return m.short(symbol, h, weight)
	case !h.Tradable:
		m.warn("%s is held, but the broker does not trade it", symbol)
		m.hold(symbol, h, weight, "not_tradable")
		return nil
	case weight.Sign() == 0:
		m.exit(symbol, h)
		return nil
	}
	m.adjust(symbol, h, weight)
	return nil
}

func (m *planner) short(symbol string, h Holding, weight money.Decimal) error {
	if m.policy.Shorts != CoverShorts {
		return stage.Permanent("short_position", "buy it back at the broker, or set SHORT_POLICY to cover",
			"%s is held short (%s); this system neither opens nor keeps short positions", symbol, h.Qty)
	}
	line := m.line(symbol, h, weight, events.Buy, events.Exit, h.Qty.Neg(), "covers the short position")
	m.plan.Lines = append(m.plan.Lines, line)
	return nil
}

// exit sells exactly what is held, whatever its size.
func (m *planner) exit(symbol string, h Holding) {
	qty := m.sellable(symbol, h, h.Qty)
	if qty.Sign() == 0 {
		m.hold(symbol, h, money.Zero(), "held_quantity")
		return
	}
	line := m.line(symbol, h, money.Zero(), events.Sell, events.Exit, qty, "not in the target")
	if line.Value().Less(m.policy.BrokerMinUSD) && !m.policy.SellDust {
		m.plan.Dust = append(m.plan.Dust, events.Dust{Symbol: symbol, Qty: amount.Quantity(qty), Value: amount.USD(line.Value()), Reason: "below_minimum"})
		return
	}
	m.plan.Lines = append(m.plan.Lines, line)
}

// sellable is the part of a quantity that no open order holds.
func (m *planner) sellable(symbol string, h Holding, qty money.Decimal) money.Decimal {
	if h.Available.Less(qty) {
		m.warn("held_quantity: only %s of %s %s can be sold", h.Available, h.Qty, symbol)
		return money.Max(money.Zero(), h.Available)
	}
	return qty
}

func (m *planner) adjust(symbol string, h Holding, weight money.Decimal) {
	current, target := h.value(), weight.Mul(m.plan.Deployable)
	delta := target.Sub(current)
	if h.Qty.Sign() > 0 && delta.Abs().Less(m.threshold(current, target)) {
		reason := "below_threshold"
		if delta.Abs().Less(m.policy.MinTradeUSD) {
			reason = "on_target"
		}
		m.hold(symbol, h, weight, reason)
		return
	}
	qty := delta.Abs().QuoFloor(*h.Price, places(h))
	switch {
	case delta.Sign() < 0:
		if qty = m.sellable(symbol, h, qty).Floor(places(h)); qty.Sign() == 0 {
			m.hold(symbol, h, weight, "below_one_share")
			return
		}
		m.plan.Lines = append(m.plan.Lines, m.line(symbol, h, weight, events.Sell, events.Decrease, qty, "above the target"))
	case qty.Sign() == 0 && !h.Fractionable:
		m.hold(symbol, h, weight, "below_one_share")
	case qty.Mul(*h.Price).Less(m.policy.BrokerMinUSD):
		m.hold(symbol, h, weight, "below_minimum")
	case h.Qty.Sign() == 0:
		m.buy(m.line(symbol, h, weight, events.Buy, events.Open, qty, "new in the target"))
	default:
		m.buy(m.line(symbol, h, weight, events.Buy, events.Increase, qty, "below the target"))
	}
}

// threshold is how far an adjustment must lead:
// max(USD, min(pct × E, rel × max(target, current))).
func (m *planner) threshold(current, target money.Decimal) money.Decimal {
	p := m.policy
	share := money.Min(p.MinTradePct.Mul(m.plan.Equity), p.MinTradeRel.Mul(money.Max(target, current)))
	return money.Max(p.MinTradeUSD, share)
}

func (m *planner) buy(l Line) {
	if m.policy.Control == events.Reducing {
		m.plan.Suppressed = append(m.plan.Suppressed, l)
		m.plan.Holds = append(m.plan.Holds, Hold{l.Symbol, l.Current, l.TargetWeight, "reducing"})
		return
	}
	m.plan.Lines = append(m.plan.Lines, l)
}

func (m *planner) line(symbol string, h Holding, weight money.Decimal, side events.Side, kind events.Kind, qty money.Decimal, reason string) Line {
	return Line{
		Symbol: symbol, Side: side, Kind: kind, Qty: qty, Price: *h.Price, CurrentQty: h.Qty,
		Current: h.value(), Target: weight.Mul(m.plan.Deployable), TargetWeight: weight, Fractionable: h.Fractionable, Reason: reason,
	}
}

func (m *planner) hold(symbol string, h Holding, weight money.Decimal, reason string) {
	m.plan.Holds = append(m.plan.Holds, Hold{symbol, h.value(), weight, reason})
}

func (m *planner) warn(format string, args ...any) {
	m.plan.Warnings = append(m.plan.Warnings, fmt.Sprintf(format, args...))
}

// order puts sells before buys, exits before decreases, larger values first.
func (m *planner) order() {
	rank := func(l Line) int {
		switch {
		case l.Side == events.Sell && l.Kind == events.Exit:
			return 0
		case l.Side == events.Sell:
			return 1
		}
		return 2
	}
	slices.SortFunc(m.plan.Lines, func(a, b Line) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), b.Value().Cmp(a.Value()), cmp.Compare(a.Symbol, b.Symbol))
	})
	slices.SortFunc(m.plan.Holds, func(a, b Hold) int { return cmp.Compare(a.Symbol, b.Symbol) })
}

func places(h Holding) int32 {
	if h.Fractionable {
		return qtyPlaces
	}
	return 0
}
