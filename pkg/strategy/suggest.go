package strategy

import (
	"fmt"
)

// usage is how each operator is called; it is the hint of arity errors.
func usage(head string) string {
	switch head {
	case "defsymphony":
		return `(defsymphony "name" {config} body)`
	case "asset":
		return `(asset "SPY") or (asset "SPY" "text")`
	case "group":
		return `(group "name" [allocations])`
	case "weight-equal":
		return "(weight-equal allocations…)"
	case "weight-specified":
		return "(weight-specified weight allocation weight allocation …)"
	case "weight-inverse-volatility":
		return "(weight-inverse-volatility window allocations…)"
	case "filter":
		return "(filter (metric {:window n}) (select-top n) [allocations])"
	case "if":
		return "(if condition [then] [else])"
	case ">", "<", ">=", "<=", "=":
		return "(" + head + " left right)"
	case "and", "or":
		return "(" + head + " condition condition …)"
	case "not":
		return "(not condition)"
	case "select-top", "select-bottom":
		return "(" + head + " count)"
	}
	if i, ok := indicatorNamed(head); ok {
		if i == currentPrice {
			return `(current-price "SPY") in a condition, (current-price) as a metric`
		}
		m := defaults(i)
		return m.text("SPY") + " in a condition, " + m.text("") + " as a metric"
	}
	return ""
}

// misplaced reports a call that stands where another sort of form is expected.
func (c *compiler) misplaced(f *Form, expected string) {
	head := f.head()
	switch {
	case head == "weight-market-cap":
		c.reportAt(&f.Items[0], "unsupported", `"weight-market-cap" is not supported: no market capitalisation data`, "use weight-equal or weight-specified")
	case usage(head) != "":
		c.reportAt(f, "type", "expected "+expected+", found "+f.describe(), "")
	default:
		hint := "operators are listed in docs/strategy-language.md"
		if head == "!=" || head == "not=" {
			hint = "write (not (= left right))"
		} else if near := nearest(head); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		c.reportAt(&f.Items[0], "unknown-op", fmt.Sprintf("unknown operator %q", clip(head)), hint)
	}
}

// operators are all names that can begin a call.
func operators() []string {
	ops := []string{"defsymphony", "asset", "group", "weight-equal", "weight-specified", "weight-inverse-volatility",
		"filter", "if", ">", "<", ">=", "<=", "=", "and", "or", "not", "select-top", "select-bottom"}
	return append(ops, indicatorNames[:]...)
}

// nearest is the operator within two edits of a misspelt one.
func nearest(name string) string {
	best, at := "", min(3, len(name)-1) // a short name is near to anything
	for _, o := range operators() {
		if d := len(o) - len(name); d > 2 || d < -2 {
			continue
		}
		if d := editDistance(name, o); d < at {
			best, at = o, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions and replacements between two
// words.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
