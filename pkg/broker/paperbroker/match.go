package paperbroker

import (
	"math"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// match fills an order as far as the market and the profile allow now, and
// comes back for the rest.
func (e *engine) match(o *order) {
	if !e.mayFill(o) {
		return
	}
	if wait := o.rests.Sub(e.now); wait > 0 {
		e.again(o, wait)
		return
	}
	if !e.trigger(o) {
		e.again(o, e.nextCheck(o))
		return
	}
	q, marketable := e.marketable(o)
	if !marketable {
		o.armed, o.rested = false, true
		e.again(o, e.nextCheck(o))
		return
	}
	if !o.armed {
		o.armed = true
		if d := e.fillDelay(o); d > 0 {
			e.again(o, d)
			return
		}
	}
	e.fill(o, e.slice(o, q), e.fillPrice(o, q))
	if o.working() {
		o.rests = e.now.Add(o.slow)
		e.again(o, max(e.fillDelay(o), time.Millisecond))
	}
}

// again comes back to an order; an earlier appointment with it lapses.
func (e *engine) again(o *order, d time.Duration) {
	o.turn++
	turn := o.turn
	e.after(d, func() {
		if o.turn == turn {
			e.match(o)
		}
	})
}

// halt stops or resumes trading in a symbol. Its orders rest meanwhile.
func (e *engine) halt(symbol string, halted bool) {
	if !halted {
		delete(e.market.halted, symbol)
		for _, o := range e.orders {
			if o.Symbol == symbol && o.working() {
				e.match(o)
			}
		}
		return
	}
	if _, already := e.market.halted[symbol]; !already {
		e.market.halted[symbol] = e.now
	}
}

func (e *engine) mayFill(o *order) bool {
	if _, halted := e.market.halted[o.Symbol]; halted {
		return false
	}
	switch o.Status {
	case "new", "partially_filled":
		return true
	case "pending_cancel":
		return e.behaviour.cancelRace
	}
	return false
}

// trigger reports whether the market has met the order's stop price, now or
// before; an order without one needs no meeting.
func (e *engine) trigger(o *order) bool {
	if o.Stop == nil || o.triggered {
		return true
	}
	q, ok := e.market.quote(o.Symbol, e.now)
	if o.triggered = ok && q.mid.Sub(*o.Stop).Mul(sign(o.Side)).Sign() >= 0; o.triggered {
		e.changed(o)
		e.log("triggered", o.ID, q.mid.String())
	}
	return o.triggered
}

// marketable reports whether the far side meets the order's price. An order
// that had to wait meets it one tick later where the profile says so.
func (e *engine) marketable(o *order) (quote, bool) {
	q, ok := e.market.quote(o.Symbol, e.now)
	if !ok {
		return q, false
	}
	if o.Limit == nil {
		return q, true
	}
	limit := *o.Limit
	if e.behaviour.midpoint {
		return q, q.mid.Sub(limit).Mul(sign(o.Side)).Cmp(money.Tick(limit)) <= 0
	}
	through := o.rested && e.behaviour.through
	if o.Side == events.Buy {
		if through {
			limit = limit.Sub(money.Tick(limit))
		}
		return q, q.ask.Cmp(limit) <= 0
	}
	if through {
		limit = limit.Add(money.Tick(limit))
	}
	return q, q.bid.Cmp(limit) >= 0
}

// sign is +1 for a buy and −1 for a sell.
func sign(s events.Side) money.Decimal {
	if s == events.Sell {
		return money.One().Neg()
	}
	return money.One()
}

// nextCheck is how long an order that is not marketable waits: seldom enough
// for a day order, often enough for a walk through prices.
func (e *engine) nextCheck(o *order) time.Duration {
	o.checks++
	switch {
	case o.checks <= 40:
		return 250 * time.Millisecond
	case o.checks <= 90:
		return time.Second
	}
	return time.Minute
}

func (e *engine) fillDelay(o *order) time.Duration {
	n := len(o.Fills)
	d := e.draw(o, "fill", n, e.behaviour.fill)
	if e.behaviour.tail > 0 && e.dice(o, "tail", n).Float64() < e.behaviour.tail {
		d = 10 * e.behaviour.fill.to
	}
	return d
}

// slice is the quantity of the next fill.
func (e *engine) slice(o *order, q quote) money.Decimal {
	all := e.shares(o, q)
	n := len(o.Fills)
	if part := all.Mul(decimal(o.portion)).Floor(e.partPlaces(o)); n == 0 && part.Sign() > 0 && o.Qty != nil {
		return part
	}
	if e.behaviour.volume > 0 {
		if most := money.FromInt(int64(float64(q.size*10) * e.behaviour.volume)); most.Sign() > 0 && most.Less(all) {
			return most
		}
		return all
	}
	dice := e.dice(o, "slice", n)
	if o.parts >= e.behaviour.slices || dice.Float64() >= e.behaviour.partial {
		return all
	}
	part := all.Mul(decimal(0.1 + 0.8*dice.Float64())).Floor(e.partPlaces(o))
	if part.Sign() <= 0 || o.Qty == nil {
		return all // an order by amount fills at once: its rest has no price yet
	}
	o.parts++
	return part
}

// partPlaces is how finely an order may be filled in parts: an asset that is
// not fractionable changes hands in whole shares.
func (e *engine) partPlaces(o *order) int32 {
	if e.traits[o.Symbol].NotFractionable {
		return 0
	}
	return 3
}

// shares is what is left to fill; of an order by amount, what it buys now.
func (e *engine) shares(o *order, q quote) money.Decimal {
	if o.Qty != nil {
		return o.remaining()
	}
	shares := o.Notional.QuoFloor(e.farSide(o, q), 9)
	if p := e.positions[o.Symbol]; o.Side == events.Sell && p != nil {
		return money.Min(shares, p.qty)
	}
	return shares
}

func (e *engine) farSide(o *order, q quote) money.Decimal {
	if o.Side == events.Buy {
		return q.ask
	}
	return q.bid
}

// fillPrice is the far side, worsened by the order's own weight or bettered by
// luck where the profile has such things, and never behind the limit.
func (e *engine) fillPrice(o *order, q quote) money.Decimal {
	price := e.farSide(o, q)
	toward := money.One() // the direction that costs
	if o.Side == events.Sell {
		toward = toward.Neg()
	}
	if e.behaviour.improvement {
		luck := e.dice(o, "improvement", len(o.Fills)).Float64()
		price = price.Sub(toward.Mul(q.ask.Sub(q.bid)).Mul(decimal(luck / 4)))
	}
	if e.behaviour.impact > 0 {
		price = price.Add(toward.Mul(decimal(e.impact(o, q))))
	}
	if o.Limit == nil {
		return price
	}
	if o.Side == events.Buy {
		return money.Min(price, *o.Limit)
	}
	return money.Max(price, *o.Limit)
}

// impact is c·σ·sqrt(q/ADV) as an amount per share, with the last session's
// range for σ and its volume for ADV: the square-root law of market impact
// (Almgren et al., Direct Estimation of Equity Market Impact, 2005).
func (e *engine) impact(o *order, q quote) float64 {
	last, ok := e.market.bars[o.Symbol].Until(dateOf(q.at)).Last()
	if !ok || last.Volume == 0 || o.Qty == nil {
		return 0
	}
	sigma := (last.High - last.Low) / last.Close
	return e.behaviour.impact * sigma * math.Sqrt(o.Qty.Float64()/float64(last.Volume)) * q.mid.Float64()
}

// fill books an execution.
func (e *engine) fill(o *order, qty, price money.Decimal) {
	cash := qty.Mul(price)
	o.spent = o.spent.Add(cash)
	if o.Side == events.Buy {
		cash = cash.Neg()
	}
	if e.switches.CashPerFill {
		cash = cash.Round(2)
	}
	f := Fill{At: e.now, Qty: qty, Price: price, Cash: cash}
	o.Fills = append(o.Fills, f)
	o.Filled = o.Filled.Add(qty)
	average := o.spent.Quo(o.Filled).Round(9)
	o.AvgPrice = &average
	e.trade(o.Symbol, o.Side, qty, price, cash, e.now)
	e.activities = append(e.activities, activity{order: o, fill: f, filled: o.Filled, left: o.remaining()})
	e.log("fill", o.ID, o.Symbol+" "+string(o.Side)+" "+qty.String()+" @ "+price.String())
	switch {
	case o.remaining().Sign() <= 0:
		e.become(o, "filled")
	case o.Status == "pending_cancel":
		e.keep(o)
	default:
		e.become(o, "partially_filled")
	}
}
