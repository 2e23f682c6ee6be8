package strategy

import (
	"math"
	"math/bits"
	"slices"
)

// A composite (a group, weight form or filter) is ranked by the returns it
// would have earned: the allocation it chose at each session's close earns the
// following session's return. Its sessions are those of the symbols it can
// hold.

// sessionList is the sessions of composites that can hold the same dates.
type sessionList struct {
	at   []int32 // calendar indices, ascending
	upTo []int32 // by calendar index: how many sessions up to it
}

// composite is the return series of one composite.
type composite struct {
	*sessionList
	node    *node
	returns []float64 // by session; NaN = not computed yet, +Inf = undefined
}

var (
	unknown   = math.NaN()
	undefined = math.Inf(1)
)

// seriesOf finds or prepares the return series of a composite.
func (r *run) seriesOf(n *node) *composite {
	if c := r.series[n.memo]; c != nil {
		return c
	}
	c := &composite{node: n, sessionList: r.sessionsOf(n)}
	c.returns = make([]float64, len(c.at))
	for i := range c.returns {
		c.returns[i] = unknown
	}
	r.series[n.memo] = c
	return c
}

func (r *run) sessionsOf(n *node) *sessionList {
	calendar := len(r.e.bars.calendar)
	days := make([]byte, (calendar+7)/8)
	seen := make([]bool, len(r.p.symbols))
	r.markSessions(n, seen, days)
	if l := r.sessions[string(days)]; l != nil {
		return l
	}
	count := 0
	for _, b := range days {
		count += bits.OnesCount8(b)
	}
	l := &sessionList{at: make([]int32, 0, count), upTo: make([]int32, calendar)}
	for i := range calendar {
		if days[i/8]>>(i%8)&1 == 1 {
			l.at = append(l.at, int32(i))
		}
		l.upTo[i] = int32(len(l.at))
	}
	r.sessions[string(days)] = l
	return l
}

// markSessions marks the calendar days on which an asset inside n has a bar.
func (r *run) markSessions(n *node, seen []bool, days []byte) {
	if n.op == opAsset {
		c := r.columns[n.sym]
		if c == nil || seen[n.sym] {
			return
		}
		seen[n.sym] = true
		before := int32(0)
		for i, upTo := range c.upTo {
			if upTo != before {
				days[i/8] |= 1 << (i % 8)
			}
			before = upTo
		}
		return
	}
	for _, k := range n.branches() {
		r.markSessions(k, seen, days)
	}
}

// count is how many sessions the composite has up to a calendar index.
func (c *composite) count(session int) int {
	if session < 0 {
		return 0
	}
	return int(c.upTo[session])
}

// returnAt is the return of the composite's t-th session, t ≥ 1.
func (r *run) returnAt(c *composite, t int) float64 {
	if v := c.returns[t]; !math.IsNaN(v) {
		return v
	}
	v := r.earned(c.node, int(c.at[t-1]), int(c.at[t]))
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = undefined
	}
	c.returns[t] = v
	return v
}

// earned is what the decision of one session earns until another.
func (r *run) earned(n *node, from, to int) float64 {
	held, ok := r.decision(n, from)
	if !ok {
		return undefined
	}
	sum := 0.0
	for _, h := range held {
		c := r.columns[h.sym]
		before, after := c.count(from), c.count(to)
		if before == 0 {
			return undefined
		}
		if before != after {
			sum += float64(h.weight * (c.closes[after-1]/c.closes[before-1] - 1))
		}
	}
	return sum
}

// decisions remembers the allocation of one node at every calendar index.
type decisions struct {
	place []int32 // in the arena
	count []int32
}

const (
	notDecided  = -1 // count: not evaluated yet
	isUndefined = -2 // count: the evaluation failed
)

// decision is the allocation of a node at a session, symbols ascending. It
// reports false when it is undefined.
func (r *run) decision(n *node, session int) ([]holding, bool) {
	d := r.decided[n.memo]
	if d == nil {
		d = &decisions{place: make([]int32, len(r.e.bars.calendar)), count: make([]int32, len(r.e.bars.calendar))}
		for i := range d.count {
			d.count[i] = notDecided
		}
		r.decided[n.memo] = d
	}
	if d.count[session] == notDecided {
		r.decide(n, session, d)
	}
	count := d.count[session]
	if count == isUndefined {
		return nil, false
	}
	return r.arena.at(d.place[session], count), true
}

// decide evaluates a node at a session of the past.
func (r *run) decide(n *node, session int, d *decisions) {
	live := r.live
	r.live = nil
	mark := len(r.hold)
	err := r.compute(n, session)
	held := r.hold[mark:]
	if err != nil {
		d.count[session] = isUndefined
	} else {
		slices.SortFunc(held, func(a, b holding) int { return int(a.sym - b.sym) })
		d.place[session], d.count[session] = r.arena.keep(held), int32(len(held))
	}
	r.hold = r.hold[:mark]
	r.live = live
}

// remembered pushes the allocation of a node in the past.
func (r *run) remembered(n *node, session int) error {
	held, ok := r.decision(n, session)
	if !ok {
		return errHistory
	}
	r.hold = append(r.hold, held...)
	return nil
}

// ofComposite measures a composite at a session by its last returns.
func (r *run) ofComposite(n *node, m measure, session int) measured {
	c := r.seriesOf(n)
	count := c.count(session)
	need, most := int(m.window), m.lookBack()
	have := 0
	for have < most && count-1-have >= 1 && !math.IsInf(r.returnAt(c, count-1-have), 1) {
		have++
	}
	if have < need {
		return measured{need: need, have: have, returns: true}
	}
	return measured{value: m.ofReturns(c.returns[count-have:count], r.scratch), ok: true, have: have, returns: true}
}

// ofReturns computes a measure of a return series, oldest first.
func (m measure) ofReturns(returns []float64, scratch []float64) float64 {
	switch m.indicator {
	case movingAverageReturn:
		return 100 * mean(returns)
	case cumulativeReturn:
		path := 1.0
		for _, x := range returns {
			path = float64(path * (1 + x))
		}
		return 100 * (path - 1)
	case stdevReturn:
		percent := scratch[:0]
		for _, x := range returns {
			percent = append(percent, float64(100*x))
		}
		return deviation(percent)
	case maxDrawdown:
		path, peak, deepest := 1.0, 1.0, 0.0
		for _, x := range returns {
			path = float64(path * (1 + x))
			peak = max(peak, path)
			deepest = max(deepest, 1-path/peak)
		}
		return 100 * deepest
	case rsi:
		s := wilder{alpha: 1 / float64(m.window)}
		s.keep = 1 - s.alpha
		path := 1.0
		for _, x := range returns {
			next := float64(path * (1 + x))
			s.step(next - path)
			path = next
		}
		return s.value()
	}
	return math.NaN()
}

// measureItem measures a candidate of a filter or a child of inverse
// volatility.
func (r *run) measureItem(n *node, m measure, session int) measured {
	if n.op == opAsset {
		return r.ofSymbol(n.slot, session)
	}
	return r.ofComposite(n, m, session)
}

// measuredText names what was measured, for messages.
func (r *run) measuredText(n *node, m measure) string {
	if n.op == opAsset {
		return m.text(r.p.symbols[n.sym])
	}
	name := `unnamed "` + n.kind() + `"`
	if n.op == opGroup {
		name = `group "` + n.text + `"`
	}
	return m.text("") + " of " + name
}
