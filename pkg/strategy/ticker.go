package strategy

import (
	"fmt"
	"strings"
)

// ticker checks a symbol and gives its index.
func (c *compiler) ticker(f *Form) int32 {
	s, ok := Ticker(f.Text)
	if !ok {
		hint := `tickers are upper case, e.g. "SPY"`
		if up, ok := Ticker(strings.ToUpper(strings.TrimSpace(f.Text))); ok {
			hint = fmt.Sprintf("did you mean %q?", up)
		}
		c.reportAt(f, "bad-symbol", fmt.Sprintf("%q is not a ticker", clip(f.Text)), hint)
		return 0
	}
	return c.symbol(s)
}

// Ticker tells whether s is written like a ticker, and gives its normal form:
// a suffix of one letter follows a dot (BRK/B is BRK.B), a longer one stays
// (BTC/USD).
func Ticker(s string) (string, bool) {
	if len(s) == 0 || len(s) > 16 || s[0] < 'A' || s[0] > 'Z' {
		return "", false
	}
	upper := func(from int) int {
		i := from
		for i < len(s) && (s[i] >= 'A' && s[i] <= 'Z' || isDigit(s[i])) {
			i++
		}
		return i - from
	}
	n := upper(0)
	if n > 10 {
		return "", false
	}
	if n == len(s) {
		return s, true
	}
	suffix := upper(n + 1)
	if s[n] != '.' && s[n] != '/' && s[n] != '-' || suffix == 0 || suffix > 9 || n+1+suffix != len(s) {
		return "", false
	}
	if suffix == 1 && s[n] != '.' && !isDigit(s[n+1]) {
		return s[:n] + "." + s[n+1:], true
	}
	return s, true
}
