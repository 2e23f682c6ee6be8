package sim

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Report are the figures of many worlds. Two of different seeds can be added.
type Report struct {
	Ranges  []Range `json:"ranges"` // of seeds, in order
	Options string  `json:"options,omitempty"`
	Seeds   int     `json:"seeds"`
	// Traces is one hash over all worlds, whatever the order they were played
	// in: two builds that print the same one played the same traces.
	Traces      string                    `json:"traces"`
	Seconds     float64                   `json:"seconds"`
	CoreSeconds float64                   `json:"core_seconds"`
	Workers     int                       `json:"workers"`
	Runs        int                       `json:"runs"`
	Effects     int                       `json:"effects"`
	Invocations int                       `json:"invocations"`
	Faults      int                       `json:"faults"`
	Coverage    map[string]Coverage       `json:"coverage"` // by kind of fault
	Outcomes    map[string]map[string]int `json:"outcomes"` // runs by rate of faults and how they ended
	// Recovery is how long runs took to their end after the last fault, by the
	// way that led them there.
	Recovery map[Path]Histogram `json:"recoveries_ms"`
	// Broken counts the worlds in which an invariant broke; "any" those in
	// which one did.
	Broken map[string]int `json:"broken"`
	// Violations are the first ones, by seed.
	Violations []Violation `json:"violations"`
}

// Range are the seeds from From on.
type Range struct {
	From uint64 `json:"from"`
	N    uint64 `json:"n"`
}

// mostViolations are kept word for word.
const mostViolations = 1000

const anyInvariant = "any"

func newReport(o Options) Report {
	return Report{
		Options: o.String(), Coverage: make(map[string]Coverage), Outcomes: make(map[string]map[string]int), Recovery: make(map[Path]Histogram),
		Broken: make(map[string]int), Traces: hex.EncodeToString(make([]byte, 32)), Violations: []Violation{},
	}
}

// String names the options that make other worlds than the usual ones.
func (o Options) String() string {
	var parts []string
	if o.Rate != nil {
		parts = append(parts, fmt.Sprintf("rate %g", *o.Rate))
	}
	if o.Days != 0 {
		parts = append(parts, fmt.Sprintf("days %d", o.Days))
	}
	if len(o.Only) > 0 {
		parts = append(parts, fmt.Sprintf("only %v", o.Only))
	}
	if len(o.Without) > 0 {
		parts = append(parts, fmt.Sprintf("without %v", o.Without))
	}
	if o.Strikes != nil {
		parts = append(parts, fmt.Sprintf("faults %v", o.Strikes))
	}
	if o.Once {
		parts = append(parts, "nothing sent again at the end")
	}
	return strings.Join(parts, ", ")
}

// add counts one world.
func (r *Report) add(x Result) {
	r.Seeds++
	r.Effects += x.Effects
	r.Invocations += x.Invocations
	r.Runs += len(x.Outcomes)
	r.Traces = together(r.Traces, x.Hash)
	for f := Fault(1); f <= faultCount; f++ {
		c := r.Coverage[f.String()]
		c.add(x.Seen[f], x.Fired[f], x.Stages[f])
		r.Coverage[f.String()] = c
		r.Faults += x.Fired[f]
	}
	rate := fmt.Sprintf("%.0f %%", 100*x.Rate)
	if r.Outcomes[rate] == nil {
		r.Outcomes[rate] = make(map[string]int)
	}
	for _, o := range x.Outcomes {
		if o == "FAILED:monitor:stalled" {
			o = "stalled"
		}
		kind, _, _ := strings.Cut(o, ":")
		r.Outcomes[rate][kind]++
	}
	for _, y := range x.Recoveries {
		r.recovery(y.Path).add(y.Took)
	}
	r.Violations = append(r.Violations, x.Violations...)
	broken := make(map[string]bool)
	for _, v := range x.Violations {
		broken[v.Invariant], broken[anyInvariant] = true, true
	}
	for invariant := range broken {
		r.Broken[invariant]++
	}
}

func (r *Report) recovery(path Path) Histogram {
	if r.Recovery[path] == nil {
		r.Recovery[path] = make(Histogram)
	}
	return r.Recovery[path]
}

// together is the hash of hashes: their sum without carry, so that neither
// order nor grouping matters.
func together(a, b string) string {
	x, errX := hex.DecodeString(a)
	y, errY := hex.DecodeString(b)
	if errX != nil || errY != nil || len(x) != len(y) {
		panic(fmt.Sprintf("sim: %q and %q are not two hashes", a, b))
	}
	for k := range x {
		x[k] ^= y[k]
	}
	return hex.EncodeToString(x)
}

// Merge adds the figures of other worlds. Worlds that both have played, and
// worlds made with other options, are errors.
func (r *Report) Merge(o Report) error {
	if r.Options != o.Options {
		return fmt.Errorf("sim: worlds with %q and with %q are not added", r.Options, o.Options)
	}
	if raw, err := hex.DecodeString(o.Traces); err != nil || len(raw) != 32 {
		return fmt.Errorf("sim: %q is not a hash over traces", o.Traces)
	}
	ranges := append(slices.Clone(r.Ranges), o.Ranges...)
	slices.SortFunc(ranges, func(a, b Range) int {
		if a.From < b.From {
			return -1
		}
		return 1
	})
	joined := ranges[:0]
	for _, s := range ranges {
		if k := len(joined) - 1; k >= 0 {
			switch end := joined[k].From + joined[k].N; {
			case s.From < end:
				return fmt.Errorf("sim: the worlds from seed %d on are in both reports", s.From)
			case s.From == end:
				joined[k].N += s.N
				continue
			}
		}
		joined = append(joined, s)
	}
	r.Ranges = joined
	r.Seeds, r.Runs, r.Effects, r.Invocations, r.Faults = r.Seeds+o.Seeds, r.Runs+o.Runs, r.Effects+o.Effects, r.Invocations+o.Invocations, r.Faults+o.Faults
	r.Seconds, r.CoreSeconds, r.Workers = r.Seconds+o.Seconds, r.CoreSeconds+o.CoreSeconds, max(r.Workers, o.Workers)
	r.Traces = together(r.Traces, o.Traces)
	for x, c := range o.Coverage {
		mine := r.Coverage[x]
		mine.merge(c)
		r.Coverage[x] = mine
	}
	for rate, outcomes := range o.Outcomes {
		if r.Outcomes[rate] == nil {
			r.Outcomes[rate] = make(map[string]int)
		}
		for outcome, n := range outcomes {
			r.Outcomes[rate][outcome] += n
		}
	}
	for path, h := range o.Recovery {
		r.recovery(path).merge(h)
	}
	for invariant, n := range o.Broken {
		r.Broken[invariant] += n
	}
	r.Violations = append(r.Violations, o.Violations...)
	r.trim()
	return nil
}

// Merged is the joint report of several.
func Merged(reports ...Report) (Report, error) {
	out := newReport(Options{})
	for k, r := range reports {
		if k == 0 {
			out.Options = r.Options
		}
		if err := out.Merge(r); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (r *Report) trim() {
	slices.SortStableFunc(r.Violations, func(a, b Violation) int {
		if a.Seed < b.Seed {
			return -1
		} else if a.Seed > b.Seed {
			return 1
		}
		return 0
	})
	if len(r.Violations) > mostViolations {
		r.Violations = slices.Clip(r.Violations[:mostViolations])
	}
}

// Err is what is wrong with the worlds, or with what was played in them.
func (r Report) Err() error {
	if n := r.Broken[anyInvariant]; n > 0 {
		return fmt.Errorf("%d worlds with violations", n)
	}
	if missing := r.Uncovered(); len(missing) > 0 {
		return fmt.Errorf("not everything was played: %s", strings.Join(missing, "; "))
	}
	return nil
}

// String is the report for people.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d worlds of seeds %s in %.1f s on %d cores: %.0f a second and core; %d runs, %d invocations, %d effects, %d faults\n",
		r.Seeds, r.seeds(), r.Seconds, r.Workers, r.speed(), r.Runs, r.Invocations, r.Effects, r.Faults)
	for _, rate := range slices.Sorted(maps.Keys(r.Outcomes)) {
		total := 0
		for _, n := range r.Outcomes[rate] {
			total += n
		}
		fmt.Fprintf(&b, "runs at %s faults: %d", rate, total)
		for _, o := range slices.Sorted(maps.Keys(r.Outcomes[rate])) {
			fmt.Fprintf(&b, ", %s %.1f %%", o, 100*float64(r.Outcomes[rate][o])/float64(total))
		}
		b.WriteByte('\n')
	}
	for _, path := range paths() {
		if h := r.Recovery[path]; len(h) > 0 {
			fmt.Fprintf(&b, "from the last fault to the end of %d runs (%s): p50 %.1f s, p99 %.1f s, at most %.1f s\n",
				h.Count(), path, h.Quantile(0.5).Seconds(), h.Quantile(0.99).Seconds(), h.Quantile(1).Seconds())
		}
	}
	r.coverage(func(cells ...string) {
		for k, cell := range cells {
			fmt.Fprintf(&b, "%*s", [...]int{5, 10}[min(k, 1)], cell)
		}
		b.WriteByte('\n')
	})
	for _, invariant := range slices.Sorted(maps.Keys(r.Broken)) {
		if invariant != anyInvariant {
			fmt.Fprintf(&b, "%s broke in %d worlds\n", invariant, r.Broken[invariant])
		}
	}
	fmt.Fprintf(&b, "traces: %s\n%d worlds with violations\n", r.Traces, r.Broken[anyInvariant])
	return b.String()
}

func (r Report) seeds() string {
	parts := make([]string, 0, len(r.Ranges))
	for _, s := range r.Ranges {
		parts = append(parts, fmt.Sprintf("%d to %d", s.From, s.From+s.N-1))
	}
	return strings.Join(parts, ", ")
}

// speed are the worlds a second and core.
func (r Report) speed() float64 {
	if r.CoreSeconds == 0 {
		return 0
	}
	return float64(r.Seeds) / r.CoreSeconds
}
