package strategy

// Kind tells the seven sorts of form apart.
type Kind uint8

// The kinds of form, as the grammar names them.
const (
	String Kind = iota
	Number
	Keyword
	Symbol
	List
	Vector
	Map
)

// Form is one node of a file that was read: an atom or a bracketed sequence.
type Form struct {
	Kind    Kind
	Integer bool // a number without fraction and exponent
	// Line and Col are the position of the first character, from 1.
	Line, Col int32
	// Start and End delimit the source text, in bytes.
	Start, End int32
	// Text is the decoded value of a string, else the text as written.
	Text string
	// Num is the value of a number.
	Num float64
	// Items are the elements of a list or vector, and of a map its keys and
	// values in turn.
	Items []Form
}

// head is the name a list begins with, or "" when it is no call.
func (f *Form) head() string {
	if f.Kind == List && len(f.Items) > 0 && f.Items[0].Kind == Symbol {
		return f.Items[0].Text
	}
	return ""
}

// describe names a form in an error message.
func (f *Form) describe() string {
	switch f.Kind {
	case String:
		return "a string"
	case Number:
		return "a number"
	case Keyword:
		return "a keyword"
	case Symbol:
		return "a symbol"
	case Vector:
		return "a vector"
	case Map:
		return "a map"
	}
	if h := f.head(); h != "" {
		return "(" + h + " …)"
	}
	if len(f.Items) == 0 {
		return "an empty list"
	}
	return "a list"
}
