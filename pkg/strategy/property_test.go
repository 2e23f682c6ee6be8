package strategy

import (
	"bytes"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawn makes a strategy and bars for it.
func drawn(t *rapid.T, windows ...int) (sketched, map[string]Series, Day) {
	symbols := names(6)
	s := sketch{symbols: symbols, windows: windows, ranked: true, maxDepth: rapid.IntRange(1, 4).Draw(t, "depth"),
		choose: func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") }}
	seed := rapid.Uint64().Draw(t, "seed")
	bars := walk(rand.New(rand.NewPCG(seed, 1)), symbols, 160, rapid.IntRange(0, 2).Draw(t, "late"))
	return s.file(), bars, bars[symbols[5]].Days[rapid.IntRange(60, 159).Draw(t, "as of")]
}

func barsOf(t rapid.TB, series map[string]Series) *Bars {
	b, err := NewBars(series)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func compiled(t rapid.TB, src []byte) *Program {
	p, ds := Compile("sketch.clj", src)
	if len(ds) > 0 {
		t.Fatalf("%s\n%s", ds.Error(), src)
	}
	return p
}

func TestPropertyWeightsAddUpToOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, series, asOf := drawn(t, 2, 5, 10, 20)
		a, receipt, err := Evaluate(compiled(t, f.source(style{})), barsOf(t, series), asOf)
		if err != nil {
			if receipt.Error == nil || receipt.Error.Line < 1 || a != nil {
				t.Fatalf("a failure without a place: %v", err)
			}
			return
		}
		for s, w := range a {
			if w <= 0 {
				t.Fatalf("%s has weight %s", s, w)
			}
		}
		if a.Sum() != One {
			t.Fatalf("weights add up to %s: %v", a.Sum(), a)
		}
	})
}

func TestPropertyEqualContentGivesEqualResults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, series, asOf := drawn(t, 2, 5, 10)
		bars := barsOf(t, series)
		p := compiled(t, f.source(style{}))
		a, _, err := Evaluate(p, bars, asOf)
		for _, s := range []style{{lists: true}, {renamed: true}, {textless: true}, {newline: "\r\n ,; note (\n"}} {
			q := compiled(t, f.source(s))
			b, _, err2 := Evaluate(q, bars, asOf)
			if !reflect.DeepEqual(a, b) || (err == nil) != (err2 == nil) {
				t.Fatalf("%+v changes %v, %v to %v, %v\n%s", s, a, err, b, err2, f.source(style{}))
			}
			if p.root.sem != q.root.sem || p.semanticText(p.root) != q.semanticText(q.root) {
				t.Fatalf("%+v changes the content", s)
			}
			if !reflect.DeepEqual(p.Plan(), q.Plan()) {
				t.Fatalf("%+v changes the plan", s)
			}
		}
	})
}

func TestPropertyFutureBarsChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, series, asOf := drawn(t, 2, 5, 10)
		p := compiled(t, f.source(style{}))
		past := make(map[string]Series)
		for symbol, s := range series {
			n := 0
			for n < len(s.Days) && s.Days[n] <= asOf {
				n++
			}
			past[symbol] = Series{s.Days[:n], s.Closes[:n]}
		}
		a, ra, _ := Evaluate(p, barsOf(t, series), asOf)
		b, rb, _ := Evaluate(p, barsOf(t, past), asOf)
		if !reflect.DeepEqual(a, b) || !reflect.DeepEqual(ra, rb) {
			t.Fatalf("with the future %v, without %v", a, b)
		}
	})
}

func TestPropertyMemoryChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, series, asOf := drawn(t, 2, 5, 10)
		p := compiled(t, f.source(style{}))
		bars := barsOf(t, series)
		remembering := NewEvaluator(bars)
		for _, day := range []Day{asOf, asOf - 20, asOf - 1, asOf} {
			a, ra, _ := remembering.Evaluate(p, day)
			b, rb, _ := Evaluate(p, bars, day)
			if !reflect.DeepEqual(a, b) || !reflect.DeepEqual(ra, rb) {
				t.Fatalf("at %s: %v with memory, %v without", day, a, b)
			}
		}
	})
}

// More history than planned may only change what is behind the ninth digit.
func TestPropertyPlannedHistoryIsEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		symbols := names(5)
		s := sketch{symbols: symbols, windows: []int{2, 3, 4}, ranked: true, maxDepth: 3,
			choose: func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") }}
		p := compiled(t, s.file().source(style{}))
		longest := 0
		plan := p.Plan()
		for _, n := range plan {
			longest = max(longest, n)
		}
		series := walk(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2)), symbols, longest+400, 0)
		planned := make(map[string]Series)
		var asOf Day
		for symbol, s := range series {
			from := len(s.Days) - plan[symbol]
			planned[symbol] = Series{s.Days[from:], s.Closes[from:]}
			asOf = s.Days[len(s.Days)-1]
		}
		a, ra, errA := Evaluate(p, barsOf(t, series), asOf)
		b, rb, errB := Evaluate(p, barsOf(t, planned), asOf)
		if errA != nil || errB != nil {
			t.Fatalf("%v with much history, %v with the plan", errA, errB)
		}
		for s := range a {
			if d := a[s] - b[s]; d > 1 || d < -1 || len(a) != len(b) {
				t.Fatalf("%v with much history, %v with the plan", a, b)
			}
		}
		for i, d := range ra.Decisions {
			if d.If == nil {
				continue
			}
			for k, c := range d.If.Comparisons {
				other := rb.Decisions[i].If.Comparisons[k]
				if math.Abs(c.Left-other.Left) > 1e-9*max(1, math.Abs(c.Left)) {
					t.Fatalf("%s: %v with much history, %v with the plan", c.Text, c.Left, other.Left)
				}
			}
		}
	})
}

// sameForms compares two files but for positions and spelling of blanks.
func sameForms(a, b *Form, srcA, srcB []byte) bool {
	if a.Kind != b.Kind || len(a.Items) != len(b.Items) {
		return false
	}
	if a.Kind < List {
		return bytes.Equal(srcA[a.Start:a.End], srcB[b.Start:b.End])
	}
	for i := range a.Items {
		if !sameForms(&a.Items[i], &b.Items[i], srcA, srcB) {
			return false
		}
	}
	return true
}

// checkFormat formats a readable file and compares before and after.
func checkFormat(t rapid.TB, src []byte) {
	before := reader{keepComments: true}
	a, d := before.readFile(src)
	if d != nil {
		return
	}
	out, ds := Format("x.clj", src)
	if len(ds) > 0 {
		t.Fatal(ds.Error())
	}
	after := reader{keepComments: true}
	b, d := after.readFile(out)
	if d != nil {
		t.Fatalf("formatted file cannot be read: %v\n%s", d, out)
	}
	if !sameForms(a, b, src, out) {
		t.Fatalf("formatting changed the program\n%s\n----\n%s", src, out)
	}
	if len(before.comments) != len(after.comments) {
		t.Fatalf("%d comments became %d\n%s\n----\n%s", len(before.comments), len(after.comments), src, out)
	}
	for i, c := range before.comments {
		o := after.comments[i]
		if strings.TrimRight(before.src[c.start:c.end], " \t\f") != after.src[o.start:o.end] {
			t.Fatalf("comment %q changed", before.src[c.start:c.end])
		}
	}
	again, _ := Format("x.clj", out)
	if !bytes.Equal(out, again) {
		t.Fatalf("formatting twice changed the file\n%s\n----\n%s\n----\n%s", src, out, again)
	}
}

func TestPropertyFormatChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, series, asOf := drawn(t, 2, 5)
		src := f.source(style{})
		// Blanks become other blanks and comments.
		fields := strings.Split(string(src), " ")
		var b strings.Builder
		for i, field := range fields {
			if i > 0 && strings.Count(strings.Join(fields[:i], " "), `"`)%2 == 0 {
				b.WriteString(rapid.SampledFrom([]string{" ", "\n", "\r\n\r\n", " ; note\n", "\n; note \n\n", ",\t"}).Draw(t, "blank"))
			} else if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(field)
		}
		loose := []byte(b.String())
		checkFormat(t, loose)
		out, _ := Format("sketch.clj", loose)
		bars := barsOf(t, series)
		x, _, errX := Evaluate(compiled(t, src), bars, asOf)
		y, _, errY := Evaluate(compiled(t, out), bars, asOf)
		if !reflect.DeepEqual(x, y) || (errX == nil) != (errY == nil) {
			t.Fatalf("%v became %v", x, y)
		}
	})
}

func TestPropertyRoundAndMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		symbols := names(12)
		var slices []Slice
		left := One - Weight(rapid.Int64Range(0, int64(One)/2).Draw(t, "cash"))
		cash := One - left
		for i := 0; left > 0; i++ {
			w := Weight(rapid.Int64Range(1, int64(left)).Draw(t, "weight"))
			if i == 4 {
				w = left
			}
			left -= w
			raw := map[string]float64{}
			for range rapid.IntRange(1, 8).Draw(t, "symbols") {
				raw[rapid.SampledFrom(symbols).Draw(t, "symbol")] = rapid.Float64Range(1e-12, 10).Draw(t, "share")
			}
			a, err := Round(raw)
			if err != nil || a.Sum() != One {
				t.Fatalf("%v rounds to %v, %v", raw, a, err)
			}
			slices = append(slices, Slice{Strategy: names(5)[i], Weight: w, Allocation: a})
		}
		m, err := Merge(slices, cash)
		if err != nil {
			t.Fatal(err)
		}
		if m.Allocation.Sum()+m.Cash != One {
			t.Fatalf("%s and cash %s", m.Allocation.Sum(), m.Cash)
		}
		for s, by := range m.Attribution {
			var sum Exact
			for _, e := range by {
				sum += e
			}
			if d := Exact(m.Allocation[s])*Exact(One) - sum; d > Exact(One) || d < -Exact(One) {
				t.Fatalf("%s: merged %s, contributions %s", s, m.Allocation[s], sum)
			}
		}
	})
}
