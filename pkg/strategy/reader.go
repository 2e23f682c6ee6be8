package strategy

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits of a strategy file.
const (
	MaxFileSize = 16 << 20 // bytes
	MaxNesting  = 1000     // brackets open at once
)

// Read turns the bytes of one file into its only form. It stops at the first
// error in reading order; then the form is nil. The file name only serves to
// name the place of an error.
func Read(file string, src []byte) (*Form, Diagnostics) {
	r := reader{file: file}
	form, d := r.readFile(src)
	if d != nil {
		return nil, Diagnostics{*d}
	}
	return form, nil
}

// comment is a comment's text from its semicolon, without the line end.
type comment struct{ start, end int32 }

// reader holds the place in the text. It keeps a stack of open brackets of its
// own, so that nesting is bounded by MaxNesting and not by the machine's stack.
type reader struct {
	file         string
	src          string
	pos          int // byte offset of the next character
	line         int
	lineStart    int    // byte offset where the line begins
	wide         int    // continuation bytes seen in this line: not columns
	open         []int  // where in pending they are
	pending      []Form // all open brackets, each with its elements so far behind it
	closed       slab[Form]
	keepComments bool // for the formatter
	comments     []comment
}

func (r *reader) readFile(src []byte) (*Form, *Diagnostic) {
	r.line = 1
	if len(src) > MaxFileSize {
		return nil, r.at(1, 1, "too-large", fmt.Sprintf("file has %d bytes, the limit is %d", len(src), MaxFileSize),
			"split the strategy into several files of a portfolio")
	}
	if !utf8.Valid(src) || bytes.IndexByte(src, 0) >= 0 {
		hint := "save the file as plain text in UTF-8"
		if bytes.HasPrefix(src, []byte("%PDF")) {
			hint = "this is a PDF document; a strategy is a plain text file (.clj)"
		}
		return nil, r.at(1, 1, "encoding", "not valid UTF-8", hint)
	}
	r.src = string(src)
	if strings.HasPrefix(r.src, "\ufeff") {
		r.pos, r.lineStart = 3, 3
	}
	var top *Form
	for {
		r.skipBlanks()
		if r.pos == len(r.src) {
			break
		}
		done, d := r.next(top != nil)
		if d != nil {
			return nil, d
		}
		if done && top == nil {
			f := r.pending[0]
			top = &f
		}
	}
	if n := len(r.open); n > 0 {
		b := &r.pending[r.open[n-1]]
		return nil, r.at(int(b.Line), int(b.Col), "unclosed", fmt.Sprintf("%q is not closed", r.src[b.Start:b.Start+1]),
			fmt.Sprintf("the file ended where %q was expected", string(closerOf(b.Kind))))
	}
	if top == nil {
		return nil, r.at(1, 1, "empty-file", "no form in the file", "a file holds one (defsymphony name config body)")
	}
	return top, nil
}

// next reads one token. It reports whether a form at the outermost level was
// completed.
func (r *reader) next(haveTop bool) (bool, *Diagnostic) {
	switch c := r.src[r.pos]; c {
	case '(', '[', '{':
		if haveTop {
			return false, r.trailing()
		}
		return false, r.openBracket(c)
	case ')', ']', '}':
		return r.closeBracket(c)
	case '"':
		if haveTop {
			return false, r.trailing()
		}
		if d := r.readString(r.add(String)); d != nil {
			return false, d
		}
	default:
		start := r.pos
		if d := r.readRun(r.add(Symbol)); d != nil {
			return false, d
		}
		if haveTop {
			r.pos = start
			return false, r.trailing()
		}
	}
	return len(r.open) == 0, nil
}

// add puts a form that begins here on the stack of elements.
func (r *reader) add(k Kind) *Form {
	r.pending = append(r.pending, Form{Kind: k, Line: int32(r.line), Col: int32(r.col(r.pos)), Start: int32(r.pos)})
	return &r.pending[len(r.pending)-1]
}

func (r *reader) openBracket(c byte) *Diagnostic {
	if len(r.open) == MaxNesting {
		return r.here("too-deep", fmt.Sprintf("nesting deeper than %d", MaxNesting), "")
	}
	kind := List
	switch c {
	case '[':
		kind = Vector
	case '{':
		kind = Map
	}
	r.add(kind)
	r.open = append(r.open, len(r.pending)-1)
	r.pos++
	return nil
}

func (r *reader) closeBracket(c byte) (bool, *Diagnostic) {
	if len(r.open) == 0 {
		return false, r.here("unexpected-close", fmt.Sprintf("%q without an opening bracket", string(c)), "delete it, or add the bracket it closes")
	}
	at := r.open[len(r.open)-1]
	b, items := &r.pending[at], r.pending[at+1:]
	if closerOf(b.Kind) != c {
		return false, r.here("mismatched",
			fmt.Sprintf("%q closes %q opened at %d:%d", string(c), r.src[b.Start:b.Start+1], b.Line, b.Col),
			fmt.Sprintf("%q was expected here", string(closerOf(b.Kind))))
	}
	if b.Kind == Map {
		if d := r.checkMap(b, items); d != nil {
			return false, d
		}
	}
	if len(items) > 0 {
		b.Items = r.closed.cut(len(items))
		copy(b.Items, items)
	}
	r.pos++
	b.End = int32(r.pos)
	r.open = r.open[:len(r.open)-1]
	r.pending = r.pending[:at+1]
	return len(r.open) == 0, nil
}

func closerOf(k Kind) byte {
	switch k {
	case Vector:
		return ']'
	case Map:
		return '}'
	}
	return ')'
}

func (r *reader) checkMap(m *Form, items []Form) *Diagnostic {
	if len(items)%2 == 1 {
		return r.at(int(m.Line), int(m.Col), "odd-map", "map has a key without a value", "write {:key value}")
	}
	const few = 8
	var seen map[string]bool
	if len(items) > 2*few {
		seen = make(map[string]bool, len(items)/2)
	}
	for i := 0; i < len(items); i += 2 {
		key := r.src[items[i].Start:items[i].End]
		dup := seen[key]
		if seen != nil {
			seen[key] = true
		} else {
			for j := 0; j < i && !dup; j += 2 {
				dup = r.src[items[j].Start:items[j].End] == key
			}
		}
		if dup {
			return r.at(int(items[i].Line), int(items[i].Col), "dup-key", "duplicate key "+clip(key), "keep one of them")
		}
	}
	return nil
}

// skipBlanks moves to the next character that is neither blank nor comment.
// Most of a file's bytes are the blanks of its indentation.
func (r *reader) skipBlanks() {
	for r.pos < len(r.src) {
		switch r.src[r.pos] {
		case ' ', '\t', ',', '\f':
			pos := r.pos + 1
			for strings.HasPrefix(r.src[pos:], "        ") { // one comparison of eight bytes
				pos += 8
			}
			for pos < len(r.src) && r.src[pos] == ' ' {
				pos++
			}
			r.pos = pos
		case '\n', '\r':
			r.lineEnd()
		case ';':
			start := r.pos
			for r.pos < len(r.src) && r.src[r.pos] != '\n' && r.src[r.pos] != '\r' {
				r.pos++
			}
			if r.keepComments {
				r.comments = append(r.comments, comment{int32(start), int32(r.pos)})
			}
		default:
			return
		}
	}
}

// lineEnd steps over LF, CR LF or a lone CR.
func (r *reader) lineEnd() {
	if r.src[r.pos] == '\r' && r.pos+1 < len(r.src) && r.src[r.pos+1] == '\n' {
		r.pos++
	}
	r.pos++
	r.line, r.lineStart, r.wide = r.line+1, r.pos, 0
}

func (r *reader) col(offset int) int { return offset - r.lineStart - r.wide + 1 }

func (r *reader) at(line, col int, class, message, hint string) *Diagnostic {
	return &Diagnostic{File: r.file, Line: line, Col: col, Class: class, Message: message, Hint: hint}
}

func (r *reader) here(class, message, hint string) *Diagnostic {
	return r.at(r.line, r.col(r.pos), class, message, hint)
}

func (r *reader) trailing() *Diagnostic {
	return r.here("trailing-form", "only one form per file", "a bracket may be closed too early above, or a second strategy needs a file of its own")
}

// clip shortens a text that goes into a message.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	cut := most
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
