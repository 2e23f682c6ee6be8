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

// missing reports, once a session, the schedules whose time passed without a
// trace of a run: not even a skipped one.
func (s *sweep) missing(ctx context.Context) error {
	now := s.Clock.Now()
	session := events.DateOf(now, market.NewYork())
	if _, open := s.Calendar.Session(session); !open {
		return nil
	}
	var names []string
	var at time.Time
	for _, schedule := range s.Config.Schedules {
		expected := schedule.on(session)
		if now.Before(expected.Add(s.Config.ExpectedAfter)) {
			continue
		}
		seen, err := ledger.LoadAll[ledger.Slot](ctx, s.Ledger, ledger.AccountPK(s.Account), fmt.Sprintf("SESSION#%s#%s#", session, schedule.Name))
		if err != nil {
			return err
		}
		if len(seen) == 0 {
			names = append(names, fmt.Sprintf("%s (%s New York)", schedule.Name, expected.Format("15:04")))
			at = expected
		}
	}
	if len(names) == 0 {
		return nil
	}
	id := events.MissingRunID(s.Account, session)
	told, err := ledger.LoadOr[ledger.Inbox](ctx, s.Ledger, ledger.InboxKey(id, consumer, id))
	if err != nil || told.Value.Pub == ledger.Published {
		return err
	}
	s.done.Missing = len(names)
	meta := ledger.Meta{
		RunKey: fmt.Sprintf("%s/missing/%s", s.Account, session), Account: s.Account, TradingMode: s.Mode,
		NotAfter: at.Add(s.Config.ExpectedAfter).UnixMilli(),
	}
	return s.publish(ctx, meta, id, id, events.Event{Payload: &events.ErrorNotificationRequested{
		Severity: "ERROR", Code: "run_missing", Stage: "monitor",
		Title: fmt.Sprintf("No run began on %s", session),
		Message: fmt.Sprintf("The exchange is open on %s, but the schedule %s began no run. Nothing was traded by it.",
			session, strings.Join(names, ", ")),
		Details: events.Details{"what to check": "that the schedule is switched on and start has no errors; on the day of a first deployment this is expected"},
	}})
}

// on is the schedule's instant on a date. Adding the time of day to midnight
// would be an hour off on the days on which the clocks change.
func (c Schedule) on(d events.Date) time.Time {
	midnight := d.In(market.NewYork())
	return time.Date(midnight.Year(), midnight.Month(), midnight.Day(), 0, int(c.At.Minutes()), 0, 0, market.NewYork())
}
