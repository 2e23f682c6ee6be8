package paperbroker

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// book is the account: cash, positions and what was executed.
type book struct {
	accountID, number string
	created           time.Time
	cash              money.Decimal
	positions         map[string]*position
	versions          []holdingsAt // positions after each change, for reads that lag behind
	activities        []activity
	lastEquity        money.Decimal // at the last close
	history           []closing
}

type position struct {
	qty, cost money.Decimal
}

type holdingsAt struct {
	at  time.Time
	qty map[string]position
}

// activity is a fill in the order of the book.
type activity struct {
	order        *order
	fill         Fill
	filled, left money.Decimal // of the order, after the fill
}

// closing is the account's worth at its beginning, or at the end of a session.
type closing struct {
	at     time.Time
	equity money.Decimal
}

// Account is the account in figures.
type Account struct {
	ID          string        `json:"id"`
	Number      string        `json:"number"`
	Cash        money.Decimal `json:"cash"`
	MarketValue money.Decimal `json:"market_value"` // of all positions
	Equity      money.Decimal `json:"equity"`
	LastEquity  money.Decimal `json:"last_equity"` // at the close of the session before
	BuyingPower money.Decimal `json:"buying_power"`
	Blocked     bool          `json:"blocked"`
}

// Position is a holding at the market's price.
type Position struct {
	Symbol    string        `json:"symbol"`
	Qty       money.Decimal `json:"qty"`
	Available money.Decimal `json:"available"` // not held by open sells
	Cost      money.Decimal `json:"cost"`      // of what is still held
	Price     money.Decimal `json:"price"`     // mid; zero when there is none
	Value     money.Decimal `json:"value"`
}

// trade moves shares and cash. Of a sale the average cost leaves.
func (b *book) trade(symbol string, side events.Side, qty, price, cash money.Decimal, now time.Time) {
	b.cash = b.cash.Add(cash)
	p := b.positions[symbol]
	if p == nil {
		p = &position{}
		b.positions[symbol] = p
	}
	if side == events.Buy {
		p.qty, p.cost = p.qty.Add(qty), p.cost.Add(qty.Mul(price))
	} else {
		if p.qty.Sign() > 0 {
			p.cost = p.cost.Sub(p.cost.Mul(qty).Quo(p.qty)).Round(9)
		}
		p.qty = p.qty.Sub(qty)
	}
	if p.qty.IsZero() {
		delete(b.positions, symbol)
	}
	b.remember(now)
}

func (b *book) remember(now time.Time) {
	v := holdingsAt{at: now, qty: make(map[string]position, len(b.positions))}
	for symbol, p := range b.positions {
		v.qty[symbol] = *p
	}
	b.versions = append(b.versions, v)
}

// asOf are the positions as they were at t.
func (b *book) asOf(t time.Time) map[string]position {
	for i := len(b.versions) - 1; i > 0; i-- {
		if !b.versions[i].at.After(t) {
			return b.versions[i].qty
		}
	}
	return b.versions[0].qty
}

func (e *engine) setPositions(holdings []Holding) error {
	positions := make(map[string]*position, len(holdings))
	for _, h := range holdings {
		price, _, ok := e.market.price(h.Symbol, e.now)
		switch {
		case !ok:
			return fmt.Errorf("position %s: the symbol has no bars up to %s", h.Symbol, e.now.Format(time.DateOnly))
		case h.Qty.IsZero() || !h.Qty.Truncate(9).Equal(h.Qty):
			return fmt.Errorf("position %s: quantity %s; it must have at most 9 fractional digits and not be 0", h.Symbol, h.Qty)
		case positions[h.Symbol] != nil:
			return fmt.Errorf("position %s is given twice", h.Symbol)
		}
		paid := h.AvgPrice
		if paid.IsZero() {
			paid = decimal(price)
		}
		positions[h.Symbol] = &position{qty: h.Qty, cost: h.Qty.Mul(paid)}
	}
	e.positions = positions
	e.remember(e.now)
	return nil
}

// holdings are the positions now, by symbol.
func (e *engine) holdings() []Position {
	now := make(map[string]position, len(e.positions))
	for symbol, p := range e.positions {
		now[symbol] = *p
	}
	return e.valued(now)
}

// valued are positions at the present price.
func (e *engine) valued(positions map[string]position) []Position {
	out := make([]Position, 0, len(positions))
	for symbol, p := range positions {
		v := Position{Symbol: symbol, Qty: p.qty, Available: e.available(symbol, p.qty), Cost: p.cost}
		if price, _, ok := e.market.price(symbol, e.now); ok {
			v.Price = decimal(price)
			v.Value = p.qty.Mul(v.Price)
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b Position) int { return cmp.Compare(a.Symbol, b.Symbol) })
	return out
}

// available is what of a holding no open sell order holds.
func (e *engine) available(symbol string, qty money.Decimal) money.Decimal {
	for _, o := range e.orders {
		if o.working() && o.Symbol == symbol && o.Side == events.Sell {
			qty = qty.Sub(o.remaining())
		}
	}
	return qty
}

func (e *engine) marketValue() money.Decimal {
	long, short := e.marketValues()
	return long.Add(short)
}

// marketValues are the worth of what is held and, negative, of what is owed.
func (e *engine) marketValues() (long, short money.Decimal) {
	for symbol, p := range e.positions {
		price, _, ok := e.market.price(symbol, e.now)
		switch value := p.qty.Mul(decimal(price)); {
		case !ok:
		case value.Sign() > 0:
			long = long.Add(value)
		default:
			short = short.Add(value)
		}
	}
	return long, short
}

func (e *engine) equity() money.Decimal { return e.cash.Add(e.marketValue()) }

// multiplier is how often the equity may be invested.
func (e *engine) multiplier(equity money.Decimal) money.Decimal {
	switch {
	case e.switches.Multiplier > 0:
		return money.FromInt(int64(e.switches.Multiplier))
	case equity.Less(money.FromInt(2000)):
		return money.One()
	}
	return money.MustParse(e.MaxMarginMultiplier)
}

// buyingPower is what the multiple of the equity leaves after positions and
// open buys. Open sells add nothing until they are executed.
func (e *engine) buyingPower() money.Decimal {
	value := e.marketValue()
	equity := e.cash.Add(value)
	power := equity.Mul(e.multiplier(equity)).Sub(value)
	for _, o := range e.orders {
		if o.working() && o.Side == events.Buy {
			power = power.Sub(e.costOf(o.Symbol, o.remaining(), o.Notional, o.worst()))
		}
	}
	return money.Max(power, money.Zero())
}

// costOf is what a buy may take at most: its limit or stop, or the ask and a margin.
func (e *engine) costOf(symbol string, qty money.Decimal, notional, limit *money.Decimal) money.Decimal {
	switch {
	case notional != nil:
		return *notional
	case limit != nil:
		return qty.Mul(*limit)
	}
	q, ok := e.market.quote(symbol, e.now)
	switch {
	case !ok:
		return money.Zero()
	case !e.market.open(e.now):
		return qty.Mul(q.mid)
	}
	return qty.Mul(q.ask).Mul(e.switches.MarketBuyMargin)
}

func (e *engine) account() Account {
	value := e.marketValue()
	return Account{
		ID: e.accountID, Number: e.number, Cash: e.cash, MarketValue: value, Equity: e.cash.Add(value),
		LastEquity: e.lastEquity, BuyingPower: e.buyingPower(), Blocked: e.blocked,
	}
}

func dateOf(t time.Time) events.Date { return events.DateOf(t, market.NewYork()) }
