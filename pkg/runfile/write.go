package runfile

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/transcript"
)

// sumDigits is the length of a line's sum.
const sumDigits = 16

// eventLine, headLine, callLine and barsLine are the other lines.
type eventLine struct {
	Line  string          `json:"line"` // event
	Event json.RawMessage `json:"event"`
}

type headLine struct {
	Line     string          `json:"line"`     // transcript
	Delivery int             `json:"delivery"` // the how-manyth delivery line, from 0
	Head     transcript.Head `json:"head"`
}

type callLine struct {
	Line     string `json:"line"` // call
	Delivery int    `json:"delivery"`
	transcript.Entry
}

type barsLine struct {
	Line     string              `json:"line"` // bars
	Delivery int                 `json:"delivery"`
	Name     string              `json:"name"`
	Symbol   string              `json:"symbol"`
	Bars     [][]json.RawMessage `json:"bars"` // [date, close], or [date, open, high, low, close, volume] where they do not hold
}

type endLine struct {
	Line  string `json:"line"`  // end
	Lines int    `json:"lines"` // this one included
}

// Write writes the record. The same record gives the same bytes.
func (r *Run) Write(out io.Writer) error {
	w := &writer{out: bufio.NewWriter(out)}
	w.line(r.Head)
	for _, d := range r.Documents {
		w.line(d)
	}
	for _, e := range r.Events {
		w.line(eventLine{"event", e.Raw})
	}
	for i, d := range r.Deliveries {
		w.line(d)
		if d.Transcript == nil {
			continue
		}
		w.line(headLine{"transcript", i, d.Transcript.Head})
		for _, name := range slices.Sorted(maps.Keys(d.Bars)) {
			for _, symbol := range d.Bars[name].Symbols() {
				w.line(barsLine{"bars", i, name, symbol, barsForm(symbol, d.Bars[name][symbol])})
			}
		}
		for _, e := range d.Transcript.Entries {
			w.line(callLine{"call", i, e})
		}
	}
	w.line(endLine{"end", w.n + 1})
	if w.err == nil {
		w.err = w.out.Flush()
	}
	if w.err != nil {
		return fmt.Errorf("runfile: write: %w", w.err)
	}
	return nil
}

// writer ends every line with a sum over it and the sum before it: a line that
// is changed, left out or put elsewhere shows.
type writer struct {
	out *bufio.Writer
	n   int
	sum string
	err error
}

func (w *writer) line(v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		w.err = err
	}
	if w.err != nil {
		return
	}
	w.n++
	text := bytes.TrimSuffix(b.Bytes(), []byte("}\n"))
	w.sum = chain(w.sum, text)
	_, w.err = fmt.Fprintf(w.out, "%s,\"sum\":%q}\n", text, w.sum)
}

func chain(before string, text []byte) string {
	h := sha256.New()
	h.Write([]byte(before))
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil))[:sumDigits]
}

// barsForm are bars as people read them.
func barsForm(symbol string, bs market.Series) [][]json.RawMessage {
	out := make([][]json.RawMessage, 0, len(bs))
	whole := bs.Validate(symbol) != nil
	for _, b := range bs {
		row := []json.RawMessage{json.RawMessage(strconv.Quote(string(b.Date)))}
		if whole {
			row = append(row, number(b.Open), number(b.High), number(b.Low), number(b.Close), json.RawMessage(strconv.FormatInt(b.Volume, 10)))
		} else {
			row = append(row, number(b.Close))
		}
		out = append(out, row)
	}
	return out
}

// number is the shortest text that gives the same binary number; what JSON has
// no number for is a string.
func number(f float64) json.RawMessage {
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		text = strconv.Quote(text)
	}
	return json.RawMessage(text)
}
