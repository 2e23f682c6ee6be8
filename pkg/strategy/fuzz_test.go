package strategy

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"unicode/utf8"
)

// seed adds the golden files that are small enough to mutate quickly.
func seed(f *testing.F) {
	for _, pattern := range []string{"strategies/edge_*.clj", "invalid/*.clj"} {
		files, err := filepath.Glob(filepath.Join(golden, pattern))
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds in %s", pattern)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			if len(src) < 2000 {
				f.Add(src)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		form, ds := Read("x.clj", src)
		if (form == nil) == (len(ds) == 0) || len(ds) > 1 {
			t.Fatalf("form %v, %d diagnostics", form, len(ds))
		}
		for _, d := range ds {
			if d.Line < 1 || d.Col < 1 || d.Class == "" || d.Message == "" || !utf8.ValidString(d.Message) {
				t.Fatalf("%+v", d)
			}
		}
		if form != nil {
			inside(t, form, 0, int32(len(src)))
		}
	})
}

// inside checks that the places of forms lie in each other and do not overlap.
func inside(t *testing.T, f *Form, from, to int32) {
	if f.Start < from || f.End > to || f.Start >= f.End {
		t.Fatalf("form at %d to %d lies outside %d to %d", f.Start, f.End, from, to)
	}
	from = f.Start + 1
	for i := range f.Items {
		inside(t, &f.Items[i], from, f.End-1)
		from = f.Items[i].End
	}
}

func FuzzEvaluate(f *testing.F) {
	seed(f)
	bars, err := NewBars(walk(rand.New(rand.NewPCG(1, 1)), []string{"TBS", "FSGA", "UFUQ", "QJEK", "PESC", "BKZY"}, 60, 2))
	if err != nil {
		f.Fatal(err)
	}
	asOf := DayOf(2024, 3, 1)
	f.Fuzz(func(t *testing.T, src []byte) {
		p, ds := Compile("x.clj", src)
		if (p == nil) == (len(ds) == 0) || len(ds) > MaxDiagnostics {
			t.Fatalf("program %v, %d diagnostics", p, len(ds))
		}
		if p == nil {
			return
		}
		p.Plan()
		a, receipt, err := Evaluate(p, bars, asOf)
		if err == nil && a.Sum() != One {
			t.Fatalf("weights add up to %s", a.Sum())
		}
		if (err == nil) != (receipt.Error == nil) {
			t.Fatalf("error %v, receipt %v", err, receipt.Error)
		}
	})
}

func FuzzFormat(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src []byte) { checkFormat(t, src) })
}

func FuzzLoadPortfolio(f *testing.F) {
	f.Add([]byte("version: 1\nstrategies:\n  - strategy: a.clj\n    weight: \"0.60\"\n  - {strategy: b.clj, weight: '0.35'}\ncash: \"0.05\"\n"))
	f.Add([]byte("version: &v 1\nstrategies: *v\n---\ncash: !!str 1\n"))
	f.Add([]byte("? version\n: 1\nstrategies: |\n  text\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		files := fstest.MapFS{PortfolioFile: {Data: src}, "a.clj": {Data: []byte(held)}, "b.clj": {Data: []byte(held)}}
		p, ds := LoadPortfolio(files)
		if (p == nil) == (len(ds) == 0) {
			t.Fatalf("portfolio %v, %d diagnostics", p, len(ds))
		}
		if p == nil {
			return
		}
		sum := p.Cash
		for _, e := range p.Entries {
			sum += e.Weight
			if e.Program == nil || e.Weight <= 0 {
				t.Fatalf("entry %+v", e)
			}
		}
		if sum != One {
			t.Fatalf("weights add up to %s", sum)
		}
	})
}
