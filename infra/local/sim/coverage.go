package sim

import (
	"fmt"

	"github.com/alchemiser/alchemiser/pkg/topology"
)

const stageCount = 6

// stageNames are the functions in the order of a run. Before them stands what
// happens to no function: days, markets, people.
func stageNames() [stageCount + 1]topology.Name {
	return [...]topology.Name{"", topology.Start, topology.Signal, topology.Portfolio, topology.Execution, topology.Monitor, topology.Notifier}
}

func stageIndex(name topology.Name) int {
	for k, n := range stageNames() {
		if n == name {
			return k
		}
	}
	panic("sim: no stage " + name)
}

func names(functions []topology.Function) []topology.Name {
	out := make([]topology.Name, 0, len(functions))
	for _, f := range functions {
		out = append(out, f.Name)
	}
	return out
}

// runs is the function whose process runs; empty: none does.
func (w *world) runs() topology.Name {
	if p := w.loop.current; p != nil {
		return p.of.job.function.Name
	}
	return ""
}

// took counts that a fault had its effect on stages.
func (w *world) took(x Fault, at ...topology.Name) {
	for _, name := range at {
		w.faults.kinds[x].stages[stageIndex(name)].fired++
	}
}

// hits are a fault's opportunities at one stage, and how often it struck.
type hits struct{ seen, fired int }

// Coverage says where a kind of fault had opportunities, and where it struck.
type Coverage struct {
	Opportunities int `json:"opportunities"`
	Fired         int `json:"fired"`
	// Stages are the strikes at each function at which the fault can strike;
	// "world" stands for what happens to none. A death, a time-out and a sick
	// ledger call count when they came to it. One that strikes an event counts
	// at each function that the event is for.
	Stages map[string]int `json:"stages"`
}

const worldStage = "world"

// add counts one world.
func (c *Coverage) add(seen, fired int, stages [stageCount + 1]hits) {
	c.Opportunities += seen
	c.Fired += fired
	for k, name := range stageNames() {
		if stages[k].seen == 0 {
			continue
		}
		if name == "" {
			name = worldStage
		}
		if c.Stages == nil {
			c.Stages = make(map[string]int)
		}
		c.Stages[string(name)] += stages[k].fired
	}
}

func (c *Coverage) merge(o Coverage) {
	c.Opportunities += o.Opportunities
	c.Fired += o.Fired
	for name, n := range o.Stages {
		if c.Stages == nil {
			c.Stages = make(map[string]int)
		}
		c.Stages[name] += n
	}
}

// A run of many worlds must have played everything: each kind of fault, and
// each at every function at which it can strike so often at least.
const (
	manyWorlds  = 100_000
	leastStrike = 100
)

// Uncovered names what a run of many worlds did not play: the kinds of fault
// that never struck, and those that struck a function fewer than a hundred
// times although they can strike there. It is empty for smaller runs, and for
// those that were told which faults to play.
func (r Report) Uncovered() []string {
	if r.Seeds < manyWorlds || r.Options != "" {
		return nil
	}
	return r.uncovered()
}

func (r Report) uncovered() (out []string) {
	for x := Fault(1); x <= faultCount; x++ {
		c := r.Coverage[x.String()]
		if c.Fired == 0 {
			out = append(out, x.String()+" never fired")
		}
		for _, name := range stageNames() {
			if name == "" {
				name = worldStage
			}
			if n, applies := c.Stages[string(name)]; applies && n < leastStrike {
				out = append(out, fmt.Sprintf("%s struck %s %d times of at least %d", x, name, n, leastStrike))
			}
		}
	}
	return out
}

// coverage is the table of faults by function.
func (r Report) coverage(row func(cells ...string)) {
	head := []string{"fault", "fired"}
	for _, name := range stageNames() {
		if name == "" {
			name = worldStage
		}
		head = append(head, string(name))
	}
	row(head...)
	for x := Fault(1); x <= faultCount; x++ {
		c := r.Coverage[x.String()]
		cells := []string{x.String(), fmt.Sprint(c.Fired)}
		for _, name := range head[2:] {
			cell := ""
			if n, applies := c.Stages[name]; applies {
				cell = fmt.Sprint(n)
			}
			cells = append(cells, cell)
		}
		row(cells...)
	}
}
