package tapemarket

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
)

// wire is a set of bars, compressed. A decision rests on closes: the other
// prices are only checked to be prices. So they are kept for series alone that
// do not pass the check; a decoded bar has its close for all four prices, and
// no volume.
type wire struct {
	Sessions []events.Date     `json:"sessions"` // ascending, of all series
	Series   map[string]series `json:"series"`
}

// series are the closes of one symbol: one for each session from First on,
// less those that are Skipped. Closes are integers, the value times
// 10^Decimals, each less the one before. Where a close is no decimal fraction
// that binary64 gives back, Exact has them all as they are.
type series struct {
	First    int       `json:"first"`
	Skipped  []int     `json:"skipped,omitempty"`
	Decimals int       `json:"decimals,omitempty"`
	Closes   []int64   `json:"closes,omitempty"`
	Exact    []float64 `json:"exact,omitempty"`
	Odd      []oddBar  `json:"odd,omitempty"` // the whole of a series that does not pass market.Series.Validate
}

type oddBar struct {
	Date   events.Date `json:"date"`
	Prices [4]string   `json:"prices"` // open, high, low, close
	Volume int64       `json:"volume"`
}

const maxDecimals = 8

// Encode is the form in which bars are kept. Decode gives the same closes on
// the same sessions, to the bit.
func Encode(bars market.Bars) ([]byte, error) {
	w := wire{Sessions: sessions(bars), Series: make(map[string]series, len(bars))}
	at := make(map[events.Date]int, len(w.Sessions))
	for i, d := range w.Sessions {
		at[d] = i
	}
	for symbol, bs := range bars {
		if bs.Validate(symbol) != nil {
			w.Series[symbol] = odd(bs)
		} else {
			w.Series[symbol] = closes(bs, at)
		}
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("tapemarket: %w", err)
	}
	if err := json.NewEncoder(z).Encode(w); err != nil {
		return nil, fmt.Errorf("tapemarket: encode bars: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("tapemarket: compress bars: %w", err)
	}
	return out.Bytes(), nil
}

func sessions(bars market.Bars) []events.Date {
	seen := make(map[events.Date]bool)
	var all []events.Date
	for _, bs := range bars {
		for _, b := range bs {
			if !seen[b.Date] {
				seen[b.Date] = true
				all = append(all, b.Date)
			}
		}
	}
	slices.Sort(all)
	return all
}

func closes(bs market.Series, at map[events.Date]int) series {
	if len(bs) == 0 {
		return series{}
	}
	s := series{First: at[bs[0].Date]}
	next := s.First
	for _, b := range bs {
		for ; next < at[b.Date]; next++ {
			s.Skipped = append(s.Skipped, next)
		}
		next++
	}
	for s.Decimals = 2; s.Decimals <= maxDecimals; s.Decimals++ {
		if scaled, ok := scale(bs, math.Pow10(s.Decimals)); ok {
			s.Closes = scaled
			return s
		}
	}
	s.Decimals = 0
	for _, b := range bs {
		s.Exact = append(s.Exact, b.Close)
	}
	return s
}

// scale gives the differences of the closes times the factor, if these are
// integers that give the closes back.
func scale(bs market.Series, factor float64) ([]int64, bool) {
	const exact = 1 << 53
	out := make([]int64, len(bs))
	var before int64
	for i, b := range bs {
		n := math.Round(b.Close * factor)
		if n >= exact || n/factor != b.Close {
			return nil, false
		}
		out[i], before = int64(n)-before, int64(n)
	}
	return out, true
}

func odd(bs market.Series) series {
	var s series
	for _, b := range bs {
		o := oddBar{Date: b.Date, Volume: b.Volume}
		for i, p := range []float64{b.Open, b.High, b.Low, b.Close} {
			o.Prices[i] = strconv.FormatFloat(p, 'g', -1, 64)
		}
		s.Odd = append(s.Odd, o)
	}
	return s
}

// Decode reads what Encode wrote.
func Decode(content []byte) (market.Bars, error) {
	z, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("tapemarket: bars: %w", err)
	}
	text, err := io.ReadAll(z) // to the end: the checksum is there
	if err != nil {
		return nil, fmt.Errorf("tapemarket: bars: %w", err)
	}
	var w wire
	if err := json.Unmarshal(text, &w); err != nil {
		return nil, fmt.Errorf("tapemarket: bars do not decode: %w", err)
	}
	bars := make(market.Bars, len(w.Series))
	for symbol, s := range w.Series {
		if bars[symbol], err = s.bars(w.Sessions); err != nil {
			return nil, fmt.Errorf("tapemarket: bars of %s: %w", symbol, err)
		}
	}
	return bars, nil
}

func (s series) bars(sessions []events.Date) (market.Series, error) {
	var out market.Series
	for _, o := range s.Odd {
		var p [4]float64
		for i, text := range o.Prices {
			var err error
			if p[i], err = strconv.ParseFloat(text, 64); err != nil {
				return nil, err
			}
		}
		out = append(out, market.Bar{Date: o.Date, Open: p[0], High: p[1], Low: p[2], Close: p[3], Volume: o.Volume})
	}
	values := s.Exact
	if len(s.Closes) > 0 {
		var n int64
		for _, d := range s.Closes {
			n += d
			values = append(values, float64(n)/math.Pow10(s.Decimals))
		}
	}
	at, skipped := s.First, s.Skipped
	for _, c := range values {
		for len(skipped) > 0 && skipped[0] == at {
			at, skipped = at+1, skipped[1:]
		}
		if at >= len(sessions) {
			return nil, fmt.Errorf("%d closes, but only %d sessions", len(values), len(sessions))
		}
		out = append(out, market.Bar{Date: sessions[at], Open: c, High: c, Low: c, Close: c})
		at++
	}
	return out, nil
}
