package strategy

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Sizes: "nodes" are the compiled ones. Printed the pretty way a node takes
// about 26 bytes of text, in exported files about 65.

func random(seed uint64) func(int) int {
	r := rand.New(rand.NewPCG(seed, seed))
	return r.IntN
}

// grown makes a strategy of about that many nodes.
func grown(nodes int, symbols []string, ranked bool) sketched {
	s := sketch{choose: random(7), symbols: symbols, windows: []int{5, 10, 14, 20, 60, 126, 200}, maxDepth: 9, ranked: ranked}
	if nodes < 1000 {
		s.maxDepth = 6 // one part must not be larger than that
	}
	var parts []sketched
	for have := 0; have < nodes; {
		part := s.allocation(s.maxDepth)
		have += part.nodes()
		parts = append(parts, part)
	}
	return call("defsymphony", atom(`"grown"`), atom("{}"), call("weight-equal", seq(parts...)))
}

func (f sketched) nodes() int {
	n := 1
	if f.head == "atom" {
		n = 0
	}
	for _, i := range f.items {
		n += i.nodes()
	}
	return n
}

var (
	pretty   = style{newline: "\n            "}
	exported = style{newline: "\n            ", exported: true}
)

// largeFiles are strategies of growing size; exported ones are as long as the
// files that users bring: 2.2 MB for 34,000 nodes, 500 lines for 500.
func largeFiles(b *testing.B, run func(b *testing.B, src []byte)) {
	for _, c := range []struct {
		name  string
		nodes int
		style style
	}{
		{"pretty", 34000, pretty},
		{"exported", 500, exported},
		{"exported", 8500, exported},
		{"exported", 17000, exported},
		{"exported", 34000, exported},
		{"exported", 68000, exported},
	} {
		src := grown(c.nodes, names(100), false).source(c.style)
		b.Run(fmt.Sprintf("%s/nodes=%d/kB=%d/lines=%d", c.name, c.nodes, len(src)/1000, bytes.Count(src, []byte("\n"))), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(src)))
			run(b, src)
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	largeFiles(b, func(b *testing.B, src []byte) {
		for b.Loop() {
			if _, ds := Compile("x.clj", src); len(ds) > 0 {
				b.Fatal(ds.Error())
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	largeFiles(b, func(b *testing.B, src []byte) {
		for b.Loop() {
			if _, ds := Read("x.clj", src); len(ds) > 0 {
				b.Fatal(ds.Error())
			}
		}
	})
}

func benchmarkBars(b *testing.B, symbols, sessions int) (*Bars, Day) {
	series := walk(rand.New(rand.NewPCG(3, 3)), names(symbols), sessions, 0)
	bars, err := NewBars(series)
	if err != nil {
		b.Fatal(err)
	}
	return bars, bars.calendar[len(bars.calendar)-1]
}

// repeated holds one part of about 2,000 nodes that many times, so that the
// work of an evaluation grows with the copies: of a larger sketch another
// share of the branches is taken.
func repeated(copies int) []byte {
	part := grown(2000, names(100), false).items[2]
	return call("defsymphony", atom(`"repeated"`), atom("{}"), call("weight-equal", seq(slices.Repeat([]sketched{part}, copies)...))).source(pretty)
}

// BenchmarkEvaluate is one evaluation with bars and program in memory; warm,
// the indicators are too. Other sketches take more or fewer branches per node:
// the decisions written into the receipt are what their times compare by.
func BenchmarkEvaluate(b *testing.B) {
	for _, copies := range []int{1, 2, 4, 8} {
		benchmarkEvaluate(b, fmt.Sprintf("copies=%d", copies), repeated(copies), 500)
	}
	for _, nodes := range []int{4000, 8000, 16000} {
		benchmarkEvaluate(b, fmt.Sprintf("nodes=%d", nodes), grown(nodes, names(100), false).source(pretty), 500)
	}
	for _, sessions := range []int{1000, 2000, 4000} {
		benchmarkEvaluate(b, "copies=1", repeated(1), sessions)
	}
}

func benchmarkEvaluate(b *testing.B, name string, src []byte, sessions int) {
	p := mustCompile(b, "x.clj", src)
	bars, asOf := benchmarkBars(b, 100, sessions)
	run := func(b *testing.B, evaluate func() (*Receipt, error)) {
		b.ReportAllocs()
		decisions := 0
		for b.Loop() {
			receipt, err := evaluate()
			if err != nil {
				b.Fatal(err)
			}
			decisions = len(receipt.Decisions)
		}
		b.ReportMetric(float64(decisions), "decisions/op")
	}
	name = fmt.Sprintf("%s/sessions=%d", name, sessions)
	b.Run(name+"/cold", func(b *testing.B) {
		run(b, func() (*Receipt, error) {
			_, receipt, err := Evaluate(p, bars, asOf)
			return receipt, err
		})
	})
	b.Run(name+"/warm", func(b *testing.B) {
		e := NewEvaluator(bars)
		run(b, func() (*Receipt, error) {
			_, receipt, err := e.Evaluate(p, asOf)
			return receipt, err
		})
	})
}

// rankedGroups is a large file in which filters rank that many groups.
func rankedGroups(nodes, groups int, window int) []byte {
	s := sketch{choose: random(11), symbols: names(60), windows: []int{5, 10, 14, 20, 60}, maxDepth: 8}
	var filters []sketched
	for g := 0; g < groups; g += 3 {
		var candidates []sketched
		for range min(3, groups-g) {
			var parts []sketched
			for have := 0; have < nodes/groups; {
				part := s.allocation(8)
				have += part.nodes()
				parts = append(parts, part)
			}
			candidates = append(candidates, s.group(call("weight-equal", seq(parts...))))
		}
		filters = append(filters, call("filter", call("cumulative-return", atom("{:window %d}", window)), call("select-top", atom("1")), seq(candidates...)))
	}
	return call("defsymphony", atom(`"ranked"`), atom("{}"), call("weight-equal", seq(filters...))).source(pretty)
}

// nestedGroups are filters by rsi over groups that hold filters by rsi over
// groups, three levels in all.
func nestedGroups(groups int) []byte {
	s := sketch{choose: random(13), symbols: names(60), windows: []int{5, 10, 14, 20, 60}, maxDepth: 3}
	ranked := func(candidates ...sketched) sketched {
		return call("filter", call("rsi", atom("{:window 10}")), call("select-top", atom("2")), seq(candidates...))
	}
	var outer []sketched
	for made := 0; made < groups; {
		var middle []sketched
		for range 3 {
			var inner []sketched
			for range 3 {
				inner = append(inner, s.group(s.allocation(3)))
			}
			middle = append(middle, s.group(ranked(inner...)))
			made += 4
		}
		outer = append(outer, s.group(ranked(middle...)))
		made++
	}
	return call("defsymphony", atom(`"nested"`), atom("{}"), ranked(outer...)).source(pretty)
}

func benchmarkCold(b *testing.B, src []byte, sessions int) {
	p := mustCompile(b, "x.clj", src)
	bars, asOf := benchmarkBars(b, 60, sessions)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := NewEvaluator(bars)
	if _, _, err := kept.Evaluate(p, asOf); err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Evaluate(p, bars, asOf); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB-kept")
}

func BenchmarkRankedGroups(b *testing.B) {
	for _, nodes := range []int{8500, 17000, 34000} {
		for _, sessions := range []int{520, 1040} {
			src := rankedGroups(nodes, 33, 60)
			b.Run(fmt.Sprintf("nodes=%d/groups=%d/sessions=%d", nodes, strings.Count(string(src), "(group"), sessions), func(b *testing.B) { benchmarkCold(b, src, sessions) })
		}
	}
}

func BenchmarkNestedGroups(b *testing.B) {
	for _, groups := range []int{25, 50, 100, 200} {
		for _, sessions := range []int{900, 1800} {
			src := nestedGroups(groups)
			b.Run(fmt.Sprintf("groups=%d/sessions=%d", groups, sessions), func(b *testing.B) { benchmarkCold(b, src, sessions) })
		}
	}
}
