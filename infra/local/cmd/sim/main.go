// Command sim plays worlds of the deterministic simulation: the real handlers
// under virtual time and every fault that has a name.
//
//	go run ./infra/local/cmd/sim -n 10000                 # seeds 1 to 10,000, on all cores; stops at the first failure
//	go run ./infra/local/cmd/sim -seed 8123 -trace        # one world, line by line
//	go run ./infra/local/cmd/sim -seed 8123 -shrink       # the fewest faults that lead to the same violation
//	go run ./infra/local/cmd/sim -sweep -pairs            # every effect dies, and every effect of what follows
//	go run ./infra/local/cmd/sim -mutants all             # is every planted bug found?
//	go run ./infra/local/cmd/sim -merge a.json b.json     # one report of two that -json printed
//	go run ./infra/local/cmd/sim -baseline                # the same worlds without any protection
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/alchemiser/alchemiser/infra/local/repository"
	"github.com/alchemiser/alchemiser/infra/local/sim"
)

func main() {
	// Worlds leave much behind and keep little: a few hundred megabytes that are
	// used again and again. Fresh memory costs more than collecting what is there.
	debug.SetGCPercent(3000)
	debug.SetMemoryLimit(2 << 30)
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sim:", err)
		os.Exit(1)
	}
}

type command struct {
	seed, from                    uint64
	n                             int
	rate                          float64
	days                          int
	wire                          bool
	strikes, only, without        string
	trace, shrink, asJSON, keepOn bool
	determinism, once             bool
	detect, mutants               string
	starts                        int
	sweep, pairs                  bool
	most                          int
	merge, write, baseline        bool
	files                         []string // to be merged
}

func run(args []string, out io.Writer) error {
	var c command
	f := flag.NewFlagSet("sim", flag.ContinueOnError)
	f.Uint64Var(&c.seed, "seed", 0, "play the world of this seed alone")
	f.Uint64Var(&c.from, "from", 1, "the first of many seeds")
	f.IntVar(&c.n, "n", 1000, "how many seeds")
	f.Float64Var(&c.rate, "rate", -1, "of faults at each opportunity (default 0.05, 0.15 in every tenth seed, 0 in every hundredth)")
	f.BoolVar(&c.wire, "wire", false, "reach the broker through the adapter, the SDK, HTTP and JSON; a fifth slower")
	f.IntVar(&c.days, "days", 0, "days of a world (default drawn, 1 to 3)")
	f.StringVar(&c.strikes, "faults", "", "exactly these faults, such as X11@42,X16@57; none: no fault")
	f.StringVar(&c.only, "only", "", "only faults of these kinds, such as X01,X07")
	f.StringVar(&c.without, "without", "", "no faults of these kinds")
	f.BoolVar(&c.trace, "trace", false, "print the whole world")
	f.BoolVar(&c.shrink, "shrink", false, "find the fewest faults that lead to the same violation")
	f.BoolVar(&c.asJSON, "json", false, "print figures as one JSON document")
	f.BoolVar(&c.keepOn, "keep-on", false, "go on after a failure")
	f.BoolVar(&c.determinism, "twice", false, "play every world twice and compare the traces")
	f.BoolVar(&c.once, "once", false, "do not send every event of a world again at its end")
	f.StringVar(&c.mutants, "mutants", "", "plant these bugs, such as M01,M07, or all, and find them; -starts points, at most -n seeds from each")
	f.StringVar(&c.detect, "detect", "", "count the seeds until one of these invariants breaks, from -starts points")
	f.BoolVar(&c.sweep, "sweep", false, "the crash sweep: let every effect of every scenario die, deliver every event twice, give every answer")
	f.BoolVar(&c.pairs, "pairs", false, "with -sweep: and a second death in what follows each")
	f.IntVar(&c.most, "most", 0, "with -sweep: at most so many points a scenario, evenly taken; 0: all")
	f.BoolVar(&c.merge, "merge", false, "add the reports of the files named behind all flags, which -json printed")
	f.BoolVar(&c.write, "write", false, "keep the figures, and write them into "+document)
	f.BoolVar(&c.baseline, "baseline", false, "play -n seeds with all protections and with none")
	f.IntVar(&c.starts, "starts", 5, "starting points of -mutants and -detect")
	if err := f.Parse(args); err != nil {
		return err
	}
	if c.files = f.Args(); len(c.files) > 0 && !c.merge {
		return fmt.Errorf("%q is not a flag; see -h", f.Arg(0))
	}
	o, err := c.options()
	if err != nil {
		return err
	}
	switch {
	case c.merge:
		return c.mergeAll(out)
	case c.baseline:
		return c.compare(out)
	case c.mutants != "":
		return c.findMutants(out)
	case c.sweep && c.detect != "":
		return json.NewEncoder(out).Encode(sim.DetectBySweep(strings.Split(c.detect, ",")))
	case c.sweep:
		return c.sweepAll(out)
	case c.detect != "":
		return json.NewEncoder(out).Encode(sim.Detect(strings.Split(c.detect, ","), c.starts, c.n, o))
	case c.shrink:
		return shrink(c.seed, o, out)
	case c.seed != 0:
		return one(c.seed, o, out)
	}
	return c.many(o, out)
}

func (c command) options() (o sim.Options, err error) {
	if c.rate >= 0 {
		o.Rate = &c.rate
	}
	o.Days, o.Trace, o.Once, o.Wire = c.days, c.trace, c.once, c.wire
	if o.Only, err = sim.ParseFaults(c.only); err != nil {
		return o, err
	}
	if o.Without, err = sim.ParseFaults(c.without); err != nil {
		return o, err
	}
	switch c.strikes {
	case "":
	case "none":
		o.Strikes = []sim.Strike{}
	default:
		o.Strikes, err = sim.ParseStrikes(c.strikes)
	}
	return o, err
}

func one(seed uint64, o sim.Options, out io.Writer) error {
	r := sim.Run(seed, o)
	for _, line := range r.Lines {
		fmt.Fprintln(out, line)
	}
	fmt.Fprintf(out, "seed %d: %d invocations, %d effects, %d faults %v, runs %v, trace %s\n", seed, r.Invocations, r.Effects, len(r.Strikes), r.Strikes, r.Outcomes, r.Hash)
	for _, v := range r.Violations {
		fmt.Fprintln(out, v)
	}
	if len(r.Violations) > 0 {
		return fmt.Errorf("%d violations", len(r.Violations))
	}
	return nil
}

func (c command) many(o sim.Options, out io.Writer) error {
	report := sim.Many(sim.Batch{From: c.from, N: c.n, Options: o, KeepOn: c.keepOn, Twice: c.determinism})
	return c.print(report, o, out)
}

// print prints figures, and first what is wrong; with -json all of it is one
// document.
func (c command) print(report sim.Report, o sim.Options, out io.Writer) error {
	if c.write {
		root, err := repository.Root()
		if err == nil {
			err = publish(root, report)
		}
		if err != nil {
			return err
		}
	}
	if c.asJSON {
		if err := json.NewEncoder(out).Encode(report); err != nil {
			return err
		}
		return report.Err()
	}
	for _, v := range report.Violations {
		fmt.Fprintln(out, v)
		fmt.Fprintln(out, v.Repro(o))
	}
	fmt.Fprint(out, report)
	return report.Err()
}

func shrink(seed uint64, o sim.Options, out io.Writer) error {
	strikes, v, ok := sim.Shrink(seed, o)
	if !ok {
		return fmt.Errorf("seed %d breaks nothing", seed)
	}
	fmt.Fprintln(out, v)
	o.Strikes = strikes
	fmt.Fprintln(out, v.Repro(o))
	return nil
}
