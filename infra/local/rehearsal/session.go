package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/strategy"
)

// history is how many sessions of bars the paper broker serves at least.
const history = 540

// choose finds the newest session that the strategies see, the session to be
// traded after it, and its slot.
func (r *Rehearsal) choose() error {
	var calendar market.Calendar
	if r.options.Serve != nil {
		return r.present(calendar)
	}
	asOf := r.options.AsOf
	if asOf == "" {
		asOf = r.options.Newest
	}
	if asOf == "" {
		last, ok := calendar.LastClosedBefore(env.SystemClock(0).Now(), 20*time.Minute)
		if !ok {
			return errors.New("rehearsal: the calendar knows no session before today; choose one with --as-of")
		}
		asOf = last.Date
	}
	if _, ok := calendar.Session(asOf); !ok {
		previous, ok := calendar.Previous(asOf)
		if !ok {
			return fmt.Errorf("rehearsal: the calendar knows no session on or before %s", asOf)
		}
		asOf = previous.Date
	}
	if newest := r.options.Newest; newest != "" && newest < asOf {
		return fmt.Errorf("rehearsal: the bars end on %s; choose --as-of %s or earlier", newest, newest)
	}
	session, slot, err := SlotAfter(asOf)
	if err != nil {
		return err
	}
	if !r.options.Slot.IsZero() {
		slot = r.options.Slot
	}
	r.AsOf, r.Session, r.Slot = asOf, session, slot
	return nil
}

// SlotAfter is the first session after a date, and its slot: 09:35 in New
// York, as the schedule says.
func SlotAfter(asOf events.Date) (market.Session, time.Time, error) {
	var calendar market.Calendar
	session, ok := calendar.Next(asOf)
	if !ok {
		return market.Session{}, time.Time{}, fmt.Errorf("rehearsal: the calendar knows no session after %s", asOf)
	}
	day := session.Date.In(market.NewYork())
	return session, time.Date(day.Year(), day.Month(), day.Day(), 9, 35, 0, 0, market.NewYork()).UTC(), nil
}

// world chooses the session and returns what the paper broker knows: the bars
// of every symbol that the strategies name and of every one that is held, up to
// the session to be traded.
func (r *Rehearsal) world(ctx context.Context) (market.Bars, error) {
	if err := r.choose(); err != nil {
		return nil, err
	}
	folder := r.options.Strategies
	if folder == "" {
		folder = filepath.Join(r.options.Root, "services", "signal", "strategies")
	}
	symbols := slices.Clone(r.options.Symbols)
	sessions := history
	// A portfolio with mistakes ends the run, with the mistakes in its mail;
	// it does not keep the run from starting.
	if portfolio, broken := strategy.LoadPortfolio(os.DirFS(folder)); len(broken) == 0 {
		for symbol, need := range portfolio.Plan() {
			symbols = append(symbols, symbol)
			sessions = max(sessions, need+need/10)
		}
	}
	if r.purse != nil {
		symbols = append(symbols, r.purse.Symbols()...)
	}
	for symbol := range r.options.Positions {
		symbols = append(symbols, symbol)
	}
	if len(symbols) == 0 {
		return market.Bars{}, nil
	}
	slices.Sort(symbols)
	symbols = slices.Compact(symbols)
	bars, err := r.options.Source.DailyBars(ctx, market.Request{
		Symbols: symbols, From: r.AsOf.AddDays(-strategy.CalendarDays(sessions)), To: r.lastBar(),
	})
	if err != nil {
		return nil, err
	}
	if first, _ := bars.Span(); first == "" || first > r.AsOf {
		return nil, fmt.Errorf("rehearsal: there are no bars on or before %s for any of %s", r.AsOf, strings.Join(symbols, ", "))
	}
	return bars, nil
}
