package strategy

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// readRun reads a number, keyword or symbol.
func (r *reader) readRun(f *Form) *Diagnostic {
	start := r.pos
	end := start
	for end < len(r.src) && !isDelimiter(r.src[end]) {
		if c := r.src[end]; c < ' ' || c >= 0x7f {
			return r.badChar(end)
		}
		end++
	}
	run := r.src[start:end]
	f.End, f.Text = int32(end), run
	first, rest := run[0], run[1:]
	sign := first == '+' || first == '-'
	switch {
	case isDigit(first), sign && rest != "" && isDigit(rest[0]):
		f.Kind = Number
		integer, ok := matchNumber(run)
		if !ok {
			return r.badNumber(f)
		}
		num, err := strconv.ParseFloat(run, 64)
		if errors.Is(err, strconv.ErrRange) && math.IsInf(num, 0) {
			return r.badNumber(f)
		}
		f.Integer, f.Num = integer, num
	case first == '.' && rest != "" && isDigit(rest[0]),
		sign && len(rest) > 1 && rest[0] == '.' && isDigit(rest[1]):
		return r.badNumber(f)
	case first == ':':
		f.Kind = Keyword
		if rest == "" {
			return r.badChar(start)
		}
		if i := matchSymbol(rest); i < len(rest) {
			return r.badChar(start + 1 + i)
		}
	default:
		if i := matchSymbol(run); i < len(run) {
			return r.badChar(start + i)
		}
	}
	r.pos = end
	return nil
}

// Sets of characters below 64, one bit each.
const (
	lowDelimiters uint64 = 1<<' ' | 1<<'\t' | 1<<'\r' | 1<<'\n' | 1<<'\f' | 1<<',' | 1<<';' | 1<<'(' | 1<<')' | 1<<'"'
	lowInSymbols  uint64 = 1<<'>' | 1<<'<' | 1<<'=' | 1<<'!' | 1<<'?' | 1<<'+' | 1<<'*' | 1<<'/' | 1<<'-' | 1<<'.' | 1<<'&' | 1<<'%' | 1<<'$'
	lowNotFirst   uint64 = 1<<'#' | 1<<'\'' | (1<<10-1)<<'0' // digits too
)

// isDelimiter tells whether a character ends a number, keyword or symbol.
func isDelimiter(c byte) bool {
	if c < 64 {
		return lowDelimiters>>c&1 == 1
	}
	return c == '[' || c == ']' || c == '{' || c == '}'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// matchSymbol gives the index of the first character a symbol may not hold.
func matchSymbol(s string) int {
	low := lowInSymbols
	for i := range len(s) {
		if c := s[i]; c < 64 && low>>c&1 == 0 || c >= 64 && !isLetter(c) && c != '_' {
			return i
		}
		low = lowInSymbols | lowNotFirst
	}
	return len(s)
}

// matchNumber tells whether s is a number, and an integer.
func matchNumber(s string) (integer, ok bool) {
	if len(s) > 40 {
		return false, false
	}
	i := 0
	if s[0] == '+' || s[0] == '-' {
		i++
	}
	digits := func() bool {
		from := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		return i > from
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if !digits() {
		return false, false
	}
	integer = true
	if i < len(s) && s[i] == '.' {
		i++
		integer = false
		if !digits() {
			return false, false
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		integer = false
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return false, false
		}
	}
	return integer, i == len(s)
}

// readString reads a string and decodes its escapes.
func (r *reader) readString(f *Form) *Diagnostic {
	r.pos++
	plain := r.pos // start of the characters not yet copied
	var decoded []byte
	for r.pos < len(r.src) {
		switch c := r.src[r.pos]; c {
		case '"':
			f.Text = r.src[plain:r.pos]
			if decoded != nil {
				f.Text = string(append(decoded, f.Text...))
			}
			r.pos++
			f.End = int32(r.pos)
			return nil
		case '\\':
			decoded = append(decoded, r.src[plain:r.pos]...)
			if r.pos+1 == len(r.src) {
				r.pos++
				break
			}
			value, size, d := r.escape()
			if d != nil {
				return d
			}
			decoded = utf8.AppendRune(decoded, value)
			r.pos += size
			plain = r.pos
		case '\n', '\r':
			r.lineEnd()
		default:
			if !utf8.RuneStart(c) {
				r.wide++
			}
			r.pos++
		}
	}
	return r.at(int(f.Line), int(f.Col), "bad-string", "string is not closed", `add the closing "`)
}

// escape decodes the escape at the reader's place; size is its length in bytes.
func (r *reader) escape() (value rune, size int, d *Diagnostic) {
	switch c := r.src[r.pos+1]; c {
	case '"', '\\':
		return rune(c), 2, nil
	case 'n':
		return '\n', 2, nil
	case 't':
		return '\t', 2, nil
	case 'r':
		return '\r', 2, nil
	case 'b':
		return '\b', 2, nil
	case 'f':
		return '\f', 2, nil
	case 'u':
		unit, ok := hex4(r.src[r.pos:])
		if !ok {
			break
		}
		if !utf16.IsSurrogate(unit) {
			return unit, 6, nil
		}
		low, _ := hex4(r.src[r.pos+6:])
		if joined := utf16.DecodeRune(unit, low); joined != utf8.RuneError {
			return joined, 12, nil
		}
		return 0, 0, r.here("bad-escape", "lone surrogate", "write both halves of the pair, or the character itself")
	}
	_, width := utf8.DecodeRuneInString(r.src[r.pos+1:])
	return 0, 0, r.here("bad-escape", `unknown escape "`+r.src[r.pos:r.pos+1+width]+`"`, `known: \" \\ \n \t \r \b \f \uXXXX`)
}

// hex4 reads the value of a \uXXXX escape.
func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var v rune
	for i := 2; i < 6; i++ {
		c := s[i]
		switch {
		case isDigit(c):
			v = v<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			v = v<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}

func (r *reader) badNumber(f *Form) *Diagnostic {
	return r.at(int(f.Line), int(f.Col), "bad-number", fmt.Sprintf("malformed number %q", clip(f.Text)), "numbers look like 10, -0.5 or 1e-3")
}

func (r *reader) badChar(offset int) *Diagnostic {
	c, _ := utf8.DecodeRuneInString(r.src[offset:])
	hint := ""
	switch {
	case c == ':':
		hint = "a keyword is written :name"
	case c == '\'' || c == '`' || c == '@' || c == '~' || c == '^' || c == '#':
		hint = "quoting and reader macros are not part of this language"
	case c == '“' || c == '”' || c == '„':
		hint = `use the plain quote "`
	case c == '\u00a0':
		hint = "this is a no-break space, use a plain one"
	case c > 0x7e:
		hint = "outside strings and comments only ASCII is allowed"
	}
	return r.at(r.line, r.col(offset), "bad-char", fmt.Sprintf("unexpected character %q", string(c)), hint)
}
