package checks_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/checks"
	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
)

// harmless are the places where a mistake changes nothing that runs: text for
// people, the CDK's own notes and its bootstrap rule, the names of statements,
// the picture of the dashboard (its widgets' order, colours and titles), and
// orders of creation that references imply already.
var harmless = []*regexp.Regexp{
	regexp.MustCompile(`^/Description$`),
	regexp.MustCompile(`^/Rules(/|$)`),
	regexp.MustCompile(`^/Parameters/BootstrapVersion/Description$`),
	regexp.MustCompile(`/Properties/(Description|AlarmDescription|DisplayName)$`),
	regexp.MustCompile(`/Metadata(/|$)`),
	regexp.MustCompile(`/(Statement|Policies)/[0-9]+/(Sid|PolicyName)$`),
	regexp.MustCompile(`DefaultPolicy[0-9A-F]{8}/Properties/PolicyName$`),
	regexp.MustCompile(`/Properties/DashboardBody/`),
	regexp.MustCompile(`/(Function[0-9A-F]{8}|Prehook[0-9A-F]{8}|LiveEventInvokeConfig[0-9A-F]{8})/DependsOn(/|$)`),
}

func isHarmless(path string) bool {
	return slices.ContainsFunc(harmless, func(r *regexp.Regexp) bool { return r.MatchString(path) })
}

// mutant is one mistake: do makes it, undo takes it back.
type mutant struct {
	path, what string
	do, undo   func()
}

// mutants lists every way to remove or change one value of a template.
func mutants(path string, v any, set func(any), remove, restore func()) []mutant {
	var out []mutant
	if remove != nil {
		out = append(out, mutant{path, "removed", remove, restore})
	}
	change := func(to any) { out = append(out, mutant{path, "changed", func() { set(to) }, func() { set(v) }}) }
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			e := v[k]
			out = append(out, mutants(path+"/"+k, e, func(to any) { v[k] = to }, func() { delete(v, k) }, func() { v[k] = e })...)
		}
		v2 := maps.Clone(v)
		v2["Unheard"] = "of"
		change(v2)
	case []any:
		for i, e := range v {
			out = append(out, mutants(fmt.Sprintf("%s/%d", path, i), e, func(to any) { v[i] = to }, func() { set(slices.Delete(slices.Clone(v), i, i+1)) }, func() { set(v) })...)
		}
	case string:
		change(v + "x")
	case float64:
		change(v + 1)
	case bool:
		change(!v)
	}
	return out
}

// score counts mistakes made and found by resource type.
type score struct {
	sync.Mutex
	made, found map[string]int
	firstBy     map[string]int // which check reported first
}

// Every single mistake in a template must be somebody's finding. The score is
// printed; a survivor fails the test by its path.
func TestEveryMistakeIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	total := &score{made: map[string]int{}, found: map[string]int{}, firstBy: map[string]int{}}
	t.Run("stacks", func(t *testing.T) {
		for _, part := range checks.Parts() {
			t.Run(part, func(t *testing.T) {
				t.Parallel()
				total.add(t, golden(t, config.Prod), part)
			})
		}
	})
	var made, found int
	for _, kind := range slices.Sorted(maps.Keys(total.made)) {
		made, found = made+total.made[kind], found+total.found[kind]
		t.Logf("%-36s %5d of %5d", kind, total.found[kind], total.made[kind])
	}
	t.Logf("%d of %d mistakes found; first by %v", found, made, total.firstBy)
}

// add makes every mistake in one stack, one after the other.
func (s *score) add(t *testing.T, e checks.Environment, part string) {
	template := e.Stacks[part]
	for _, m := range mutants("", template, func(any) {}, nil, nil) {
		if m.path == "" || isHarmless(m.path) {
			continue
		}
		kind := "template"
		if fields := strings.Split(m.path, "/"); len(fields) > 2 && fields[1] == "Resources" {
			if r, ok := template["Resources"].(map[string]any)[fields[2]].(map[string]any); ok {
				kind, _ = r["Type"].(string)
			}
		}
		m.do()
		findings := checks.Stack(e.Config, part, template)
		m.undo()
		s.Lock()
		s.made[kind]++
		if len(findings) > 0 {
			s.found[kind]++
			s.firstBy[findings[0].Check]++
		}
		s.Unlock()
		if len(findings) == 0 {
			t.Errorf("%s %s and nobody noticed", m.path, m.what)
		}
	}
	if left := checks.Run(e); len(left) > 0 {
		t.Fatalf("a mistake was not taken back: %v", left[0])
	}
}
