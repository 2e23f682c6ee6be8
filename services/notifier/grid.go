package notifier

import (
	"strings"
	"unicode/utf8"
)

// grid is a table of plain text: columns as wide as their widest cell.
type grid struct {
	columns []column
	rows    [][]string
	notes   []string // below a row; may be shorter than rows
}

type column struct {
	head string
	left bool // aligned to the left
}

func (g grid) String() string {
	widths := make([]int, len(g.columns))
	headed := false
	for i, c := range g.columns {
		widths[i] = utf8.RuneCountInString(c.head)
		headed = headed || c.head != ""
		for _, row := range g.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	var b strings.Builder
	line := func(cells []string) {
		var l strings.Builder
		for i, cell := range cells {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if g.columns[i].left {
				l.WriteString("  " + cell + pad)
			} else {
				l.WriteString("  " + pad + cell)
			}
		}
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	if headed {
		heads := make([]string, len(g.columns))
		for i, c := range g.columns {
			heads[i] = c.head
		}
		line(heads)
	}
	for n, row := range g.rows {
		line(row)
		if n < len(g.notes) && g.notes[n] != "" {
			b.WriteString(wrap("    ", g.notes[n]) + "\n")
		}
	}
	return b.String()
}
