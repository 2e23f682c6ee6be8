package paperbroker

import (
	"math"
	"strconv"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/seeded"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// exchange is the market as a function of time: whatever it says about an
// instant depends on bars up to that instant's session, and on the seed.
type exchange struct {
	bars     market.Bars
	calendar market.Calendar
	seed     uint64
	halted   map[string]time.Time // since when
	missing  map[string]bool      // symbols without quotes, by fault
	texts    map[string]*barText  // of series that were asked for
	closed   time.Time            // when a session was ended early; zero: never
}

// quote is the best bid and ask.
type quote struct {
	bid, ask money.Decimal
	mid      money.Decimal // to a hundredth of a cent
	size     int64
	at       time.Time
}

// day is the session of an instant's date; false on a day without one.
func (x *exchange) day(t time.Time) (market.Session, bool) {
	return x.calendar.Session(events.DateOf(t, market.NewYork()))
}

func (x *exchange) open(t time.Time) bool {
	_, open := x.calendar.At(t)
	return open && (x.closed.IsZero() || t.Before(x.closed) || dateOf(t) != dateOf(x.closed))
}

// instant is the moment that prices at t are of: t itself in a session, the
// last close otherwise.
func (x *exchange) instant(t time.Time) (market.Session, time.Time, bool) {
	s, ok := x.day(t)
	switch {
	case ok && s.Contains(t):
		return s, t, true
	case ok && !t.Before(s.Close):
		return s, s.Close, true
	}
	s, ok = x.calendar.LastClosedBefore(t, 0)
	return s, s.Close, ok
}

// price is the mid and the moment it is of; false for a symbol without bars
// until then.
func (x *exchange) price(symbol string, t time.Time) (float64, time.Time, bool) {
	if since, halted := x.halted[symbol]; halted && since.Before(t) {
		t = since
	}
	s, at, ok := x.instant(t)
	if !ok {
		return 0, at, false
	}
	series := x.bars[symbol].Until(s.Date)
	last, ok := series.Last()
	switch {
	case !ok:
		return 0, at, false
	case last.Date < s.Date:
		return last.Close, at, true
	}
	return x.path(symbol, last, s).at(at), at, true
}

// path is a session's way from its open over low and high to its close.
type path struct {
	times  [4]time.Time
	prices [4]float64
}

// path draws when the extremes of a bar were met, on whole minutes; which came
// first follows the side on which the session closed, most days.
func (x *exchange) path(symbol string, bar market.Bar, s market.Session) path {
	draw := x.draw(symbol, string(bar.Date))
	length := s.Close.Sub(s.Open)
	minute := func(from, to float64) time.Time {
		return s.Open.Add((time.Duration(float64(length) * (from + (to-from)*draw.Float64()))).Truncate(time.Minute))
	}
	first, second := bar.Low, bar.High
	if (bar.Close < bar.Open) != (draw.Float64() < 0.2) {
		first, second = second, first
	}
	return path{
		times:  [4]time.Time{s.Open, minute(0.1, 0.45), minute(0.55, 0.9), s.Close},
		prices: [4]float64{bar.Open, first, second, bar.Close},
	}
}

func (p path) at(t time.Time) float64 {
	for i := 1; i < len(p.times); i++ {
		if t.Before(p.times[i]) {
			done := float64(t.Sub(p.times[i-1])) / float64(p.times[i].Sub(p.times[i-1]))
			return p.prices[i-1] + (p.prices[i]-p.prices[i-1])*max(done, 0)
		}
	}
	return p.prices[3]
}

// until are the extremes of the path so far.
func (p path) until(t time.Time) (high, low float64) {
	now := p.at(t)
	high, low = max(p.prices[0], now), min(p.prices[0], now)
	for i, at := range p.times {
		if !at.After(t) {
			high, low = max(high, p.prices[i]), min(low, p.prices[i])
		}
	}
	return high, low
}

// quote is the market in a symbol at t; false for one without prices.
func (x *exchange) quote(symbol string, t time.Time) (quote, bool) {
	p, at, ok := x.price(symbol, t)
	if !ok || x.missing[symbol] {
		return quote{}, false
	}
	mid := decimal(p)
	last, _ := x.bars[symbol].Until(events.DateOf(at, market.NewYork())).Last()
	half := money.Max(money.Tick(mid).Mul(money.MustParse("0.5")), decimal(p*x.halfSpread(last, at)))
	bid := money.FloorTick(mid.Sub(half))
	return quote{
		bid:  money.Max(bid, money.Tick(money.Zero())),
		ask:  money.CeilTick(mid.Add(half)),
		mid:  mid,
		size: min(max(last.Volume/3900, 1), math.MaxUint16), // a tenth of a minute's volume
		at:   at,
	}, true
}

// halfSpread is the distance from mid to either side as a share of the price:
// narrow in what trades for billions a day, wide in what does not, three times
// as wide when the session begins and ends.
func (x *exchange) halfSpread(bar market.Bar, at time.Time) float64 {
	const bp = 1e-4
	b := 4 * bp
	switch turnover := bar.Close * float64(bar.Volume); {
	case turnover >= 5e9:
		b = 0.5 * bp
	case turnover >= 5e8:
		b = 1 * bp
	case turnover >= 5e7 || bar.Volume == 0:
		b = 2 * bp
	}
	if s, ok := x.day(at); ok && (at.Before(s.Open.Add(15*time.Minute)) || !at.Before(s.Close.Add(-5*time.Minute))) {
		b *= 3
	}
	return b
}

// forming is the bar of a session as it stands at t.
func (x *exchange) forming(symbol string, s market.Session, t time.Time) (market.Bar, bool) {
	bar, ok := x.bars[symbol].On(s.Date)
	if !ok || t.Before(s.Open) {
		return market.Bar{}, false
	}
	if !t.Before(s.Close) {
		return bar, true
	}
	p := x.path(symbol, bar, s)
	high, low := p.until(t)
	done := float64(t.Sub(s.Open)) / float64(s.Close.Sub(s.Open))
	return market.Bar{
		Date: bar.Date, Open: bar.Open, High: round4(high), Low: round4(low), Close: round4(p.at(t)), Volume: int64(float64(bar.Volume) * done),
	}, true
}

// draw is a sequence of its own for each name.
func (x *exchange) draw(names ...string) *seeded.Dice { return seeded.New(x.seed, names...) }

func round4(f float64) float64 { return math.Round(f*1e4) / 1e4 }

// decimal is a price to the hundredth of a cent.
func decimal(f float64) money.Decimal { return money.MustParse(strconv.FormatFloat(f, 'f', 4, 64)) }
