package strategy

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func TestTicker(t *testing.T) {
	for s, want := range map[string]string{
		"SPY": "SPY", "A": "A", "BRK/B": "BRK.B", "BRK-B": "BRK.B", "BRK.B": "BRK.B", "BTC/USD": "BTC/USD", "BF.1": "BF.1",
		"ABC/1": "ABC/1", "ABCDEFGHIJ": "ABCDEFGHIJ", "ABCDEF/GHIJKLMNO": "ABCDEF/GHIJKLMNO",
		"": "", "spy": "", " SPY": "", "SPY ": "", "1A": "", "ABCDEFGHIJK": "", "ABCDEFG/HIJKLMNOP": "", "BRK.": "", "BRK..B": "",
		"BRK.B.C": "", "BTC/USDABCDEFG": "", "SP Y": "", "É": "", "SPY\n": "",
	} {
		got, ok := Ticker(s)
		if got != want || ok != (want != "") {
			t.Errorf("Ticker(%q) is %q, %v; want %q", s, got, ok, want)
		}
	}
}

// A file of very many nodes fills many slabs.
func TestCompileLargeFile(t *testing.T) {
	s := sketch{choose: rand.New(rand.NewPCG(5, 5)).IntN, symbols: names(30), windows: []int{5, 10}, maxDepth: 6, ranked: true}
	var parts []sketched
	for have := 0; have < 120_000; {
		part := s.allocation(6)
		have += part.nodes()
		parts = append(parts, part)
	}
	src := call("defsymphony", atom(`"large"`), atom("{}"), seq(parts...)).source(style{})
	p := mustCompile(t, "large.clj", src)
	bars, err := NewBars(walk(rand.New(rand.NewPCG(6, 6)), s.symbols, 300, 0))
	if err != nil {
		t.Fatal(err)
	}
	a, _, err := Evaluate(p, bars, bars.calendar[299])
	if err != nil || a.Sum() != One {
		t.Errorf("%v, %v", a.Sum(), err)
	}
}

func TestProgram(t *testing.T) {
	src := `(defsymphony "N" {:rebalance-threshold 5e-2} [(asset "BRK/B") (asset "AAA") (if (> (rsi "ZZZ") 1) (asset "BRK-B") (asset "CCC"))])`
	p := mustCompile(t, "n.clj", []byte(src))
	if got := p.Symbols(); !reflect.DeepEqual(got, []string{"AAA", "BRK.B", "CCC", "ZZZ"}) {
		t.Errorf("symbols %v", got)
	}
	if p.Name != "N" || p.Rule.Threshold != 0.05 || p.Rule.Frequency != "" {
		t.Errorf("%q, %+v", p.Name, p.Rule)
	}
}

func TestSemanticText(t *testing.T) {
	src := `(defsymphony "x" {} ((if (and (>= 1.50 15E-1) (not (< (current-price "A") 1e21)))
	  (group "name" (asset "BRK/B" "text"))
	  [(weight-specified 0.1 (asset "A") 50 (filter (percentage-price-oscillator) (select-top +3) ((asset "A"))))
	   (weight-inverse-volatility 20 (asset "A"))])))`
	want := `[(if (and (>= 1.5 1.5) (not (< (current-price "A" {}) 1e+21))) (group (asset "BRK.B")) ` +
		`[(weight-specified 0.10000000000000001 (asset "A") 50 (filter (percentage-price-oscillator {:long-window 26 :short-window 12}) (select-top 3) [(asset "A")])) ` +
		`(weight-inverse-volatility 20 (asset "A"))])]`
	p := mustCompile(t, "x.clj", []byte(src))
	if got := p.semanticText(p.root); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Two filters of equal content whose candidates have other names decide ties
// by their own names, also in the past and whichever is evaluated first.
func TestTiesOfThePastFollowTheirOwnNames(t *testing.T) {
	// A and B move exactly alike, so the inner filters always tie.
	inner := func(first, second string) string {
		return fmt.Sprintf(`(filter (cumulative-return {:window 2}) (select-top 1) [(group %q [(asset "A")]) (group %q [(asset "B")])])`, first, second)
	}
	src := fmt.Sprintf(`(defsymphony "x" {} (weight-equal [(filter (stdev-return {:window 3}) (select-top 1) [(group "G" [%s]) (asset "C")])
	  (filter (stdev-return {:window 3}) (select-top 1) [(group "G" [%s]) (asset "C")])]))`, inner("a", "b"), inner("b", "a"))
	day := DayOf(2025, 1, 6)
	var days []Day
	for i := range 8 {
		days = append(days, day+Day(i))
	}
	moving := []float64{4, 5, 4, 6, 5, 7, 5, 8}
	bars, err := NewBars(map[string]Series{"A": {days, moving}, "B": {days, moving}, "C": {days, []float64{1, 1, 1, 1, 1, 1, 1, 1}}})
	if err != nil {
		t.Fatal(err)
	}
	p := mustCompile(t, "x.clj", []byte(src))
	a, _, err := Evaluate(p, bars, day+7)
	if err != nil {
		t.Fatal(err)
	}
	if a["A"] != One/2 || a["B"] != One/2 {
		t.Errorf("got %v", asStrings(a))
	}
	filters := p.root.kids[0].kids
	one, two := filters[0].kids[0].kids[0], filters[1].kids[0].kids[0] // the groups G
	if one.sem != two.sem || one.memo == two.memo {
		t.Errorf("contents %d and %d, remembered as %d and %d", one.sem, two.sem, one.memo, two.memo)
	}
}

func TestPlan(t *testing.T) {
	for src, want := range map[string]string{
		`(asset "A")`: "map[A:1]",
		`(if (> (rsi "A" {:window 10}) (exponential-moving-average-price "B" {:window 10})) (asset "C") (asset "D"))`:                     "map[A:250 B:140 C:1 D:1]",
		`(if (> (percentage-price-oscillator "A") (percentage-price-oscillator-signal "B")) (asset "C") (asset "D"))`:                     "map[A:416 B:560 C:1 D:1]",
		`(filter (rsi {:window 10}) (select-top 1) [(asset "A") (group "G" [(asset "B")])])`:                                              "map[A:250 B:251]",
		`(filter (cumulative-return {:window 10}) (select-top 1) [(asset "A") (group "G" [(asset "B")])])`:                                "map[A:11 B:11]",
		`(filter (max-drawdown {:window 10}) (select-top 1) [(if (> (current-price "C") 1) (asset "A") [(asset "B")])])`:                  "map[A:10 B:10 C:1]",
		`(weight-inverse-volatility 20 (asset "A") (group "G" [(if (> (rsi "C" {:window 2}) 1) (asset "B") (asset "B"))]))`:               "map[A:21 B:21 C:70]",
		`(filter (rsi {:window 4}) (select-top 1) [(group "G" [(filter (rsi {:window 2}) (select-top 1) [(group "H" [(asset "A")])])])])`: "map[A:151]",
	} {
		p := mustCompile(t, "x.clj", []byte(`(defsymphony "x" {} `+src+`)`))
		if got := fmt.Sprint(p.Plan()); got != want {
			t.Errorf("%s: got %s, want %s", src, got, want)
		}
	}
	if got := CalendarDays(520); got != 764 { // 520 × 365 / 252 = 753.17…
		t.Errorf("520 sessions in %d days", got)
	}
	if got := CalendarDays(252); got != 375 {
		t.Errorf("252 sessions in %d days", got)
	}
}

func TestDeepFile(t *testing.T) {
	// 1,000 brackets with the file's own: 999 vectors and the asset.
	n := 998
	src := `(defsymphony "x" {} ` + strings.Repeat("[", n) + `(asset "A")` + strings.Repeat("]", n) + ")"
	p := mustCompile(t, "x.clj", []byte(src))
	bars, err := NewBars(nil)
	if err != nil {
		t.Fatal(err)
	}
	a, _, err := Evaluate(p, bars, 0)
	if err != nil || a["A"] != One {
		t.Errorf("%v, %v", a, err)
	}
	if out, ds := Format("x.clj", []byte(src)); len(ds) > 0 || len(out) > 200_000 {
		t.Errorf("%d bytes, %v", len(out), ds)
	}
}

// Returns are summed with symbols ascending, whatever the order in the file.
func TestDecisionsOfThePastAreAscending(t *testing.T) {
	p := mustCompile(t, "x.clj", []byte(`(defsymphony "x" {} (filter (stdev-return {:window 2}) (select-top 1) [(group "G" [(asset "CCC") (asset "AAA") (asset "BBB")])]))`))
	r := newRun(NewEvaluator(tourBars(t)), p)
	held, ok := r.decision(p.root.kids[0].kids[0], 5)
	if !ok || len(held) != 3 || p.symbols[held[0].sym] != "AAA" || p.symbols[held[1].sym] != "BBB" || p.symbols[held[2].sym] != "CCC" {
		t.Errorf("%v, %v", held, ok)
	}
}
