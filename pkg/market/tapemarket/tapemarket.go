// Package tapemarket is a source of bars over another one that writes down in
// a transcript which bars a decision was made on; over the tape of a
// transcript it answers from that, and there is no other one.
//
//	source := tapemarket.New(tape, alpaca)
package tapemarket

import (
	"context"
	"errors"
	"fmt"

	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/transcript"
)

// Kind is the first part of the names under which bars are kept.
const Kind = "bars"

// Source is the source.
type Source struct {
	port transcript.Port
	of   market.Source
}

var _ market.Source = (*Source)(nil)

// New returns a source over another one; nil when a transcript is played.
func New(tape *transcript.Tape, of market.Source) *Source {
	text := func(err error) string { return err.Error() }
	return &Source{of: of, port: transcript.Port{Tape: tape, Kinds: []transcript.Kind{
		transcript.Typed("bad_bar",
			func(e *market.BarError) market.BarError { return *e },
			func(w market.BarError) *market.BarError { return &w }),
		transcript.Typed("market_temporary",
			func(e *market.TemporaryError) string { return text(e) },
			func(w string) *market.TemporaryError { return &market.TemporaryError{Err: errors.New(w)} }),
		transcript.Typed("market_denied",
			func(e *market.DeniedError) string { return text(e) },
			func(w string) *market.DeniedError { return &market.DeniedError{Err: errors.New(w)} }),
	}}}
}

// request is market.Request in a transcript.
type request struct {
	Symbols []string `json:"symbols"`
	From    string   `json:"from"`
	To      string   `json:"to"`
}

// answer names the bars, which are kept beside the transcript.
type answer struct {
	Kept string `json:"kept"`
}

// DailyBars implements market.Source.
func (s *Source) DailyBars(ctx context.Context, r market.Request) (market.Bars, error) {
	tape := s.port.Tape
	if !tape.Active(ctx) {
		return s.of.DailyBars(ctx, r)
	}
	var bars market.Bars
	args := request{Symbols: r.Symbols, From: string(r.From), To: string(r.To)}
	a, err := transcript.Call(ctx, s.port, transcript.Request{Op: "market.daily_bars", Args: args}, func() (answer, error) {
		var err error
		if bars, err = s.of.DailyBars(ctx, r); err != nil {
			return answer{}, err
		}
		return answer{tape.Keep(ctx, Kind, func() ([]byte, error) { return Encode(bars) })}, nil
	})
	if err != nil || !tape.Playing() {
		return bars, err
	}
	content, ok := tape.Kept(a.Kept)
	if !ok {
		return nil, fmt.Errorf("tapemarket: the bars %s of the transcript are lost", a.Kept)
	}
	return Decode(content)
}
