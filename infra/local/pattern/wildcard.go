package pattern

import (
	"errors"
	"strings"
)

// wildcard is a text cut at its stars: the parts must occur in order, without overlap, and cover the value from end to end.
type wildcard []string

// compileWildcard reads "bars/*/SPY.csv"; \* and \\ are literal.
func compileWildcard(text string) (wildcard, error) {
	w := wildcard{}
	var part strings.Builder
	star := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '*' {
			if star {
				return nil, errors.New("two stars in a row")
			}
			w, star = append(w, part.String()), true
			part.Reset()
			continue
		}
		star = false
		if c == '\\' {
			i++
			if i == len(text) || text[i] != '*' && text[i] != '\\' {
				return nil, errors.New(`a backslash may stand before * or \ only`)
			}
			c = text[i]
		}
		part.WriteByte(c)
	}
	return append(w, part.String()), nil
}

func (w wildcard) match(s string) bool {
	first, last := w[0], w[len(w)-1]
	if len(w) == 1 {
		return s == first
	}
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range w[1 : len(w)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}
