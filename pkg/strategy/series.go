package strategy

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
)

// Series are the daily bars of one symbol as a strategy sees them: dates,
// strictly ascending, and the adjusted close of each. Both have one length.
type Series struct {
	Days   []Day
	Closes []float64
}

// Bars are the validated bars of all symbols, on one calendar. They never
// change and may be used by several goroutines.
type Bars struct {
	calendar []Day // every date on which any symbol has a bar, ascending
	columns  map[string]*column
}

// column is one symbol's bars beside the calendar.
type column struct {
	days   []Day
	closes []float64
	upTo   []int32 // by calendar index: how many bars are dated up to it
}

// NewBars validates bars. The error is a Diagnostic of class "bad-bars" that
// names the symbol and the session. The slices are not copied.
func NewBars(series map[string]Series) (*Bars, error) {
	b := &Bars{columns: make(map[string]*column, len(series))}
	seen := make(map[Day]struct{}, 1024)
	for _, symbol := range slices.Sorted(maps.Keys(series)) {
		s := series[symbol]
		if err := validate(symbol, s); err != nil {
			return nil, err
		}
		for _, d := range s.Days {
			seen[d] = struct{}{}
		}
		b.columns[symbol] = &column{days: s.Days, closes: s.Closes}
	}
	b.calendar = slices.Sorted(maps.Keys(seen))
	for _, c := range b.columns {
		c.upTo = make([]int32, len(b.calendar))
		n := 0
		for i, d := range b.calendar {
			if n < len(c.days) && c.days[n] == d {
				n++
			}
			c.upTo[i] = int32(n)
		}
	}
	return b, nil
}

func validate(symbol string, s Series) error {
	bad := func(format string, args ...any) error {
		return Diagnostic{Line: 1, Col: 1, Class: "bad-bars", Message: "bars of " + symbol + ": " + fmt.Sprintf(format, args...),
			Hint: "fetch the bars of this symbol again"}
	}
	if len(s.Days) != len(s.Closes) {
		return bad("%d dates and %d closes", len(s.Days), len(s.Closes))
	}
	for i, d := range s.Days {
		if i > 0 && d <= s.Days[i-1] {
			return bad("%s follows %s", d, s.Days[i-1])
		}
		if p := s.Closes[i]; !(p > 0) || math.IsInf(p, 0) {
			return bad("close of %s is %v", d, p)
		}
	}
	return nil
}

// session is the calendar index of the last date up to d, -1 before all.
func (b *Bars) session(d Day) int {
	return sort.Search(len(b.calendar), func(i int) bool { return b.calendar[i] > d }) - 1
}

// count is how many bars a column has up to the session; a nil column has none.
func (c *column) count(session int) int {
	if c == nil || session < 0 {
		return 0
	}
	return int(c.upTo[session])
}

// LastClose is the close of the symbol's last bar dated up to d, and that
// bar's date. It reports false when there is none.
func (b *Bars) LastClose(symbol string, d Day) (price float64, day Day, ok bool) {
	c := b.columns[symbol]
	n := c.count(b.session(d))
	if n == 0 {
		return 0, 0, false
	}
	return c.closes[n-1], c.days[n-1], true
}

// BarsUsed says which bars of a symbol an evaluation could see.
type BarsUsed struct {
	First Day `json:"first"`
	Last  Day `json:"last"`
	Count int `json:"count"`
}

func (b *Bars) used(symbol string, session int) (BarsUsed, bool) {
	c := b.columns[symbol]
	n := c.count(session)
	if n == 0 {
		return BarsUsed{}, false
	}
	return BarsUsed{First: c.days[0], Last: c.days[n-1], Count: n}, true
}

// values remembers what was computed of one indicator of one symbol.
type values struct {
	measure measure
	column  *column
	all     []float64 // by bar index; recursive indicators: all of them, others: NaN = not yet
	lastN   int       // last value computed, while all is nil
	last    float64
}

// at gives the value as of the n-th bar; n ≥ need.
func (v *values) at(n int, scratch []float64) float64 {
	if v.all != nil {
		if x := v.all[n-1]; !math.IsNaN(x) {
			return x
		}
	} else {
		if v.lastN == n {
			return v.last
		}
		if r := v.measure.recursive(v.column.closes); r != nil {
			v.all = r
			return r[n-1]
		}
	}
	x := v.measure.windowed(v.column.closes[:n], scratch)
	switch {
	case v.measure.indicator == currentPrice:
	case v.all != nil:
		v.all[n-1] = x
	case v.lastN == 0:
		v.lastN, v.last = n, x
	default: // asked for a second session: there will be more
		v.all = make([]float64, len(v.column.closes))
		for i := range v.all {
			v.all[i] = math.NaN()
		}
		v.all[n-1] = x
	}
	return x
}
