// Package pattern decides whether an event matches an EventBridge event pattern. A pattern is compiled once, strictly: what
// EventBridge would accept but never match the way it reads is refused. The reference semantics are those of the open-source
// matcher behind EventBridge, aws/event-ruler; testdata/event-patterns.json holds the cases both agree on.
//
//	p, err := pattern.Compile([]byte(`{"source":["alchemiser.portfolio"],"detail-type":["WorkflowFailed"]}`))
//	e, err := pattern.ParseEvent(event) // once per event, however many rules there are
//	if p.Match(e) { … }
package pattern

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Pattern is a compiled event pattern: alternatives, of which one must hold.
type Pattern struct {
	alternatives [][]term
	keys         []string
}

// term is one field of a pattern: the leaf at path must satisfy one of the matchers.
type term struct {
	path     string
	matchers []matcher
}

// maxAlternatives bounds what nested $or lists may multiply out to.
const maxAlternatives = 1000

// separator joins the parts of a path; JSON keys of events never contain it.
const separator = "\x00"

// operators are the names that are matchers, not fields.
var operators = []string{"prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "exists", "cidr", "wildcard"}

// Compile reads a pattern. Errors name the path inside the pattern and what is wrong there.
func Compile(text []byte) (*Pattern, error) {
	value, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("event pattern: %w", err)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("event pattern: want an object, have %s", kind(value))
	}
	alternatives, err := compileObject("", object)
	if err != nil {
		return nil, fmt.Errorf("event pattern: %w", err)
	}
	p := &Pattern{alternatives: alternatives}
	for _, terms := range alternatives {
		for _, t := range terms {
			top, _, _ := strings.Cut(t.path, separator)
			if !slices.Contains(p.keys, top) {
				p.keys = append(p.keys, top)
			}
		}
	}
	sort.Strings(p.keys)
	return p, nil
}

// headerFields are the fields EventBridge puts on every event.
var headerFields = []string{"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}

// CheckHeader reports a top-level key that no event has: such a pattern compiles and never matches.
func (p *Pattern) CheckHeader() error {
	for _, key := range p.keys {
		if !slices.Contains(headerFields, key) {
			return fmt.Errorf("event pattern: no event has the field %q: use one of %s", key, strings.Join(headerFields, ", "))
		}
	}
	return nil
}

// compileObject returns the alternatives of an object: the product of its fields, each of which may itself have several through $or.
func compileObject(prefix string, object map[string]any) ([][]term, error) {
	if len(object) == 0 {
		return nil, fmt.Errorf("%s: an empty object matches nothing", at(prefix))
	}
	product := [][]term{nil}
	for _, key := range sortedKeys(object) {
		alternatives, err := compileField(prefix, key, object[key])
		if err != nil {
			return nil, err
		}
		var next [][]term
		for _, left := range product {
			for _, right := range alternatives {
				merged, err := merge(left, right)
				if err != nil {
					return nil, err
				}
				next = append(next, merged)
			}
		}
		if len(next) > maxAlternatives {
			return nil, fmt.Errorf("%s: more than %d combinations of $or alternatives", at(prefix), maxAlternatives)
		}
		product = next
	}
	return product, nil
}

func compileField(prefix, key string, value any) ([][]term, error) {
	if key == "$or" {
		return compileOr(prefix, value)
	}
	path := join(prefix, key)
	switch v := value.(type) {
	case map[string]any:
		return compileObject(path, v)
	case []any:
		matchers, err := compileList(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at(path), err)
		}
		return [][]term{{{path, matchers}}}, nil
	default:
		return nil, fmt.Errorf("%s: want a list of values or an object, have %s", at(path), kind(value))
	}
}

func compileOr(prefix string, value any) ([][]term, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("%s: $or wants a list, has %s", at(prefix), kind(value))
	}
	if len(list) < 2 {
		return nil, fmt.Errorf("%s: $or wants at least two alternatives", at(prefix))
	}
	var all [][]term
	for _, member := range list {
		object, ok := member.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s: an alternative of $or must be an object, is %s", at(prefix), kind(member))
		}
		for key := range object {
			if slices.Contains(operators, key) {
				return nil, fmt.Errorf("%s: %q is an operator, not a field, inside $or", at(prefix), key)
			}
		}
		alternatives, err := compileObject(prefix, object)
		if err != nil {
			return nil, err
		}
		all = append(all, alternatives...)
	}
	return all, nil
}

// merge joins two conjunctions. One path in both reads as AND but would be replaced by EventBridge, so it is refused.
func merge(left, right []term) ([]term, error) {
	for _, r := range right {
		for _, l := range left {
			if l.path == r.path {
				return nil, fmt.Errorf("%s: the same field stands both inside and beside $or", at(r.path))
			}
		}
	}
	return slices.Concat(left, right), nil
}

// Match reports whether the event satisfies the pattern.
func (p *Pattern) Match(e Event) bool {
	for _, terms := range p.alternatives {
		if matchTerms(terms, e, nil) {
			return true
		}
	}
	return false
}

// matchTerms looks for one leaf per term such that no two of them stand in different elements of the same array.
func matchTerms(terms []term, e Event, chosen []membership) bool {
	if len(terms) == 0 {
		return true
	}
	first, rest := terms[0], terms[1:]
	leaves := e.leaves[first.path]
	for _, m := range first.matchers {
		if m.absent && len(leaves) == 0 && matchTerms(rest, e, chosen) {
			return true
		}
	}
	for _, l := range leaves {
		if !consistent(chosen, l.arrays) || !anyMatch(first.matchers, l.value) {
			continue
		}
		next := chosen
		if len(l.arrays) > 0 {
			next = slices.Concat(chosen, l.arrays)
		}
		if matchTerms(rest, e, next) {
			return true
		}
	}
	return false
}

func anyMatch(matchers []matcher, v any) bool {
	for _, m := range matchers {
		if m.leaf != nil && m.leaf(v) {
			return true
		}
	}
	return false
}

func consistent(chosen, arrays []membership) bool {
	for _, a := range arrays {
		for _, c := range chosen {
			if a.array == c.array && a.element != c.element {
				return false
			}
		}
	}
	return true
}

func join(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + separator + key
}

func at(path string) string {
	if path == "" {
		return "top level"
	}
	return strings.ReplaceAll(path, separator, ".")
}

func sortedKeys(object map[string]any) []string {
	keys := make([]string, 0, len(object))
	for key := range object {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
