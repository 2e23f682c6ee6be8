package strategy

import (
	"fmt"
	"math"
	"strconv"
)

// indicator is one of the eleven functions of a series of closes.
type indicator uint8

const (
	currentPrice indicator = iota
	movingAveragePrice
	exponentialMovingAveragePrice
	movingAverageReturn
	cumulativeReturn
	stdevReturn
	stdevPrice
	maxDrawdown
	rsi
	ppo
	ppoSignal
	indicatorCount
)

var indicatorNames = [indicatorCount]string{
	currentPrice:                  "current-price",
	movingAveragePrice:            "moving-average-price",
	exponentialMovingAveragePrice: "exponential-moving-average-price",
	movingAverageReturn:           "moving-average-return",
	cumulativeReturn:              "cumulative-return",
	stdevReturn:                   "stdev-return",
	stdevPrice:                    "stdev-price",
	maxDrawdown:                   "max-drawdown",
	rsi:                           "rsi",
	ppo:                           "percentage-price-oscillator",
	ppoSignal:                     "percentage-price-oscillator-signal",
}

func (i indicator) String() string { return indicatorNames[i] }

func indicatorNamed(name string) (indicator, bool) {
	for i, n := range indicatorNames {
		if n == name {
			return indicator(i), true
		}
	}
	return 0, false
}

// ranksGroups tells whether composites can be scored by this indicator.
func (i indicator) ranksGroups() bool {
	switch i {
	case movingAverageReturn, cumulativeReturn, stdevReturn, maxDrawdown, rsi:
		return true
	}
	return false
}

// MaxWindow is the longest window of any indicator, in bars.
const MaxWindow = 2520

// measure is an indicator with its parameters.
type measure struct {
	indicator indicator
	window    int32 // short window of the oscillators
	long      int32
	smooth    int32
}

// parameter is one key an indicator knows, with its default and lower limit.
type parameter struct {
	key      string
	fallback int32
	least    int32
}

var indicatorParameters = [indicatorCount][]parameter{
	movingAveragePrice:            {{":window", 200, 1}},
	exponentialMovingAveragePrice: {{":window", 12, 1}},
	movingAverageReturn:           {{":window", 21, 1}},
	cumulativeReturn:              {{":window", 60, 1}},
	maxDrawdown:                   {{":window", 60, 1}},
	stdevReturn:                   {{":window", 6, 2}},
	stdevPrice:                    {{":window", 6, 2}},
	rsi:                           {{":window", 14, 1}},
	ppo:                           {{":short-window", 12, 1}, {":long-window", 26, 1}},
	ppoSignal:                     {{":short-window", 12, 1}, {":long-window", 26, 1}, {":smooth-window", 9, 1}},
}

func (i indicator) parameters() []parameter { return indicatorParameters[i] }

// set stores the i-th parameter of the indicator.
func (m *measure) set(i int, v int32) {
	switch i {
	case 0:
		m.window = v
	case 1:
		m.long = v
	case 2:
		m.smooth = v
	}
}

// need is how many bars the value of the last one takes.
func (m measure) need() int {
	w := int(m.window)
	switch m.indicator {
	case currentPrice:
		return 1
	case movingAverageReturn, cumulativeReturn, stdevReturn:
		return w + 1
	case ppo:
		return int(m.long)
	case ppoSignal:
		return int(m.long) + int(m.smooth)
	}
	return w
}

// warm is how many bars make the value independent (to 1e-9) of where history
// begins. Indicators without memory need no more than need.
func (m measure) warm() int {
	switch m.indicator {
	case exponentialMovingAveragePrice:
		return 14 * int(m.window)
	case rsi:
		return 25 * int(m.window)
	case ppo:
		return 16 * int(m.long)
	case ppoSignal:
		return 16 * (int(m.long) + int(m.smooth))
	}
	return m.need()
}

// lookBack is how many returns a composite's score uses at most.
func (m measure) lookBack() int {
	if m.indicator == rsi {
		return 25 * int(m.window)
	}
	return int(m.window)
}

// params prints the parameters, ordered by key, all of them.
func (m measure) params() string {
	switch m.indicator {
	case currentPrice:
		return "{}"
	case ppo:
		return fmt.Sprintf("{:long-window %d :short-window %d}", m.long, m.window)
	case ppoSignal:
		return fmt.Sprintf("{:long-window %d :short-window %d :smooth-window %d}", m.long, m.window, m.smooth)
	}
	return "{:window " + strconv.Itoa(int(m.window)) + "}"
}

// text prints the measure as a call, of a symbol or (with none) as a metric.
// Where there is no parameter it prints none.
func (m measure) text(symbol string) string {
	s := "(" + m.indicator.String()
	if symbol != "" {
		s += ` "` + symbol + `"`
	}
	if m.indicator != currentPrice {
		s += " " + m.params()
	}
	return s + ")"
}

// The formulas below use binary64 with two roundings for a*b + c*d: the
// explicit conversions keep the compiler from fusing them, so that every
// processor gives the same bits. Windows are summed afresh, oldest first.

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// deviation is the sample standard deviation (divisor n−1), in two passes.
func deviation(x []float64) float64 {
	m := mean(x)
	sum := 0.0
	for _, v := range x {
		d := v - m
		sum += float64(d * d)
	}
	return math.Sqrt(sum / float64(len(x)-1))
}

// windowed computes an indicator without memory for the last of the closes p;
// len(p) ≥ need. The scratch slice is for intermediate values.
func (m measure) windowed(p []float64, scratch []float64) float64 {
	n, w := len(p), int(m.window)
	switch m.indicator {
	case currentPrice:
		return p[n-1]
	case movingAveragePrice:
		return mean(p[n-w:])
	case movingAverageReturn:
		sum := 0.0
		for i := n - w; i < n; i++ {
			sum += p[i]/p[i-1] - 1
		}
		return 100 * (sum / float64(w))
	case cumulativeReturn:
		return 100 * (p[n-1]/p[n-1-w] - 1)
	case stdevReturn:
		r := scratch[:0]
		for i := n - w; i < n; i++ {
			r = append(r, float64(100*(p[i]/p[i-1]-1)))
		}
		return deviation(r)
	case stdevPrice:
		return deviation(p[n-w:])
	case maxDrawdown:
		return drawdown(p[n-w:])
	}
	return math.NaN()
}

// drawdown is the largest fall from a running maximum, in percent, ≥ 0.
func drawdown(p []float64) float64 {
	peak, deepest := p[0], 0.0
	for _, v := range p {
		if v > peak {
			peak = v
		}
		if dd := 1 - v/peak; dd > deepest {
			deepest = dd
		}
	}
	return 100 * deepest
}

// rsiSeries is Wilder's relative strength index of every bar, with averages
// that start at 0 on the first one.
func rsiSeries(p []float64, w int32) []float64 {
	out := make([]float64, len(p))
	var s wilder
	s.alpha = 1 / float64(w)
	s.keep = 1 - s.alpha
	for i := range p {
		if i > 0 {
			s.step(p[i] - p[i-1])
		}
		out[i] = s.value()
	}
	return out
}

// wilder is the running state of an RSI.
type wilder struct{ alpha, keep, gain, loss float64 }

func (s *wilder) step(d float64) {
	gain, loss := max(d, 0), max(-d, 0)
	s.gain = float64(s.keep*s.gain) + float64(s.alpha*gain)
	s.loss = float64(s.keep*s.loss) + float64(s.alpha*loss)
}

func (s *wilder) value() float64 {
	switch {
	case s.gain == 0 && s.loss == 0:
		return 50
	case s.loss == 0:
		return 100
	}
	return 100 - 100/(1+s.gain/s.loss)
}

// emaSeries is the exponential moving average of every value, seeded with the
// first, α = 2/(w+1).
func emaSeries(p []float64, w int32) []float64 {
	out := make([]float64, len(p))
	alpha := 2 / (float64(w) + 1)
	keep := 1 - alpha
	for i, v := range p {
		if i == 0 {
			out[0] = v
			continue
		}
		out[i] = float64(keep*out[i-1]) + float64(alpha*v)
	}
	return out
}

// ppoSeries is 100 × (EMA(short) − EMA(long)) / EMA(long) of every bar.
func ppoSeries(p []float64, short, long int32) []float64 {
	s, l := emaSeries(p, short), emaSeries(p, long)
	for i := range s {
		s[i] = 100 * (s[i] - l[i]) / l[i]
	}
	return s
}

// recursive computes an indicator with memory for every bar; nil for the
// others. Values of bars before need-1 are meaningless.
func (m measure) recursive(p []float64) []float64 {
	switch m.indicator {
	case exponentialMovingAveragePrice:
		return emaSeries(p, m.window)
	case rsi:
		return rsiSeries(p, m.window)
	case ppo:
		return ppoSeries(p, m.window, m.long)
	case ppoSignal:
		line := ppoSeries(p, m.window, m.long)
		from := min(int(m.long)-1, len(line))
		copy(line[from:], emaSeries(line[from:], m.smooth))
		return line
	}
	return nil
}
