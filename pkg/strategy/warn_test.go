package strategy

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWarnings keeps the warnings good: read the golden file as the author.
func TestWarnings(t *testing.T) {
	const spy, tlt = `[(asset "SPY")]`, `[(asset "TLT")]`
	choose := func(condition string) string { return "(if " + condition + " " + spy + " " + tlt + ")" }
	inside := func(outer, branch string) string {
		if branch == "then" {
			return "(if " + outer + "\n    [" + choose("%s") + "]\n    " + tlt + ")"
		}
		return "(if " + outer + "\n    " + tlt + "\n    [" + choose("%s") + "])"
	}
	const r = `(rsi "SPY" {:window 10})`
	var out strings.Builder
	for _, c := range []struct{ name, body string }{
		{"an rsi above 100", choose(`(> ` + r + ` 101)`)},
		{"an rsi above 100, written the other way round", choose(`(< 101 ` + r + `)`)},
		{"an rsi of exactly 100 is possible", choose(`(>= ` + r + ` 100)`)},
		{"an rsi above exactly 100", choose(`(> ` + r + ` 100)`)},
		{"a drawdown with a sign", choose(`(< (max-drawdown "SPY" {:window 10}) -5)`)},
		{"a price below zero", choose(`(<= (current-price "SPY") 0)`)},
		{"a price above zero", choose(`(> (moving-average-price "SPY" {:window 10}) 0)`)},
		{"a negative deviation", choose(`(>= (stdev-return "SPY" {:window 10}) -1)`)},
		{"a loss of more than everything", choose(`(< (cumulative-return "SPY" {:window 10}) -101)`)},
		{"two numbers", choose(`(< 3 2)`)},
		{"one indicator twice", choose(`(>= ` + r + ` ` + r + `)`)},
		{"other windows are other indicators", choose(`(>= ` + r + ` (rsi "SPY" {:window 11}))`)},
		{"two equal branches", `(if (> ` + r + ` 70) ` + spy + ` ` + spy + `)`},
		{"asked again in then", fmt.Sprintf(inside(`(> `+r+` 80)`, "then"), `(> `+r+` 70)`)},
		{"asked again in then, for less", fmt.Sprintf(inside(`(> `+r+` 80)`, "then"), `(> `+r+` 90)`)},
		{"asked again in else", fmt.Sprintf(inside(`(> `+r+` 80)`, "else"), `(> `+r+` 90)`)},
		{"the only value left", fmt.Sprintf(inside(`(>= `+r+` 100)`, "then"), `(= `+r+` 100)`)},
		{"two indicators asked again, turned round", fmt.Sprintf(inside(`(> (current-price "SPY") (current-price "TLT"))`, "then"), `(<= (current-price "TLT") (current-price "SPY"))`)},
		{"or, in else, denies every part", fmt.Sprintf(inside(`(or (> `+r+` 80) (< `+r+` 20))`, "else"), `(>= `+r+` 20)`)},
		{"or, in then, says nothing of a part", fmt.Sprintf(inside(`(or (> `+r+` 80) (< `+r+` 20))`, "then"), `(>= `+r+` 20)`)},
		{"not", fmt.Sprintf(inside(`(not (> `+r+` 80))`, "then"), `(<= `+r+` 80)`)},
		{"a part of and without effect", choose(`(and (> ` + r + ` 80) (> ` + r + ` 70))`)},
		{"and that contradicts itself", choose(`(and (> ` + r + ` 80) (< ` + r + ` 20))`)},
		{"or that leaves nothing out", choose(`(or (> ` + r + ` 20) (<= ` + r + ` 20))`)},
		{"a ranked group decides in the past as well", `(if (> ` + r + ` 80)
    [(filter (cumulative-return {:window 5}) (select-top 1)
       [(group "A" [` + choose(`(> `+r+` 70)`) + `]) (asset "TLT")])]
    ` + tlt + `)`},
		{"which candidates there are is decided today", `(if (> ` + r + ` 80)
    [(filter (cumulative-return {:window 5}) (select-top 1)
       [` + choose(`(> `+r+` 70)`) + ` (asset "TLT")])]
    ` + tlt + `)`},
		{"what is learnt in a branch ends with it", `[(if (> ` + r + ` 80) ` + spy + ` ` + tlt + `)
   (if (> ` + r + ` 80) ` + tlt + ` ` + spy + `)]`},
	} {
		p, ds := Compile("my.clj", []byte("(defsymphony \"x\" {}\n  "+c.body+")\n"))
		if len(ds) > 0 {
			t.Fatalf("%s: %v", c.name, ds)
		}
		out.WriteString("# " + c.name + "\n")
		if found := p.Warnings(); len(found) > 0 {
			out.WriteString(found.Error() + "\n")
		}
		out.WriteString("\n")
	}
	compareGolden(t, "testdata/warnings.golden", out.String())
}

// Whatever is claimed of a condition holds for every value that its indicators
// can have where it stands.
func TestWarningsAreTrue(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	texts := []string{`(rsi "A" {:window 2})`, `(rsi "B" {:window 2})`, `(max-drawdown "A" {:window 3})`}
	values := []float64{-1, 0, 30, 50, 100, 101}
	var condition func(depth int) (string, func([]float64) bool)
	condition = func(depth int) (string, func([]float64) bool) {
		if depth == 0 || dice.IntN(3) > 0 {
			operand := func() (string, func([]float64) float64) {
				if i := dice.IntN(5); i < len(texts) {
					return texts[i], func(v []float64) float64 { return v[i] }
				}
				x := values[dice.IntN(len(values))]
				return fmt.Sprint(x), func([]float64) float64 { return x }
			}
			l, left := operand()
			r, right := operand()
			operator := []string{">", "<", ">=", "<=", "="}[dice.IntN(5)]
			return "(" + operator + " " + l + " " + r + ")", func(v []float64) bool { return compare(operator, left(v), right(v)) }
		}
		a, first := condition(depth - 1)
		b, second := condition(depth - 1)
		switch dice.IntN(3) {
		case 0:
			return "(not " + a + ")", func(v []float64) bool { return !first(v) }
		case 1:
			return "(and " + a + " " + b + ")", func(v []float64) bool { return first(v) && second(v) }
		}
		return "(or " + a + " " + b + ")", func(v []float64) bool { return first(v) || second(v) }
	}
	possible := []float64{0, 15, 30, 40, 50, 75, 100}
	claims := 0
	for range 3000 {
		outer, holdsOuter := condition(2)
		inner, holdsInner := condition(2)
		src := "(defsymphony \"x\" {}\n(if\n" + outer + "\n[(if\n" + inner + "\n[(asset \"A\")] [(asset \"B\")])]\n[(asset \"C\")]))"
		p, ds := Compile("x.clj", []byte(src))
		if len(ds) > 0 {
			t.Fatal(ds)
		}
		for _, w := range p.Warnings() {
			whole := map[int]string{3: outer, 5: inner}[w.Line]
			if w.Hint == "" || w.Col != 1 || whole == "" {
				continue // of a part
			}
			claims++
			for _, a := range possible {
				for _, b := range possible {
					for _, c := range possible {
						v := []float64{a, b, c}
						if w.Line == 5 && !holdsOuter(v) {
							continue
						}
						holds := holdsOuter(v)
						if w.Line == 5 {
							holds = holdsInner(v)
						}
						if holds != (w.Class == "always-true") {
							t.Fatalf("%s\nis wrong for %v:\n%s", w, v, src)
						}
					}
				}
			}
		}
	}
	if claims < 300 {
		t.Errorf("only %d claims were checked", claims)
	}
}

// What ships with signal has nothing to be warned of.
func TestShippedStrategiesHaveNoWarnings(t *testing.T) {
	dir := filepath.Join("..", "..", "services", "signal", "strategies")
	portfolio, ds := LoadPortfolio(os.DirFS(dir))
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	for _, e := range portfolio.Entries {
		if found := e.Program.Warnings(); len(found) > 0 {
			t.Error(found)
		}
	}
}
