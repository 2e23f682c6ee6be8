package iam

import (
	"cmp"
	"slices"
	"sync"
)

// Audit decides requests and remembers what was denied and which grants were used.
type Audit struct {
	mu      sync.Mutex
	denials []Denial
	used    map[Grant]int
}

// Denial is one request that was refused.
type Denial struct {
	Who      string `json:"who"`
	Action   string `json:"action"`
	Resource string `json:"resource"`
	Reason   string `json:"reason"`
}

// Decide evaluates the request and records the outcome.
func (a *Audit) Decide(who string, r Request, policies ...Policy) Decision {
	d := Evaluate(r, policies...)
	a.mu.Lock()
	defer a.mu.Unlock()
	if !d.Allowed {
		a.denials = append(a.denials, Denial{who, r.Action, r.Resource, d.Reason})
		return d
	}
	if a.used == nil {
		a.used = map[Grant]int{}
	}
	a.used[d.Grant]++
	return d
}

// Deny records a refusal decided elsewhere.
func (a *Audit) Deny(d Denial) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.denials = append(a.denials, d)
}

// Denials lists what was refused, oldest first.
func (a *Audit) Denials() []Denial {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.denials)
}

// Unused lists the grants of the policies that no request needed.
func (a *Audit) Unused(policies []Policy) []Grant {
	a.mu.Lock()
	defer a.mu.Unlock()
	var unused []Grant
	for _, p := range policies {
		for _, g := range p.Grants() {
			if a.used[g] == 0 && !slices.Contains(unused, g) {
				unused = append(unused, g)
			}
		}
	}
	slices.SortFunc(unused, func(x, y Grant) int {
		return cmp.Or(cmp.Compare(x.Owner, y.Owner), cmp.Compare(x.Action, y.Action), cmp.Compare(x.Resource, y.Resource))
	})
	return unused
}
