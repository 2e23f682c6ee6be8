package strategy

import (
	"math"
)

// Receipt says how a target came about: every decision that was taken, in the
// order of evaluation, outermost first. It marshals to one JSON document.
// Decisions that were only looked up in the past, to rank a composite, are
// counted and not listed.
type Receipt struct {
	Strategy   string              `json:"strategy"`
	Name       string              `json:"name"`
	SHA256     string              `json:"sha256"`
	AsOf       Day                 `json:"as_of"`
	Engine     string              `json:"engine"`
	Bars       map[string]BarsUsed `json:"bars"`
	Without    []string            `json:"symbols_without_bars,omitempty"`
	Decisions  []Decision          `json:"decisions"`
	Allocation Allocation          `json:"allocation,omitempty"`
	Error      *Diagnostic         `json:"error,omitempty"`
	Rebalance  *Outcome            `json:"rebalance,omitempty"`
}

// Decision is one step of an evaluation. One of If, Filter and Inverse is set,
// as Form says; none when the evaluation failed in this step.
type Decision struct {
	Form    string           `json:"form"` // "if", "filter" or "weight-inverse-volatility"
	Line    int              `json:"line"`
	Col     int              `json:"col"`
	Depth   int              `json:"depth"` // how many decisions enclose it in the file
	If      *IfDecision      `json:"if,omitempty"`
	Filter  *FilterDecision  `json:"filter,omitempty"`
	Inverse *InverseDecision `json:"inverse_volatility,omitempty"`
}

// IfDecision is a branch that was taken.
type IfDecision struct {
	Condition   string       `json:"condition"`
	Branch      string       `json:"branch"` // "then" or "else"
	Comparisons []Comparison `json:"comparisons"`
}

// Comparison is one that was evaluated. Margin is left − right; the smaller
// Relative is, the closer the decision was to flipping.
type Comparison struct {
	Text     string  `json:"text"`
	Left     float64 `json:"left"`
	Op       string  `json:"op"`
	Right    float64 `json:"right"`
	Result   bool    `json:"result"`
	Margin   float64 `json:"margin"`
	Relative float64 `json:"relative"`
	NearTie  bool    `json:"near_tie"`
}

// FilterDecision is a selection. Margin is the distance between the last
// candidate that was kept and the first that was not; nil when all were kept.
type FilterDecision struct {
	Metric     string      `json:"metric"`
	Order      string      `json:"order"` // "select-top" or "select-bottom"
	Count      int         `json:"count"`
	Candidates []Candidate `json:"candidates"`
	Selected   []string    `json:"selected"` // labels in rank order
	Margin     *float64    `json:"margin,omitempty"`
	NearTie    bool        `json:"near_tie"`
}

// Candidate is one item a filter could select. A candidate that was left out
// has no score and no rank.
type Candidate struct {
	Label      string   `json:"label"`
	Kind       string   `json:"kind"` // asset, group, equal, specified, inverse, filter
	Score      *float64 `json:"score"`
	Rank       int      `json:"rank,omitempty"` // from 1
	Selected   bool     `json:"selected"`
	LeftOut    string   `json:"left_out,omitempty"`
	Historical int      `json:"historical_decisions,omitempty"`
}

// InverseDecision is how weight-inverse-volatility shared its weight.
type InverseDecision struct {
	Window   int     `json:"window"`
	Children []Child `json:"children"`
}

// Child is one item of weight-inverse-volatility, σ in percent per day.
type Child struct {
	Label      string  `json:"label"`
	Kind       string  `json:"kind"`
	Sigma      float64 `json:"sigma"`
	Share      float64 `json:"share"`
	LeftOut    string  `json:"left_out,omitempty"`
	Historical int     `json:"historical_decisions,omitempty"`
}

// NearTies tells whether a decision hung on a difference in the last digits,
// where another rounding could have decided otherwise. Values that are exactly
// equal are no such case.
func (r *Receipt) NearTies() bool {
	for _, d := range r.Decisions {
		if d.Filter != nil && d.Filter.NearTie && *d.Filter.Margin != 0 {
			return true
		}
		if d.If == nil {
			continue
		}
		for _, c := range d.If.Comparisons {
			if c.NearTie && c.Margin != 0 {
				return true
			}
		}
	}
	return false
}

func (r *run) newReceipt(asOf Day) *Receipt {
	p := r.p
	receipt := &Receipt{Strategy: StrategyID(p.File), Name: p.Name, SHA256: p.SHA256, AsOf: asOf, Engine: Engine,
		Bars: make(map[string]BarsUsed, len(p.symbols)), Decisions: []Decision{}}
	session := r.e.bars.session(asOf)
	for _, s := range p.symbols {
		if used, ok := r.e.bars.used(s, session); ok {
			receipt.Bars[s] = used
		} else {
			receipt.Without = append(receipt.Without, s)
		}
	}
	return receipt
}

// recorder writes a receipt during an evaluation. A nil recorder, as while
// looking at history, records nothing.
type recorder struct{ receipt *Receipt }

// open reserves a step, so that outer decisions come before inner ones.
func (l *recorder) open(n *node, form string) int {
	if l == nil {
		return -1
	}
	l.receipt.Decisions = append(l.receipt.Decisions, Decision{Form: form, Line: int(n.line), Col: int(n.col), Depth: int(n.depth)})
	return len(l.receipt.Decisions) - 1
}

// drop takes back the last step that was opened.
func (l *recorder) drop(step int) { l.receipt.Decisions = l.receipt.Decisions[:step] }

func (l *recorder) decide(r *run, step int, n *node, then bool, seen []Comparison) {
	d := &IfDecision{Condition: r.p.conditionText(n.kids[0]), Branch: "else", Comparisons: seen}
	if then {
		d.Branch = "then"
	}
	l.receipt.Decisions[step].If = d
}

func (r *run) comparison(n *node, left, right float64, result bool) Comparison {
	margin := finite(left - right)
	scale := max(math.Abs(left), math.Abs(right))
	c := Comparison{Text: r.p.conditionText(n), Left: left, Op: n.text, Right: right, Result: result,
		Margin: margin, NearTie: nearTie(left, right)}
	if scale > 0 {
		c.Relative = finite(math.Abs(margin) / scale)
	}
	return c
}

// finite keeps a difference that overflows a number, because JSON has no
// infinity.
func finite(v float64) float64 { return max(-math.MaxFloat64, min(v, math.MaxFloat64)) }

func nearTie(a, b float64) bool {
	return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b))
}

func (l *recorder) rank(step int, n *node, all, ranked []candidate, kept int) {
	d := &FilterDecision{Metric: n.measure.text(""), Order: selectionName(n.top), Count: int(n.count),
		Candidates: make([]Candidate, 0, len(all)), Selected: make([]string, 0, kept)}
	for i, c := range ranked {
		score := c.value
		d.Candidates = append(d.Candidates, Candidate{Label: c.label, Kind: c.node.kind(), Score: &score, Rank: i + 1,
			Selected: i < kept, Historical: c.historical()})
		if i < kept {
			d.Selected = append(d.Selected, c.label)
		}
	}
	for _, c := range all {
		if !c.ok {
			d.Candidates = append(d.Candidates, Candidate{Label: c.label, Kind: c.node.kind(), LeftOut: c.missing(n.measure.text(""))})
		}
	}
	if kept > 0 && kept < len(ranked) {
		last, first := ranked[kept-1].value, ranked[kept].value
		margin := finite(math.Abs(last - first))
		d.Margin, d.NearTie = &margin, nearTie(last, first)
	}
	l.receipt.Decisions[step].Filter = d
}

// historical is how many past decisions a score rests on.
func (m measured) historical() int {
	if m.ok && m.returns {
		return m.have
	}
	return 0
}

func (l *recorder) room(count int) []Child {
	if l == nil {
		return nil
	}
	return make([]Child, 0, count)
}

func (l *recorder) child(cs *[]Child, r *run, n *node, m measured) {
	if l == nil {
		return
	}
	c := Child{Label: n.label(r.p), Kind: n.kind(), Sigma: m.value, Historical: m.historical()}
	if m.value == 0 {
		c.LeftOut = "no volatility"
	}
	*cs = append(*cs, c)
}

func (l *recorder) weigh(step int, n *node, cs []Child, inverses []float64, sum float64) {
	if l == nil {
		return
	}
	for i := range cs {
		cs[i].Share = inverses[i] / sum
	}
	l.receipt.Decisions[step].Inverse = &InverseDecision{Window: int(n.measure.window), Children: cs}
}
