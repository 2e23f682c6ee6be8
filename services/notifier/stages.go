package notifier

import (
	"fmt"
	"slices"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// Stage is the time of one stage and what Lambda charges for it.
type Stage struct{ Name, Time, Cost string }

// List prices of Lambda on arm64 in us-east-1, in millionths of a millionth of
// a US dollar (aws.amazon.com/lambda/pricing).
const (
	perGBSecond = 13_333_400
	perRequest  = 200_000
)

const costNote = "Cost: Lambda at its list price for the measured time and the memory of the function, at most; " +
	"cold starts, monitor and this mail are not in it."

// wholeRun is the name under which the events carry the time from start to end.
const wholeRun = "run"

// stages lists the stages in the order of the run, then the whole. In neutral
// mode nothing has a cost.
func stages(t events.Timings, neutral bool) []Stage {
	var names []string
	for _, f := range topology.Functions() {
		if _, ok := t[string(f.Name)]; ok {
			names = append(names, string(f.Name))
		}
	}
	var rest []string
	for name := range t {
		if name != wholeRun && !slices.Contains(names, name) {
			rest = append(rest, name)
		}
	}
	slices.Sort(rest)
	var out []Stage
	var sum int64
	for _, name := range append(names, rest...) {
		line := Stage{Name: name, Time: duration(t[name])}
		if f, err := topology.Lookup(topology.Name(name)); err == nil && !neutral {
			cost := lambdaCost(t[name], f.MemoryMB)
			sum += cost
			line.Cost = dollars(cost)
		}
		out = append(out, line)
	}
	if ms, ok := t[wholeRun]; ok {
		line := Stage{Name: "whole run", Time: duration(ms)}
		if !neutral && sum > 0 {
			line.Cost = dollars(sum)
		}
		out = append(out, line)
	}
	return out
}

// lambdaCost is one request and its GB-seconds. Lambda charges by the
// millisecond.
func lambdaCost(ms int64, memoryMB int) int64 {
	return perRequest + ms*int64(memoryMB)*perGBSecond/(1000*1024)
}

// dollars shows a price in full, rounded to a ten-millionth.
func dollars(cost int64) string {
	tenMillionths := (cost + 50_000) / 100_000
	return fmt.Sprintf("$%d.%07d", tenMillionths/10_000_000, tenMillionths%10_000_000)
}

func duration(ms int64) string {
	switch {
	case ms < 1000:
		return fmt.Sprintf("%d ms", ms)
	case ms < 60_000:
		return fmt.Sprintf("%.1f s", float64(ms)/1000)
	}
	d := (time.Duration(ms) * time.Millisecond).Round(time.Second)
	return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
}
