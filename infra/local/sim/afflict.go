package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// affliction is what is wrong with one write to the broker.
type affliction struct {
	before, after error // instead of its effect; instead of its answer
	hang          bool  // the answer does not come in time
	late          int64 // and the request only so long after it was given up; 0: at once
	hide          bool  // the order does not show at once
	unseen        int64 // and for how long not under its id,
	unlisted      int64 // and in no list
	reject        bool  // it is accepted, and rejected afterwards
	slow          time.Duration
	portion       float64 // of it in its first fill; 0: all
}

var (
	errReset      = errors.New("connection reset by peer (simulated)")
	errEOF        = errors.New("unexpected EOF (simulated)")
	errUnreadable = errors.New("the reply does not decode (simulated)")
)

// latest is how long after it was given up a request may reach the broker.
const latest = 4*time.Minute + 15*time.Second

// refusals are the kinds of refusal that the broker is known for.
func refusals() []broker.Rejected {
	const op = "submit"
	return []broker.Rejected{
		{Op: op, Status: 403, Code: 40310000, Message: "insufficient qty available for order (requested: 5, available: 1)"},
		{Op: op, Status: 403, Code: 40310000, Message: "insufficient buying power"},
		{Op: op, Status: 403, Code: 40310000, Message: `asset "AAA" is not fractionable`},
		{Op: op, Status: 403, Code: 40310000, Message: "cost basis must be >= minimal amount of order 1"},
		{Op: op, Status: 403, Code: 40310000, Message: "potential wash trade detected. use complex orders"},
		{Op: op, Status: 422, Code: 42210000, Message: `asset "AAA" is not tradable`},
		{Op: op, Status: 422, Code: 42210000, Message: "invalid limit_price 1.001. sub-penny increment does not fulfill minimum pricing criteria"},
		{Op: op, Status: 403, Code: 40310000, Message: "new orders are rejected by account restrictions"},
		{Op: op, Status: 401, Message: "unauthorized."},
		{Op: op, Status: 422, Code: 42210000, Message: "something that nobody has seen before"},
	}
}

func (w *world) afflictPost(r broker.OrderRequest) (a affliction) {
	const op = "submit"
	if w.strikes(14) {
		a.hide = true
	}
	if w.strikes(21) {
		h := w.how(21)
		a.slow = time.Duration(between(h, 100*time.Millisecond, 20*time.Second))
		if chance(h, 0.2) {
			a.slow = time.Duration(between(h, 10*time.Second, 260*time.Second))
		}
		if chance(h, 0.6) {
			a.portion = 0.05 + 0.9*h.Float64()
		}
	}
	switch {
	case w.strikes(10):
		a.before = &broker.Unknown{Op: op, Cause: errReset}
	case w.strikes(11):
		a.hang = true
		if h := w.how(11); chance(h, 1.0/3) {
			a.late = between(h, time.Second, 20*time.Second)
			if chance(h, 0.2) {
				a.late = between(h, 20*time.Second, latest)
			}
		}
	case w.strikes(12):
		a.after = &broker.Unknown{Op: op, Cause: pick(w.how(12), errEOF, errGateway)}
	case w.strikes(13):
		a.after = &broker.Unknown{Op: op, Cause: errUnreadable}
	case w.strikes(24):
		h := w.how(24)
		switch kinds := refusals(); h.IntN(4) {
		case 0:
			a.reject = true
		case 1:
			w.broker.SetTraits(r.Symbol, paperbroker.Traits{Untradable: chance(h, 0.5), NotFractionable: chance(h, 0.5)})
		default:
			refusal := kinds[h.IntN(len(kinds))]
			a.before = &refusal
		}
	}
	return a
}

// post hands a POST of ours to the broker's book.
func (w *world) post(b book, n int, ill affliction) (broker.Order, error) {
	steer := w.broker.Steer()
	if ill.reject {
		steer.RejectNext(true)
		defer steer.RejectNext(false)
	}
	if ill.slow > 0 {
		steer.SlowNext(ill.slow, ill.portion)
		defer steer.SlowNext(0, 0)
	}
	p := &w.requests[n]
	p.late = ill.late > 0
	out, err := b.Place(context.Background(), p.order)
	if err != nil {
		return out, err
	}
	p.id, p.accepted = out.ID, w.loop.now
	if ill.hide {
		w.blind[out.ID] = blindness{lookup: w.loop.now + ill.unseen, list: w.loop.now + ill.unlisted}
	}
	return out, nil
}

// postLater lets a POST of ours reach the broker at a time when nobody waits
// for the answer any more.
func (w *world) postLater(at int64, n int, args string, ill affliction) {
	w.loop.at(w.until(at), func() {
		out, err := w.post(w.port, n, ill)
		result := string(out.Status)
		if err != nil {
			result = err.Error()
		}
		w.trace.add(w.loop.now, "network", "submit", args, result)
	})
}

func (w *world) afflictCancel(id string) (a affliction) {
	if !w.strikes(17) {
		return a
	}
	const op = "cancel"
	h := w.how(17)
	switch h.IntN(6) {
	case 0: // it is working, whatever the broker says
		a.before = &broker.Rejected{Op: op, Status: 422, Code: 42210000, Message: `order is already in "filled" state`}
	case 1:
		a.before = fmt.Errorf("order %s: %w", id, broker.ErrNotFound)
	case 2:
		a.before = &broker.Unknown{Op: op, Cause: context.DeadlineExceeded}
	case 3:
		a.after = &broker.Unknown{Op: op, Cause: context.DeadlineExceeded}
	default:
		if w.broker.Steer().StickOnCancel(id) && chance(h, 0.6) {
			w.loop.at(w.until(w.loop.now+between(h, time.Second, 8*time.Minute)), func() { w.broker.Steer().Unstick(id) })
		}
	}
	return a
}

// damageQuote spoils the quote of one symbol.
func (w *world) damageQuote(quotes map[string]broker.Quote, symbols []string) {
	h := w.how(23)
	symbol := symbols[h.IntN(len(symbols))]
	q, ok := quotes[symbol]
	if !ok {
		return
	}
	switch h.IntN(7) {
	case 0:
		q.At = q.At.Add(-time.Duration(between(h, 61*time.Second, 30*time.Hour)))
	case 1:
		q.Bid = money.Zero()
	case 2:
		q.Ask = money.Zero()
	case 3:
		q.Bid, q.Ask = q.Ask.Add(money.One()), q.Bid
	case 4:
		q.Bid, q.Ask = money.Zero(), money.Zero()
	case 5: // NaN: the adapter drops what is no number
		delete(quotes, symbol)
		return
	default:
		half := money.MustParse(pick(h, "0.5", "1.5"))
		q.Bid, q.Ask = money.FloorTick(q.Bid.Mul(half)), money.CeilTick(q.Ask.Mul(half))
	}
	quotes[symbol] = q
}

func (w *world) damageSnapshot(snapshots map[string]broker.Snapshot, symbols []string) {
	quotes := make(map[string]broker.Quote, len(symbols))
	for _, symbol := range symbols {
		if s, ok := snapshots[symbol]; ok && s.Quote != nil {
			quotes[symbol] = *s.Quote
		}
	}
	w.damageQuote(quotes, symbols)
	silent := ""
	if h := w.how(23); chance(h, 0.3) { // nothing was traded lately, either
		silent = symbols[h.IntN(len(symbols))]
		delete(quotes, silent)
	}
	for _, symbol := range symbols {
		s, ok := snapshots[symbol]
		if !ok {
			continue
		}
		s.Quote = nil
		if q, ok := quotes[symbol]; ok {
			s.Quote = &q
		}
		if symbol == silent && s.Trade != nil {
			old := *s.Trade
			old.At = old.At.Add(-16 * time.Minute)
			s.Trade = &old
		}
		snapshots[symbol] = s
	}
}

// damage spoils bars.
func (w *world) damage(run string, bars market.Bars, r market.Request) error {
	h := w.how(30)
	symbol := r.Symbols[h.IntN(len(r.Symbols))]
	series := append(market.Series(nil), bars[symbol]...)
	if len(series) > 1 && chance(h, 0.15) {
		w.splitBars(h, series)
		bars[symbol] = series
		w.told[run] = append(w.told[run], market.Bars{symbol: series})
		return nil
	}
	if len(series) < 2 {
		return nil
	}
	last := len(series) - 1
	switch h.IntN(10) {
	case 0, 8: // the newest sessions are not there yet, for anybody
		until := r.To.AddDays(-1 - h.IntN(14))
		for s, all := range bars {
			bars[s] = all.Until(until)
		}
		return nil
	case 1, 9:
		series = series[:last-h.IntN(min(8, last))]
		w.absent[run] = append(w.absent[run], symbol)
	case 2:
		w.absent[run] = append(w.absent[run], symbol)
		delete(bars, symbol)
		return nil
	case 3:
		series = append(series, series[last])
	case 4:
		return &market.DeniedError{Err: errors.New("403 subscription does not permit (simulated)")}
	case 5: // the running session's bar
		next := series[last]
		if s, ok := w.calendar.Next(r.To); ok {
			next.Date = s.Date
			series = append(series, next)
		}
	case 6:
		series[last].Close = pick(h, 0.0, -1.0)
	default:
		return &market.TemporaryError{Err: errGateway}
	}
	bars[symbol] = series
	return nil
}

// splitBars leaves the sessions before some day as they were before a split.
// Every single bar is sound, and no look at them can tell: the provider, who is
// asked for adjusted bars, is believed.
func (w *world) splitBars(h *rand.Rand, series market.Series) {
	first := len(series) - 1 - h.IntN(min(20, len(series)-1))
	shares := pick(h, 2.0, 3, 10, 0.25, 0.1) // for one
	for k := range series[:first] {
		b := &series[k]
		b.Open, b.High, b.Low, b.Close, b.Volume = b.Open*shares, b.High*shares, b.Low*shares, b.Close*shares, int64(float64(b.Volume)/shares)
	}
}

// placeForeign is somebody else's order, far from the market.
func (w *world) placeForeign(symbol string) {
	price := money.FloorTick(decimal(w.bars[symbol][history-1].Close*0.7, 2))
	w.broker.Steer().Place(broker.OrderRequest{
		ClientID: "byhand-" + symbol, Symbol: symbol, Side: events.Buy, Qty: money.One(), Type: broker.Limit, Limit: &price,
	})
}
