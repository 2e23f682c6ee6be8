package notifier

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// none stands where there is nothing to show.
const none = "–"

// number reads a decimal of an event. An event that was decoded holds no other
// text; an absent one is shown as absent, never as 0.
func number(d events.Decimal) (money.Decimal, bool) {
	n, err := money.Parse(d)
	return n, err == nil
}

// percent shows a weight, 0 to 1, as a percentage.
func percent(d events.Decimal) string {
	n, ok := number(d)
	if !ok {
		return none
	}
	n = n.Shift(2)
	if n.Sign() > 0 && n.Less(money.MustParse("0.05")) {
		return "<0.1%"
	}
	return n.Fixed(1) + "%"
}

func usd(d events.Decimal) string {
	n, ok := number(d)
	if !ok {
		return none
	}
	if n.Sign() < 0 {
		return "−$" + thousands(n.Neg().Fixed(2))
	}
	return "$" + thousands(n.Fixed(2))
}

// price shows at least cents and at most what the fill had.
func price(d events.Decimal) string {
	n, ok := number(d)
	if !ok {
		return none
	}
	if n.Round(2).Equal(n) {
		return "$" + thousands(n.Fixed(2))
	}
	return "$" + thousands(n.Round(4).String())
}

func shares(d events.Decimal) string {
	n, ok := number(d)
	if !ok {
		return none
	}
	return thousands(n.String())
}

// thousands separates the digits before the point in groups of three.
func thousands(s string) string {
	whole, fraction, point := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "−", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		return sign + whole + "." + fraction
	}
	return sign + whole
}

func weights(w events.Weights) string {
	var parts []string
	for _, symbol := range byWeight(w) {
		parts = append(parts, symbol+" "+percent(w[symbol]))
	}
	if len(parts) == 0 {
		return "cash"
	}
	return strings.Join(parts, ", ")
}

// byWeight lists the symbols, the heaviest first.
func byWeight(w events.Weights) []string {
	symbols := make([]string, 0, len(w))
	for s := range w {
		symbols = append(symbols, s)
	}
	slices.SortFunc(symbols, func(a, b string) int {
		x, _ := number(w[a])
		y, _ := number(w[b])
		if c := y.Cmp(x); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	return symbols
}

func clockTime(t events.Time) string {
	return t.Time().In(market.NewYork()).Format("2006-01-02 15:04:05") + " New York"
}

func newYorkDate(t events.Time) events.Date { return events.DateOf(t.Time(), market.NewYork()) }

var snakeCase = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)+$`)

// words makes a code such as below_threshold readable, and leaves anything
// else as it is.
func words(s string) string {
	if snakeCase.MatchString(s) {
		return strings.ReplaceAll(s, "_", " ")
	}
	return s
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

var firstWord = regexp.MustCompile(`^[a-z]+( |\.$|$)`)

// sentenceCase makes a clause a sentence. An id or a path at its beginning
// stays as it is.
func sentenceCase(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	if !firstWord.MatchString(s) {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func cut(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}
