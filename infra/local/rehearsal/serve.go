package rehearsal

import (
	"context"
	"fmt"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
)

// ahead is how many days of made-up bars a served market has beyond its first.
const ahead = 400

// drain is how long the end waits for what is under way: a function may take
// as long as its timeout.
const drain = time.Minute

// Serve keeps the cloud running until the context ends, then lets what is
// under way finish. Ledger and paper account are in their files all the time.
func (r *Rehearsal) Serve(ctx context.Context) error {
	<-ctx.Done()
	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := r.Cloud.Drain(rest); err != nil {
		return err
	}
	return r.foldPaper()
}

// present finds the session that a served clock is in, or the next one.
func (r *Rehearsal) present(calendar market.Calendar) error {
	now := env.SystemClock(r.offset()).Now()
	asOf, ok := calendar.LastClosedBefore(now, 20*time.Minute)
	if !ok {
		return fmt.Errorf("rehearsal: the calendar knows no session before %s", now.Format(time.DateOnly))
	}
	if newest := r.options.Newest; newest != "" && newest < asOf.Date {
		return fmt.Errorf("rehearsal: the bars end on %s, the session before %s is %s; choose --clock-at", newest, now.Format(time.DateOnly), asOf.Date)
	}
	session, ok := calendar.Session(events.DateOf(now, market.NewYork()))
	if !ok {
		if session, ok = calendar.Next(asOf.Date); !ok {
			return fmt.Errorf("rehearsal: the calendar knows no session after %s", asOf.Date)
		}
	}
	r.AsOf, r.Session, r.Slot = asOf.Date, session, now
	return nil
}

// offset moves the machine's clock to the rehearsed time.
func (r *Rehearsal) offset() time.Duration {
	now := env.SystemClock(0).Now()
	switch s := r.options.Serve; {
	case s == nil:
		return r.Slot.Add(time.Second).Sub(now)
	case s.ClockAt.IsZero():
		return 0
	default:
		return s.ClockAt.Sub(now)
	}
}

// lastBar is the newest bar that the paper broker may need.
func (r *Rehearsal) lastBar() events.Date {
	if r.options.Serve != nil {
		return r.Session.Date.AddDays(ahead)
	}
	return r.Session.Date
}
