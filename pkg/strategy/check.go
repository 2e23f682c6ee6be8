package strategy

import (
	"fmt"
	"math"
)

// Check reads and checks a file without keeping the result. It reports up to
// MaxDiagnostics errors, sorted by position; none means that Compile succeeds.
func Check(file string, src []byte) Diagnostics {
	_, ds := Compile(file, src)
	return ds
}

// The checking functions walk the forms once: each checks one sort of form
// and builds its node. After an error the node is incomplete, and only good
// for finding further errors.

func (c *compiler) report(line, col int32, class, message, hint string) {
	c.failed = true
	if len(c.diagnostics) >= 4096 { // bounded memory whatever the file is
		c.diagnostics = c.diagnostics.trim()
	}
	c.diagnostics = append(c.diagnostics, Diagnostic{File: c.program.File, Line: int(line), Col: int(col),
		Class: class, Message: message, Hint: hint})
}

func (c *compiler) reportAt(f *Form, class, message, hint string) {
	c.report(f.Line, f.Col, class, message, hint)
}

// file checks the outermost form.
func (c *compiler) file(f *Form) {
	if f.head() != "defsymphony" {
		c.reportAt(f, "not-strategy", "expected (defsymphony …), found "+f.describe(), "a file holds one (defsymphony name config body)")
		return
	}
	args := f.Items[1:]
	if !c.arity(f, len(args), 3, 3) {
		return
	}
	if args[0].Kind != String {
		c.reportAt(&args[0], "type", `"defsymphony" needs a string as name, found `+args[0].describe(), `write (defsymphony "name" {…} …)`)
	}
	c.program.Name = args[0].Text
	if args[1].Kind != Map {
		c.reportAt(&args[1], "type", "the config must be a map, found "+args[1].describe(), `write {:asset-class "EQUITIES", :rebalance-frequency :daily}`)
	} else {
		c.config(&args[1])
	}
	c.program.root = c.allocation(&args[2])
}

// arity checks the number of arguments; most < 0 means any.
func (c *compiler) arity(f *Form, found, least, most int) bool {
	if found >= least && (most < 0 || found <= most) {
		return true
	}
	head := f.head()
	var takes string
	switch {
	case most < 0:
		takes = fmt.Sprintf("at least %d argument", least)
	case least == most:
		takes = fmt.Sprintf("%d argument", least)
	default:
		takes = fmt.Sprintf("%d to %d argument", least, most)
	}
	if least != 1 || most > 1 {
		takes += "s"
	}
	c.reportAt(f, "arity", fmt.Sprintf("%q takes %s, found %d", head, takes, found), "write "+usage(head))
	return false
}

// allocation checks a form that must be an allocation. The result is nil when
// it is none.
func (c *compiler) allocation(f *Form) *node {
	if f.Kind == Vector || f.Kind == List && (len(f.Items) == 0 || f.Items[0].Kind != Symbol) {
		return c.sequence(f)
	}
	if f.Kind != List {
		hint := "an allocation is (asset …), (group …), (filter …), (if …), one of the weight forms, or a vector of them"
		if f.Kind == String {
			hint = `write (asset "SPY") for a symbol`
		}
		c.reportAt(f, "type", "expected an allocation, found "+f.describe(), hint)
		return nil
	}
	switch f.Items[0].Text {
	case "asset":
		return c.asset(f)
	case "group":
		return c.group(f)
	case "weight-equal":
		n := c.node(f, opEqual)
		if c.arity(f, len(f.Items)-1, 1, -1) {
			n.kids = c.allocations(f.Items[1:])
			c.intern(n)
		}
		return n
	case "weight-specified":
		return c.specified(f)
	case "weight-inverse-volatility":
		return c.inverse(f)
	case "filter":
		return c.filter(f)
	case "if":
		return c.branch(f)
	}
	c.misplaced(f, "an allocation")
	return nil
}

func (c *compiler) sequence(f *Form) *node {
	n := c.node(f, opSeq)
	if len(f.Items) == 0 {
		what := "empty vector"
		if f.Kind == List {
			what = "empty list"
		}
		c.reportAt(f, "empty", what, "put at least one allocation here")
		return n
	}
	n.kids = c.allocations(f.Items)
	c.intern(n)
	return n
}

func (c *compiler) allocations(forms []Form) []*node {
	kids := c.kids.cut(len(forms))
	for i := range forms {
		kids[i] = c.allocation(&forms[i])
	}
	return kids
}

// decided checks the allocations that a filter or inverse volatility scores.
func (c *compiler) decided(forms []Form) []*node {
	c.depth++
	kids := c.allocations(forms)
	c.depth--
	return kids
}

func (c *compiler) asset(f *Form) *node {
	n := c.node(f, opAsset)
	args := f.Items[1:]
	if !c.arity(f, len(args), 1, 2) {
		return n
	}
	if args[0].Kind != String {
		example := "SPY"
		if s, ok := Ticker(args[0].Text); ok && args[0].Kind == Symbol {
			example = s
		}
		c.reportAt(&args[0], "type", `"asset" needs a string as symbol, found `+args[0].describe(), fmt.Sprintf("write (asset %q)", example))
	} else {
		n.sym = c.ticker(&args[0])
	}
	isNil := len(args) == 2 && args[1].Kind == Symbol && args[1].Text == "nil"
	if len(args) == 2 && args[1].Kind != String && !isNil {
		c.reportAt(&args[1], "type", `"asset" needs a string or nil as name, found `+args[1].describe(), `write (asset "SPY" "text") or (asset "SPY" nil)`)
	}
	c.intern(n)
	return n
}

func (c *compiler) group(f *Form) *node {
	n := c.node(f, opGroup)
	args := f.Items[1:]
	if !c.arity(f, len(args), 2, 2) {
		return n
	}
	if args[0].Kind != String {
		c.reportAt(&args[0], "type", `"group" needs a string as name, found `+args[0].describe(), `write (group "name" […])`)
	}
	n.text = args[0].Text
	n.kids = c.allocations(args[1:])
	c.intern(n)
	return n
}

func (c *compiler) specified(f *Form) *node {
	n := c.node(f, opWeighted)
	args := f.Items[1:]
	if len(args) < 2 || len(args)%2 == 1 {
		c.reportAt(f, "arity", fmt.Sprintf(`"weight-specified" takes pairs of weight and allocation, found %d`, len(args)), "write "+usage("weight-specified"))
		return n
	}
	n.kids = c.kids.cut(len(args) / 2)
	n.weights = c.weights.cut(len(args) / 2)[:0]
	sum := 0.0
	for i := 0; i < len(args); i += 2 {
		switch w := &args[i]; {
		case w.Kind != Number:
			c.reportAt(w, "type", "a weight must be a number, found "+w.describe(), "write "+usage("weight-specified"))
		case w.Num < 0:
			c.reportAt(w, "bad-weight", "weight must not be negative", "weights are shares of the whole; to be short, hold an inverse fund")
		default:
			n.weights = append(n.weights, w.Num)
			sum += w.Num
		}
		n.kids[i/2] = c.allocation(&args[i+1])
	}
	switch {
	case len(n.weights) < len(n.kids):
	case sum == 0:
		c.reportAt(f, "bad-weight", "weights sum to zero", "give at least one allocation a weight above 0")
	case math.IsInf(sum, 0):
		c.reportAt(f, "bad-weight", "weights sum to more than a number can hold", "use weights like 0.6 and 0.4, or 60 and 40")
	}
	c.intern(n)
	return n
}

func (c *compiler) inverse(f *Form) *node {
	n := c.node(f, opInverse)
	args := f.Items[1:]
	if !c.arity(f, len(args), 2, -1) {
		return n
	}
	n.measure = measure{indicator: stdevReturn, window: c.window(&args[0], ":window", 2)}
	n.kids = c.decided(args[1:])
	c.rank(n)
	c.intern(n)
	return n
}

func (c *compiler) branch(f *Form) *node {
	n := c.node(f, opIf)
	args := f.Items[1:]
	if len(args) == 2 {
		c.reportAt(f, "no-else", `"if" needs an else branch`, "write (if condition [then] [else])")
		return n
	}
	if !c.arity(f, len(args), 3, 3) {
		return n
	}
	n.kids = c.kids.cut(3)
	n.kids[0] = c.condition(&args[0])
	c.depth++
	n.kids[1] = c.allocation(&args[1])
	n.kids[2] = c.allocation(&args[2])
	c.depth--
	c.intern(n)
	return n
}

func (c *compiler) filter(f *Form) *node {
	n := c.node(f, opFilter)
	args := f.Items[1:]
	if !c.arity(f, len(args), 3, 3) {
		return n
	}
	m, ok := c.metric(&args[0])
	n.measure = m
	c.selection(n, &args[1])
	n.kids = c.decided(args[2:])
	if ok && !m.indicator.ranksGroups() && reachesComposite(n.kids[0]) {
		c.reportAt(&args[0], "group-metric", fmt.Sprintf("%q cannot rank groups", m.indicator),
			"use moving-average-return, cumulative-return, stdev-return, max-drawdown or rsi")
	}
	c.rank(n)
	c.intern(n)
	return n
}
