package runfile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/transcript"
)

// Read reads a record and checks that it is whole and as it was written.
func Read(in io.Reader) (*Run, error) {
	p := parser{run: &Run{}, lines: bufio.NewReader(in)}
	for !p.ended {
		if err := p.next(); err != nil {
			return nil, err
		}
	}
	if rest, err := p.lines.Peek(1); len(rest) > 0 || !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("runfile: something follows after the last line (%d)", p.n)
	}
	return p.run, nil
}

type parser struct {
	run   *Run
	lines *bufio.Reader
	n     int
	sum   string
	ended bool
}

func (p *parser) fail(format string, args ...any) error {
	return fmt.Errorf("runfile: line %d: %w", p.n, fmt.Errorf(format, args...))
}

func (p *parser) next() error {
	line, err := p.lines.ReadBytes('\n')
	p.n++
	switch {
	case errors.Is(err, io.EOF) && p.n == 1 && len(line) == 0:
		return errors.New("runfile: the file is empty")
	case errors.Is(err, io.EOF):
		return fmt.Errorf("runfile: the file is cut off in line %d: its last line, \"end\", is missing; export the run again", p.n)
	case err != nil:
		return fmt.Errorf("runfile: %w", err)
	}
	line = bytes.TrimSuffix(line, []byte("\n"))
	if p.n == 1 {
		if err := p.first(line); err != nil {
			return err
		}
	}
	text, ok := p.check(line)
	if !ok {
		return p.fail("it is not what was written: it, or a line before it, was changed; export the run again")
	}
	if err := p.take(text); err != nil {
		return err
	}
	return nil
}

// first looks at the first line before its sum: a file of another kind has none.
func (p *parser) first(line []byte) error {
	var h Head
	if err := json.Unmarshal(line, &h); err != nil || h.Format != Format {
		return fmt.Errorf("runfile: this is no record of a run: its first line does not say %q", Format)
	}
	if h.Version != Version {
		return fmt.Errorf("runfile: the record has version %d, this build reads %d; use the build that wrote it", h.Version, Version)
	}
	return nil
}

// check takes the sum off a line.
func (p *parser) check(line []byte) (text []byte, ok bool) {
	const mark = `,"sum":"`
	at := len(line) - len(mark) - sumDigits - len(`"}`)
	if at < 0 || string(line[at:at+len(mark)]) != mark || !bytes.HasSuffix(line, []byte(`"}`)) {
		return nil, false
	}
	sum := string(line[at+len(mark) : at+len(mark)+sumDigits])
	if p.sum = chain(p.sum, line[:at]); p.sum != sum {
		return nil, false
	}
	return append(line[:at:at], '}'), true
}

func (p *parser) take(text []byte) error {
	var kind struct {
		Line     string `json:"line"`
		Delivery *int   `json:"delivery"`
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return p.fail("%w", err)
	}
	var of *Delivery
	if kind.Delivery != nil {
		if *kind.Delivery < 0 || *kind.Delivery >= len(p.run.Deliveries) {
			return p.fail("it belongs to delivery %d, of which there was no line", *kind.Delivery)
		}
		of = &p.run.Deliveries[*kind.Delivery]
	}
	switch kind.Line {
	case "run":
		return p.into(text, &p.run.Head)
	case "document":
		var d Document
		err := p.into(text, &d)
		p.run.Documents = append(p.run.Documents, d)
		return err
	case "event":
		return p.event(text)
	case "delivery":
		var d Delivery
		err := p.into(text, &d)
		p.run.Deliveries = append(p.run.Deliveries, d)
		return err
	case "end":
		var e endLine
		if err := p.into(text, &e); err != nil || e.Lines != p.n {
			return p.fail("the record had %d lines, this is line %d", e.Lines, p.n)
		}
		p.ended = true
		return nil
	}
	if of == nil {
		return p.fail("a line of the unknown kind %q", kind.Line)
	}
	switch kind.Line {
	case "transcript":
		var h headLine
		err := p.into(text, &h)
		of.Transcript, of.Bars = &transcript.Transcript{Head: h.Head}, make(map[string]market.Bars)
		for name := range h.Head.Kept {
			of.Bars[name] = make(market.Bars)
		}
		return err
	case "call", "bars":
		if of.Transcript == nil {
			return p.fail("it belongs to a delivery without a transcript")
		}
		if kind.Line == "bars" {
			return p.bars(text, of)
		}
		var c callLine
		err := p.into(text, &c)
		of.Transcript.Entries = append(of.Transcript.Entries, c.Entry)
		return err
	}
	return p.fail("a line of the unknown kind %q", kind.Line)
}

func (p *parser) into(text []byte, v any) error {
	if err := json.Unmarshal(text, v); err != nil {
		return p.fail("%w", err)
	}
	return nil
}

func (p *parser) event(text []byte) error {
	var l eventLine
	if err := p.into(text, &l); err != nil {
		return err
	}
	e, err := events.Decode(l.Event)
	if err != nil {
		return p.fail("%w", err)
	}
	if e.CorrelationID != p.run.Head.RunID {
		return p.fail("%s belongs to run %s, the record to run %s", e.EventType, e.CorrelationID, p.run.Head.RunID)
	}
	p.run.Events = append(p.run.Events, Event{ID: e.EventID, Type: e.EventType, Raw: l.Event})
	return nil
}

func (p *parser) bars(text []byte, of *Delivery) error {
	var l barsLine
	if err := p.into(text, &l); err != nil {
		return err
	}
	var series market.Series
	for _, row := range l.Bars {
		bar, err := readBar(row)
		if err != nil {
			return p.fail("bars of %s: %w", l.Symbol, err)
		}
		series = append(series, bar)
	}
	if of.Bars[l.Name] == nil {
		of.Bars[l.Name] = make(market.Bars)
	}
	of.Bars[l.Name][l.Symbol] = series
	return nil
}

func readBar(row []json.RawMessage) (market.Bar, error) {
	var b market.Bar
	if len(row) != 2 && len(row) != 6 {
		return b, fmt.Errorf("a row of %d columns", len(row))
	}
	if err := json.Unmarshal(row[0], &b.Date); err != nil {
		return b, err
	}
	prices := []*float64{&b.Open, &b.High, &b.Low, &b.Close}
	for i, p := range prices {
		column := row[1]
		if len(row) == 6 {
			column = row[1+i]
		}
		f, err := strconv.ParseFloat(strings.Trim(string(column), `"`), 64)
		if err != nil {
			return b, err
		}
		*p = f
	}
	if len(row) == 6 {
		return b, json.Unmarshal(row[5], &b.Volume)
	}
	return b, nil
}
