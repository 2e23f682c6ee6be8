package paperbroker

import (
	"math"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
)

// frame is how much time a bar sums up.
type frame struct {
	n    int
	unit string
}

const (
	minutes = "Min"
	hours   = "Hour"
	days    = "Day"
	weeks   = "Week"
	months  = "Month"
)

// readFrame reads a time frame such as 1Day, 5Min or 3M.
func readFrame(s string) (frame, bool) {
	unit := strings.TrimLeft(s, "0123456789")
	n, err := strconv.Atoi(strings.TrimSuffix(s, unit))
	if err != nil {
		return frame{}, false
	}
	switch unit {
	case "Min", "T":
		return frame{n, minutes}, n >= 1 && n <= 59
	case "Hour", "H":
		return frame{n, hours}, n >= 1 && n <= 23
	case "Day", "D":
		return frame{n, days}, n == 1
	case "Week", "W":
		return frame{n, weeks}, n == 1
	case "Month", "M":
		return frame{n, months}, slices.Contains([]int{1, 2, 3, 4, 6, 12}, n)
	}
	return frame{}, false
}

// label is the first day of the weeks or months that a day belongs to.
func (f frame) label(d events.Date) events.Date {
	t := d.In(time.UTC)
	switch f.unit {
	case weeks:
		return d.AddDays(-(int(t.Weekday()) + 6) % 7)
	case months:
		month := (int(t.Month())-1)/f.n*f.n + 1
		return events.DateOf(time.Date(t.Year(), time.Month(month), 1, 0, 0, 0, 0, time.UTC), time.UTC)
	}
	return d
}

// sum joins daily bars to longer ones.
func (f frame) sum(daily market.Series) market.Series {
	if f.unit == days {
		return daily
	}
	var out market.Series
	for _, b := range daily {
		if b.Date = f.label(b.Date); len(out) == 0 || out[len(out)-1].Date != b.Date {
			out = append(out, b)
			continue
		}
		last := &out[len(out)-1]
		last.High, last.Low, last.Close, last.Volume = max(last.High, b.High), min(last.Low, b.Low), b.Close, last.Volume+b.Volume
	}
	return out
}

// getBars serves bars of any time frame; those within a day follow from the
// day's bar.
func getBars(e *engine, q request) reply {
	f, ok := readFrame(q.query.Get("timeframe"))
	if !ok {
		return dataRefusal(http.StatusBadRequest, "invalid timeframe: %q", q.query.Get("timeframe"))
	}
	for _, a := range split(q.query.Get("adjustment")) {
		if !slices.Contains([]string{"raw", "split", "dividend", "spin-off", "all"}, a) {
			return dataRefusal(http.StatusBadRequest, "invalid adjustment: %q", a)
		}
	}
	return e.lists(q, "bars", func(symbol string, s stretch) list {
		switch f.unit {
		case minutes:
			return e.within(symbol, s, time.Duration(f.n)*time.Minute)
		case hours:
			return e.within(symbol, s, time.Duration(f.n)*time.Hour)
		}
		return barList{e.market, symbol, ordered(between(f.sum(e.served(symbol)), s.from, s.to), s.descending)}
	})
}

// barList is a list of bars of a day or more.
type barList struct {
	market *exchange
	symbol string
	bars   market.Series
}

func (l barList) len() int { return len(l.bars) }

func (l barList) write(out []byte, from, to int) []byte {
	return l.market.appendBars(out, l.symbol, l.bars[from:to])
}

// days are the daily bars of a stretch.
func (e *engine) days(symbol string, s stretch) market.Series {
	return ordered(between(e.served(symbol), s.from, s.to), s.descending)
}

func ordered(bars market.Series, descending bool) market.Series {
	if descending {
		bars = slices.Clone(bars)
		slices.Reverse(bars)
	}
	return bars
}

func between(bars market.Series, from, to time.Time) market.Series {
	first := sort.Search(len(bars), func(i int) bool { return !barTime(bars[i]).Before(from) })
	last := sort.Search(len(bars), func(i int) bool { return barTime(bars[i]).After(to) })
	return bars[first:max(first, last)]
}

// within are bars of less than a day.
func (e *engine) within(symbol string, s stretch, step time.Duration) list {
	at := e.ticks(symbol, s, step)
	if !e.switches.FormingBar {
		at = slices.DeleteFunc(at, func(t time.Time) bool { return t.Add(step).After(e.now) })
	}
	return moments{at, func(out []byte, t time.Time) []byte {
		b, _ := e.barWithin(symbol, t, step)
		return appendJSON(out, b)
	}}
}

// barWithin is the bar of a step that begins at t, as far as it has come. The
// extremes of a session lie on whole minutes, so those at the ends of its
// minutes are those of a bar.
func (e *engine) barWithin(symbol string, t time.Time, step time.Duration) (*barBody, bool) {
	s, ok := e.market.day(t)
	day, traded := e.market.bars[symbol].On(s.Date)
	if !ok || !traded {
		return nil, false
	}
	first, end := t, t.Add(step)
	for _, bound := range []time.Time{s.Close, e.now} {
		if end.After(bound) {
			end = bound
		}
	}
	if first.Before(s.Open) {
		first = s.Open
	}
	p := e.market.path(symbol, day, s)
	b := &barBody{T: wireTime(t), O: round4(p.at(first)), C: round4(p.at(end))}
	high, low := max(b.O, b.C), min(b.O, b.C)
	for at := first.Truncate(time.Minute).Add(time.Minute); at.Before(end); at = at.Add(time.Minute) {
		high, low = max(high, p.at(at)), min(low, p.at(at))
	}
	b.H, b.L = round4(high), round4(low)
	b.V = int64(math.Round(float64(day.Volume) * float64(end.Sub(first)) / float64(s.Close.Sub(s.Open))))
	b.N, b.VW = b.V/100+1, round4((b.H+b.L+2*b.C)/4)
	return b, true
}
