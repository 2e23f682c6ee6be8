package template

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
)

// Account and Region are those the golden templates are made for.
const (
	Account = "111111111111"
	Region  = "us-east-1"
)

// stack is one template as read: its resources by logical id, intrinsics not yet resolved.
type stack struct {
	name      string
	resources map[string]*resource
}

type resource struct {
	stack *stack
	id    string
	kind  kind

	Type                string
	Properties          map[string]any
	DependsOn           any
	Metadata            any
	DeletionPolicy      string
	UpdateReplacePolicy string
	UpdatePolicy        any

	name   string // physical name, once asked for
	naming bool   // the name is being resolved: seeing it again is a cycle
}

// errorf names the place: stack, logical id and type.
func (r *resource) errorf(format string, args ...any) error {
	return fmt.Errorf("stack %s, %s (%s): %w", r.stack.name, r.id, r.Type, fmt.Errorf(format, args...))
}

// readStacks reads every *.template.json at the root of the file system.
func readStacks(fsys fs.FS) ([]*stack, error) {
	names, err := fs.Glob(fsys, "*.template.json")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no *.template.json found: give the folder with the templates of one environment")
	}
	sort.Strings(names)
	var stacks []*stack
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		s, err := parseStack(strings.TrimSuffix(path.Base(name), ".template.json"), text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		stacks = append(stacks, s)
	}
	return stacks, nil
}

func parseStack(name string, text []byte) (*stack, error) {
	var raw struct {
		AWSTemplateFormatVersion string
		Description              string
		Metadata                 any
		Parameters               map[string]any
		Rules                    map[string]any
		Outputs                  map[string]any
		Resources                map[string]*resource
	}
	if err := strict(text, &raw); err != nil {
		return nil, err
	}
	for parameter := range raw.Parameters {
		if parameter != "BootstrapVersion" {
			return nil, fmt.Errorf("parameter %s: only BootstrapVersion is known", parameter)
		}
	}
	for rule := range raw.Rules {
		if rule != "CheckBootstrapVersion" {
			return nil, fmt.Errorf("rule %s: only CheckBootstrapVersion is known", rule)
		}
	}
	for output := range raw.Outputs {
		return nil, fmt.Errorf("output %s: stacks of ours refer to each other by name", output)
	}
	if len(raw.Resources) == 0 {
		return nil, fmt.Errorf("no resources")
	}
	s := &stack{name: name, resources: raw.Resources}
	for id, r := range raw.Resources {
		r.stack, r.id = s, id
		k, ok := kinds[r.Type]
		if !ok {
			return nil, r.errorf("this resource type is not known to the one-machine cloud")
		}
		r.kind = k
		if err := refuseNull(r.Properties); err != nil {
			return nil, r.errorf("%w", err)
		}
	}
	return s, nil
}

func refuseNull(value any) error {
	switch v := value.(type) {
	case nil:
		return fmt.Errorf("null is not allowed in a template")
	case []any:
		for i, member := range v {
			if err := refuseNull(member); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
	case map[string]any:
		for key, member := range v {
			if err := refuseNull(member); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
	}
	return nil
}

// strict decodes JSON; an unknown field is an error, numbers keep their text.
func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	d.UseNumber()
	return d.Decode(into)
}

// ordered returns the resources of all stacks by stack and logical id, so that every start is the same.
func ordered(stacks []*stack) []*resource {
	var list []*resource
	for _, s := range stacks {
		ids := make([]string, 0, len(s.resources))
		for id := range s.resources {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		for _, id := range ids {
			list = append(list, s.resources[id])
		}
	}
	return list
}
