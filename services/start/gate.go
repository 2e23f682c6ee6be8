package start

import (
	"fmt"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/stage"
)

// Policy are the gate's figures.
type Policy struct {
	RunLength   time.Duration // from the slot to the run's deadline
	CloseBuffer time.Duration // no order this close to the session's end
}

const (
	latestStart  = 5 * time.Minute  // a schedule that fires later than this is not the schedule
	leastTime    = 3 * time.Minute  // a run needs this much before its deadline
	lastSlot     = 5 * time.Minute  // before the close
	greatestSkew = 30 * time.Second // between our clock and the broker's
)

// Reasons for which a run is skipped.
const (
	MarketClosed   = "market_closed"
	OutsideSession = "outside_session"
	TooLate        = "too_late"
	IsHalted       = "halted"
	AccountBusy    = "account_busy"
	SessionDone    = "session_done"
)

// Facts are what the gate decides on.
type Facts struct {
	Now, Slot time.Time
	DryRun    bool
	Builtin   *market.Session // nil: no session by our own calendar
	Broker    *market.Session // nil: no session by the broker's calendar
	Clock     broker.Clock
}

// Opening is a gate that stands open.
type Opening struct {
	Session  market.Session
	NotAfter time.Time
	Warnings []string
}

// Skip is a gate that stays shut, with the reason.
type Skip struct{ Reason, Detail string }

// Gate decides whether a run may begin now. Both calendars must say so; either
// one can close the gate. A dry run trades nothing and needs neither an open
// market nor a slot inside the session.
func Gate(f Facts, p Policy) (*Opening, *Skip, error) {
	skip := func(reason, format string, args ...any) (*Opening, *Skip, error) {
		return nil, &Skip{reason, fmt.Sprintf(format, args...)}, nil
	}
	if f.Builtin == nil {
		return skip(MarketClosed, "%s is no trading day", events.DateOf(f.Slot, market.NewYork()))
	}
	if f.Broker == nil {
		return skip(MarketClosed, "the broker's calendar has no session on %s", f.Builtin.Date)
	}
	session, warnings := stricter(*f.Builtin, *f.Broker)
	open := &Opening{Session: session, Warnings: warnings, NotAfter: f.Slot.Add(p.RunLength)}
	if !f.DryRun {
		if end := session.Close.Add(-p.CloseBuffer); end.Before(open.NotAfter) {
			open.NotAfter = end
		}
		if f.Slot.Before(session.Open) || f.Slot.After(session.Close.Add(-lastSlot)) {
			return skip(OutsideSession, "the slot %s is outside the session %s–%s", Slot(f.Slot), clockTime(session.Open), clockTime(session.Close))
		}
	}
	if late := f.Now.Sub(f.Slot); late > latestStart {
		return skip(TooLate, "the run began %s after its slot, at most %s are allowed", late.Round(time.Second), latestStart)
	}
	if left := open.NotAfter.Sub(f.Now); left < leastTime {
		return skip(TooLate, "only %s are left before the run's deadline", left.Round(time.Second))
	}
	if f.DryRun {
		return open, nil, nil
	}
	if skew := f.Now.Sub(f.Clock.Now).Abs(); skew > greatestSkew {
		return nil, nil, stage.Permanent("clock_skew", "check the clock of the machine and of the broker",
			"our clock and the broker's differ by %s", skew.Round(time.Millisecond))
	}
	if !f.Clock.IsOpen {
		return skip(MarketClosed, "the broker says that the market is closed")
	}
	return open, nil, nil
}

// stricter is the session in which both calendars agree that the market is open.
func stricter(a, b market.Session) (market.Session, []string) {
	if a.Open.Equal(b.Open) && a.Close.Equal(b.Close) {
		return a, nil
	}
	s := a
	if b.Open.After(s.Open) {
		s.Open = b.Open
	}
	if b.Close.Before(s.Close) {
		s.Close, s.EarlyClose = b.Close, true
	}
	return s, []string{fmt.Sprintf("calendar_mismatch: ours says %s–%s, the broker's %s–%s; the narrower one holds",
		clockTime(a.Open), clockTime(a.Close), clockTime(b.Open), clockTime(b.Close))}
}

func clockTime(t time.Time) string { return t.UTC().Format("15:04Z") }

// sessionOn finds the broker's session of a date among those it returned.
func sessionOn(sessions []market.Session, date events.Date) *market.Session {
	for _, s := range sessions {
		if s.Date == date {
			return &s
		}
	}
	return nil
}
