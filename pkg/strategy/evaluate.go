package strategy

import (
	"errors"
	"fmt"
	"math"
)

// Engine is the version of the evaluator, recorded in every receipt. It
// changes when the same file and bars could give another result.
const Engine = "1"

// Evaluator evaluates programs on the same bars and remembers indicators and
// historical decisions between evaluations. What it remembers never changes a
// result by a single bit. It must not be used by several goroutines at once.
type Evaluator struct {
	bars   *Bars
	values map[seriesKey]*values
	runs   map[*Program]*run
}

type seriesKey struct {
	column  *column
	measure measure
}

// NewEvaluator makes an evaluator without memory.
func NewEvaluator(bars *Bars) *Evaluator {
	return &Evaluator{bars: bars, values: make(map[seriesKey]*values), runs: make(map[*Program]*run)}
}

// Evaluate computes the target of a program from the bars dated up to asOf.
// The weights add up to exactly 1. The receipt says how they came about and is
// given even when the evaluation fails; the error then is a Diagnostic.
func Evaluate(p *Program, bars *Bars, asOf Day) (Allocation, *Receipt, error) {
	return NewEvaluator(bars).Evaluate(p, asOf)
}

// Evaluate is the function of the same name with the evaluator's memory.
func (e *Evaluator) Evaluate(p *Program, asOf Day) (Allocation, *Receipt, error) {
	r := e.runs[p]
	if r == nil {
		r = newRun(e, p)
		e.runs[p] = r
	}
	receipt := r.newReceipt(asOf)
	r.live = &recorder{receipt: receipt}
	r.hold, r.items = r.hold[:0], r.items[:0]
	err := r.equalOf(e.bars.session(asOf), p.root)
	r.live = nil
	if err == nil {
		receipt.Allocation, err = Round(r.weights(r.hold))
	}
	if err != nil {
		d := asDiagnostic(p.File, err)
		receipt.Error = &d
		receipt.Allocation = nil
		return nil, receipt, d
	}
	return receipt.Allocation, receipt, nil
}

func asDiagnostic(file string, err error) Diagnostic {
	var d Diagnostic
	if errors.As(err, &d) {
		return d
	}
	return Diagnostic{File: file, Line: 1, Col: 1, Class: "non-finite", Message: err.Error()}
}

// holding is one symbol's share of an allocation.
type holding struct {
	sym    int32
	weight float64
}

// run is the working memory of one program on the bars of an evaluator.
//
// Allocations are built on the stack hold: to evaluate a node is to push its
// holdings. Items likewise wait on the stack items. So an evaluation allocates
// next to nothing.
type run struct {
	p       *Program
	e       *Evaluator
	columns []*column // by symbol
	values  []*values // by use; nil without a column
	hold    []holding
	places  []int32 // by symbol: where a merge put it on the stack hold
	items   []*node
	scratch []float64
	live    *recorder // nil while looking at history

	decided  []*decisions // by memo id
	series   []*composite // by memo id
	sessions map[string]*sessionList
	arena    arena
	texts    map[int32]string
}

func newRun(e *Evaluator, p *Program) *run {
	r := &run{p: p, e: e,
		columns:  make([]*column, len(p.symbols)),
		places:   make([]int32, len(p.symbols)),
		values:   make([]*values, len(p.uses)),
		decided:  make([]*decisions, p.memos),
		series:   make([]*composite, p.memos),
		sessions: make(map[string]*sessionList),
		texts:    make(map[int32]string),
		scratch:  make([]float64, 0, MaxWindow),
	}
	for i, s := range p.symbols {
		r.columns[i] = e.bars.columns[s]
	}
	return r
}

// valuesOf finds the values of a use, shared between programs.
func (r *run) valuesOf(slot int32) *values {
	if v := r.values[slot]; v != nil {
		return v
	}
	u := r.p.uses[slot]
	key := seriesKey{r.columns[u.sym], u.measure}
	v := r.e.values[key]
	if v == nil {
		v = &values{measure: u.measure, column: key.column}
		r.e.values[key] = v
	}
	r.values[slot] = v
	return v
}

// errHistory stands for any error of a historical decision. Which one it was
// does not matter: the decision is undefined.
var errHistory = errors.New("undefined")

// fail makes the error of a node. Looking at history it costs nothing.
func (r *run) fail(n *node, class string, message func() string) error {
	if r.live == nil {
		return errHistory
	}
	return Diagnostic{File: r.p.File, Line: int(n.line), Col: int(n.col), Class: class, Message: message()}
}

// measured is what is known of a score: a value, or how much history is
// missing.
type measured struct {
	value      float64
	ok         bool
	need, have int
	returns    bool // need and have count returns, not bars
}

// ofSymbol measures a symbol at a session.
func (r *run) ofSymbol(slot int32, session int) measured {
	u := r.p.uses[slot]
	n, need := r.columns[u.sym].count(session), u.measure.need()
	if n < need {
		return measured{need: need, have: n}
	}
	return measured{value: r.valuesOf(slot).at(n, r.scratch), ok: true}
}

func (m measured) missing(text string) string {
	unit := "bars"
	if m.returns {
		unit = "returns"
	}
	return fmt.Sprintf("insufficient history: need %d %s, have %d: %s", m.need, unit, m.have, text)
}

// operand evaluates one side of a comparison.
func (r *run) operand(n *node, session int) (float64, error) {
	if n.op == opLiteral {
		return n.num, nil
	}
	m := r.ofSymbol(n.slot, session)
	if !m.ok {
		return 0, r.fail(n, "insufficient-history", func() string { return m.missing(n.measure.text(r.p.symbols[n.sym])) })
	}
	if math.IsNaN(m.value) || math.IsInf(m.value, 0) {
		return 0, r.fail(n, "non-finite", func() string { return "result is not finite: " + n.measure.text(r.p.symbols[n.sym]) })
	}
	return m.value, nil
}

// condition evaluates and, or, not from left to right, stopping early.
func (r *run) condition(n *node, session int, seen *[]Comparison) (bool, error) {
	switch n.op {
	case opNot:
		v, err := r.condition(n.kids[0], session, seen)
		return !v, err
	case opAnd, opOr:
		for _, k := range n.kids {
			v, err := r.condition(k, session, seen)
			if err != nil {
				return false, err
			}
			if v == (n.op == opOr) {
				return v, nil
			}
		}
		return n.op == opAnd, nil
	}
	left, err := r.operand(n.kids[0], session)
	if err != nil {
		return false, err
	}
	right, err := r.operand(n.kids[1], session)
	if err != nil {
		return false, err
	}
	result := compare(n.text, left, right)
	if seen != nil {
		*seen = append(*seen, r.comparison(n, left, right, result))
	}
	return result, nil
}

func compare(op string, l, r float64) bool {
	switch op {
	case ">":
		return l > r
	case "<":
		return l < r
	case ">=":
		return l >= r
	case "<=":
		return l <= r
	}
	return l == r
}

// taken decides an if.
func (r *run) taken(n *node, session int) (*node, error) {
	if r.live == nil {
		v, err := r.condition(n.kids[0], session, nil)
		return n.choose(v), err
	}
	step := r.live.open(n, "if")
	var seen []Comparison
	v, err := r.condition(n.kids[0], session, &seen)
	if err != nil {
		r.live.drop(step)
		return nil, err
	}
	r.live.decide(r, step, n, v, seen)
	return n.choose(v), nil
}

func (n *node) choose(then bool) *node {
	if then {
		return n.kids[1]
	}
	return n.kids[2]
}

// push puts the items of a node on the stack: transparent nodes are replaced
// by what they hold.
func (r *run) push(n *node, session int) error {
	switch n.op {
	case opSeq:
		for _, k := range n.kids {
			if err := r.push(k, session); err != nil {
				return err
			}
		}
		return nil
	case opIf:
		branch, err := r.taken(n, session)
		if err != nil {
			return err
		}
		return r.push(branch, session)
	}
	r.items = append(r.items, n)
	return nil
}

// equalOf pushes the equally weighted allocation of the items of the nodes.
func (r *run) equalOf(session int, nodes ...*node) error {
	base := len(r.items)
	defer func() { r.items = r.items[:base] }()
	for _, n := range nodes {
		if err := r.push(n, session); err != nil {
			return err
		}
	}
	return r.equalItems(base, session)
}

// equalItems pushes the equally weighted allocation of the items from base on.
func (r *run) equalItems(base, session int) error {
	blend := r.blend()
	count := len(r.items) - base
	share := 1 / float64(count)
	for i := base; i < base+count; i++ {
		from := len(r.hold)
		if err := r.evaluate(r.items[i], session); err != nil {
			return err
		}
		blend.add(from, share)
	}
	blend.merge()
	return nil
}

// evaluate pushes the allocation of an item.
func (r *run) evaluate(n *node, session int) error {
	switch n.op {
	case opAsset:
		r.hold = append(r.hold, holding{n.sym, 1})
		return nil
	case opGroup, opEqual:
		if r.live == nil && n.composite {
			return r.remembered(n, session)
		}
		return r.compute(n, session)
	}
	if r.live == nil && (n.composite || n.op != opWeighted) {
		return r.remembered(n, session)
	}
	return r.compute(n, session)
}

// compute is evaluate without looking at what is remembered.
func (r *run) compute(n *node, session int) error {
	switch n.op {
	case opGroup, opEqual:
		return r.equalOf(session, n.kids...)
	case opWeighted:
		return r.weighted(n, session)
	case opInverse:
		return r.inverse(n, session)
	case opFilter:
		return r.filter(n, session)
	}
	return fmt.Errorf("node %d is no item", n.op)
}

func (r *run) weighted(n *node, session int) error {
	sum := 0.0
	for _, w := range n.weights {
		sum += w
	}
	blend := r.blend()
	for i, k := range n.kids {
		if n.weights[i] == 0 {
			continue
		}
		from := len(r.hold)
		if err := r.equalOf(session, k); err != nil {
			return err
		}
		blend.add(from, n.weights[i]/sum)
	}
	blend.merge()
	return nil
}

// weights gives holdings as a map, for rounding.
func (r *run) weights(hold []holding) map[string]float64 {
	m := make(map[string]float64, len(hold))
	for _, h := range hold {
		m[r.p.symbols[h.sym]] += h.weight
	}
	return m
}
