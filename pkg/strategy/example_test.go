package strategy_test

import (
	"fmt"
	"os"
	"time"

	"github.com/alchemiser/alchemiser/pkg/strategy"
)

func Example() {
	src := []byte(`(defsymphony "Trend" {}
  (if (> (current-price "QQQ") (moving-average-price "QQQ" {:window 3}))
    [(weight-specified 60 (asset "QQQ") 40 (asset "TLT"))]
    [(asset "TLT")]))`)
	program, diagnostics := strategy.Compile("trend.clj", src)
	if len(diagnostics) > 0 {
		fmt.Println(diagnostics.Error())
		return
	}
	fmt.Println("bars needed:", program.Plan())

	monday := strategy.DayOf(2025, time.March, 3)
	bars, err := strategy.NewBars(map[string]strategy.Series{
		"QQQ": {Days: []strategy.Day{monday, monday + 1, monday + 2}, Closes: []float64{500, 505, 510}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	target, receipt, err := strategy.Evaluate(program, bars, monday+2)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("target:", target["QQQ"], target["TLT"])
	if err := receipt.Explain(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// bars needed: map[QQQ:3 TLT:1]
	// target: 0.60000000 0.40000000
	// Trend (trend), on closes up to 2025-03-05
	//
	// 2:3     if (> (current-price "QQQ") (moving-average-price "QQQ" {:window 3})) → then
	//           510 > 505: yes, 0.98 % apart
	//
	// Target
	//   QQQ   60.000000 %
	//   TLT   40.000000 %
	//
	// Bars
	//   QQQ  2025-03-03 … 2025-03-05  3 bars
	//   TLT  none
}
