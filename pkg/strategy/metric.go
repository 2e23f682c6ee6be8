package strategy

import (
	"fmt"
	"strings"
)

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
