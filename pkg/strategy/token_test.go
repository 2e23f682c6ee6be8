package strategy

import (
	"strings"
	"testing"
)

// Every byte is tried, as the first character of a run and as a further one.
func TestCharactersOfRuns(t *testing.T) {
	const (
		letters    = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		first      = letters + "_><=!?+*/-.&%$"
		further    = first + "0123456789#'"
		delimiters = " \t\r\n\f,;()[]{}\""
	)
	at := func(ok bool, otherwise int) int {
		if ok {
			return otherwise + 1
		}
		return otherwise
	}
	for c := range 256 {
		s := string([]byte{byte(c)})
		if got, want := matchSymbol(s), at(strings.Contains(first, s), 0); got != want {
			t.Errorf("%q alone matches to %d, want %d", s, got, want)
		}
		if got, want := matchSymbol("a"+s), at(strings.Contains(further, s), 1); got != want {
			t.Errorf("%q after a letter matches to %d, want %d", s, got, want)
		}
		if got, want := isDelimiter(byte(c)), strings.Contains(delimiters, s); got != want {
			t.Errorf("%q ends a run: %t, want %t", s, got, want)
		}
	}
}
