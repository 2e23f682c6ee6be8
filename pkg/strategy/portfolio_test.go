package strategy

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

const held = `(defsymphony "x" {} (asset "SPY"))`

func TestShippedPortfolio(t *testing.T) {
	dir := "../../services/signal/strategies"
	p, ds := LoadPortfolio(os.DirFS(dir))
	if len(ds) > 0 {
		t.Fatal(ds.Error())
	}
	for s, bars := range p.Plan() {
		if bars > 260 {
			t.Errorf("%s needs %d bars, the shipped strategies should need at most 260", s, bars)
		}
	}
	for _, e := range p.Entries {
		src, err := os.ReadFile(dir + "/" + e.File)
		if err != nil {
			t.Fatal(err)
		}
		formatted, ds := Format(e.File, src)
		if len(ds) > 0 || string(formatted) != string(src) {
			t.Errorf("%s is not in canonical layout: run alchemiser fmt on it", e.File)
		}
	}
}

func TestLoadPortfolio(t *testing.T) {
	const good = `version: 1
strategies:
  - strategy: a.clj
    weight: "0.60"
  - strategy: gold/b.clj
    weight: '0.35'
cash: "0.05"
`
	files := func(yaml string) fstest.MapFS {
		return fstest.MapFS{
			PortfolioFile: {Data: []byte(yaml)},
			"a.clj":       {Data: []byte(held)},
			"gold/b.clj":  {Data: []byte(strings.Replace(held, "SPY", "GLD", 1))},
			"bad.clj":     {Data: []byte("(defsymphony \"x\" {}\n (aset \"SPY\"))")},
		}
	}
	p, ds := LoadPortfolio(files(good))
	if len(ds) > 0 {
		t.Fatal(ds.Error())
	}
	if len(p.Entries) != 2 || p.Entries[1].ID != "gold/b" || p.Entries[1].Weight.String() != "0.35000000" || p.Cash.String() != "0.05000000" {
		t.Errorf("got %+v", p)
	}
	if got := fmt.Sprint(p.Plan()); got != "map[GLD:1 SPY:1]" {
		t.Errorf("plan %s", got)
	}
	changed := files(good)
	changed["a.clj"].Data = append(changed["a.clj"].Data, '\n')
	if q, _ := LoadPortfolio(changed); q.SHA256 == p.SHA256 {
		t.Error("another file content has the same hash")
	}

	swap := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %q in the good portfolio", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	for _, c := range []struct{ name, yaml, want string }{
		{"sum", swap("0.60", "0.61"), `portfolio.yaml:3:3: weights and cash add up to 1.01000000, not to 1`},
		{"unquoted weight", swap(`"0.60"`, "0.60"), `portfolio.yaml:4:13: weight must be a quoted decimal`},
		{"unquoted cash", swap(`"0.05"`, "0.05"), `portfolio.yaml:7:7: cash must be a quoted decimal`},
		{"nine digits", swap("0.60", "0.600000000"), `portfolio.yaml:4:13: weight: "0.600000000" is not a weight`},
		{"negative", swap("0.60", "-0.60"), `is not a weight`},
		{"zero", swap("0.60", "0"), `weight must be above 0`},
		{"version", swap("version: 1", "version: 2"), `portfolio.yaml:1:10: version must be 1`},
		{"no version", swap("version: 1\n", ""), `version must be 1`},
		{"unknown key", swap("cash", "csh"), `portfolio.yaml:7:1: unknown key "csh"`},
		{"unknown key of entry", swap("    weight: '", "    wieght: '"), `unknown key "wieght"`},
		{"missing file", swap("a.clj", "c.clj"), `portfolio.yaml:3:15: open c.clj: file does not exist`},
		{"bad strategy", swap("a.clj", "bad.clj"), `bad.clj:2:3: unknown operator "aset"`},
		{"outside", swap("a.clj", "../a.clj"), `"../a.clj" is not the path of a strategy file`},
		{"absolute", swap("a.clj", "/a.clj"), `"/a.clj" is not the path`},
		{"not clj", swap("a.clj", "a.txt"), `"a.txt" is not the path`},
		{"twice", swap("gold/b.clj", "a.clj"), `portfolio.yaml:5:15: strategy "a.clj" is given twice`},
		{"no list", "version: 1\nstrategies: []\ncash: \"1\"\n", `strategies must be a list of at least one`},
		{"not yaml", "version: [1\n", `not valid YAML`},
		{"empty", "", `portfolio.yaml:1:1: expected keys and values`},
		{"text", "hello", `expected keys and values`},
		{"no weight", "version: 1\nstrategies:\n  - strategy: a.clj\n", `portfolio.yaml:3:5: an entry needs a strategy and a weight`},
	} {
		p, ds := LoadPortfolio(files(c.yaml))
		if p != nil || !strings.Contains(ds.Error(), c.want) {
			t.Errorf("%s: got %q, want %q", c.name, ds.Error(), c.want)
		}
	}
	if _, ds := LoadPortfolio(fstest.MapFS{}); len(ds) != 1 || ds[0].Class != "missing-file" {
		t.Errorf("no portfolio file: got %v", ds)
	}
}

// The shipped strategies have a target on every session of ten years, hold
// each of their symbols at some time, and need no more history than planned.
func TestShippedPortfolioOnRealBars(t *testing.T) {
	dir := "../../../shared/data/bars"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the real bars are not here")
	}
	p, ds := LoadPortfolio(os.DirFS("../../services/signal/strategies"))
	if len(ds) > 0 {
		t.Fatal(ds.Error())
	}
	series := loadBars(t, dir)
	for symbol := range p.Plan() { // no file: made up from another, upside down
		if _, ok := series[symbol]; !ok {
			s := Series{Days: series["QQQ"].Days}
			for _, c := range series["QQQ"].Closes {
				s.Closes = append(s.Closes, 1000/c)
			}
			series[symbol] = s
		}
	}
	bars, err := NewBars(series)
	if err != nil {
		t.Fatal(err)
	}
	evaluator := NewEvaluator(bars)
	held := make(map[string]int)
	sessions := 0
	for _, asOf := range bars.calendar[300:] {
		sessions++
		var slices []Slice
		for _, e := range p.Entries {
			a, _, err := evaluator.Evaluate(e.Program, asOf)
			if err != nil {
				t.Fatalf("%s at %s: %v", e.ID, asOf, err)
			}
			slices = append(slices, Slice{e.ID, e.Weight, a})
		}
		m, err := Merge(slices, p.Cash)
		if err != nil {
			t.Fatal(err)
		}
		for s := range m.Allocation {
			held[s]++
		}
	}
	for s := range p.Plan() {
		if held[s] == 0 {
			t.Errorf("%s is never held", s)
		}
	}
	t.Logf("%d sessions, held on so many of them: %v", sessions, held)
}
