package execution_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/services/execution"
)

// between runs something once, after a plan's record was read and before the
// reader knows what it says.
type between struct {
	ledger.Driver
	done atomic.Bool
	do   func()
}

func (b *between) Get(ctx context.Context, key ledger.Key) (ledger.Item, error) {
	item, err := b.Driver.Get(ctx, key)
	if strings.HasPrefix(key.SK, "EXEC#") && b.done.CompareAndSwap(false, true) {
		b.do()
	}
	return item, err
}

func (v *virtual) move(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now = v.now.Add(d)
}

// F20: by a clock that is far ahead the claim of an invocation at work has
// ended, and the run's deadline has passed. It refuses the plan, and the
// invocation at work, which saw no record either, does not begin it.
func TestF20ARefusalAndABeginningExcludeEachOther(t *testing.T) {
	w := newWorld(t)
	p := w.rotation()
	w.driver = &between{Driver: w.driver, do: func() {
		w.clock.move(20 * time.Minute)
		defer w.clock.move(-20 * time.Minute)
		if err := w.deliver(w.planned(p)); err != nil {
			t.Error(err)
		}
	}}
	w.rewire()
	if err := w.deliver(w.planned(p)); err == nil {
		t.Error("the invocation that lost the plan succeeded")
	}
	if f := w.failure(); f.FailureCode != "expired" || len(w.desk.posts) != 0 {
		t.Errorf("%s after %d posts", f.FailureCode, len(w.desk.posts))
	}
}

// A refusal that died before it was published is repeated as it was given,
// whatever has changed since; so is it by a close-out.
func TestARefusalIsRepeated(t *testing.T) {
	for _, closeOut := range []bool{false, true} {
		w := newWorld(t)
		p := w.rotation()
		w.change = func(c *execution.Config) { c.Guard.Number = "PA2" }
		broken := &breakingDriver{Driver: w.driver, at: 3} // after the claim and the refusal
		w.driver = broken
		w.rewire()
		if err := w.deliver(w.planned(p)); err == nil || len(w.out) != 0 {
			t.Fatalf("%v, published %v", err, w.published())
		}
		broken.mend()
		w.change = func(*execution.Config) {}
		w.clock.move(time.Minute)
		again := w.planned(p)
		if closeOut {
			more := &events.TradeExecutionContinued{PlanID: p.PlanID, N: 1, Phase: events.PhaseClose, CloseOut: true, Reason: "stalled"}
			again = w.envelope(more, events.SourceOrchestration, events.CloseOutID(events.RunID(runKey)))
		}
		if err := w.deliver(again); err != nil {
			t.Fatal(err)
		}
		if f := w.failure(); f.FailureCode != "account_guard" || f.Hint == "" || len(w.desk.posts) != 0 {
			t.Errorf("close-out %t: %+v after %d posts", closeOut, f, len(w.desk.posts))
		}
	}
}

// A close-out that finds nothing begun ends the run: what comes afterwards does
// not begin it.
func TestF20NothingBeginsAfterACloseOut(t *testing.T) {
	w := newWorld(t)
	p := w.rotation()
	more := &events.TradeExecutionContinued{PlanID: p.PlanID, N: 1, Phase: events.PhaseClose, CloseOut: true, Reason: "stalled"}
	for _, in := range []events.Envelope{w.envelope(more, events.SourceOrchestration, events.CloseOutID(events.RunID(runKey))), w.planned(p)} {
		w.out = nil
		if err := w.deliver(in); err != nil {
			t.Fatal(err)
		}
		if f := w.failure(); f.FailureCode != "expired" || len(w.desk.posts) != 0 {
			t.Errorf("%s: %s after %d posts", in.EventType, f.FailureCode, len(w.desk.posts))
		}
	}
}
