// Package synthmarket makes up daily bars from a seed, so that a run can be
// rehearsed without any data: a geometric random walk over the sessions of the
// exchange's calendar, in whole cents. The bars of a symbol depend on the seed
// and the symbol alone, never on the range asked for.
//
// The bars are invented. Nothing that trades with real money may use them.
//
//	source := synthmarket.New(7)
//	bars, err := source.DailyBars(ctx, market.Request{Symbols: []string{"MSFT"}, From: from, To: to})
package synthmarket

import (
	"context"
	"math"
	"sync"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/seeded"
)

// Start is the session of the first bar of every symbol.
const Start events.Date = "2018-01-02"

// Source is a market.Source for every symbol there could be. It is safe for
// concurrent use.
type Source struct {
	// Calendar is the exchange's calendar; sessions that it lacks have no bar.
	Calendar market.Calendar

	seed uint64

	mu    sync.Mutex
	walks map[string]*walk
}

var _ market.Source = (*Source)(nil)

// New returns the source of a seed.
func New(seed uint64) *Source { return &Source{seed: seed, walks: make(map[string]*walk)} }

// DailyBars returns bars of every symbol for every session of the range from
// Start on.
func (s *Source) DailyBars(ctx context.Context, r market.Request) (market.Bars, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(market.Bars, len(r.Symbols))
	for _, symbol := range r.Symbols {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		w := s.walks[symbol]
		if w == nil {
			w = begin(s.seed, symbol)
			s.walks[symbol] = w
		}
		w.until(s.Calendar, r.To)
		if cut := w.bars.Until(r.To).From(r.From); len(cut) > 0 {
			out[symbol] = cut
		}
	}
	return out, nil
}

// walk is the path of one symbol as far as it was asked for.
type walk struct {
	draw         *seeded.Dice
	drift, sigma float64 // per session
	price        float64 // unrounded
	shares       float64 // typical volume
	bars         market.Series
	end          events.Date // sessions up to here are in bars
}

func begin(seed uint64, symbol string) *walk {
	draw := seeded.New(seed, symbol)
	return &walk{
		draw:   draw,
		drift:  0.0003 + 0.0003*draw.Normal(),
		sigma:  0.006 + 0.018*draw.Float64(), // 10 % to 38 % a year
		price:  20 + 380*draw.Float64(),
		shares: math.Exp(13 + 4*draw.Float64()),
		end:    Start.AddDays(-1),
	}
}

func (w *walk) until(calendar market.Calendar, to events.Date) {
	if to <= w.end {
		return
	}
	for _, s := range calendar.Sessions(w.end.AddDays(1), to) {
		w.bars = append(w.bars, w.step(s.Date))
	}
	w.end = to
}

// step draws the next session: a gap to the open, the way to the close, and
// how far the price strayed from both.
func (w *walk) step(date events.Date) market.Bar {
	open := w.price * math.Exp(0.3*w.sigma*w.draw.Normal())
	w.price = max(1, open*math.Exp(w.drift-w.sigma*w.sigma/2+w.sigma*w.draw.Normal()))
	high := max(open, w.price) * math.Exp(0.4*w.sigma*math.Abs(w.draw.Normal()))
	low := min(open, w.price) * math.Exp(-0.4*w.sigma*math.Abs(w.draw.Normal()))
	return market.Bar{
		Date:   date,
		Open:   cents(open),
		High:   cents(high),
		Low:    cents(low),
		Close:  cents(w.price),
		Volume: int64(w.shares * math.Exp(0.4*w.draw.Normal())),
	}
}

// cents is the nearest price in whole cents, at least one.
func cents(p float64) float64 { return max(1, math.Round(p*100)) / 100 }
