package strategy

import (
	"math"
)

// inverse pushes the allocation of weight-inverse-volatility: each item's
// share is proportional to 1/σ.
func (r *run) inverse(n *node, session int) error {
	base := len(r.items)
	defer func() { r.items = r.items[:base] }()
	step := r.live.open(n, "weight-inverse-volatility")
	for _, k := range n.kids {
		if err := r.push(k, session); err != nil {
			return err
		}
	}
	count := len(r.items) - base
	inverses := make([]float64, count)
	children := r.live.room(count)
	sum := 0.0
	for i := range count {
		item := r.items[base+i]
		m := r.measureItem(item, n.measure, session)
		if !m.ok {
			return r.fail(item, "insufficient-history", func() string { return m.missing(r.measuredText(item, n.measure)) })
		}
		if math.IsNaN(m.value) || math.IsInf(m.value, 0) {
			return r.fail(item, "non-finite", func() string { return "result is not finite: " + r.measuredText(item, n.measure) })
		}
		if m.value > 0 {
			inverses[i] = 1 / m.value
			sum += inverses[i]
		}
		r.live.child(&children, r, item, m)
	}
	if sum == 0 {
		return r.fail(n, "zero-volatility", func() string { return "every child has zero volatility" })
	}
	if math.IsInf(sum, 0) {
		return r.fail(n, "non-finite", func() string { return "a volatility is too small to divide by" })
	}
	r.live.weigh(step, n, children, inverses, sum)
	blend := r.blend()
	for i := range count {
		if inverses[i] == 0 {
			continue
		}
		from := len(r.hold)
		if err := r.evaluate(r.items[base+i], session); err != nil {
			return err
		}
		blend.add(from, inverses[i]/sum)
	}
	blend.merge()
	return nil
}
