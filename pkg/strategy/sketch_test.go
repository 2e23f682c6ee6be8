package strategy

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// sketch makes strategies at random that look like real ones. It draws from
// choose(n), which gives a number from 0 to n−1, so that property tests and
// benchmarks share it.
type sketch struct {
	choose   func(n int) int
	symbols  []string
	groups   int // names given so far
	windows  []int
	ranked   bool // filters rank groups, inverse volatility weighs them
	maxDepth int
}

// form is a node of a sketched strategy. It can be printed in several ways
// that mean the same.
type sketched struct {
	head  string // "" = a sequence, "atom" = text as it is
	text  string
	items []sketched
}

func atom(format string, args ...any) sketched {
	return sketched{head: "atom", text: fmt.Sprintf(format, args...)}
}

func call(head string, items ...sketched) sketched { return sketched{head: head, items: items} }
func seq(items ...sketched) sketched               { return sketched{items: items} }

func (s *sketch) pick(words ...string) string { return words[s.choose(len(words))] }

func (s *sketch) symbol() string { return s.symbols[s.choose(len(s.symbols))] }

func (s *sketch) window() int { return s.windows[s.choose(len(s.windows))] }

func (s *sketch) params(name string) sketched {
	switch name {
	case "current-price":
		return atom("{}")
	case "percentage-price-oscillator":
		return atom("{:short-window %d :long-window %d}", 2+s.choose(5), 8+s.choose(9))
	case "percentage-price-oscillator-signal":
		return atom("{:short-window %d :long-window %d :smooth-window %d}", 2+s.choose(5), 8+s.choose(9), 1+s.choose(5))
	}
	return atom("{:window %d}", s.window())
}

func (s *sketch) indicator() sketched {
	name := s.pick(indicatorNames[:]...)
	return call(name, atom("%q", s.symbol()), s.params(name))
}

func (s *sketch) condition(depth int) sketched {
	if depth > 0 && s.choose(6) == 0 {
		switch s.choose(3) {
		case 0:
			return call("not", s.condition(depth-1))
		case 1:
			return call("and", s.condition(depth-1), s.condition(depth-1))
		}
		return call("or", s.condition(depth-1), s.condition(depth-1))
	}
	op := s.pick(">", "<", ">=", "<=", ">", "<", "=")
	if s.choose(2) == 0 {
		return call(op, call("rsi", atom("%q", s.symbol()), s.params("rsi")), atom("%d", 20+s.choose(60)))
	}
	return call(op, s.indicator(), s.indicator())
}

func (s *sketch) asset() sketched {
	if s.choose(2) == 0 {
		return call("asset", atom("%q", s.symbol()))
	}
	return call("asset", atom("%q", s.symbol()), atom("%q", "text of it"))
}

func (s *sketch) several(most, depth int) []sketched {
	items := make([]sketched, 1+s.choose(most))
	for i := range items {
		items[i] = s.allocation(depth - 1)
	}
	return items
}

func (s *sketch) group(body ...sketched) sketched {
	s.groups++
	return call("group", atom(`"g%06d"`, s.groups%1e6), seq(body...))
}

func (s *sketch) filter(depth int) sketched {
	metrics := indicatorNames[:]
	var candidates []sketched
	if s.ranked && depth > 0 && s.choose(3) == 0 {
		metrics = []string{"moving-average-return", "cumulative-return", "stdev-return", "max-drawdown", "rsi"}
		for range 2 + s.choose(3) {
			candidates = append(candidates, s.group(s.allocation(depth-1)))
		}
	}
	for range 1 + s.choose(5) {
		candidates = append(candidates, s.asset())
	}
	metric := s.pick(metrics...)
	return call("filter", call(metric, s.params(metric)), call(s.pick("select-top", "select-bottom"), atom("%d", 1+s.choose(3))), seq(candidates...))
}

func (s *sketch) allocation(depth int) sketched {
	if depth <= 0 {
		return s.asset()
	}
	switch s.choose(9) {
	case 0, 1, 2:
		return call("if", s.condition(2), seq(s.several(2, depth)...), seq(s.several(2, depth)...))
	case 3:
		return call("weight-equal", seq(s.several(4, depth)...))
	case 4:
		return s.group(s.several(2, depth)...)
	case 5:
		var items []sketched
		for range 1 + s.choose(3) {
			items = append(items, atom("%d.%d", 1+s.choose(9), s.choose(10)), s.allocation(depth-1))
		}
		return call("weight-specified", items...)
	case 6:
		items := []sketched{atom("%d", max(2, s.window()))}
		for range 2 + s.choose(3) {
			items = append(items, s.asset())
		}
		if s.ranked && s.choose(3) == 0 {
			items = append(items, s.group(s.allocation(depth-1)))
		}
		return call("weight-inverse-volatility", items...)
	case 7:
		return s.filter(depth)
	}
	return s.asset()
}

// file wraps a body into a strategy.
func (s *sketch) file() sketched {
	return call("defsymphony", atom(`"sketch"`), atom("{:rebalance-frequency :daily}"), s.allocation(s.maxDepth))
}

// style is a way to print the same content.
type style struct {
	lists    bool // sequences in ( ) where their head allows it
	renamed  bool // other group names, in the same order
	textless bool // no asset texts
	exported bool // asset texts and indentation as long as in real files
	newline  string
}

var fundNames = []string{"SPDR S&P 500 ETF Trust", "ProShares UltraPro QQQ", "Direxion Daily Semiconductor Bull 3x Shares",
	"iShares 20+ Year Treasury Bond ETF", "ProShares Short VIX Short-Term Futures ETF", "Invesco DB US Dollar Index Bullish Fund"}

func (f sketched) print(b *strings.Builder, s style) {
	if f.head == "atom" {
		text := f.text
		if s.renamed && strings.HasPrefix(text, `"g`) {
			text = `"h` + text[2:]
		}
		b.WriteString(text)
		return
	}
	open, closing := "(", ")"
	if s.exported {
		s.newline += "   "
	}
	asList := s.lists && len(f.items) > 0 && f.items[0].head != "atom"
	if f.head == "" && !asList {
		open, closing = "[", "]"
	}
	b.WriteString(open)
	b.WriteString(f.head)
	for i, item := range f.items {
		if s.textless && f.head == "asset" && i == 1 {
			break
		}
		if s.exported && f.head == "asset" && i == 1 {
			item.text = strconv.Quote(fundNames[b.Len()%len(fundNames)])
		}
		if i > 0 || f.head != "" {
			if s.newline != "" && item.head != "atom" {
				b.WriteString(s.newline)
			} else {
				b.WriteByte(' ')
			}
		}
		item.print(b, s)
	}
	b.WriteString(closing)
}

func (f sketched) source(s style) []byte {
	var b strings.Builder
	f.print(&b, s)
	return []byte(b.String())
}

// walk makes random walks on one calendar. Late symbols begin later.
func walk(r *rand.Rand, symbols []string, sessions int, late int) map[string]Series {
	all := make(map[string]Series)
	first := DayOf(2024, 1, 2)
	for i, symbol := range symbols {
		from := 0
		if i < late {
			from = r.IntN(sessions)
		}
		var s Series
		price := 20 + 200*r.Float64()
		for d := range sessions {
			price *= 1 + 0.02*r.NormFloat64()
			if d >= from {
				s.Days = append(s.Days, first+Day(d+2*(d/5)))
				s.Closes = append(s.Closes, price)
			}
		}
		all[symbol] = s
	}
	return all
}

func names(n int) []string {
	s := make([]string, n)
	for i := range s {
		s[i] = fmt.Sprintf("S%c%c", 'A'+i/26, 'A'+i%26)
	}
	return s
}
