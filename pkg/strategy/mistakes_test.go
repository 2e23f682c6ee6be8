package strategy

import (
	"os"
	"strings"
	"testing"
)

// TestMistakes keeps the messages of typical mistakes good: read the golden
// file as the person who made them.
func TestMistakes(t *testing.T) {
	var out strings.Builder
	for _, c := range []struct{ name, src string }{
		{"a bracket too few", "(defsymphony \"x\" {}\n  (weight-equal\n    [(asset \"SPY\")\n     (asset \"QQQ\"))\n  )\n"},
		{"a bracket too many", "(defsymphony \"x\" {}\n  (asset \"SPY\")))\n"},
		{"the file ends too early", "(defsymphony \"x\" {}\n  (weight-equal\n    [(asset \"SPY\")\n"},
		{"a misspelt operator", "(defsymphony \"x\" {}\n  (wieght-equal [(asset \"SPY\")]))\n"},
		{"a misspelt indicator", "(defsymphony \"x\" {}\n  (if (> (moving-avrage-price \"SPY\") 1) [(asset \"SPY\")] [(asset \"TLT\")]))\n"},
		{"a made-up operator", "(defsymphony \"x\" {}\n  (buy-and-hold \"SPY\"))\n"},
		{"a window as text", "(defsymphony \"x\" {}\n  (if (> (rsi \"SPY\" {:window \"10\"}) 70) [(asset \"SPY\")] [(asset \"TLT\")]))\n"},
		{"a fractional window", "(defsymphony \"x\" {}\n  (if (> (rsi \"SPY\" {:window 10.0}) 70) [(asset \"SPY\")] [(asset \"TLT\")]))\n"},
		{"a window without its map", "(defsymphony \"x\" {}\n  (if (> (rsi \"SPY\" 10) 70) [(asset \"SPY\")] [(asset \"TLT\")]))\n"},
		{"a misspelt parameter", "(defsymphony \"x\" {}\n  (if (> (rsi \"SPY\" {:windw 10}) 70) [(asset \"SPY\")] [(asset \"TLT\")]))\n"},
		{"a missing weight", "(defsymphony \"x\" {}\n  (weight-specified 0.6 (asset \"SPY\") (asset \"TLT\")))\n"},
		{"a weight behind its allocation", "(defsymphony \"x\" {}\n  (weight-specified (asset \"SPY\") 0.6 (asset \"TLT\") 0.4))\n"},
		{"a bare symbol", "(defsymphony \"x\" {}\n  (asset SPY))\n"},
		{"a ticker in lower case", "(defsymphony \"x\" {}\n  (asset \"spy\"))\n"},
		{"a ticker without its call", "(defsymphony \"x\" {}\n  (weight-equal [\"SPY\" \"TLT\"]))\n"},
		{"no else branch", "(defsymphony \"x\" {}\n  (if (> 1 0)\n    [(asset \"SPY\")]))\n"},
		{"no symbol in a condition", "(defsymphony \"x\" {}\n  (if (> (rsi {:window 10}) 70) [(asset \"SPY\")] [(asset \"TLT\")]))\n"},
		{"a symbol in a metric", "(defsymphony \"x\" {}\n  (filter (rsi \"SPY\" {:window 10}) (select-top 1) [(asset \"SPY\")]))\n"},
		{"a metric that cannot rank groups", "(defsymphony \"x\" {}\n  (filter (current-price) (select-top 1) [(group \"A\" [(asset \"SPY\")])]))\n"},
		{"market capitalisation", "(defsymphony \"x\" {}\n  (weight-market-cap [(asset \"SPY\")]))\n"},
		{"no defsymphony", "(weight-equal [(asset \"SPY\")])\n"},
		{"two strategies", "(defsymphony \"x\" {} (asset \"SPY\"))\n(defsymphony \"y\" {} (asset \"TLT\"))\n"},
		{"an empty file", ""},
		{"only comments", "; to be written\n"},
		{"a PDF", "%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"},
		{"a web page", "<!DOCTYPE html>\n<html><body></body></html>\n"},
		{"JSON", "{\"name\": \"x\", \"body\": []}\n"},
		{"typographic quotes", "(defsymphony “x” {}\n  (asset \"SPY\"))\n"},
		{"a no-break space", "(defsymphony \"x\" {}\u00a0(asset \"SPY\"))\n"},
		{"Windows line ends, and a mistake", "\ufeff(defsymphony \"x\" {}\r\n  (asset \"SPY\" 3))\r\n"},
		{"old Macintosh line ends, and a mistake", "(defsymphony \"x\" {}\r  (asset \"SPY\" 3))\r"},
		{"a misspelt config", "(defsymphony \"x\" {:rebalance-frequency \"daily\", :asset-class \"STOCKS\"}\n  (asset \"SPY\"))\n"},
	} {
		out.WriteString("# " + c.name + "\n" + Check("my.clj", []byte(c.src)).Error() + "\n\n")
	}
	compareGolden(t, "testdata/mistakes.golden", out.String())
}

// compareGolden compares with a file, or writes it with -update.
func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; look at the change and run with -update\n%s", file, got)
	}
}
