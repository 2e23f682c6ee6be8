package strategy

import (
	"strings"
	"unicode/utf8"
)

// Format lays a file out in the one canonical way: two spaces of indent in a
// call, one in a vector, a line of its own for every allocation that does not
// fit into 100 columns with the rest. Strings and numbers stay as written,
// comments stay where they are. The program does not change, and formatting
// twice changes nothing. Only reading errors stop it; an unfinished strategy
// can be formatted.
func Format(file string, src []byte) ([]byte, Diagnostics) {
	r := reader{file: file, keepComments: true}
	form, d := r.readFile(src)
	if d != nil {
		return nil, Diagnostics{*d}
	}
	f := formatter{src: r.src, comments: r.comments}
	f.top(form)
	return f.out, nil
}

const (
	lineWidth  = 100
	leastWidth = 40 // for a form, however deep it stands
	maxIndent  = 80 // deeper nesting is not indented further
)

// formatter prints forms in order and takes comments from their queue as it
// passes them.
type formatter struct {
	src      string
	comments []comment // not printed yet
	out      []byte
	column   int  // code points in the current line
	mustEnd  bool // a comment was printed: only a line end may follow
}

func (f *formatter) top(form *Form) {
	f.leading(form.Start, 0)
	f.form(form, 0)
	last := f.sameLine(form.End, int32(len(f.src)))
	for len(f.comments) > 0 {
		blank := f.blankBetween(last, f.comments[0].start)
		last = f.comments[0].end
		f.newLine(0)
		if blank {
			f.newLine(0)
		}
		f.comment()
	}
	f.newLine(0)
}

// leading prints the comments before a position, each on its own line, and
// goes to a new line after them. Blank lines around them are kept as one.
func (f *formatter) leading(before int32, indent int) {
	for len(f.comments) > 0 && f.comments[0].start < before {
		end := f.comments[0].end
		f.comment()
		next := before
		if len(f.comments) > 0 {
			next = min(next, f.comments[0].start)
		}
		if f.blankBetween(end, next) {
			f.out = append(f.out, '\n')
		}
		f.newLine(indent)
	}
}

// sameLine prints a comment that follows a form on its line, if there is one
// before the position given.
// It gives the position after what was printed.
func (f *formatter) sameLine(after, before int32) int32 {
	if !f.commentBefore(before) || strings.ContainsAny(f.src[after:f.comments[0].start], "\r\n") {
		return after
	}
	end := f.comments[0].end
	f.out = append(f.out, ' ')
	f.comment()
	return end
}

// comment prints the next comment.
func (f *formatter) comment() {
	c := f.comments[0]
	f.comments = f.comments[1:]
	f.out = append(f.out, strings.TrimRight(f.src[c.start:c.end], " \t\f")...)
	f.mustEnd = true
}

// blankBetween tells whether an empty line lies between two positions.
func (f *formatter) blankBetween(from, to int32) bool {
	ends := 0
	text := f.src[from:to]
	for i := range len(text) {
		if text[i] == '\n' || text[i] == '\r' && (i+1 == len(text) || text[i+1] != '\n') {
			ends++
		}
	}
	return ends > 1
}

func (f *formatter) newLine(indent int) {
	f.out = append(f.out, '\n')
	indent = min(indent, maxIndent)
	for range indent {
		f.out = append(f.out, ' ')
	}
	f.column, f.mustEnd = indent, false
}

func (f *formatter) write(s string) {
	f.out = append(f.out, s...)
	f.column += utf8.RuneCountInString(s)
}

// form prints one form at the current place; what does not fit goes to new
// lines, indented from where the form begins.
func (f *formatter) form(form *Form, indent int) {
	if form.Kind < List {
		f.write(f.src[form.Start:form.End])
		return
	}
	if f.fits(form) {
		f.flat(form)
		return
	}
	open, closing, inner := "(", ")", indent+2
	switch {
	case form.Kind == Vector:
		open, closing, inner = "[", "]", indent+1
	case form.Kind == Map:
		open, closing, inner = "{", "}", indent+1
	case form.head() == "":
		inner = indent + 1
	}
	f.write(open)
	onHead, firstPair := f.onHead(form), firstPair(form)
	last := form.Start + 1
	for i := range form.Items {
		item := &form.Items[i]
		comments := f.commentBefore(item.Start)
		switch {
		case f.mustEnd, i > 0 && comments:
			if comments && f.blankBetween(last, f.comments[0].start) {
				f.out = append(f.out, '\n')
			}
			f.newLine(inner)
		case i == 0:
		case i < onHead, firstPair >= 0 && (i-firstPair)%2 == 1:
			f.write(" ")
		default:
			f.newLine(inner)
		}
		f.leading(item.Start, inner)
		f.form(item, f.column)
		next := form.End
		if i+1 < len(form.Items) {
			next = form.Items[i+1].Start
		}
		last = f.sameLine(item.End, next)
	}
	if f.commentBefore(form.End) {
		f.newLine(inner)
		f.leadingDangling(form.End, inner)
	}
	if f.mustEnd {
		f.newLine(inner)
	}
	f.write(closing)
}

// leadingDangling prints the comments between the last element and the closing
// bracket, without a new line after the last one.
func (f *formatter) leadingDangling(before int32, indent int) {
	for first := true; f.commentBefore(before); first = false {
		if !first {
			f.newLine(indent)
		}
		f.comment()
	}
}

func (f *formatter) commentBefore(position int32) bool {
	return len(f.comments) > 0 && f.comments[0].start < position
}

// onHead is how many elements stay on the line of the opening bracket.
func (f *formatter) onHead(form *Form) int {
	switch form.head() {
	case "defsymphony", "filter":
		return 3
	case "if", "group", "weight-inverse-volatility", ">", "<", ">=", "<=", "=", "and", "or", "not":
		return 2
	}
	return 1
}

// firstPair is the index from which elements come in pairs, each pair on a
// line; -1 when they do not.
func firstPair(form *Form) int {
	switch {
	case form.Kind == Map:
		return 0
	case form.head() == "weight-specified":
		return 1
	}
	return -1
}

// fits tells whether a form can be printed in the rest of the line.
func (f *formatter) fits(form *Form) bool {
	if f.commentBefore(form.End) {
		return false
	}
	room := max(lineWidth-f.column, leastWidth)
	return f.flatWidth(form, &room)
}

// flatWidth takes the width of a form in one line from the room; it stops when
// the room is used up, so it costs no more than a line.
func (f *formatter) flatWidth(form *Form, room *int) bool {
	if form.Kind < List {
		text := f.src[form.Start:form.End]
		if form.Kind == String && strings.ContainsAny(text, "\r\n") {
			return false
		}
		*room -= utf8.RuneCountInString(text)
		return *room >= 0
	}
	if form.head() == "weight-specified" && len(form.Items) > 3 {
		return false // several pairs are easier to read below each other
	}
	*room -= 2 + max(0, len(form.Items)-1)
	for i := range form.Items {
		if *room < 0 || !f.flatWidth(&form.Items[i], room) {
			return false
		}
	}
	if form.Kind == Map {
		*room -= max(0, len(form.Items)/2-1)
	}
	return *room >= 0
}

// flat prints a form in one line.
func (f *formatter) flat(form *Form) {
	if form.Kind < List {
		f.write(f.src[form.Start:form.End])
		return
	}
	brackets := [...]string{List: "()", Vector: "[]", Map: "{}"}[form.Kind]
	f.write(brackets[:1])
	for i := range form.Items {
		if i > 0 {
			if form.Kind == Map && i%2 == 0 {
				f.write(",")
			}
			f.write(" ")
		}
		f.flat(&form.Items[i])
	}
	f.write(brackets[1:])
}
