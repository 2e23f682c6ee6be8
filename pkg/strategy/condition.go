package strategy

import (
	"fmt"
)

// condition checks a form that must be true or false.
func (c *compiler) condition(f *Form) *node {
	head := f.head()
	args := f.Items
	if head == "" {
		c.reportAt(f, "type", "expected a condition, found "+f.describe(), `write a comparison, e.g. (> (rsi "SPY" {:window 10}) 70)`)
		return nil
	}
	args = args[1:]
	var o op
	least, most := 2, -1
	switch head {
	case ">", "<", ">=", "<=", "=":
		o, most = opCompare, 2
	case "and":
		o = opAnd
	case "or":
		o = opOr
	case "not":
		o, least, most = opNot, 1, 1
	default:
		c.misplaced(f, "a condition")
		return nil
	}
	n := c.node(f, o)
	n.text = head
	if !c.arity(f, len(args), least, most) {
		return n
	}
	n.kids = c.kids.cut(len(args))
	for i := range args {
		if o == opCompare {
			n.kids[i] = c.operand(&args[i])
		} else {
			n.kids[i] = c.condition(&args[i])
		}
	}
	c.intern(n)
	return n
}

// operand checks one side of a comparison.
func (c *compiler) operand(f *Form) *node {
	if f.Kind == Number {
		n := c.node(f, opLiteral)
		n.num, n.text = f.Num, f.Text
		return n
	}
	head := f.head()
	i, ok := indicatorNamed(head)
	switch {
	case head == "":
		c.reportAt(f, "type", "expected an indicator or a number, found "+f.describe(), `write e.g. (current-price "SPY") or 70`)
		return nil
	case !ok:
		c.misplaced(f, "an indicator or a number")
		return nil
	}
	n := c.node(f, opIndicator)
	args := f.Items[1:]
	if len(args) == 0 || args[0].Kind != String {
		c.reportAt(f, "missing-symbol", fmt.Sprintf("%q needs a symbol here", head), "write "+defaults(i).text("SPY"))
		return n
	}
	if !c.arity(f, len(args), 1, 2) {
		return n
	}
	n.sym = c.ticker(&args[0])
	n.measure = defaults(i)
	if len(args) == 2 {
		c.params(f, &n.measure, &args[1])
	}
	n.slot = c.use(n.sym, n.measure)
	return n
}
