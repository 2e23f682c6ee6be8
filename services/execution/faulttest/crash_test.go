package faulttest

import (
	"fmt"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/events"
)

// F66: the process dies at every call that it makes, before the call and after
// it, and Lambda tries again. The run ends as it would have.
func TestF66CrashAtEveryCall(t *testing.T) {
	for _, s := range []setup{
		{profile: paperbroker.Instant, seed: 1},
		{profile: paperbroker.Paper, seed: 2},
		{profile: paperbroker.Adversarial, seed: 3},
	} {
		clean := newWorld(t, s)
		clean.run()
		if wrong := clean.judge(); len(wrong) > 0 || clean.final == nil {
			t.Fatalf("%s without a crash: %v %s", s.profile, wrong, clean.told())
		}
		calls := clean.pulse.calls
		t.Logf("%s: %d calls; %s", s.profile, calls, clean.told())
		step := 1
		if testing.Short() || calls > 150 {
			step = max(1, calls/60)
		}
		for at := 1; at <= calls; at += step {
			for _, side := range []where{beforeCall, afterCall} {
				t.Run(fmt.Sprintf("%s call %d side %d", s.profile, at, side), func(t *testing.T) {
					w := newWorld(t, s)
					w.pulse.at, w.pulse.where = at, side
					w.run()
					for _, wrong := range w.judge() {
						t.Errorf("dead at %q: %s", w.pulse.died, wrong)
					}
					if w.final != nil && s.profile == paperbroker.Instant && w.final.Outcome != events.OutcomeCompleted {
						t.Errorf("dead at %q: %s", w.pulse.died, w.told())
					}
				})
			}
		}
	}
}

// F90: the process dies at every call, and nobody delivers its event again. The
// close-out finds what was done, ends it and reports it, once.
func TestF90CloseOutAfterACrash(t *testing.T) {
	s := slow()
	clean := newWorld(t, s)
	clean.run()
	for at := 1; at <= clean.pulse.calls; at++ {
		for _, side := range []where{beforeCall, afterCall} {
			t.Run(fmt.Sprintf("call %d side %d", at, side), func(t *testing.T) {
				w := newWorld(t, s)
				w.pulse.at, w.pulse.where, w.forgets = at, side, true
				w.run()
				for _, wrong := range w.judge() {
					t.Errorf("dead at %q: %s\n%s", w.pulse.died, wrong, w.told())
				}
				if w.executing() {
					t.Errorf("dead at %q: the plan is not done", w.pulse.died)
				}
			})
		}
	}
}
