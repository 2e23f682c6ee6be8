package pattern

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// number is an exact decimal in canonical form: 0.digits × 10^exponent, no leading or trailing zero in digits. Two numbers are
// equal exactly when the values are (3 = 3.0 = 3e0), so == compares them. Zero is the zero value.
type number struct {
	negative bool
	digits   string
	exponent int
}

// maxExponent bounds what is still treated as a number; JSON allows any.
const maxExponent = 1 << 20

func parseNumber(text string) (number, error) {
	mantissa, rest, scientific := strings.Cut(strings.ToLower(text), "e")
	exponent := 0
	if scientific {
		var err error
		if exponent, err = strconv.Atoi(rest); err != nil || exponent > maxExponent || exponent < -maxExponent {
			return number{}, fmt.Errorf("number %s: exponent out of range", text)
		}
	}
	negative := strings.HasPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(mantissa, "-"), ".")
	digits := strings.TrimRight(whole+fraction, "0")
	significant := strings.TrimLeft(digits, "0")
	if significant == "" {
		return number{}, nil
	}
	return number{negative, significant, exponent + len(whole) - (len(digits) - len(significant))}, nil
}

// compare returns -1, 0 or 1.
func (n number) compare(m number) int {
	if n.sign() != m.sign() {
		return cmp.Compare(n.sign(), m.sign())
	}
	magnitude := cmp.Or(cmp.Compare(n.exponent, m.exponent), strings.Compare(n.digits, m.digits))
	return magnitude * n.sign()
}

func (n number) sign() int {
	switch {
	case n.digits == "":
		return 0
	case n.negative:
		return -1
	}
	return 1
}

// decimals is the number of digits after the point.
func (n number) decimals() int { return max(0, len(n.digits)-n.exponent) }

// inRange reports whether EventBridge's numeric matching covers the value: ±5·10⁹ (documented).
func (n number) inRange() bool {
	n.negative = false
	return n.compare(number{digits: "5", exponent: 10}) <= 0
}
