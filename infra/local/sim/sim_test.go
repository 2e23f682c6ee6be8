package sim

import (
	"fmt"
	"reflect"
	"runtime"
	"testing"
	"time"
)

func report(t *testing.T, r Result, o Options) {
	t.Helper()
	for _, v := range r.Violations {
		v.Seed = r.Seed
		t.Errorf("%s\n%s", v, v.Repro(o))
	}
}

// Without faults every run completes, and the account holds what the
// strategies say (I16).
func TestWorldsWithoutFaults(t *testing.T) {
	none := 0.0
	o := Options{Rate: &none}
	for seed := range uint64(30) {
		report(t, Run(seed, o), o)
	}
}

// Under faults nothing that was promised breaks.
func TestWorlds(t *testing.T) {
	seeds := uint64(150)
	if testing.Short() {
		seeds = 100
	}
	for _, v := range Many(Batch{From: 1, N: int(seeds)}).Violations {
		t.Errorf("%s\n%s", v, v.Repro(Options{}))
	}
}

// Worlds leave no goroutine behind.
func TestWorldsEnd(t *testing.T) {
	before := runtime.NumGoroutine()
	Many(Batch{From: 1, N: 20, KeepOn: true})
	Run(1, Options{})
	Scenarios()[0].play(point{}, Options{})
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// One seed is one trace, on one core and on many.
func TestOneSeedIsOneTrace(t *testing.T) {
	const seeds = 12
	hashes := make([]string, seeds)
	for k := range hashes {
		hashes[k] = Run(uint64(k), Options{}).Hash
	}
	for _, cores := range []int{1, 8} {
		t.Run(fmt.Sprint(cores, " cores"), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
			for k, hash := range hashes {
				if again := Run(uint64(k), Options{}).Hash; again != hash {
					t.Errorf("seed %d: trace %s, then %s", k, hash, again)
				}
			}
		})
	}
}

// What a world read once, for several invocations and its judge, is still what
// stands in the bytes: none of them has changed it.
func TestNoFunctionChangesWhatItIsGiven(t *testing.T) {
	o := Options{threads: &threads{}}
	defer o.threads.end()
	for seed := uint64(1); seed <= 40; seed++ {
		w := newWorld(seed, o)
		w.play()
		w.judge()
		for detail, r := range w.readings {
			if again := newReading([]byte(detail)); !reflect.DeepEqual(again.in, r.in) {
				t.Errorf("seed %d: somebody has changed what was read:\n%s\n%+v", seed, detail, r.in.Payload)
			}
		}
	}
}

func BenchmarkWorlds(b *testing.B) {
	seed, o := uint64(1), Options{threads: &threads{}}
	defer o.threads.end()
	for b.Loop() {
		Run(seed, o)
		seed++
	}
}

func BenchmarkWorldsOnce(b *testing.B) {
	seed, o := uint64(1), Options{Once: true, threads: &threads{}}
	defer o.threads.end()
	for b.Loop() {
		Run(seed, o)
		seed++
	}
}
