package strategy

import (
	"fmt"
	"math"
	"strings"
)

// Check reads and checks a file without keeping the result. It reports up to
// MaxDiagnostics errors, sorted by position; none means that Compile succeeds.
func Check(file string, src []byte) Diagnostics {
	_, ds := Compile(file, src)
	return ds
}

// The functions of this file walk the forms once: each checks one sort of form
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
	kids := c.kidSlice(len(forms))
	for i := range forms {
		kids[i] = c.allocation(&forms[i])
	}
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
	n.kids = c.kidSlice(len(args) / 2)
	n.weights = make([]float64, 0, len(args)/2)
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
	n.kids = c.allocations(args[1:])
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
	n.kids = c.kidSlice(3)
	n.kids[0] = c.condition(&args[0])
	n.kids[1] = c.allocation(&args[1])
	n.kids[2] = c.allocation(&args[2])
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
	n.kids = c.allocations(args[2:])
	if ok && !m.indicator.ranksGroups() && reachesComposite(n.kids[0]) {
		c.reportAt(&args[0], "group-metric", fmt.Sprintf("%q cannot rank groups", m.indicator),
			"use moving-average-return, cumulative-return, stdev-return, max-drawdown or rsi")
	}
	c.rank(n)
	c.intern(n)
	return n
}

// reachesComposite tells whether a filter's source has a candidate that is no
// asset.
func reachesComposite(n *node) bool {
	if n == nil {
		return false
	}
	if !n.transparent() {
		return n.op != opAsset
	}
	kids := n.kids
	if n.op == opIf && len(kids) > 0 {
		kids = kids[1:]
	}
	for _, k := range kids {
		if reachesComposite(k) {
			return true
		}
	}
	return false
}

func (c *compiler) selection(n *node, f *Form) {
	head := f.head()
	if head != "select-top" && head != "select-bottom" {
		if head != "" {
			c.misplaced(f, "a selection")
		} else {
			c.reportAt(f, "type", "expected a selection, found "+f.describe(), "write (select-top 1) or (select-bottom 1)")
		}
		return
	}
	if !c.arity(f, len(f.Items)-1, 1, 1) {
		return
	}
	v := &f.Items[1]
	const most = 10000
	if v.Kind != Number || !v.Integer || v.Num < 1 || v.Num > most {
		c.reportAt(v, "bad-count", fmt.Sprintf("count must be an integer from 1 to %d, found %s", most, c.source(v)), "write "+usage(head))
		return
	}
	n.top, n.count = head == "select-top", int32(v.Num)
}

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
	n.kids = c.kidSlice(len(args))
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

// metric checks the indicator that a filter scores its candidates with.
func (c *compiler) metric(f *Form) (measure, bool) {
	head := f.head()
	i, ok := indicatorNamed(head)
	switch {
	case head == "":
		c.reportAt(f, "type", "expected an indicator, found "+f.describe(), "write e.g. (rsi {:window 10})")
		return measure{}, false
	case !ok:
		c.misplaced(f, "an indicator")
		return measure{}, false
	}
	m := defaults(i)
	args := f.Items[1:]
	if len(args) > 0 && args[0].Kind == String {
		c.reportAt(&args[0], "explicit-symbol", "a filter metric takes no symbol", "write "+m.text(""))
		return m, true
	}
	if !c.arity(f, len(args), 0, 1) {
		return m, true
	}
	if len(args) == 1 {
		c.params(f, &m, &args[0])
	}
	return m, true
}

// defaults are the windows of an indicator without parameters.
func defaults(i indicator) measure {
	m := measure{indicator: i}
	for k, p := range i.parameters() {
		m.set(k, p.fallback)
	}
	return m
}

// params checks a parameter map and stores its values.
func (c *compiler) params(call *Form, m *measure, f *Form) {
	known := m.indicator.parameters()
	if f.Kind != Map {
		hint := fmt.Sprintf("%q takes no parameters", m.indicator)
		if len(known) > 0 {
			hint = "write {" + known[0].key + " 10}"
		}
		c.reportAt(f, "type", "parameters must be a map, found "+f.describe(), hint)
		return
	}
	good := true
	for k := 0; k < len(f.Items); k += 2 {
		key, value := &f.Items[k], &f.Items[k+1]
		if key.Kind != Keyword {
			c.reportAt(key, "type", "a parameter key must be a keyword, found "+key.describe(), "write {:window 10}")
			continue
		}
		found := false
		for i, p := range known {
			if p.key == key.Text {
				v := c.window(value, p.key, p.least)
				m.set(i, v)
				good = good && v > 0
				found = true
			}
		}
		if !found {
			c.reportAt(key, "unknown-key", "unknown parameter "+clip(key.Text), knownKeys(m.indicator, known))
		}
	}
	if good && len(known) > 1 && m.window >= m.long {
		c.reportAt(call, "bad-window", "short-window must be less than long-window", fmt.Sprintf("found %d and %d", m.window, m.long))
	}
}

func knownKeys(i indicator, known []parameter) string {
	if len(known) == 0 {
		return fmt.Sprintf("%q takes no parameters", i)
	}
	keys := make([]string, len(known))
	for k, p := range known {
		keys[k] = p.key
	}
	return "known: " + strings.Join(keys, " ")
}

// window checks a window; 0 means that it was bad.
func (c *compiler) window(f *Form, key string, least int32) int32 {
	if f.Kind == Number && f.Integer && f.Num >= float64(least) && f.Num <= MaxWindow {
		return int32(f.Num)
	}
	hint := "write a whole number, e.g. 10"
	if f.Kind == String {
		hint = "write the number without quotes"
	}
	c.reportAt(f, "bad-window", fmt.Sprintf("%s must be an integer from %d to %d, found %s", key[1:], least, MaxWindow, c.source(f)), hint)
	return 0
}

// config checks the config map of the file.
func (c *compiler) config(f *Form) {
	const (
		assetClass = ":asset-class"
		frequency  = ":rebalance-frequency"
		threshold  = ":rebalance-threshold"
	)
	keys := 0
	for k := 0; k < len(f.Items); k += 2 {
		key, v := &f.Items[k], &f.Items[k+1]
		if key.Kind != Keyword {
			c.reportAt(key, "type", "a config key must be a keyword, found "+key.describe(), "write {:rebalance-frequency :daily}")
			continue
		}
		switch key.Text {
		case assetClass:
			if v.Kind != String || v.Text != "EQUITIES" && v.Text != "CRYPTO" {
				c.reportAt(v, "config", `asset-class must be "EQUITIES" or "CRYPTO"`, "")
			}
		case frequency:
			keys++
			switch v.Text {
			case ":daily", ":weekly", ":monthly", ":quarterly", ":yearly":
				if v.Kind == Keyword {
					c.program.Rule.Frequency = Frequency(v.Text[1:])
					continue
				}
			}
			hint := ""
			if v.Kind == String {
				hint = "write it as a keyword, e.g. :daily"
			}
			c.reportAt(v, "config", "rebalance-frequency must be one of :daily :weekly :monthly :quarterly :yearly", hint)
		case threshold:
			keys++
			if v.Kind != Number || !(v.Num > 0 && v.Num < 1) {
				c.reportAt(v, "config", "rebalance-threshold must be between 0 and 1", "0.05 means five percent of the strategy's money")
				continue
			}
			c.program.Rule.Threshold = v.Num
		default:
			c.reportAt(key, "unknown-key", "unknown config key "+clip(key.Text), "known: "+assetClass+" "+frequency+" "+threshold)
		}
	}
	if keys == 2 {
		c.reportAt(f, "config", "rebalance-frequency and rebalance-threshold exclude each other", "keep one of them")
	}
}

// ticker checks a symbol and gives its index.
func (c *compiler) ticker(f *Form) int32 {
	s, ok := Ticker(f.Text)
	if !ok {
		hint := `tickers are upper case, e.g. "SPY"`
		if up, ok := Ticker(strings.ToUpper(strings.TrimSpace(f.Text))); ok {
			hint = fmt.Sprintf("did you mean %q?", up)
		}
		c.reportAt(f, "bad-symbol", fmt.Sprintf("%q is not a ticker", clip(f.Text)), hint)
		return 0
	}
	return c.symbol(s)
}

// Ticker tells whether s is written like a ticker, and gives its normal form:
// a suffix of one letter follows a dot (BRK/B is BRK.B), a longer one stays
// (BTC/USD).
func Ticker(s string) (string, bool) {
	if len(s) == 0 || len(s) > 16 || s[0] < 'A' || s[0] > 'Z' {
		return "", false
	}
	upper := func(from int) int {
		i := from
		for i < len(s) && (s[i] >= 'A' && s[i] <= 'Z' || isDigit(s[i])) {
			i++
		}
		return i - from
	}
	n := upper(0)
	if n > 10 {
		return "", false
	}
	if n == len(s) {
		return s, true
	}
	suffix := upper(n + 1)
	if s[n] != '.' && s[n] != '/' && s[n] != '-' || suffix == 0 || suffix > 9 || n+1+suffix != len(s) {
		return "", false
	}
	if suffix == 1 && s[n] != '.' && !isDigit(s[n+1]) {
		return s[:n] + "." + s[n+1:], true
	}
	return s, true
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
