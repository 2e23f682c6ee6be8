package strategy

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// Frequency is how often a strategy's new target is applied.
type Frequency string

// The frequencies a strategy's config can ask for. None is like Daily.
const (
	Daily     Frequency = "daily"
	Weekly    Frequency = "weekly"
	Monthly   Frequency = "monthly"
	Quarterly Frequency = "quarterly"
	Yearly    Frequency = "yearly"
)

// Rule decides whether a computed target is applied or the slice holds. At
// most one of the fields is set; none means daily.
type Rule struct {
	Frequency Frequency `json:"frequency,omitempty"`
	Threshold float64   `json:"threshold,omitempty"` // 0 < x < 1
}

// Applied is what the ledger knows of a strategy's last application.
type Applied struct {
	SHA256    string     // of the strategy file
	TradeDate Day        // session in which it was traded, New York
	AsOf      Day        // session whose closes it was decided on
	Weights   Allocation // what was applied
}

// Outcome says whether a target is applied, and what the slice holds then.
type Outcome struct {
	Apply bool `json:"apply"`
	// Reason is one of "first", "strategy changed", "forced", "daily",
	// "period" and "threshold".
	Reason string `json:"reason"`
	// Weights is the slice's contribution: the target when it is applied, else
	// the current weights.
	Weights Allocation `json:"weights"`
	// Current is what the last application has drifted to; nil when there is
	// none.
	Current map[string]float64 `json:"current,omitempty"`
	// LargestDifference is the largest distance between target and current
	// weight over all symbols; nil without current weights.
	LargestDifference *float64 `json:"largest_difference,omitempty"`
}

// PriceFactor gives close(D) / close(day of application) of a symbol. It
// reports false when one of the closes is missing.
type PriceFactor func(symbol string) (float64, bool)

// FactorsSince is the PriceFactor of closes between two dates; a symbol
// without a bar on a date counts with its last close before it.
func (b *Bars) FactorsSince(applied, asOf Day) PriceFactor {
	return func(symbol string) (float64, bool) {
		before, _, ok1 := b.LastClose(symbol, applied)
		after, _, ok2 := b.LastClose(symbol, asOf)
		return after / before, ok1 && ok2
	}
}

// Decide decides whether the target of p, traded on tradeDate, replaces what
// was applied last; last is nil when nothing was. It fails when holding needs
// the close of a symbol that has none.
func (r Rule) Decide(sha256 string, target Allocation, tradeDate Day, last *Applied, factor PriceFactor, force bool) (Outcome, error) {
	if last == nil {
		return Outcome{Apply: true, Reason: "first", Weights: target}, nil
	}
	current, err := drift(last.Weights, factor)
	reason := ""
	switch {
	case last.SHA256 != sha256:
		reason = "strategy changed"
	case force:
		reason = "forced"
	case r.Threshold == 0 && (r.Frequency == "" || r.Frequency == Daily):
		reason = "daily"
	}
	if reason != "" {
		// An application needs no current weights; they are only reported.
		return outcome(true, reason, target, target, current), nil
	}
	if err != nil {
		return Outcome{}, err
	}
	var apply bool
	if r.Threshold > 0 {
		reason = "threshold"
		d := difference(target, current)
		apply = d != nil && *d > r.Threshold
	} else {
		reason = "period"
		apply = r.Frequency.period(tradeDate) != r.Frequency.period(last.TradeDate)
	}
	if apply {
		return outcome(true, reason, target, target, current), nil
	}
	held, err := Round(current)
	if err != nil {
		return Outcome{}, fmt.Errorf("weights to hold: %w", err)
	}
	return outcome(false, reason, held, target, current), nil
}

func outcome(apply bool, reason string, weights, target Allocation, current map[string]float64) Outcome {
	return Outcome{Apply: apply, Reason: reason, Weights: weights, Current: current, LargestDifference: difference(target, current)}
}

// period numbers the periods of a frequency: two dates with one number lie in
// the same week, month, quarter or year.
func (f Frequency) period(d Day) int {
	t := d.Time()
	year, month := t.Year(), int(t.Month())-1
	switch f {
	case Weekly:
		return int(math.Floor(float64(d+3) / 7)) // 1970-01-01 was a Thursday
	case Monthly:
		return year*12 + month
	case Quarterly:
		return year*4 + month/3
	case Yearly:
		return year
	}
	return int(d)
}

// drift is what applied weights have become by the closes since, adding up to
// 1 again.
func drift(applied Allocation, factor PriceFactor) (map[string]float64, error) {
	current := make(map[string]float64, len(applied))
	sum := 0.0
	symbols := applied.Symbols()
	for _, s := range symbols {
		f, ok := factor(s)
		if !ok {
			return nil, fmt.Errorf("no close of %s: its current weight is not known; fetch its bars since the last application", s)
		}
		current[s] = float64(float64(applied[s]) / float64(One) * f)
		sum += current[s]
	}
	for _, s := range symbols {
		current[s] /= sum
	}
	return current, nil
}

// difference is the largest distance of two sets of weights, nil when there
// are no current ones.
func difference(target Allocation, current map[string]float64) *float64 {
	if len(current) == 0 {
		return nil
	}
	all := maps.Clone(current)
	for s := range target {
		all[s] += 0
	}
	largest := 0.0
	for _, s := range slices.Sorted(maps.Keys(all)) {
		largest = max(largest, math.Abs(float64(target[s])/float64(One)-current[s]))
	}
	return &largest
}
