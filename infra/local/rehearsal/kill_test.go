package rehearsal_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/infra/local/repository"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// Lambda's first retry comes after a minute: whatever else was under way has
// ended by then, and so has the dead process's lease on its event. Here the
// retry comes when everything else has ended, and the clock moves by the minute
// right before it.
const minute = time.Minute

// build makes the functions once for many clouds.
func build(t *testing.T) map[string]string {
	t.Helper()
	root, err := repository.Root()
	if err != nil {
		t.Fatal(err)
	}
	binaries, err := local.Build(context.Background(), local.BuildOptions{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	return binaries
}

// prepare starts a cloud with faults. failed counts the invocations that fail.
func prepare(t *testing.T, binaries map[string]string, faults ...fault.Fault) (r *rehearsal.Rehearsal, failed *atomic.Int32) {
	t.Helper()
	plan := &fault.Plan{}
	for _, f := range faults {
		if err := plan.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	failed = new(atomic.Int32)
	var playing atomic.Pointer[rehearsal.Rehearsal]
	r = start(t, func(o *rehearsal.Options) {
		o.Binaries, o.Faults = binaries, plan
		o.Backoff.Async.Quiet = func() { playing.Load().Advance(minute) }
		o.OnLine = func(l rehearsal.Line) {
			if l.Failed {
				failed.Add(1)
			}
		}
	})
	playing.Store(r)
	return r, failed
}

// faulty plays a run with faults and returns how many invocations failed.
func faulty(t *testing.T, binaries map[string]string, faults ...fault.Fault) (*rehearsal.Rehearsal, *rehearsal.Report, int) {
	t.Helper()
	r, failed := prepare(t, binaries, faults...)
	report := play(t, r)
	return r, report, int(failed.Load())
}

// once fails the test unless the run did what the clean one did, once: the
// same legs, each filled by exactly what was intended, and one mail. A leg may
// have taken another order when the first one's price was a minute old.
func once(t *testing.T, name string, clean, got *rehearsal.Report) {
	t.Helper()
	if !got.Success || len(got.Problems) > 0 || len(got.Mails) != 1 {
		t.Errorf("%s: outcome %s, %d mails, problems %q\n%s", name, got.Outcome, len(got.Mails), got.Problems, lines(got))
		return
	}
	filled := map[string]money.Decimal{}
	for _, o := range got.Orders {
		leg := o.Symbol + " " + string(o.Side)
		filled[leg] = filled[leg].Add(o.Filled)
	}
	if len(filled) != len(clean.Summary.Legs) {
		t.Errorf("%s: %d legs at the broker, without faults %d", name, len(filled), len(clean.Summary.Legs))
	}
	for _, want := range clean.Summary.Legs {
		i := slices.IndexFunc(got.Summary.Legs, func(l events.LegResult) bool { return l.Symbol == want.Symbol && l.Side == want.Side })
		if i < 0 {
			t.Errorf("%s: no leg %s %s", name, want.Side, want.Symbol)
			continue
		}
		intended := money.MustParse(got.Summary.Legs[i].IntendedQty)
		if f := filled[want.Symbol+" "+string(want.Side)]; !f.Equal(intended) {
			t.Errorf("%s: %s %s: filled %s, intended %s", name, want.Side, want.Symbol, f, intended)
		}
	}
}

// together is how many runs are played at a time: they wait more than they work.
const together = 8

// A process killed after any of its calls to AWS, whose effect stays: nothing
// is lost, nothing doubled, one mail (F12, F66).
func TestF66AKillAfterEveryCallTradesOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("plays a run for every call")
	}
	binaries := build(t)
	_, clean, _ := faulty(t, binaries)
	points, total := map[topology.Name]int{}, 0
	began := time.Now()
	for _, f := range topology.Functions() {
		for wave, all := 0, true; all; wave++ {
			killed := make([]bool, together)
			var playing sync.WaitGroup
			for i := range together {
				playing.Go(func() {
					k := wave*together + i + 1
					r, report, failed := faulty(t, binaries, fault.Fault{Do: fault.KillAfterCall, Function: string(f.Name), Nth: k})
					// A self-test after the run may be killed as well: it is not the run's.
					killed[i] = failed > 0
					once(t, fmt.Sprintf("%s, call %d", f.Name, k), clean, report)
					if err := r.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			playing.Wait()
			for _, hit := range killed {
				if all = all && hit; hit {
					points[f.Name]++
					total++
				}
			}
		}
		if points[f.Name] == 0 {
			t.Errorf("%s was never killed", f.Name)
		}
	}
	t.Logf("%d kills in %s: %v", total, time.Since(began).Round(time.Millisecond), points)
}

// Every function fails once in the same run.
func TestF12EveryFunctionFailsOnce(t *testing.T) {
	binaries := build(t)
	_, clean, _ := faulty(t, binaries)
	for _, do := range []fault.Action{fault.KillBeforeWork, fault.KillAfterCall, fault.KillBeforeResponse} {
		t.Run(string(do), func(t *testing.T) {
			var faults []fault.Fault
			for _, f := range topology.Functions() {
				faults = append(faults, fault.Fault{Do: do, Function: string(f.Name)})
			}
			r, report, failed := faulty(t, binaries, faults...)
			if want := len(topology.Functions()); failed != want {
				t.Errorf("%d invocations failed, want %d\n%s", failed, want, lines(report))
			}
			once(t, string(do), clean, report)
			t.Logf("%s from the schedule to the mail, without faults %s; messages in queues: %s", report.Chain, clean.Chain, inQueues(r.Cloud.Snapshot()))
		})
	}
}

// inQueues says which queues hold something.
func inQueues(s local.Snapshot) string {
	var full []string
	for _, q := range s.Queues {
		if n := q.Visible + q.Hidden; n > 0 {
			full = append(full, fmt.Sprintf("%s %d", q.Name, n))
		}
	}
	if len(full) == 0 {
		return fmt.Sprintf("none in any of %d", len(s.Queues))
	}
	return strings.Join(full, ", ")
}
