package strategy

import (
	"cmp"
	"math"
	"slices"
)

// candidate is an item of a filter's source with its score.
type candidate struct {
	node  *node
	label string
	measured
}

// filter pushes the equally weighted allocation of the best candidates.
func (r *run) filter(n *node, session int) error {
	base := len(r.items)
	defer func() { r.items = r.items[:base] }()
	step := r.live.open(n, "filter")
	if err := r.push(n.kids[0], session); err != nil {
		return err
	}
	all, ranked, err := r.score(n, base, session)
	if err != nil {
		return err
	}
	r.sortCandidates(ranked, n.top)
	kept := min(int(n.count), len(ranked))
	if r.live != nil {
		r.live.rank(step, n, all, ranked, kept)
	}
	if kept == 0 {
		return r.fail(n, "no-candidates", func() string { return "no candidate has enough history" })
	}
	r.items = r.items[:base]
	for _, c := range ranked[:kept] {
		r.items = append(r.items, c.node)
	}
	return r.equalItems(base, session)
}

// score measures the different candidates in order: all of them, and those
// with enough history.
func (r *run) score(n *node, base, session int) (all, ranked []candidate, err error) {
	all = make([]candidate, 0, len(r.items)-base)
candidates:
	for i := base; i < len(r.items); i++ {
		item := r.items[i]
		for _, c := range all {
			if c.node.sem == item.sem {
				continue candidates
			}
		}
		m := r.measureItem(item, n.measure, session)
		if m.ok && (math.IsNaN(m.value) || math.IsInf(m.value, 0)) {
			return nil, nil, r.fail(item, "non-finite", func() string { return "result is not finite: " + r.measuredText(item, n.measure) })
		}
		all = append(all, candidate{node: item, label: item.label(r.p), measured: m})
	}
	ranked = make([]candidate, 0, len(all))
	for _, c := range all {
		if c.ok {
			ranked = append(ranked, c)
		}
	}
	return all, ranked, nil
}

// sortCandidates orders by score, then label, then semantic text.
func (r *run) sortCandidates(cs []candidate, top bool) {
	slices.SortStableFunc(cs, func(a, b candidate) int {
		byScore := cmp.Compare(a.value, b.value)
		if a.value == b.value { // −0 is 0
			byScore = 0
		}
		if top {
			byScore = -byScore
		}
		if byScore != 0 {
			return byScore
		}
		if c := cmp.Compare(a.label, b.label); c != 0 {
			return c
		}
		return cmp.Compare(r.semanticText(a.node), r.semanticText(b.node))
	})
}

// semanticText is the content of a node as text, remembered by content.
func (r *run) semanticText(n *node) string {
	t, ok := r.texts[n.sem]
	if !ok {
		t = r.p.semanticText(n)
		r.texts[n.sem] = t
	}
	return t
}
