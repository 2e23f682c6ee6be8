package strategy

import (
	"encoding/json"
	"strings"
	"testing"
)

// tour takes every sort of decision.
const tour = `(defsymphony "Tour" {:rebalance-threshold 0.05}
  (weight-specified
    50 (if (and (> (current-price "AAA") 3) (not (< (rsi "BBB" {:window 3}) 10)))
         [(filter (cumulative-return {:window 3}) (select-top 1)
            [(group "One" [(if (> (current-price "AAA") (current-price "BBB")) (asset "AAA") (asset "BBB"))])
             (weight-equal [(asset "BBB") (asset "CCC")])
             (asset "NEW")
             (asset "AAA")])]
         [(asset "CCC")])
    30 (weight-inverse-volatility 3 [(asset "AAA") (asset "FLAT") (group "Two" [(asset "CCC")])])
    20 (if (>= (current-price "FLAT") 7) (asset "CCC") (asset "FLAT"))))`

func tourBars(t testing.TB) *Bars {
	day := DayOf(2025, 3, 3)
	days := func(n, total int) []Day {
		var ds []Day
		for i := total - n; i < total; i++ {
			ds = append(ds, day+Day(i))
		}
		return ds
	}
	b, err := NewBars(map[string]Series{
		"AAA":  {days(8, 8), []float64{4, 5, 4, 6, 5, 6, 7, 8}},
		"BBB":  {days(8, 8), []float64{5, 4, 5, 4, 6, 5, 6, 5}},
		"CCC":  {days(7, 7), []float64{9, 9.5, 9, 9.25, 9.5, 9.25, 9.75}}, // the last session is missing
		"FLAT": {days(8, 8), []float64{7, 7, 7, 7, 7, 7, 7, 7}},
		"NEW":  {days(2, 8), []float64{3, 4}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReceipt(t *testing.T) {
	bars := tourBars(t)
	p := mustCompile(t, "folder/tour.clj", []byte(tour))
	asOf := DayOf(2025, 3, 10)
	target, receipt, err := Evaluate(p, bars, asOf)
	if err != nil {
		t.Fatal(err)
	}
	last := &Applied{SHA256: p.SHA256, TradeDate: asOf - 2, AsOf: asOf - 3, Weights: Allocation{"AAA": One / 2, "CCC": One / 2}}
	outcome, err := p.Rule.Decide(p.SHA256, target, asOf+1, last, bars.FactorsSince(last.AsOf, asOf), false)
	if err != nil {
		t.Fatal(err)
	}
	receipt.Rebalance = &outcome
	b, err := json.MarshalIndent(receipt, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "testdata/receipt.golden", string(b)+"\n")

	var out strings.Builder
	if err := receipt.Explain(&out); err != nil {
		t.Fatal(err)
	}
	out.WriteString("\n----\n\n")
	_, failed, err := Evaluate(p, bars, asOf-6)
	if err == nil {
		t.Fatal("two bars should not be enough")
	}
	if err := failed.Explain(&out); err != nil {
		t.Fatal(err)
	}
	out.WriteString("\n----\n\n")
	if err := receipt.Summary(&out); err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "testdata/explain.golden", out.String())
}

func TestReports(t *testing.T) {
	p := mustCompile(t, "tour.clj", []byte(tour))
	_, receipt, err := Evaluate(p, tourBars(t), DayOf(2025, 3, 4))
	if err == nil {
		t.Fatal("two bars should not be enough")
	}
	for _, c := range []struct {
		report any
		want   string
	}{
		{NewSignalReport(p, receipt), `{"strategy":"tour","as_of":"2025-03-04","error":{"line":3,"col":53,"class":"insufficient-history","message":"insufficient history: need 3 bars, have 2: (rsi \"BBB\" {:window 3})"}}`},
		{NewStaticReport("a/b.clj", Check("a/b.clj", nil)), `{"strategy":"b","diagnostics":[{"line":1,"col":1,"class":"empty-file","message":"no form in the file","hint":"a file holds one (defsymphony name config body)"}]}`},
		{NewCheckReport("a.clj", nil, nil), `{"file":"a.clj","diagnostics":[]}`},
	} {
		b, err := json.Marshal(c.report)
		if err != nil {
			t.Fatal(err)
		}
		if string(b) != c.want {
			t.Errorf("got  %s\nwant %s", b, c.want)
		}
	}
}

// Whatever the numbers are, a receipt is valid JSON.
func TestReceiptOfHugeNumbers(t *testing.T) {
	p := mustCompile(t, "x.clj", []byte(`(defsymphony "x" {} (if (> 1.7e308 -1.7e308) (asset "A") (asset "B")))`))
	bars, err := NewBars(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, receipt, err := Evaluate(p, bars, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(receipt); err != nil {
		t.Error(err)
	}
}
