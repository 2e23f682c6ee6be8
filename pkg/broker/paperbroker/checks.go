package paperbroker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market/seeded"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// draft is an order that was asked for.
type draft struct {
	clientID, symbol string
	side             events.Side
	kind             broker.OrderType
	tif, class       string
	qty, notional    *money.Decimal
	limit, stop      *money.Decimal
	extended         bool
	replaces         string
}

// refusal is Alpaca's way of saying no.
type refusal struct {
	status  int
	code    int
	message string
	extra   map[string]string // further fields of the body
}

func refuse(status, code int, format string, args ...any) *refusal {
	return &refusal{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func (r *refusal) with(pairs ...string) *refusal {
	r.extra = make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		r.extra[pairs[i]] = pairs[i+1]
	}
	return r
}

// check is one test of an order. It may bring a draft into the form in which
// it is stored.
type check struct {
	name string
	test func(*engine, *draft) *refusal
}

// orderChecks are the tests in the order of a seed. Alpaca's own order is
// unknown, so neighbours change places and no client can depend on it; fields
// and asset come first because the others need them.
func orderChecks(s Switches, dice *seeded.Dice) []check {
	checks := []check{
		{"fields", checkFields}, {"asset", checkAsset},
		{"type", checkType}, {"tick", checkTick}, {"minimum", checkMinimum}, {"duplicate", checkDuplicate},
		{"account", checkAccount}, {"wash trade", checkWashTrade}, {"quantity", checkAvailable}, {"buying power", checkBuyingPower},
	}
	if s.ShuffleChecks {
		for i := 2; i+1 < len(checks); i += 1 + int(dice.IntN(2)) {
			if dice.IntN(2) == 1 {
				checks[i], checks[i+1] = checks[i+1], checks[i]
			}
		}
	}
	return checks
}

func (e *engine) check(d *draft) *refusal {
	for _, c := range e.checks {
		if r := c.test(e, d); r != nil {
			e.log("refused", "", fmt.Sprintf("%s by %s: %d/%d %s", d.clientID, c.name, r.status, r.code, r.message))
			return r
		}
	}
	return nil
}

func invalid(format string, args ...any) *refusal { return refuse(422, 40010001, format, args...) }

func checkFields(e *engine, d *draft) *refusal {
	switch {
	case d.symbol == "":
		return invalid("symbol is required")
	case d.side != events.Buy && d.side != events.Sell:
		return invalid("side must be buy or sell")
	case len(d.clientID) > 128:
		return invalid("client_order_id must be no more than 128 characters")
	case d.qty != nil && d.notional != nil:
		return invalid("only one of qty or notional is accepted")
	case d.qty == nil && d.notional == nil:
		return invalid("qty or notional is required")
	case d.qty != nil && d.qty.Sign() <= 0:
		return invalid("qty must be > 0")
	case d.notional != nil && d.notional.Sign() <= 0:
		return invalid("notional must be > 0")
	}
	if r := checkPrices(d); r != nil {
		return r
	}
	if d.qty != nil && !d.qty.Truncate(9).Equal(*d.qty) {
		if e.switches.RefuseExcessDigits {
			return invalid("qty must have no more than 9 fractional digits")
		}
		cut := d.qty.Truncate(9)
		if d.qty = &cut; cut.Sign() <= 0 {
			return invalid("qty must be > 0")
		}
	}
	return nil
}

// Types of orders that only other clients send.
const (
	stopOrder      broker.OrderType = "stop"
	stopLimitOrder broker.OrderType = "stop_limit"
)

// checkPrices tests that an order has the prices that its type needs.
func checkPrices(d *draft) *refusal {
	limits, stops := d.kind == broker.Limit || d.kind == stopLimitOrder, d.kind == stopOrder || d.kind == stopLimitOrder
	switch known := limits || stops || d.kind == broker.Market; {
	case !known:
		return nil // checkType's case
	case limits && d.limit == nil:
		return invalid("%s orders require a limit price", words(d.kind))
	case !limits && d.limit != nil:
		return invalid("%s orders require no limit price", words(d.kind))
	case stops && d.stop == nil:
		return invalid("%s orders require a stop price", words(d.kind))
	case !stops && d.stop != nil:
		return invalid("%s orders require no stop price", words(d.kind))
	case d.limit != nil && d.limit.Sign() <= 0:
		return invalid("limit price must be > 0")
	case d.stop != nil && d.stop.Sign() <= 0:
		return invalid("stop price must be > 0")
	}
	return nil
}

func words(kind broker.OrderType) string { return strings.ReplaceAll(string(kind), "_", " ") }

func checkAsset(e *engine, d *draft) *refusal {
	t, ok := e.asset(d.symbol)
	switch {
	case !ok:
		return refuse(422, 42210000, "asset %q not found", d.symbol)
	case t.Untradable:
		return refuse(422, 42210000, "asset %q is not tradable", d.symbol)
	case t.NotFractionable && (d.notional != nil || fractional(*d.qty)):
		return refuse(403, 40310000, "asset %q is not fractionable", d.symbol)
	}
	return nil
}

// asset is how a symbol may be traded; false for one without bars until now.
func (e *engine) asset(symbol string) (Traits, bool) {
	bars := e.market.bars[symbol]
	if len(bars) == 0 || bars[0].Date > dateOf(e.now) {
		return Traits{}, false
	}
	return e.traits[symbol], true
}

func fractional(qty money.Decimal) bool { return !qty.Truncate(0).Equal(qty) }

func checkType(e *engine, d *draft) *refusal {
	part := d.notional != nil || fractional(*d.qty)
	switch {
	case !slices.Contains([]broker.OrderType{broker.Market, broker.Limit, stopOrder, stopLimitOrder}, d.kind):
		return invalid("invalid order type: this broker on paper takes market, limit, stop and stop_limit orders")
	case d.class != "" && d.class != "simple":
		return invalid("invalid order_class: this broker on paper takes simple orders")
	case d.tif != "day" && d.tif != "gtc":
		return invalid("invalid time_in_force: this broker on paper takes day and gtc")
	case part && !e.FractionalTrading:
		return refuse(403, 40310000, "fractional trading is disabled for the account")
	case part && d.tif != "day":
		return refuse(422, 42210000, "fractional orders must be DAY orders")
	case d.notional != nil && d.kind != broker.Market && (d.kind != broker.Limit || !e.switches.NotionalLimit):
		return refuse(422, 42210000, "notional orders must be market orders")
	case d.extended && (d.kind != broker.Limit || d.tif != "day" && !e.switches.ExtendedGTC):
		return refuse(422, 42210000, "extended hours order must be DAY limit orders")
	}
	return nil
}

func checkTick(e *engine, d *draft) *refusal {
	for _, p := range [...]struct {
		name  string
		price *money.Decimal
	}{{"limit_price", d.limit}, {"stop_price", d.stop}} {
		if p.price != nil && !money.FloorTick(*p.price).Equal(*p.price) {
			return refuse(422, 42210000, "invalid %s %s. sub-penny increment does not fulfill minimum pricing criteria", p.name, p.price)
		}
	}
	if d.limit == nil || d.stop != nil {
		return nil
	}
	q, ok := e.market.quote(d.symbol, e.now)
	if !ok || !e.switches.PriceAway {
		return nil
	}
	if d.side == events.Buy && d.limit.Cmp(q.ask.Mul(money.MustParse("1.5"))) > 0 ||
		d.side == events.Sell && d.limit.Less(q.bid.Mul(money.MustParse("0.5"))) {
		return refuse(422, 42210000, "limit price %s is too far away from the market", d.limit)
	}
	return nil
}

func checkMinimum(e *engine, d *draft) *refusal {
	var value money.Decimal
	switch q, ok := e.market.quote(d.symbol, e.now); {
	case d.notional != nil:
		value = *d.notional
	case d.limit != nil:
		value = d.qty.Mul(*d.limit)
	case ok:
		value = d.qty.Mul(q.mid)
	default:
		return nil // no price to measure by
	}
	if !value.Less(money.One()) {
		return nil
	}
	if d.side == events.Sell && d.qty != nil && (!fractional(*d.qty) || e.switches.DustSell) {
		return nil
	}
	return refuse(403, 40310000, "cost basis must be >= minimal amount of order 1")
}

const idTaken = "client_order_id must be unique"

func checkDuplicate(e *engine, d *draft) *refusal {
	known := e.byClient[d.clientID]
	if known == nil || d.clientID == "" {
		return nil
	}
	if forget := e.switches.ClientIDMemory; forget > 0 && e.now.Sub(known.SubmittedAt) > forget {
		return nil
	}
	return refuse(e.switches.DuplicateStatus, 40010001, idTaken)
}

func checkAccount(e *engine, _ *draft) *refusal {
	switch {
	case e.blocked:
		return refuse(403, 40310000, "new orders are rejected by account restrictions")
	case e.SuspendTrade:
		return refuse(403, 40310000, "trading suspended by user request")
	}
	return nil
}

// checkWashTrade refuses an order that could meet one of the account's own.
func checkWashTrade(e *engine, d *draft) *refusal {
	for _, o := range e.orders {
		if !o.working() || o.Symbol != d.symbol || o.Side == d.side {
			continue
		}
		buy, sell := d.limit, o.Limit
		if d.side == events.Sell {
			buy, sell = sell, buy
		}
		if buy == nil || sell == nil || d.stop != nil || o.Stop != nil || buy.Cmp(*sell) >= 0 {
			return refuse(403, 40310000, "potential wash trade detected. use complex orders").with(
				"existing_order_id", o.ID, "reject_reason", "opposite side market/stop order exists")
		}
	}
	return nil
}

func checkAvailable(e *engine, d *draft) *refusal {
	if d.side != events.Sell {
		return nil
	}
	held := money.Zero()
	if p := e.positions[d.symbol]; p != nil {
		held = p.qty
	}
	if held.Sign() <= 0 {
		return refuse(403, 40310000, "account is not allowed to short")
	}
	available := e.available(d.symbol, held)
	wanted := d.qty
	if wanted == nil {
		q, ok := e.market.quote(d.symbol, e.now)
		if !ok {
			return nil
		}
		shares := d.notional.QuoFloor(q.bid, 9)
		wanted = &shares
	}
	if wanted.Cmp(available) <= 0 {
		return nil
	}
	return refuse(403, 40310000, "insufficient qty available for order (requested: %s, available: %s)", wanted, available).with(
		"available", available.String(), "existing_qty", held.String(), "held_for_orders", held.Sub(available).String(), "symbol", d.symbol)
}

func checkBuyingPower(e *engine, d *draft) *refusal {
	if d.side != events.Buy {
		return nil
	}
	qty := money.Zero()
	if d.qty != nil {
		qty = *d.qty
	}
	at := d.limit
	if at == nil {
		at = d.stop
	}
	cost, power := e.costOf(d.symbol, qty, d.notional, at), e.buyingPower()
	if cost.Cmp(power) <= 0 {
		return nil
	}
	return refuse(403, 40310000, "insufficient buying power").with("buying_power", power.Fixed(2), "cost_basis", cost.Fixed(2))
}
