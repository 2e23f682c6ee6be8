// Package checks proves that the templates of an environment are what
// pkg/topology and internal/config ask for, without the CDK: it reads the JSON
// that CloudFormation gets. The library's validator knows what is legal; this
// knows what is meant, such as that every rule ends in a queue, that no role
// can do more than its function needs, and that every alarm reaches somebody.
//
//	env, err := checks.Load(os.DirFS("templates/prod"), c)
//	for _, f := range checks.Run(env) {
//		fmt.Println(f)
//	}
package checks

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// object is a JSON object.
type object = map[string]any

// Environment is the templates of one environment.
type Environment struct {
	Config config.Config
	Stacks map[string]object // the parsed templates, by the part of the stack's name
}

// Parts names the stacks of an environment: foundation, the functions in the
// order of a run, observability.
func Parts() []string {
	parts := []string{"foundation"}
	for _, f := range topology.Functions() {
		parts = append(parts, string(f.Name))
	}
	return append(parts, "observability")
}

// Load reads the templates of an environment from a folder that holds those
// and no others.
func Load(fsys fs.FS, c config.Config) (Environment, error) {
	env := Environment{Config: c, Stacks: map[string]object{}}
	for _, part := range Parts() {
		text, err := fs.ReadFile(fsys, c.Name(part)+".template.json")
		if err != nil {
			return Environment{}, err
		}
		var template object
		if err := json.Unmarshal(text, &template); err != nil {
			return Environment{}, fmt.Errorf("%s: %w", c.Name(part), err)
		}
		env.Stacks[part] = template
	}
	names, err := fs.Glob(fsys, "*.template.json")
	if err != nil {
		return Environment{}, err
	}
	if len(names) != len(env.Stacks) {
		return Environment{}, fmt.Errorf("%d templates for the %d stacks of %s", len(names), len(env.Stacks), c.Env)
	}
	return env, nil
}

// Finding is one thing that is not as it should be.
type Finding struct {
	Check    string // what was checked: rules, rights, alarms, …
	Stack    string
	Resource string // logical or physical name; empty for the whole stack
	Text     string
}

func (f Finding) String() string {
	return fmt.Sprintf("%s: %s %s: %s", f.Check, f.Stack, f.Resource, f.Text)
}

// Run reports everything that is wrong with an environment.
func Run(env Environment) []Finding {
	var findings []Finding
	for _, part := range Parts() {
		findings = append(findings, Stack(env.Config, part, env.Stacks[part])...)
	}
	return append(findings, Routes(env)...)
}

// Stack reports everything that is wrong with one stack by itself.
func Stack(c config.Config, part string, template object) []Finding {
	s := newStack(c, part, template)
	s.checkShape()
	s.checkTags()
	s.checkRetention()
	switch part {
	case "foundation":
		s.checkFoundation()
	case "observability":
		s.checkObservability()
	default:
		f, err := topology.Lookup(topology.Name(part))
		if err != nil {
			s.find("shape", "", "%v", err)
			break
		}
		s.checkService(f)
	}
	s.checkComplete()
	return s.findings
}

// stack is one template under examination.
type stack struct {
	c        config.Config
	part     string
	template object
	ids      []string // logical names, sorted
	known    map[string]bool
	findings []Finding
}

func newStack(c config.Config, part string, template object) *stack {
	s := &stack{c: c, part: part, template: template, known: map[string]bool{}}
	for id := range s.resources() {
		s.ids = append(s.ids, id)
	}
	slices.Sort(s.ids)
	return s
}

func (s *stack) find(check, resource, format string, args ...any) {
	s.findings = append(s.findings, Finding{check, s.c.Name(s.part), resource, fmt.Sprintf(format, args...)})
}

func (s *stack) resources() object { return asObject(s.template["Resources"]) }

func (s *stack) resource(id string) object { return asObject(s.resources()[id]) }

func (s *stack) kind(id string) string { return text(s.resource(id)["Type"]) }

// properties are those of a resource with every reference written out.
func (s *stack) properties(id string) object {
	return asObject(s.resolve(s.resource(id)["Properties"]))
}

// ofKind lists the logical names of one resource type.
func (s *stack) ofKind(kind string) []string {
	var ids []string
	for _, id := range s.ids {
		if s.kind(id) == kind {
			ids = append(ids, id)
		}
	}
	return ids
}

// dependsOn lists what a resource names in DependsOn, one or many.
func (s *stack) dependsOn(id string) []string {
	switch d := s.resource(id)["DependsOn"].(type) {
	case string:
		return []string{d}
	case []any:
		var ids []string
		for _, v := range d {
			ids = append(ids, text(v))
		}
		return ids
	}
	return nil
}

// The templates are untrusted: a missing or misplaced value reads as empty and
// then differs from what is wanted.

func asObject(v any) object { o, _ := v.(object); return o }
func asList(v any) []any    { l, _ := v.([]any); return l }
func text(v any) string     { t, _ := v.(string); return t }
