package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// screen is where a verb prints for a person. Colours and line breaks are for
// terminals: what goes into a file or a pipe is plain, one record a line.
type screen struct {
	w     io.Writer
	color bool
	width int // columns of the terminal; 0: none, nothing is wrapped
}

func newScreen(cmd *cobra.Command) *screen {
	s := &screen{w: cmd.OutOrStdout()}
	file, ok := s.w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return s
	}
	s.color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if width, _, err := term.GetSize(int(file.Fd())); err == nil {
		s.width = max(width, 60)
	}
	return s
}

func (s *screen) printf(format string, args ...any) { fmt.Fprintf(s.w, format, args...) }

// heading begins a section.
func (s *screen) heading(format string, args ...any) {
	s.printf("\n%s\n", s.paint(bold, fmt.Sprintf(format, args...)))
}

// text prints a paragraph, wrapped to the terminal.
func (s *screen) text(indent, text string) {
	for i, line := range wrap(text, s.width-columns(indent)) {
		if i > 0 {
			indent = strings.Repeat(" ", columns(indent))
		}
		s.printf("%s%s\n", indent, line)
	}
}

type style string

const (
	bold  style = "1"
	faint style = "2"
	good  style = "32"
	bad   style = "1;31"
	care  style = "33"
	plain style = ""
)

func (s *screen) paint(with style, text string) string {
	if !s.color || with == plain || text == "" {
		return text
	}
	return "\x1b[" + string(with) + "m" + text + "\x1b[0m"
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// columns is how wide a text is on a screen.
func columns(text string) int { return utf8.RuneCountInString(escapes.ReplaceAllString(text, "")) }

// table aligns columns. The last one is wrapped to the terminal.
type table struct {
	screen *screen
	right  string // of the columns, those with an r are aligned to the right
	rows   [][]string
}

func (s *screen) table(alignment string) *table { return &table{screen: s, right: alignment} }

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// heads is a row of column heads.
func (t *table) heads(cells ...string) {
	for i, c := range cells {
		cells[i] = t.screen.paint(faint, c)
	}
	t.rows = append(t.rows, cells)
}

func (t *table) flush() {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], columns(cell))
		}
	}
	for _, row := range t.rows {
		t.print(row, widths)
	}
	t.rows = nil
}

func (t *table) print(row []string, widths []int) {
	var line strings.Builder
	at := 0
	for i, cell := range row {
		gap := strings.Repeat(" ", widths[i]-columns(cell))
		if i == len(row)-1 && !t.isRight(i) {
			rest := wrap(cell, t.screen.width-at)
			line.WriteString(rest[0])
			for _, more := range rest[1:] {
				line.WriteString("\n" + strings.Repeat(" ", at) + more)
			}
			break
		}
		if t.isRight(i) {
			cell = gap + cell
		} else {
			cell += gap
		}
		if i < len(row)-1 {
			cell += "  "
		}
		line.WriteString(cell)
		at += widths[i] + 2
	}
	t.screen.printf("%s\n", strings.TrimRight(line.String(), " "))
}

func (t *table) isRight(column int) bool { return column < len(t.right) && t.right[column] == 'r' }

// wrap breaks a text between words. It is left alone where there is no
// terminal, or no room.
func wrap(text string, width int) []string {
	if width < 20 || columns(text) <= width {
		return []string{text}
	}
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && columns(line)+1+columns(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// progress says on a terminal what takes longer than a second, until stop.
func progress(cmd *cobra.Command, what string) (stop func()) {
	file, ok := cmd.ErrOrStderr().(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func() {}
	}
	done := make(chan struct{})
	var printing sync.WaitGroup
	printing.Go(func() {
		began := time.Now()
		for shown := false; ; shown = true {
			select {
			case <-done:
				if shown {
					fmt.Fprint(file, "\r\x1b[K")
				}
				return
			case <-time.After(time.Second):
				fmt.Fprintf(file, "\r\x1b[K%s … %.0f s", what, time.Since(began).Seconds())
			}
		}
	})
	var once sync.Once
	return func() { once.Do(func() { close(done); printing.Wait() }) }
}
