package paperbroker

import "github.com/alchemiser/alchemiser/pkg/market"

// barText is a series as replies carry it: bars never change, and a run reads
// ten thousand of them.
type barText struct {
	text []byte
	ends []int // of each bar in text; a comma lies between two
}

// appendBars writes bars with commas between them. Those that are a stretch of
// the symbol's series are copied; others, like the bar that is still forming,
// are written.
func (x *exchange) appendBars(out []byte, symbol string, bars market.Series) []byte {
	if len(bars) == 0 {
		return out
	}
	series := x.bars[symbol]
	first := len(series.Until(bars[0].Date)) - 1
	n := 0
	for first >= 0 && n < len(bars) && first+n < len(series) && series[first+n] == bars[n] {
		n++
	}
	if n > 0 {
		known := x.barText(symbol)
		begin := 0
		if first > 0 {
			begin = known.ends[first-1] + 1
		}
		out = append(out, known.text[begin:known.ends[first+n-1]]...)
	}
	for i, b := range bars[n:] {
		if n+i > 0 {
			out = append(out, ',')
		}
		out = appendBar(out, b)
	}
	return out
}

func (x *exchange) barText(symbol string) *barText {
	if known, ok := x.texts[symbol]; ok {
		return known
	}
	series := x.bars[symbol]
	written := &barText{ends: make([]int, len(series))}
	for i, b := range series {
		if i > 0 {
			written.text = append(written.text, ',')
		}
		written.text = appendBar(written.text, b)
		written.ends[i] = len(written.text)
	}
	x.texts[symbol] = written
	return written
}
