package strategy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// MaxDiagnostics is how many static errors are reported for one file.
const MaxDiagnostics = 100

// Diagnostic says what is wrong with a strategy, where, and what to do about
// it. Line and Col count from 1; a column is one code point. Class is stable
// and safe to branch on, the texts may improve. A Diagnostic is also the error
// that a failed evaluation returns.
type Diagnostic struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line"`
	Col     int    `json:"col"`
	Class   string `json:"class"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// String gives "file:line:col: message", with the hint on a line of its own.
func (d Diagnostic) String() string {
	s := d.Error()
	if d.Hint != "" {
		s += "\n  hint: " + d.Hint
	}
	return s
}

// Error is the first line of String, so that a Diagnostic can be returned as
// an error.
func (d Diagnostic) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", d.File, d.Line, d.Col, d.Message)
}

// Diagnostics are all errors of one file, sorted by line, column and class.
type Diagnostics []Diagnostic

// Error joins the lines of all diagnostics.
func (ds Diagnostics) Error() string {
	lines := make([]string, len(ds))
	for i, d := range ds {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}

func byPosition(a, b Diagnostic) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col), cmp.Compare(a.Class, b.Class))
}

// trim sorts the diagnostics and keeps the first MaxDiagnostics of them.
func (ds Diagnostics) trim() Diagnostics {
	slices.SortStableFunc(ds, byPosition)
	if len(ds) > MaxDiagnostics {
		ds = ds[:MaxDiagnostics]
	}
	return ds
}
