package sim

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Batch is many worlds.
type Batch struct {
	From    uint64
	N       int
	Options Options
	KeepOn  bool // after a violation
	Twice   bool // and compare the traces
	Workers int  // 0: one per core
}

// Many plays a batch on all cores. Worlds share nothing but what is read only.
func Many(b Batch) Report {
	if b.Workers == 0 {
		b.Workers = runtime.GOMAXPROCS(0)
	}
	began := time.Now()
	r := newReport(b.Options)
	r.Workers = b.Workers
	var next atomic.Int64
	var stop atomic.Bool
	var mu sync.Mutex
	var wait sync.WaitGroup
	for range b.Workers {
		wait.Go(func() {
			b := b
			b.Options.threads = &threads{}
			defer b.Options.threads.end()
			for !stop.Load() {
				k := next.Add(1) - 1
				if k >= int64(b.N) {
					return
				}
				result := b.play(b.From + uint64(k))
				mu.Lock()
				r.add(result)
				mu.Unlock()
				if len(result.Violations) > 0 && !b.KeepOn {
					stop.Store(true)
				}
			}
		})
	}
	wait.Wait()
	r.Seconds = time.Since(began).Seconds()
	r.CoreSeconds = r.Seconds * float64(r.Workers)
	r.Ranges = []Range{{b.From, uint64(r.Seeds)}}
	r.trim()
	return r
}

func (b Batch) play(seed uint64) Result {
	result := Run(seed, b.Options)
	if b.Twice {
		if again := Run(seed, b.Options); again.Hash != result.Hash {
			result.Violations = append(result.Violations, Violation{Invariant: "determinism", Seed: seed, At: time.Unix(0, 0), Text: "two traces of one seed differ: " + result.Hash[:12] + " and " + again.Hash[:12]})
		}
	}
	return result
}

// Detection says after how many seeds an invariant broke.
type Detection struct {
	Seeds     []int // by starting point; 0: not within the limit
	Invariant string
	Example   string // the first violation
}

// Detect counts, from several starting points, the seeds until one of the
// invariants breaks.
func Detect(invariants []string, starts, limit int, o Options) Detection {
	const apart = 1_000_000 // between starting points
	d := Detection{Seeds: make([]int, starts)}
	var mu sync.Mutex
	var wait sync.WaitGroup
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	for s := range starts {
		turns <- struct{}{}
		wait.Go(func() {
			defer func() { <-turns }()
			for k := range limit {
				for _, v := range Run(uint64(s*apart+k+1), o).Violations {
					if !slices.Contains(invariants, v.Invariant) {
						continue
					}
					d.Seeds[s] = k + 1
					mu.Lock()
					if d.Example == "" || s == 0 {
						d.Invariant, d.Example = v.Invariant, v.String()
					}
					mu.Unlock()
					return
				}
			}
		})
	}
	wait.Wait()
	return d
}

// DetectBySweep is Detect with the crash sweep in place of seeds: every
// scenario as it is, and then with all that can go wrong in it.
func DetectBySweep(invariants []string) Detection {
	broken := func(wrong []Violation) *Violation {
		if k := slices.IndexFunc(wrong, func(v Violation) bool { return slices.Contains(invariants, v.Invariant) }); k >= 0 {
			return &wrong[k]
		}
		return nil
	}
	for n, s := range Scenarios() {
		if v := broken(s.play(point{}, Options{}).wrong); v != nil {
			return Detection{Seeds: []int{n + 1}, Invariant: v.Invariant, Example: v.String()}
		}
	}
	for n, s := range Scenarios() {
		if v := broken(s.Sweep(false, 0).Violations); v != nil {
			return Detection{Seeds: []int{n + 1}, Invariant: v.Invariant, Example: v.String()}
		}
	}
	return Detection{Seeds: []int{0}}
}

// Repro is the command that shows the violation again.
func (v Violation) Repro(o Options) string {
	s := fmt.Sprintf("repro: go run ./infra/local/cmd/sim -seed %d", v.Seed)
	if o.Rate != nil {
		s += fmt.Sprintf(" -rate %g", *o.Rate)
	}
	if o.Days != 0 {
		s += fmt.Sprintf(" -days %d", o.Days)
	}
	if o.Wire {
		s += " -wire"
	}
	if o.Once {
		s += " -once"
	}
	list := func(flag string, faults []Fault) {
		for k, f := range faults {
			s += [...]string{" -" + flag + " ", ","}[min(k, 1)] + f.String()
		}
	}
	list("only", o.Only)
	list("without", o.Without)
	if o.Strikes != nil {
		names := make([]string, 0, len(o.Strikes))
		for _, x := range o.Strikes {
			names = append(names, x.String())
		}
		if len(names) == 0 {
			names = []string{"none"}
		}
		s += " -faults " + strings.Join(names, ",")
	}
	return s + " -trace"
}

// Shrink takes faults away as long as the same invariant stays broken: halves
// first, then single ones.
func Shrink(seed uint64, o Options) ([]Strike, Violation, bool) {
	o.Trace = false
	first := Run(seed, o)
	if len(first.Violations) == 0 {
		return nil, Violation{}, false
	}
	found := first.Violations[0]
	broken := func(strikes []Strike) bool {
		o.Strikes = strikes
		for _, v := range Run(seed, o).Violations {
			if v.Invariant == found.Invariant {
				found = v
				return true
			}
		}
		return false
	}
	left := slices.Clone(first.Strikes)
	if left == nil {
		left = []Strike{}
	}
	if !broken(left) { // what strikes is not all that was drawn
		return left, first.Violations[0], true
	}
	for size := max(len(left)/2, 1); size > 0 && len(left) > 0; size /= 2 {
		for k := 0; k < len(left); {
			less := slices.Delete(slices.Clone(left), k, min(k+size, len(left)))
			if broken(less) {
				left = less
			} else {
				k += size
			}
		}
	}
	broken(left)
	return left, found, true
}
