package strategy

import (
	"fmt"
	"strings"
	"testing"
)

// TestCheck covers what the golden files do not. A source without its own
// defsymphony is the body of one, from line 2 on.
func TestCheck(t *testing.T) {

	for _, c := range []struct{ src, want string }{
		{`(filter (current-price) (select-top 1) [(if (> 1 0) (asset "A") [(asset "B")])])`, ``},
		{`(filter (current-price) (select-top 1) [(if (> 1 0) (asset "A") [(group "G" (asset "B"))])])`, `2:9 group-metric`},
		{`(filter (rsi) (select-top 1) ((asset "A") (group "G" (asset "B"))))`, ``},
		{`(filter (rsi {:window 0}) (select-top 1) [])`, `2:23 bad-window, 2:42 empty`},
		{`(filter (current-price "A") (select-top 1) [(group "G" (asset "B"))])`, `2:9 group-metric, 2:24 explicit-symbol`},
		{`(filter (rsi {} {}) (select-top 1) [(asset "A")])`, `2:9 arity`},
		{`(filter (rsi) [1] (asset "A"))`, `2:15 type`},
		{`(filter (rsi) (select-top "1") (asset "A"))`, `2:27 bad-count`},
		{`(filter (rsi) (select-top 10001) (asset "A"))`, `2:27 bad-count`},
		{`(filter (rsi) (select-top +10000) (asset "A"))`, ``},
		{`(filter rsi (select-top 1) (asset "A"))`, `2:9 type`},
		{`(filter (rsi) (weight-market-cap 1) (asset "A"))`, `2:16 unsupported`},
		{`(if (weight-market-cap) (asset "A") (asset "B"))`, `2:6 unsupported`},
		{`(if () (asset "A") (asset "B"))`, `2:5 type`},
		{`(if [(> 1 0)] (asset "A") (asset "B"))`, `2:5 type`},
		{`(if (asset "A") (asset "A") (asset "B"))`, `2:5 type`},
		{`(if (> (asset "A") []) (asset "A") (asset "B"))`, `2:8 type, 2:20 type`},
		{`(if (> (rsi) (rsi A)) (asset "A") (asset "B"))`, `2:8 missing-symbol, 2:14 missing-symbol`},
		{`(if (> (rsi "A" {} {}) (rsi "a" 5)) (asset "A") (asset "B"))`, `2:8 arity, 2:29 bad-symbol, 2:33 type`},
		{`(if (or (> 1 0)) (asset "A") (asset "B"))`, `2:5 arity`},
		{`(if (not) (asset "A") (asset "B"))`, `2:5 arity`},
		{`(if)`, `2:1 arity`},
		{`(if 1 2)`, `2:1 no-else`},
		{`(if 1 2 3)`, `2:5 type, 2:7 type, 2:9 type`},
		{`(weight-specified)`, `2:1 arity`},
		{`(weight-specified 0 (asset "A") -0 (asset "B"))`, `2:1 bad-weight`},
		{`(weight-specified 0 (asset "A") x (asset "B"))`, `2:33 type`},
		{`(weight-specified 1e308 (asset "A") 1e308 (asset "B"))`, `2:1 bad-weight`},
		{`(weight-specified 0 (asset "A") 1e-320 (asset "B"))`, ``},
		{`(weight-inverse-volatility (asset "A") (asset "B"))`, `2:28 bad-window`},
		{`(weight-inverse-volatility 2.0 (asset "B"))`, `2:28 bad-window`},
		{`(weight-inverse-volatility 2520 [])`, `2:33 empty`},
		{`(group "G" [])`, `2:12 empty`},
		{`(group G (foo))`, `2:8 type, 2:11 unknown-op`},
		{`(asset "A" "text" 3)`, `2:1 arity`},
		{`(asset nil nil)`, `2:8 type`},
		{`(asset "A" true)`, `2:12 type`},
		{`(defsymphony "y" {} (asset "A"))`, `2:1 type`},
		{`(rsi "A")`, `2:1 type`},
		{`(> 1 0)`, `2:1 type`},
		{`:a`, `2:1 type`},
		{`{}`, `2:1 type`},
		{`((foo))`, `2:3 unknown-op`},
		{`("A" "B")`, `2:2 type, 2:6 type`},
		{`(if (> (percentage-price-oscillator "A" {:short-window 26}) 0) (asset "A") (asset "B"))`, `2:8 bad-window`},
		{`(if (> (percentage-price-oscillator "A" {:short-window 0 :long-window 5}) 0) (asset "A") (asset "B"))`, `2:56 bad-window`},
		{`(if (> (percentage-price-oscillator "A" {:smooth-window 3}) 0) (asset "A") (asset "B"))`, `2:42 unknown-key`},
		{`(if (> (stdev-price "A" {:window 1}) (stdev-price "A" {:window 2})) (asset "A") (asset "B"))`, `2:34 bad-window`},
		{`(if (> (rsi "A" {window 1, "k" 2}) 0) (asset "A") (asset "B"))`, `2:18 type, 2:28 type`},
		{`(defsymphony "x" {:asset-class EQUITIES} (asset "A"))`, `1:32 config`},
		{`(defsymphony "x" {:asset-class "CRYPTO" :rebalance-threshold 0.5} (asset "A"))`, ``},
		{`(defsymphony "x" {:rebalance-threshold 1} (asset "A"))`, `1:40 config`},
		{`(defsymphony "x" {:rebalance-threshold "0.1" asset 1} (asset "A"))`, `1:40 config, 1:46 type`},
		{`(defsymphony "x" {:rebalance-frequency :hourly :rebalance-threshold 0} (asset "A"))`, `1:18 config, 1:40 config, 1:69 config`},
		{`(defsymphony)`, `1:1 arity`},
		{`(defsymphony a b c)`, `1:14 type, 1:16 type, 1:18 type`},
		{`(Defsymphony "x" {} (asset "A"))`, `1:1 not-strategy`},
	} {
		src := c.src
		if !strings.Contains(strings.ToLower(src), "(defsymphony") || strings.Contains(c.want, "2:1 type") {
			src = "(defsymphony \"x\" {}\n" + src + ")"
		}
		var got []string
		for _, d := range Check("x.clj", []byte(src)) {
			got = append(got, fmt.Sprintf("%d:%d %s", d.Line, d.Col, d.Class))
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s\n got %s\nwant %s", src, s, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{
		"weight-eqal": "weight-equal", "assets": "asset", "RSI": "", "slect-top": "select-top", "iff": "if", "x": "", "fliter": "filter",
		"weight-inverse-vol": "", "stdev-retrun": "stdev-return", "!=": "",
	} {
		if got := nearest(word); got != want {
			t.Errorf("%q is near %q, want %q", word, got, want)
		}
	}
}
