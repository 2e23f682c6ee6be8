package signal

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/strategy"
)

// reason is the short form of a receipt, for somebody who does not read the
// language: the taken path, step by step, with the values that decided.
//
//	QQQ price (595.03) > QQQ 200-day average (541.77): yes; lowest 1 by 10-day RSI: SHY
func reason(r *strategy.Receipt) string {
	var steps []string
	for _, d := range r.Decisions {
		switch {
		case d.If != nil:
			steps = append(steps, branch(d.If))
		case d.Filter != nil:
			which := map[string]string{"select-top": "highest", "select-bottom": "lowest"}[d.Filter.Order]
			steps = append(steps, fmt.Sprintf("%s %d by %s: %s", which, d.Filter.Count, plain(d.Filter.Metric), strings.Join(d.Filter.Selected, ", ")))
		case d.Inverse != nil:
			steps = append(steps, fmt.Sprintf("inverse volatility over %d sessions", d.Inverse.Window))
		}
	}
	if len(steps) == 0 {
		return "always the same weights"
	}
	return strings.Join(steps, "; ")
}

// branch says what was compared. Of a composed condition only the evaluated
// comparisons are known, and which way they led together.
func branch(d *strategy.IfDecision) string {
	var parts []string
	for _, c := range d.Comparisons {
		answer := "no"
		if c.Result {
			answer = "yes"
		}
		left, right := operands(c.Text)
		if left == "" {
			parts = append(parts, c.Text+": "+answer)
			continue
		}
		parts = append(parts, fmt.Sprintf("%s %s %s: %s", valued(left, c.Left), c.Op, valued(right, c.Right), answer))
	}
	switch len(parts) {
	case 0:
		return d.Condition + " → " + d.Branch
	case 1:
		return parts[0]
	}
	return strings.Join(parts, ", ") + " → " + d.Branch
}

// valued names an operand with its value; a constant is its own name.
func valued(operand string, value float64) string {
	if _, err := strconv.ParseFloat(operand, 64); err == nil {
		return operand
	}
	return fmt.Sprintf("%s (%s)", plain(operand), strconv.FormatFloat(value, 'f', 2, 64))
}

// operands takes the printed form of a comparison apart, (> LEFT RIGHT). What
// is no such form has none.
func operands(text string) (left, right string) {
	inner, ok := strings.CutPrefix(text, "(")
	if !ok || !strings.HasSuffix(inner, ")") {
		return "", ""
	}
	_, inner, ok = strings.Cut(inner[:len(inner)-1], " ")
	if !ok {
		return "", ""
	}
	depth := 0
	for i, r := range inner {
		switch {
		case r == '(' || r == '{':
			depth++
		case r == ')' || r == '}':
			depth--
		case r == ' ' && depth == 0:
			return inner[:i], inner[i+1:]
		}
	}
	return "", ""
}

// indicatorForm is an indicator as the language prints it; in a filter it has
// no symbol.
var indicatorForm = regexp.MustCompile(`^\(([a-z-]+)(?: "([^"]+)")?(?: \{:window (\d+)\})?\)$`)

// plain is an indicator in words.
func plain(form string) string {
	m := indicatorForm.FindStringSubmatch(form)
	if m == nil {
		return form
	}
	name := map[string]string{
		"current-price": "price", "moving-average-price": "average", "exponential-moving-average-price": "exponential average",
		"moving-average-return": "average return", "cumulative-return": "return", "stdev-price": "deviation of the price",
		"stdev-return": "volatility", "max-drawdown": "drawdown", "rsi": "RSI",
	}[m[1]]
	if name == "" {
		name = strings.ReplaceAll(m[1], "-", " ")
	}
	if m[3] != "" {
		name = m[3] + "-day " + name
	}
	return strings.TrimSpace(m[2] + " " + name)
}
