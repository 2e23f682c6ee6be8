package monitor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/market"
)

// reportMissing reports, once a session, the schedules whose time passed
// without a trace of a run: not even a skipped one.
func (s *sweep) reportMissing(ctx context.Context) error {
	session := events.DateOf(s.Clock.Now(), market.NewYork())
	if _, open := s.Calendar.Session(session); !open {
		return nil
	}
	none, err := s.missing(ctx, session)
	if err != nil || len(none.schedules) == 0 {
		return err
	}
	id := events.MissingRunID(s.Account, session)
	told, err := ledger.LoadOr[ledger.Inbox](ctx, s.Ledger, ledger.InboxKey(id, Consumer, id))
	if err != nil || told.Value.Pub == ledger.Published {
		return err
	}
	s.done.Missing = len(none.schedules)
	return s.Decide(ctx, s.runtime, Cause{
		ID: id, RunID: id, RunKey: missingKey(s.Account, session), Account: s.Account, TradingMode: s.Mode,
		NotAfter: none.at.Add(s.Config.ExpectedAfter).UnixMilli(),
	})
}

// missingKey stands in the place of a run's key in the report that there is no
// run; missingSession reads it.
func missingKey(account string, session events.Date) string {
	return account + "/missing/" + string(session)
}

func missingSession(key string) (events.Date, bool) {
	_, rest, _ := strings.Cut(key, "/")
	kind, session, ok := strings.Cut(rest, "/")
	return events.Date(session), ok && kind == "missing" && !strings.Contains(session, "T")
}

// absence is what a session lacks: schedules that began no run although their
// time is over, and when the last of them should have.
type absence struct {
	session   events.Date
	schedules []string
	at        time.Time
}

func (m *Monitor) missing(ctx context.Context, session events.Date) (absence, error) {
	now, none := m.Clock.Now(), absence{session: session}
	for _, schedule := range m.Config.Schedules {
		expected := schedule.on(session)
		if now.Before(expected.Add(m.Config.ExpectedAfter)) {
			continue
		}
		seen, err := ledger.LoadAll[ledger.Slot](ctx, m.Ledger, ledger.AccountPK(m.Account), fmt.Sprintf("SESSION#%s#%s#", session, schedule.Name))
		if err != nil {
			return none, err
		}
		if len(seen) == 0 {
			none.schedules = append(none.schedules, fmt.Sprintf("%s (%s New York)", schedule.Name, expected.Format("15:04")))
			none.at = expected
		}
	}
	return none, nil
}

func (a absence) report() *events.ErrorNotificationRequested {
	return &events.ErrorNotificationRequested{
		Severity: "ERROR", Code: "run_missing", Stage: "monitor",
		Title: fmt.Sprintf("No run began on %s", a.session),
		Message: fmt.Sprintf("The exchange is open on %s, but the schedule %s began no run. Nothing was traded by it.",
			a.session, strings.Join(a.schedules, ", ")),
		Details: events.Details{"what to check": "that the schedule is switched on and start has no errors; on the day of a first deployment this is expected"},
	}
}

// on is the schedule's instant on a date. Adding the time of day to midnight
// would be an hour off on the days on which the clocks change.
func (c Schedule) on(d events.Date) time.Time {
	midnight := d.In(market.NewYork())
	return time.Date(midnight.Year(), midnight.Month(), midnight.Day(), 0, int(c.At.Minutes()), 0, 0, market.NewYork())
}
