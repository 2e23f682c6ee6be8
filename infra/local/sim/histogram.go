package sim

import (
	"maps"
	"math/bits"
	"slices"
	"time"
)

// Histogram counts durations: how many by their length in milliseconds, of
// which seven binary digits are kept, rounded up. Two can be added; a quantile
// is at most 1.6 % more than the true one.
type Histogram map[int64]int

const histogramDigits = 7

func (h Histogram) add(d time.Duration) {
	ms := (d + time.Millisecond - 1).Milliseconds()
	if drop := bits.Len64(uint64(max(ms, 0))) - histogramDigits; drop > 0 {
		ms = (ms + 1<<drop - 1) >> drop << drop
	}
	h[ms]++
}

func (h Histogram) merge(o Histogram) {
	for ms, n := range o {
		h[ms] += n
	}
}

// Count is the number of durations.
func (h Histogram) Count() (n int) {
	for _, k := range h {
		n += k
	}
	return n
}

// Quantile is a duration that the given share of all does not exceed.
func (h Histogram) Quantile(share float64) time.Duration {
	rank := int(share * float64(h.Count()))
	lengths := slices.Sorted(maps.Keys(h))
	for _, ms := range lengths {
		if rank -= h[ms]; rank < 0 {
			return time.Duration(ms) * time.Millisecond
		}
	}
	if len(lengths) == 0 {
		return 0
	}
	return time.Duration(lengths[len(lengths)-1]) * time.Millisecond
}
