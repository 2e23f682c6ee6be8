package faulttest

import (
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/events"
)

// elsewhere runs f as another process would: with calls that are not counted.
func (w *world) elsewhere(f func()) {
	mine := w.pulse
	w.pulse = &pulse{}
	f()
	w.pulse = mine
}

// atEveryCall runs one world for every call that a clean run makes, and lets
// something happen just before it.
func atEveryCall(t *testing.T, s setup, happen func(w *world), check func(t *testing.T, w *world)) {
	t.Helper()
	clean := newWorld(t, s)
	clean.run()
	calls := clean.pulse.calls
	step := max(1, calls/80)
	for at := 1; at <= calls; at += step {
		t.Run(fmt.Sprintf("call %d", at), func(t *testing.T) {
			w := newWorld(t, s)
			w.pulse.at, w.pulse.meanwhile = at, func() { happen(w) }
			w.run()
			for _, wrong := range w.judge() {
				t.Errorf("before %q: %s\n%s", w.pulse.died, wrong, w.told())
			}
			check(t, w)
		})
	}
}

func slow() setup { return setup{profile: paperbroker.Paper, seed: 2} }

// F97, I13: every event of the run, redriven days later, changes nothing.
func TestF97Redrive(t *testing.T) {
	for _, profile := range []paperbroker.Profile{paperbroker.Instant, paperbroker.Adversarial} {
		w := newWorld(t, setup{profile: profile, seed: 3})
		w.run()
		book, reports := w.server.State(), len(w.reports)
		for range 2 {
			w.sleep(30 * time.Hour)
			for _, in := range append(w.seen, w.closeOut()) {
				if err := w.invoke(in); err != nil {
					t.Errorf("%s: %v", in.EventType, err)
				}
			}
		}
		w.queue = nil
		after := w.server.State()
		if !reflect.DeepEqual(book.Orders, after.Orders) || !reflect.DeepEqual(book.Positions[0].Qty, after.Positions[0].Qty) || !book.Account.Cash.Equal(after.Account.Cash) {
			t.Errorf("%s: a redrive changed the book", profile)
		}
		for _, wrong := range w.judge() {
			t.Errorf("%s: %s", profile, wrong)
		}
		if len(w.reports) != reports {
			t.Errorf("%s: %d reports, %d before", profile, len(w.reports), reports)
		}
	}
}

// The same event arrives a second time while it is worked on: the second is
// told to wait.
func TestF10TheSameEventAtOnce(t *testing.T) {
	atEveryCall(t, slow(), func(w *world) {
		w.elsewhere(func() { _ = w.invoke(w.planned()) })
	}, func(t *testing.T, w *world) {
		if w.final == nil || w.final.Outcome != events.OutcomeCompleted {
			t.Errorf("before %q: %s", w.pulse.died, w.told())
		}
	})
}

// The close-out is another event, with an inbox item of its own: the plan's
// lock alone keeps it out.
func TestF90CloseOutWhileTrading(t *testing.T) {
	atEveryCall(t, slow(), func(w *world) {
		if w.executing() {
			w.elsewhere(func() { _ = w.invoke(w.closeOut()) })
		}
	}, func(t *testing.T, w *world) {
		if w.final == nil || w.final.Outcome != events.OutcomeCompleted {
			t.Errorf("before %q: %s", w.pulse.died, w.told())
		}
	})
}

// A process hangs until its locks expire, another one takes over and finishes,
// and the first one wakes up: it must not trade.
func TestF22AProcessThatWakesUpTooLate(t *testing.T) {
	atEveryCall(t, slow(), func(w *world) {
		w.sleep(50 * time.Second)
		w.elsewhere(func() {
			_ = w.invoke(w.planned())
			w.drain()
		})
	}, func(t *testing.T, w *world) {
		if w.final == nil {
			t.Errorf("before %q: %s", w.pulse.died, w.told())
		}
	})
}

// F61, I7: nothing is sent once the switch says HALTED, two seconds of reading
// and five of one call apart.
func TestF61HaltAtAnyMoment(t *testing.T) {
	var flipped time.Time
	atEveryCall(t, slow(), func(w *world) {
		flipped = w.clock.Now()
		if err := w.ledger.SetControl(w.t.Context(), account, events.Halted, "storm", "operator"); err != nil {
			w.t.Error(err)
		}
	}, func(t *testing.T, w *world) {
		for _, o := range w.server.Orders() {
			if o.SubmittedAt.After(flipped.Add(2 * time.Second)) {
				t.Errorf("before %q: %s was sent at %s, halted at %s", w.pulse.died, o.ClientID, o.SubmittedAt, flipped)
			}
		}
		if w.final == nil {
			t.Errorf("before %q: %s", w.pulse.died, w.told())
		}
	})
}

// REDUCING sells and buys nothing more.
func TestReducingAtAnyMoment(t *testing.T) {
	var flipped time.Time
	atEveryCall(t, slow(), func(w *world) {
		flipped = w.clock.Now()
		if err := w.ledger.SetControl(w.t.Context(), account, events.Reducing, "storm", "operator"); err != nil {
			w.t.Error(err)
		}
	}, func(t *testing.T, w *world) {
		for _, o := range w.server.Orders() {
			if o.Side == events.Buy && o.SubmittedAt.After(flipped.Add(2*time.Second)) {
				t.Errorf("before %q: %s was sent at %s, reducing since %s", w.pulse.died, o.ClientID, o.SubmittedAt, flipped)
			}
		}
		for _, l := range w.final.Legs {
			if l.Side == events.Sell && l.Status != events.LegFilled {
				t.Errorf("before %q: %s", w.pulse.died, w.told())
			}
		}
	})
}

// F74, I11: an order of somebody else rests untouched, in a symbol of the plan
// and in another.
func TestF74ForeignOrdersAreNotTouched(t *testing.T) {
	w := newWorld(t, slow())
	for _, body := range []string{
		`{"symbol":"EEE","side":"buy","type":"limit","time_in_force":"day","qty":"1","limit_price":"0.5","client_order_id":"by-hand"}`,
		`{"symbol":"BBB","side":"sell","type":"limit","time_in_force":"day","qty":"1","limit_price":"90000","client_order_id":"by-hand-2"}`,
	} {
		if _, err := w.server.PlaceForeign([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	w.run()
	for _, wrong := range w.judge() {
		t.Error(wrong)
	}
	open := 0
	for _, o := range w.server.Orders() {
		if o.EndedAt == nil && (o.ClientID == "by-hand" || o.ClientID == "by-hand-2") {
			open++
		}
	}
	if open != 2 {
		t.Errorf("%d of 2 foreign orders rest; %s", open, w.told())
	}
}

// F20, I6: the plan arrives ever closer to the run's deadline, and the broker's
// clock may be ahead of ours: no order is sent at or after the deadline by
// either of them, and whatever was sent is told.
func TestF20TheDeadlineByBothClocks(t *testing.T) {
	for _, ahead := range []time.Duration{0, 25 * time.Second} {
		for left := -30 * time.Second; left <= 90*time.Second; left += 3 * time.Second {
			t.Run(fmt.Sprintf("%s left, broker %s ahead", left, ahead), func(t *testing.T) {
				w := newWorld(t, slow())
				if ahead > 0 {
					w.inject(paperbroker.Fault{Kind: paperbroker.ClockOffset, Method: http.MethodGet, Path: "/v2/clock", Delay: ahead, Times: -1})
				}
				w.plan.Snapshot.TakenAt = events.At(notAfter.Add(-left))
				w.sleep(notAfter.Add(-left).Sub(w.clock.Now()))
				w.run()
				for _, wrong := range w.judge() {
					t.Error(wrong)
				}
				for _, o := range w.server.Orders() {
					if !o.SubmittedAt.Add(ahead).Before(notAfter) {
						t.Errorf("%s was sent at %s", o.ClientID, o.SubmittedAt)
					}
				}
				if left <= 0 && (len(w.failed) != 1 || w.failed[0].FailureCode != "expired") {
					t.Errorf("after the deadline: %s", w.told())
				}
				if left > 0 && w.final == nil {
					t.Error(w.told())
				}
			})
		}
	}
}
