// Package market holds daily bars, exchange sessions and the calendar. Its
// drivers fetch bars: alpacamarket from Alpaca's market data API, csvmarket
// from a folder of files, synthmarket from a seed.
//
//	bars, err := source.DailyBars(ctx, market.Request{Symbols: []string{"MSFT"}, From: from, To: to})
//	last, ok := bars["MSFT"].Last()
package market

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// Bar is one session of one symbol, adjusted for splits and dividends. Prices
// are USD in binary64: bars feed indicators, never order sizes.
type Bar struct {
	Date                   events.Date
	Open, High, Low, Close float64
	Volume                 int64
}

// Series are bars of one symbol, oldest first, dates strictly ascending.
type Series []Bar

// Last is the newest bar; false when there is none.
func (s Series) Last() (Bar, bool) {
	if len(s) == 0 {
		return Bar{}, false
	}
	return s[len(s)-1], true
}

// Until are the bars dated on or before d.
func (s Series) Until(d events.Date) Series {
	return s[:sort.Search(len(s), func(i int) bool { return s[i].Date > d })]
}

// From are the bars dated on or after d.
func (s Series) From(d events.Date) Series {
	return s[sort.Search(len(s), func(i int) bool { return s[i].Date >= d }):]
}

// On is the bar of a session; false when there is none.
func (s Series) On(d events.Date) (Bar, bool) {
	if s = s.From(d); len(s) == 0 || s[0].Date != d {
		return Bar{}, false
	}
	return s[0], true
}

// Bars are series by symbol. A symbol without bars is absent.
type Bars map[string]Series

// Symbols are the symbols that have bars, ascending.
func (b Bars) Symbols() []string { return slices.Sorted(maps.Keys(b)) }

// Span is the first and the last session over all symbols; empty without bars.
func (b Bars) Span() (first, last events.Date) {
	for _, s := range b {
		if len(s) == 0 {
			continue
		}
		if first == "" || s[0].Date < first {
			first = s[0].Date
		}
		if d := s[len(s)-1].Date; d > last {
			last = d
		}
	}
	return first, last
}

// Digest is the SHA-256 of symbols, dates and closes, in hexadecimal: equal
// digests mean that a decision was made on the same data.
func (b Bars) Digest() string {
	h := sha256.New()
	var text []byte
	for _, symbol := range b.Symbols() {
		text = append(append(text[:0], symbol...), '\n')
		for _, bar := range b[symbol] {
			text = append(text, bar.Date...)
			text = binary.BigEndian.AppendUint64(text, math.Float64bits(bar.Close))
		}
		h.Write(text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// BarError is a bar that no decision may rest on.
type BarError struct {
	Symbol string
	Date   events.Date
	Reason string
}

func (e *BarError) Error() string {
	return fmt.Sprintf("bad_bar: %s %s: %s", e.Symbol, e.Date, e.Reason)
}

// Validate checks that dates ascend strictly and that prices are finite and
// positive. It returns a *BarError.
func (s Series) Validate(symbol string) error {
	var previous events.Date
	for _, b := range s {
		if b.Date <= previous {
			return &BarError{symbol, b.Date, fmt.Sprintf("not after the bar before it (%s)", previous)}
		}
		for i, p := range [...]float64{b.Open, b.High, b.Low, b.Close} {
			if !(p > 0) || math.IsInf(p, 0) {
				name := [...]string{"open", "high", "low", "close"}[i]
				return &BarError{symbol, b.Date, fmt.Sprintf("%s is %v, not a positive price", name, p)}
			}
		}
		previous = b.Date
	}
	return nil
}

// Request asks for daily bars of finished sessions, both dates inclusive.
type Request struct {
	Symbols  []string
	From, To events.Date
}

// Source is a driver that fetches bars.
//
// DailyBars returns every requested symbol that has bars in the range and
// leaves out the others; it never substitutes, fills in or reorders. It must
// return promptly when ctx is done. A failure that may pass by itself is a
// *TemporaryError, a refusal that repeating cannot change a *DeniedError.
type Source interface {
	DailyBars(ctx context.Context, r Request) (Bars, error)
}

// Session is one trading day of the exchange.
type Session struct {
	Date        events.Date
	Open, Close time.Time // UTC
	EarlyClose  bool
}

// Contains reports whether t lies in [Open, Close).
func (s Session) Contains(t time.Time) bool { return !t.Before(s.Open) && t.Before(s.Close) }
