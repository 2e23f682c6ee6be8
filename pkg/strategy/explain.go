package strategy

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Explain writes the receipt as a person reads it: the decisions as a tree in
// the order of the file, the result, what came closest to deciding otherwise,
// and the bars it rests on.
func (r *Receipt) Explain(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s), on closes up to %s\n\n", cmp.Or(r.Name, r.Strategy), r.Strategy, r.AsOf)
	r.explainDecisions(&b)
	if len(r.Decisions) > 0 {
		b.WriteByte('\n')
	}
	switch {
	case r.Error != nil:
		fmt.Fprintf(&b, "No target: %s\n", r.Error.String())
	default:
		b.WriteString("Target\n")
		r.Allocation.explain(&b)
	}
	r.Rebalance.explain(&b)
	r.explainClosest(&b)
	r.explainBars(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// ExplainDecisions writes the part of Explain that says what was decided, with
// both values of every comparison, the scores of every selection, and what came
// closest to deciding otherwise.
func (r *Receipt) ExplainDecisions(w io.Writer) error {
	var b strings.Builder
	r.explainDecisions(&b)
	r.explainClosest(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Receipt) explainDecisions(b *strings.Builder) {
	if len(r.Decisions) == 0 && r.Error == nil {
		b.WriteString("No decision: the weights are fixed.\n")
	}
	for _, d := range r.inFileOrder() {
		d.explain(b)
	}
}

// Mentions tells whether the strategy could have chosen the symbol.
func (r *Receipt) Mentions(symbol string) bool {
	_, used := r.Bars[symbol]
	return used || slices.Contains(r.Without, symbol)
}

// inFileOrder sorts the decisions by position, so that what a decision
// encloses follows it.
func (r *Receipt) inFileOrder() []Decision {
	sorted := slices.Clone(r.Decisions)
	slices.SortStableFunc(sorted, func(a, b Decision) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return sorted
}

func (d Decision) explain(b *strings.Builder) {
	indent := strings.Repeat("  ", min(d.Depth, 30))
	place := fmt.Sprintf("%d:%d", d.Line, d.Col)
	fmt.Fprintf(b, "%-8s%s", place, indent)
	indent = strings.Repeat(" ", 8) + indent + "  "
	switch {
	case d.If != nil:
		fmt.Fprintf(b, "if %s → %s\n", d.If.Condition, d.If.Branch)
		for _, c := range d.If.Comparisons {
			b.WriteString(indent + c.explain(len(d.If.Comparisons) > 1) + "\n")
		}
	case d.Filter != nil:
		fmt.Fprintf(b, "filter: %s %d by %s → %s\n", strings.TrimPrefix(d.Filter.Order, "select-"), d.Filter.Count,
			d.Filter.Metric, selectedText(d.Filter))
		d.Filter.explain(b, indent)
	case d.Inverse != nil:
		fmt.Fprintf(b, "weights by inverse volatility over %d days\n", d.Inverse.Window)
		d.Inverse.explain(b, indent)
	default:
		fmt.Fprintf(b, "%s: failed here\n", d.Form)
	}
}

func selectedText(f *FilterDecision) string {
	if len(f.Selected) == 0 {
		return "none"
	}
	var names []string
	for _, c := range f.Candidates {
		if c.Selected {
			names = append(names, named(c.Label, c.Kind))
		}
	}
	return strings.Join(names, ", ")
}

func (f *FilterDecision) explain(b *strings.Builder, indent string) {
	width := 0
	for _, c := range f.Candidates {
		width = max(width, utf8.RuneCountInString(named(c.Label, c.Kind)))
	}
	for _, c := range f.Candidates {
		name := named(c.Label, c.Kind)
		name += strings.Repeat(" ", width-utf8.RuneCountInString(name))
		switch {
		case c.LeftOut != "":
			fmt.Fprintf(b, "%s – %s  left out: %s\n", indent, name, c.LeftOut)
		case c.Selected:
			fmt.Fprintf(b, "%s%2d. %s  %s  selected\n", indent, c.Rank, name, number(*c.Score))
		default:
			fmt.Fprintf(b, "%s%2d. %s  %s\n", indent, c.Rank, name, number(*c.Score))
		}
	}
	if f.Margin != nil {
		fmt.Fprintf(b, "%s    %s between the last that is kept and the first that is not\n", indent, number(*f.Margin))
	}
}

func (v *InverseDecision) explain(b *strings.Builder, indent string) {
	for _, c := range v.Children {
		if c.LeftOut != "" {
			fmt.Fprintf(b, "%s– %s  left out: %s\n", indent, named(c.Label, c.Kind), c.LeftOut)
			continue
		}
		fmt.Fprintf(b, "%s%s  %s %%  (σ %s %% per day)\n", indent, named(c.Label, c.Kind), number(100*c.Share), number(c.Sigma))
	}
}

// named prints a label; a composite without a name shows what it is.
func named(label, kind string) string {
	switch {
	case kind == "asset":
		return label
	case label == "":
		return "(" + kind + ")"
	}
	return fmt.Sprintf("%q", label)
}

// explain prints a comparison with its values. The text is only needed where
// one condition holds several comparisons.
func (c Comparison) explain(withText bool) string {
	result := "no"
	if c.Result {
		result = "yes"
	}
	s := fmt.Sprintf("%s %s %s: %s, ", number(c.Left), c.Op, number(c.Right), result)
	switch {
	case c.Margin == 0:
		s += "exactly equal"
	case c.NearTie:
		s += "equal but for rounding"
	default:
		s += fmt.Sprintf("%.3g %% apart", 100*c.Relative)
	}
	if withText {
		s = c.Text + "  " + s
	}
	return s
}

func (a Allocation) explain(b *strings.Builder) {
	symbols := a.Symbols()
	slices.SortStableFunc(symbols, func(x, y string) int { return cmp.Compare(a[y], a[x]) })
	width := 0
	for _, s := range symbols {
		width = max(width, len(s))
	}
	for _, s := range symbols {
		fmt.Fprintf(b, "  %-*s  %10.6f %%\n", width, s, float64(a[s])/float64(One)*100)
	}
}

func (o *Outcome) explain(b *strings.Builder) {
	if o == nil {
		return
	}
	what := "The slice holds what it has"
	if o.Apply {
		what = "The target is applied"
	}
	fmt.Fprintf(b, "%s (%s)", what, o.Reason)
	if o.LargestDifference != nil {
		fmt.Fprintf(b, "; largest difference to what is held: %s %%", number(100**o.LargestDifference))
	}
	b.WriteByte('\n')
	if !o.Apply {
		o.Weights.explain(b)
	}
}

// explainClosest lists the three comparisons that were nearest to flipping.
func (r *Receipt) explainClosest(b *strings.Builder) {
	type placed struct {
		Comparison
		line, col int
	}
	var all []placed
	for _, d := range r.Decisions {
		if d.If == nil {
			continue
		}
		for _, c := range d.If.Comparisons {
			all = append(all, placed{c, d.Line, d.Col})
		}
	}
	if len(all) < 2 {
		return
	}
	slices.SortStableFunc(all, func(x, y placed) int { return cmp.Compare(x.Relative, y.Relative) })
	b.WriteString("\nClosest to deciding otherwise\n")
	for _, c := range all[:min(3, len(all))] {
		fmt.Fprintf(b, "  %d:%d  %s\n", c.line, c.col, c.explain(true))
	}
}

func (r *Receipt) explainBars(b *strings.Builder) {
	b.WriteString("\nBars\n")
	width := 0
	for _, s := range r.Without {
		width = max(width, len(s))
	}
	var newest Day
	for s, u := range r.Bars {
		width, newest = max(width, len(s)), max(newest, u.Last)
	}
	for _, s := range slices.Sorted(maps.Keys(r.Bars)) {
		u := r.Bars[s]
		stale := ""
		if u.Last < newest {
			stale = ", the newest session is missing"
		}
		fmt.Fprintf(b, "  %-*s  %s … %s  %d bars%s\n", width, s, u.First, u.Last, u.Count, stale)
	}
	for _, s := range r.Without {
		fmt.Fprintf(b, "  %-*s  none\n", width, s)
	}
}

// number prints a value with six significant digits.
func number(v float64) string { return fmt.Sprintf("%.6g", v) }

// Summary writes only the result: the date, and the weights, largest first.
func (r *Receipt) Summary(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s), on closes up to %s\n", cmp.Or(r.Name, r.Strategy), r.Strategy, r.AsOf)
	r.Allocation.explain(&b)
	_, err := io.WriteString(w, b.String())
	return err
}
