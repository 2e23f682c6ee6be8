package strategy

import (
	"strconv"
)

// conditionText prints a condition in one line: names left out, parameters
// completed, numbers as written.
func (p *Program) conditionText(n *node) string { return string(p.appendText(nil, n, false)) }

// semanticText prints the semantic form of a node: content without names, with
// single spaces, every parameter, numbers by value.
func (p *Program) semanticText(n *node) string { return string(p.appendText(nil, n, true)) }

func (p *Program) appendText(b []byte, n *node, semantic bool) []byte {
	switch n.op {
	case opLiteral:
		if semantic {
			return appendNumber(b, n.num)
		}
		return append(b, n.text...)
	case opIndicator:
		if semantic {
			b = append(b, '(')
			b = append(b, n.measure.indicator.String()...)
			b = append(b, ` "`+p.symbols[n.sym]+`" `...)
			return append(append(b, n.measure.params()...), ')')
		}
		return append(b, n.measure.text(p.symbols[n.sym])...)
	case opAsset:
		return append(b, `(asset "`+p.symbols[n.sym]+`")`...)
	case opSeq:
		b = append(b, '[')
		for i, k := range n.kids {
			if i > 0 {
				b = append(b, ' ')
			}
			b = p.appendText(b, k, semantic)
		}
		return append(b, ']')
	}
	b = append(b, '(')
	switch n.op {
	case opIf:
		b = append(b, "if"...)
	case opGroup:
		b = append(b, "group"...)
	case opEqual:
		b = append(b, "weight-equal"...)
	case opWeighted:
		b = append(b, "weight-specified"...)
	case opInverse:
		b = append(b, "weight-inverse-volatility "...)
		b = strconv.AppendInt(b, int64(n.measure.window), 10)
	case opFilter:
		b = append(b, "filter ("...)
		b = append(b, n.measure.indicator.String()...)
		b = append(b, ' ')
		b = append(b, n.measure.params()...)
		b = append(b, ") ("...)
		b = append(b, selectionName(n.top)...)
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(n.count), 10)
		b = append(b, ')')
	default:
		b = append(b, n.text...) // comparisons, and, or, not
	}
	for i, k := range n.kids {
		b = append(b, ' ')
		if n.op == opWeighted {
			b = append(appendNumber(b, n.weights[i]), ' ')
		}
		b = p.appendText(b, k, semantic)
	}
	return append(b, ')')
}

func selectionName(top bool) string {
	if top {
		return "select-top"
	}
	return "select-bottom"
}

// appendNumber prints a number as C's %.17g does.
func appendNumber(b []byte, v float64) []byte { return strconv.AppendFloat(b, v+0, 'g', 17, 64) }
