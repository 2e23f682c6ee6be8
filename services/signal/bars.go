package signal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/strategy"
)

// minimumSessions is the least history asked for, whatever the plan: two years.
const minimumSessions = 520

// sessions is how many sessions of history the portfolio's plan asks for, with
// a margin for symbols that miss days.
func sessions(p *strategy.Portfolio) int {
	need := 0
	for _, n := range p.Plan() {
		need = max(need, n)
	}
	return max(minimumSessions, need+need/20+1)
}

// fetch gets the bars of every symbol of every strategy, up to and including
// the as-of session, in one request.
func (s *Signal) fetch(ctx context.Context, asOf events.Date) (market.Bars, error) {
	request := market.Request{
		From: asOf.AddDays(-strategy.CalendarDays(sessions(s.Portfolio))), To: asOf,
	}
	for symbol := range s.Portfolio.Plan() {
		request.Symbols = append(request.Symbols, symbol)
	}
	slices.Sort(request.Symbols)
	bars, err := s.Source.DailyBars(ctx, request)
	var bad *market.BarError
	var passing *market.TemporaryError
	switch {
	case errors.As(err, &bad):
		return nil, badBar(bad)
	case errors.As(err, &passing):
		return nil, stage.Transient("market_data_unavailable", err)
	case err != nil:
		return nil, &stage.Error{Code: "market_data_denied", Message: "the market data could not be read", Hint: "check the keys, the subscription and DATA_FEED", Final: true, Details: events.Details{"error": err.Error()}, Err: err}
	}
	return bars, nil
}

// Fresh is what the freshness guard leaves to decide on.
type Fresh struct {
	Bars     market.Bars
	Warnings []string
}

// Freshness checks that the bars end with the as-of session. Data that are
// not there yet are worth waiting for; data from the future are not. A single
// symbol that lags more than maxMissing sessions loses its bars, so that the
// language's rule for too little history applies to it: nothing is filled in.
func Freshness(bars market.Bars, calendar market.Calendar, asOf events.Date, maxMissing int) (Fresh, error) {
	_, newest := bars.Span()
	if newest > asOf {
		return Fresh{}, stage.Permanent("future_bar", "check the data source's dates",
			"there is a bar of %s, after the last finished session %s", newest, asOf)
	}
	if newest < asOf {
		return Fresh{}, &stage.Error{Code: "bars_not_ready", Message: fmt.Sprintf("the newest bar of %s is of %s, the session %s is expected", among(bars.Symbols()), orNone(newest), asOf), Hint: "wait for the provider, or check DATA_FEED"}
	}
	oldest := asOf
	for range maxMissing {
		previous, ok := calendar.Previous(oldest)
		if !ok {
			break
		}
		oldest = previous.Date
	}
	fresh := Fresh{Bars: make(market.Bars, len(bars))}
	var stale []string
	for _, symbol := range bars.Symbols() {
		series := bars[symbol]
		if err := series.Validate(symbol); err != nil {
			var bad *market.BarError
			if errors.As(err, &bad) {
				return Fresh{}, badBar(bad)
			}
			return Fresh{}, err
		}
		last, ok := series.Last()
		if !ok || last.Date < oldest {
			stale = append(stale, fmt.Sprintf("%s (last bar %s)", symbol, orNone(last.Date)))
			continue
		}
		fresh.Bars[symbol] = series
	}
	if len(stale) > 0 {
		fresh.Warnings = append(fresh.Warnings, "no bar of "+string(asOf)+": "+strings.Join(stale, ", ")+"; counted as too little history")
	}
	return fresh, nil
}

func badBar(e *market.BarError) error {
	return &stage.Error{Code: "bad_bar", Message: e.Error(), Hint: "check the data of " + e.Symbol + " at the provider", Final: true,
		Details: events.Details{"symbol": e.Symbol, "session": string(e.Date), "reason": e.Reason}, Err: e}
}

// among lists symbols, the first ones of many.
func among(symbols []string) string {
	const most = 12
	if len(symbols) == 0 {
		return "any symbol"
	}
	if len(symbols) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(symbols[:most], ", "), len(symbols)-most)
	}
	return strings.Join(symbols, ", ")
}

func orNone(d events.Date) string {
	if d == "" {
		return "none"
	}
	return string(d)
}

// closes are the bars as strategies see them.
func closes(bars market.Bars) (*strategy.Bars, error) {
	series := make(map[string]strategy.Series, len(bars))
	days := make(map[events.Date]strategy.Day) // all symbols have the same sessions
	for symbol, bs := range bars {
		s := strategy.Series{Days: make([]strategy.Day, len(bs)), Closes: make([]float64, len(bs))}
		for i, b := range bs {
			day, known := days[b.Date]
			if !known {
				var err error
				if day, err = strategy.ParseDay(string(b.Date)); err != nil {
					return nil, badBar(&market.BarError{Symbol: symbol, Date: b.Date, Reason: err.Error()})
				}
				days[b.Date] = day
			}
			s.Days[i], s.Closes[i] = day, b.Close
		}
		series[symbol] = s
	}
	return strategy.NewBars(series)
}
