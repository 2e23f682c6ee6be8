package strategy

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

var update = flag.Bool("update", false, "rewrite expected output")

const document = "../../docs/strategy-language.md"

// block is a fenced block of the document.
type block struct {
	language   string
	text       string
	start, end int // lines of the text
}

func blocks(lines []string) []block {
	var all []block
	for i := 0; i < len(lines); i++ {
		language, ok := strings.CutPrefix(lines[i], "```")
		if !ok {
			continue
		}
		b := block{language: language, start: i + 1}
		for i++; lines[i] != "```"; i++ {
		}
		b.end = i
		b.text = strings.Join(lines[b.start:b.end], "\n")
		all = append(all, b)
	}
	return all
}

// TestDocument runs every example of the language's document and compares the
// output printed beneath it. With -update it writes the output.
func TestDocument(t *testing.T) {
	raw, err := os.ReadFile(document)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the document is not beside the package")
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(raw), "\n")
	all := blocks(lines)
	var bars *Bars
	var code strings.Builder
	replaced := make(map[int]string) // first line of an output block → new text
	for _, b := range all {
		switch b.language {
		case "csv":
			bars = tableBars(t, b.text)
		case "yaml":
			checkYAML(t, b.text)
		}
	}
	for i, b := range all {
		if b.language != "clojure" {
			continue
		}
		code.WriteString(b.text)
		if i+1 == len(all) || all[i+1].language != "text" {
			t.Errorf("line %d: no output beneath the example", b.start)
			continue
		}
		got := runExample(b.text, bars)
		if *update {
			replaced[all[i+1].start] = got
		} else if got != all[i+1].text {
			t.Errorf("line %d: the example prints\n%s\nthe document says\n%s", b.start, got, all[i+1].text)
		}
		if !strings.Contains(got, "Wrong") && strings.Contains(b.text, "defsymphony") {
			if out, _ := Format("x.clj", []byte(b.text)); strings.TrimSpace(string(out)) != b.text && (!strings.Contains(got, "hint") || strings.Contains(got, "warning")) {
				t.Errorf("line %d: not in canonical layout, which is\n%s", b.start, out)
			}
		}
	}
	for _, o := range operators() {
		if !strings.Contains(strings.Join(strings.Fields(code.String()), " "), "("+o+" ") {
			t.Errorf("no example of %q", o)
		}
	}
	if *update {
		var out []string
		for i := 0; i < len(lines); i++ {
			out = append(out, lines[i])
			if text, ok := replaced[i+1]; ok {
				out = append(out, text)
				for i++; lines[i] != "```"; i++ {
				}
				i--
			}
		}
		if err := os.WriteFile(document, []byte(strings.Join(out, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// tableBars reads a table of closes, one column per symbol.
func tableBars(t *testing.T, text string) *Bars {
	rows := strings.Split(text, "\n")
	symbols := strings.Split(rows[0], ",")[1:]
	series := make(map[string]Series)
	for _, row := range rows[1:] {
		cells := strings.Split(row, ",")
		for i, cell := range cells[1:] {
			if cell == "" {
				continue
			}
			v, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				t.Fatal(err)
			}
			s := series[symbols[i]]
			series[symbols[i]] = Series{append(s.Days, mustDay(t, cells[0])), append(s.Closes, v)}
		}
	}
	bars, err := NewBars(series)
	if err != nil {
		t.Fatal(err)
	}
	return bars
}

// runExample evaluates a file, an allocation, a condition or an indicator.
func runExample(text string, bars *Bars) string {
	form, ds := Read("example.clj", []byte(text))
	if len(ds) > 0 {
		return ds.Error()
	}
	src := text
	_, isIndicator := indicatorNamed(form.head())
	isCondition := !isIndicator && strings.Contains(" > < >= <= = and or not ", " "+form.head()+" ")
	switch {
	case isIndicator:
		src = "(defsymphony \"example\" {} (if (=\n      " + text + " 0) (asset \"A\") (asset \"B\")))"
	case isCondition:
		src = "(defsymphony \"example\" {} (if\n" + text + " (asset \"A\") (asset \"B\")))"
	case form.head() != "defsymphony":
		src = "(defsymphony \"example\" {}\n" + text + ")"
	}
	p, ds := Compile("example.clj", []byte(src))
	if len(ds) > 0 {
		return ds.Error()
	}
	a, receipt, err := Evaluate(p, bars, bars.calendar[len(bars.calendar)-1])
	switch {
	case err != nil:
		return err.Error()
	case isIndicator:
		return fmt.Sprintf("%.6g", receipt.Decisions[0].If.Comparisons[0].Left)
	case isCondition:
		return strconv.FormatBool(receipt.Decisions[0].If.Branch == "then")
	}
	var out []string
	for _, w := range p.Warnings() {
		if form.head() == "defsymphony" {
			w.Message = "warning: " + w.Message
			out = append(out, w.String())
		}
	}
	for _, s := range a.Symbols() {
		out = append(out, s+" "+a[s].String())
	}
	return strings.Join(out, "\n")
}

func checkYAML(t *testing.T, text string) {
	files := fstest.MapFS{PortfolioFile: {Data: []byte(text)}, "trend.clj": {Data: []byte(held)}, "bonds/ladder.clj": {Data: []byte(held)}}
	if _, ds := LoadPortfolio(files); len(ds) > 0 {
		t.Errorf("the portfolio of the document: %s", ds.Error())
	}
}
