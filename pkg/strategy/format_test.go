package strategy

import (
	"os"
	"path/filepath"
	"testing"
)

const untidy = `
; head, with blanks behind it   

; second


(defsymphony "x" ; named
 {:asset-class "EQUITIES" ; why
  :rebalance-frequency :daily}
 ; before the body
 (if (> (rsi "SPY" {:window 10, }) 80) ; condition
   [ ; first inside
   (asset "A") ; a
   (asset "B" "two
lines")

   ; on its own line
   (asset "C")
   ; at the end
   ]
   [(weight-specified 0.5 (asset "A") ; half
      0.5 ; why
      (filter (rsi) (select-top 1) [(asset "AAAAAAAA" "some long text here") (asset "BBBBBB" "some more") (asset "CCCCCCC" "more text to be long")]))
    (group "a group" (weight-inverse-volatility 20 (asset "SPY") (asset "QQQ")))
    (weight-specified 1 (asset "A"))
    ])) ; after
; end

; really
`

func TestFormat(t *testing.T) {
	checkFormat(t, []byte(untidy))
	out, ds := Format("x.clj", []byte(untidy))
	if len(ds) > 0 {
		t.Fatal(ds.Error())
	}
	compareGolden(t, "testdata/format.golden", string(out))
	if out, ds := Format("x.clj", []byte("(a")); out != nil || len(ds) != 1 {
		t.Errorf("unreadable file: %q, %v", out, ds)
	}
}

func TestFormatGoldenStrategies(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(golden, "strategies", "*.clj"))
	if err != nil || len(files) == 0 {
		t.Fatal("no golden strategies")
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		checkFormat(t, src)
		out, _ := Format(file, src)
		a, b := mustCompile(t, file, src), mustCompile(t, file, out)
		if a.semanticText(a.root) != b.semanticText(b.root) {
			t.Errorf("%s: formatting changed the content", file)
		}
	}
}
