package strategy

import (
	"fmt"
	"math"
)

// Warnings says where a program can never go: conditions that are always true
// or never, because of what an indicator can be or of what an enclosing if has
// decided, and decisions between two equal branches. Such a strategy is sound,
// but hardly what its author meant. They are sorted by position, at most
// MaxDiagnostics, with the classes always-true, never-true and same-branches.
func (p *Program) Warnings() Diagnostics {
	w := &warner{program: p, facts: newFacts()}
	w.allocation(p.root)
	return w.found.trim()
}

// truth is what is known of a condition.
type truth int8

const (
	undecided truth = iota
	always
	never
)

func (t truth) not() truth {
	switch t {
	case always:
		return never
	case never:
		return always
	}
	return undecided
}

// warner walks the tree once, with what the enclosing conditions say.
type warner struct {
	program *Program
	facts   *facts
	found   Diagnostics
}

// allocation walks what is decided together with what encloses it.
func (w *warner) allocation(n *node) {
	switch n.op {
	case opIf:
		w.branch(n, w.allocation)
	case opFilter, opInverse:
		for _, k := range n.kids {
			w.candidate(k)
		}
	default:
		for _, k := range n.kids {
			w.allocation(k)
		}
	}
}

// candidate walks what is scored by its own returns. Its decisions are also
// made for past sessions, of which the enclosing conditions say nothing; only
// which candidates there are is decided together with them.
func (w *warner) candidate(n *node) {
	switch {
	case n.op == opIf:
		w.branch(n, w.candidate)
	case n.transparent():
		for _, k := range n.kids {
			w.candidate(k)
		}
	case n.op != opAsset:
		outside := w.facts
		w.facts = newFacts()
		w.allocation(n)
		w.facts = outside
	}
}

// branch walks an if; down walks its branches.
func (w *warner) branch(n *node, down func(*node)) {
	condition, then, otherwise := n.kids[0], n.kids[1], n.kids[2]
	if then.sem == otherwise.sem {
		w.warn(n, "same-branches", "both branches hold the same: the condition decides nothing", "")
	}
	before := len(w.found)
	known, why := w.condition(condition)
	text := clip(w.program.conditionText(condition))
	switch known {
	case always:
		w.found = w.found[:min(before, len(w.found))]
		w.warn(condition, "always-true", text+" is always true here: "+why,
			fmt.Sprintf("the else branch, at %d:%d, is never taken", otherwise.line, otherwise.col))
	case never:
		w.found = w.found[:min(before, len(w.found))]
		w.warn(condition, "never-true", text+" is never true here: "+why,
			fmt.Sprintf("the then branch, at %d:%d, is never taken", then.line, then.col))
	}
	w.assuming(condition, true, func() { down(then) })
	w.assuming(condition, false, func() { down(otherwise) })
}

func (w *warner) warn(n *node, class, message, hint string) {
	if len(w.found) >= 4096 { // bounded memory whatever the file is
		w.found = w.found.trim()
	}
	w.found = append(w.found, Diagnostic{File: w.program.File, Line: int(n.line), Col: int(n.col), Class: class, Message: message, Hint: hint})
}

// assuming runs f with what follows from a condition that is true, or false.
func (w *warner) assuming(condition *node, holds bool, f func()) {
	mark := len(w.facts.trail)
	w.assume(condition, holds)
	f()
	w.facts.undo(mark)
}

func (w *warner) assume(n *node, holds bool) {
	switch n.op {
	case opCompare:
		w.facts.learn(n, holds)
	case opNot:
		w.assume(n.kids[0], !holds)
	case opAnd, opOr:
		if holds == (n.op == opAnd) { // then the same is known of every part
			for _, k := range n.kids {
				w.assume(k, holds)
			}
		}
	}
}

// condition finds out what is known of a condition, and why. Parts of it whose
// value is known are warned of.
func (w *warner) condition(n *node) (truth, string) {
	switch n.op {
	case opCompare:
		known, why := w.facts.compare(n)
		if known != undecided {
			class, what := "always-true", "always"
			if known == never {
				class, what = "never-true", "never"
			}
			w.warn(n, class, fmt.Sprintf("%s is %s true here: %s", clip(w.program.conditionText(n)), what, why), "")
		}
		return known, why
	case opNot:
		known, why := w.condition(n.kids[0])
		return known.not(), why
	}
	return w.parts(n)
}

// parts is condition for and, or: from left to right, each part on the
// assumption that those before it did not decide.
func (w *warner) parts(n *node) (truth, string) {
	decides := never // and is never true when one part never is
	if n.op == opOr {
		decides = always
	}
	mark := len(w.facts.trail)
	defer w.facts.undo(mark)
	result, reason := decides.not(), ""
	for _, k := range n.kids {
		known, why := w.condition(k)
		switch known {
		case decides:
			return decides, why
		case undecided:
			result = undecided
		default:
			reason = why
		}
		w.assume(k, n.op == opAnd)
	}
	return result, reason
}

// facts are what is known of values: of one value its range, of two how they
// compare. What is learnt is undone when its branch has been left.
type facts struct {
	ranges map[int32]interval    // by slot of the indicator
	orders map[[2]int32]ordering // by both slots, the smaller one first
	trail  []change
}

// change is what was known before.
type change struct {
	slot  int32
	was   interval
	pair  [2]int32
	order ordering
	isOne bool
	known bool
}

func newFacts() *facts {
	return &facts{ranges: make(map[int32]interval), orders: make(map[[2]int32]ordering)}
}

func (f *facts) undo(mark int) {
	for len(f.trail) > mark {
		c := f.trail[len(f.trail)-1]
		f.trail = f.trail[:len(f.trail)-1]
		switch {
		case c.isOne && c.known:
			f.ranges[c.slot] = c.was
		case c.isOne:
			delete(f.ranges, c.slot)
		case c.known:
			f.orders[c.pair] = c.order
		default:
			delete(f.orders, c.pair)
		}
	}
}

// compare is what is known of a comparison, and why.
func (f *facts) compare(n *node) (truth, string) {
	l, r := n.kids[0], n.kids[1]
	wanted := outcomes(n.text)
	switch {
	case l.op == opLiteral && r.op == opLiteral:
		return wanted.holds(interval{low: l.num, high: l.num}.against(r.num)), "both sides are numbers"
	case r.op == opLiteral:
		i := f.rangeOf(l)
		return wanted.holds(i.against(r.num)), i.why
	case l.op == opLiteral:
		i := f.rangeOf(r)
		return wanted.flip().holds(i.against(l.num)), i.why
	case l.slot == r.slot:
		return wanted.holds(equal), "both sides are the same"
	}
	pair, flipped := pairOf(l, r)
	known, ok := f.orders[pair]
	if !ok {
		return undecided, ""
	}
	if flipped {
		wanted = wanted.flip()
	}
	return wanted.holds(known.set), known.why
}

// learn narrows what is known, given the outcome of a comparison.
func (f *facts) learn(n *node, holds bool) {
	l, r := n.kids[0], n.kids[1]
	allowed := outcomes(n.text)
	if !holds {
		allowed = (less | equal | greater) &^ allowed
	}
	why := fmt.Sprintf("the condition at %d:%d has decided it", n.line, n.col)
	switch {
	case l.op == opLiteral && r.op == opLiteral, l.op != opLiteral && r.op != opLiteral && l.slot == r.slot:
	case r.op == opLiteral:
		f.narrow(l, allowed, r.num, why)
	case l.op == opLiteral:
		f.narrow(r, allowed.flip(), l.num, why)
	default:
		pair, flipped := pairOf(l, r)
		if flipped {
			allowed = allowed.flip()
		}
		was, known := f.orders[pair]
		f.trail = append(f.trail, change{pair: pair, order: was, known: known})
		if known {
			allowed &= was.set
		}
		f.orders[pair] = ordering{allowed, why}
	}
}

func (f *facts) rangeOf(n *node) interval {
	if i, ok := f.ranges[n.slot]; ok {
		return i
	}
	return n.measure.indicator.bounds()
}

func (f *facts) narrow(n *node, allowed relation, to float64, why string) {
	was, known := f.ranges[n.slot]
	f.trail = append(f.trail, change{isOne: true, slot: n.slot, was: was, known: known})
	i := f.rangeOf(n)
	narrowed := i.narrow(allowed, to)
	if narrowed != i {
		narrowed.why = why
	}
	f.ranges[n.slot] = narrowed
}

// pairOf names two values in one order, and tells whether it is the other one.
func pairOf(l, r *node) (pair [2]int32, flipped bool) {
	if l.slot > r.slot {
		return [2]int32{r.slot, l.slot}, true
	}
	return [2]int32{l.slot, r.slot}, false
}

// relation is a set of ways in which two values may compare.
type relation uint8

const (
	less relation = 1 << iota
	equal
	greater
)

// ordering is how two values may compare, and why.
type ordering struct {
	set relation
	why string
}

// outcomes are the ways in which a comparison is true.
func outcomes(operator string) relation {
	switch operator {
	case ">":
		return greater
	case "<":
		return less
	case ">=":
		return greater | equal
	case "<=":
		return less | equal
	}
	return equal
}

// flip is the relation with its sides exchanged.
func (r relation) flip() relation { return r&equal | r&less<<2 | r&greater>>2 }

// holds tells whether a comparison that is true in the ways of r is decided
// when only the possible ways remain. Where none remains nothing is claimed:
// the place is unreachable, and that has been said of what encloses it.
func (r relation) holds(possible relation) truth {
	switch {
	case possible == 0:
		return undecided
	case possible&^r == 0:
		return always
	case possible&r == 0:
		return never
	}
	return undecided
}

// interval is where a value lies, and why.
type interval struct {
	low, high         float64
	lowOpen, highOpen bool // the end itself is not in it
	why               string
}

// against are the ways in which a value of the interval may compare to v.
func (i interval) against(v float64) relation {
	var possible relation
	if i.low > i.high || i.low == i.high && (i.lowOpen || i.highOpen) {
		return 0
	}
	if i.low < v {
		possible |= less
	}
	if i.high > v {
		possible |= greater
	}
	if (i.low < v || i.low == v && !i.lowOpen) && (i.high > v || i.high == v && !i.highOpen) {
		possible |= equal
	}
	return possible
}

// narrow keeps what compares to v in one of the allowed ways.
func (i interval) narrow(allowed relation, v float64) interval {
	if allowed&greater == 0 && (v < i.high || v == i.high && allowed&equal == 0) {
		i.high, i.highOpen = v, allowed&equal == 0
	}
	if allowed&less == 0 && (v > i.low || v == i.low && allowed&equal == 0) {
		i.low, i.lowOpen = v, allowed&equal == 0
	}
	return i
}

// bounds is where the values of an indicator can lie, given prices above 0.
func (i indicator) bounds() interval {
	infinity := math.Inf(1)
	switch i {
	case currentPrice, movingAveragePrice, exponentialMovingAveragePrice:
		return interval{low: 0, lowOpen: true, high: infinity, why: "a price is above 0"}
	case movingAverageReturn, cumulativeReturn, ppo, ppoSignal:
		return interval{low: -100, high: infinity, why: "nothing falls by more than 100 percent"}
	case stdevReturn, stdevPrice:
		return interval{low: 0, high: infinity, why: "a standard deviation is not negative"}
	case maxDrawdown:
		return interval{low: 0, high: 100, why: "a drawdown is a percentage from 0 to 100, without a sign"}
	case rsi:
		return interval{low: 0, high: 100, why: "an rsi lies between 0 and 100"}
	}
	return interval{low: -infinity, high: infinity}
}
