// Package csvmarket reads daily bars from a folder of files, one SYMBOL.csv
// per symbol, in which a slash of the symbol is written as an underscore. A
// file begins with the line
//
//	date,open,high,low,close,volume
//
// followed by one line per session, oldest first. Prices are adjusted for
// splits and dividends; the volume may be empty or fractional. A symbol
// without a file has no bars.
//
//	source := csvmarket.New(os.DirFS("bars"))
//	bars, err := source.DailyBars(ctx, market.Request{Symbols: []string{"MSFT"}, From: from, To: to})
package csvmarket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
)

const header = "date,open,high,low,close,volume"

// Source is a market.Source over a folder. It reads a file when its symbol is
// first asked for and keeps the bars: a rehearsal asks for the same symbols
// many times. It is safe for concurrent use.
type Source struct {
	files fs.FS

	mu     sync.Mutex
	series map[string]market.Series
	dates  dates
}

// dates are those that were read before, by their text: files share them.
type dates map[string]events.Date

var _ market.Source = (*Source)(nil)

// New returns the source over a folder, for example os.DirFS(dir).
func New(files fs.FS) *Source {
	return &Source{files: files, series: make(map[string]market.Series), dates: make(dates)}
}

// Symbols are the symbols that have a file, ascending.
func (s *Source) Symbols() ([]string, error) {
	entries, err := fs.ReadDir(s.files, ".")
	if err != nil {
		return nil, fmt.Errorf("csvmarket: list the folder of bars: %w", err)
	}
	var symbols []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".csv"); ok && !e.IsDir() {
			symbols = append(symbols, strings.ReplaceAll(name, "_", "/"))
		}
	}
	slices.Sort(symbols)
	return symbols, nil
}

// DailyBars reads the files of the symbols. A malformed file is an error that
// names its line.
func (s *Source) DailyBars(ctx context.Context, r market.Request) (market.Bars, error) {
	out := make(market.Bars, len(r.Symbols))
	for _, symbol := range r.Symbols {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		all, err := s.load(symbol)
		if err != nil {
			return nil, err
		}
		if cut := all.Until(r.To).From(r.From); len(cut) > 0 {
			out[symbol] = cut
		}
	}
	return out, nil
}

func (s *Source) load(symbol string) (market.Series, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if series, ok := s.series[symbol]; ok {
		return series, nil
	}
	name := strings.ReplaceAll(symbol, "/", "_") + ".csv"
	if !fs.ValidPath(name) {
		return nil, nil
	}
	raw, err := fs.ReadFile(s.files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("csvmarket: read %s: %w", name, err)
	}
	series, err := s.dates.parse(name, raw)
	if err != nil {
		return nil, err
	}
	s.series[symbol] = series
	return series, nil
}

// Parse reads the text of one file. The name is for its errors.
func Parse(name string, raw []byte) (market.Series, error) { return make(dates).parse(name, raw) }

func (d dates) parse(name string, raw []byte) (market.Series, error) {
	first, rest, _ := strings.Cut(strings.TrimPrefix(string(raw), "\ufeff"), "\n")
	if got := strings.TrimSpace(first); got != header {
		return nil, fmt.Errorf("csvmarket: %s:1: the first line is %.60q; it must be %q", name, got, header)
	}
	series := make(market.Series, 0, strings.Count(rest, "\n")+1)
	for number := 2; rest != ""; number++ {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		bar, err := d.parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("csvmarket: %s:%d: %w", name, number, err)
		}
		if n := len(series); n > 0 && bar.Date <= series[n-1].Date {
			return nil, fmt.Errorf("csvmarket: %s:%d: %s does not come after %s; sort the lines by date and remove duplicates",
				name, number, bar.Date, series[n-1].Date)
		}
		series = append(series, bar)
	}
	return series, nil
}

func (d dates) parseLine(line string) (market.Bar, error) {
	var field [6]string
	rest := line
	for i := range field {
		var more bool
		field[i], rest, more = strings.Cut(rest, ",")
		if more != (i < len(field)-1) {
			return market.Bar{}, fmt.Errorf("%d fields in %.80q; expected the 6 of %q", strings.Count(line, ",")+1, line, header)
		}
	}
	date, known := d[field[0]]
	if !known {
		parsed, err := events.ParseDate(strings.Clone(field[0])) // or the whole file would stay in memory
		if err != nil {
			return market.Bar{}, fmt.Errorf("the date is %q; expected a form like 2026-11-24", field[0])
		}
		date = parsed
		d[string(date)] = date
	}
	bar := market.Bar{Date: date}
	for i, p := range []*float64{&bar.Open, &bar.High, &bar.Low, &bar.Close} {
		v, err := strconv.ParseFloat(field[i+1], 64)
		if err != nil || !(v > 0) || math.IsInf(v, 0) {
			return market.Bar{}, fmt.Errorf("the %s is %q; expected a positive number, or no line for a session without trades",
				strings.Split(header, ",")[i+1], field[i+1])
		}
		*p = v
	}
	volume, err := parseVolume(field[5])
	if err != nil {
		return market.Bar{}, err
	}
	bar.Volume = volume
	return bar, nil
}

// parseVolume reads shares; some providers write them with a point or an
// exponent, some leave them out.
func parseVolume(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
		return n, nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 0) || v >= math.MaxInt64 {
		return 0, fmt.Errorf("the volume is %q; expected a number of shares from 0, or nothing", s)
	}
	return int64(v), nil
}
