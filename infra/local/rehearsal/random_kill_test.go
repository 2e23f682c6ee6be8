package rehearsal_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

var (
	randomRuns = flag.Int("random-runs", 100, "runs with random faults")
	randomSeed = flag.Uint64("random-seed", 1, "seed of the first of them")
)

// storm is what goes wrong in one run.
type storm struct {
	faults  []fault.Fault
	restart time.Duration // of the paper broker, from the run's beginning; 0: it stays up
	pause   time.Duration // until it is there again
}

func (s storm) String() string {
	var all []string
	for _, f := range s.faults {
		all = append(all, fmt.Sprintf("%s %s %s nth %d after %s", f.Do, f.Function, f.Operation, f.Nth, f.Delay))
	}
	if s.restart > 0 {
		all = append(all, fmt.Sprintf("the broker is down for %s after %s", s.pause, s.restart))
	}
	return strings.Join(all, "; ")
}

// newStorm draws a process killed at a random moment of its work, and up to
// two things more. An event's own invocation fails at most twice: the third
// failure ends in the queue and needs the operator.
func newStorm(seed uint64, took map[string]time.Duration) storm {
	dice := rand.New(rand.NewPCG(seed, 66))
	all := topology.Functions()
	function := func() string { return string(all[dice.IntN(len(all))].Name) }
	victim := function()
	s := storm{faults: []fault.Fault{{
		Do: fault.KillWhileWorking, Function: victim, Delay: time.Duration(dice.Float64() * 1.1 * float64(took[victim])),
	}}}
	for range dice.IntN(3) {
		f := fault.Fault{Function: function(), Nth: 1 + dice.IntN(2)}
		switch dice.IntN(8) {
		case 0:
			f.Do = fault.DeliverTwice
		case 1:
			f.Do, f.Delay = fault.DelayDelivery, time.Duration(dice.IntN(100))*time.Millisecond
		case 2:
			f.Do, f.Delay = fault.DeliverReversed, 50*time.Millisecond
		case 3:
			f.Do = fault.DropResponse
		case 4:
			f.Do, f.Nth = fault.FailReply, 1+dice.IntN(8)
		case 5:
			f.Do, f.Function = fault.RejectEntry, ""
		case 6:
			f.Do = fault.KillBeforeResponse
		case 7:
			s.restart = time.Duration(1+dice.IntN(150)) * time.Millisecond
			s.pause = time.Duration(dice.IntN(40)) * time.Millisecond
			continue
		}
		s.faults = append(s.faults, f)
	}
	return s
}

// Processes killed at random moments, deliveries doubled, delayed, overtaken,
// replies lost, the broker restarted: the account ends as without any of it,
// and its owner gets one mail (F66).
func TestF66RandomKillsLoseAndDoubleNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("plays many runs")
	}
	binaries := build(t)
	_, clean, _ := faulty(t, binaries)
	took := map[string]time.Duration{}
	for _, l := range clean.Timeline {
		took[l.Function] = l.Duration
	}
	var mu sync.Mutex
	failures, restarts := 0, 0
	began := time.Now()
	seeds := make(chan uint64)
	var playing sync.WaitGroup
	for range together {
		playing.Go(func() {
			for seed := range seeds {
				s := newStorm(seed, took)
				failed := endure(t, binaries, seed, s, clean)
				mu.Lock()
				if failures += failed; s.restart > 0 {
					restarts++
				}
				mu.Unlock()
			}
		})
	}
	for i := range *randomRuns {
		seeds <- *randomSeed + uint64(i)
	}
	close(seeds)
	playing.Wait()
	if failures < *randomRuns/2 {
		t.Errorf("only %d invocations failed in %d runs: the faults hit nothing", failures, *randomRuns)
	}
	t.Logf("%d runs in %s: %d invocations failed, the broker was restarted in %d runs", *randomRuns, time.Since(began).Round(time.Millisecond), failures, restarts)
}

// endure plays a run in a storm and returns how many invocations failed.
func endure(t *testing.T, binaries map[string]string, seed uint64, s storm, clean *rehearsal.Report) int {
	t.Helper()
	r, failed := prepare(t, binaries, s.faults...)
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	if s.restart > 0 {
		var restarting sync.WaitGroup
		defer restarting.Wait()
		restarting.Go(func() {
			time.Sleep(s.restart)
			if err := r.RestartPaper(context.Background(), s.pause); err != nil {
				t.Error(err)
			}
		})
	}
	report, err := r.Run(context.Background())
	if err != nil {
		t.Errorf("-random-seed %d -random-runs 1: %s: %v", seed, s, err)
		return int(failed.Load())
	}
	if failed.Load() > 0 && len(report.Mails) == 2 && report.Mails[0].MessageID == report.Mails[1].MessageID {
		report.Mails = report.Mails[:1] // the notifier died between the server's acceptance and its own note of it
	}
	once(t, fmt.Sprintf("-random-seed %d -random-runs 1: %s", seed, s), clean, report)
	repeatAll(t, r)
	return int(failed.Load())
}
