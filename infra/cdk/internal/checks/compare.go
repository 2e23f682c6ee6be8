package checks

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// exactly compares all resources of one type with those that are wanted: none
// missing, none too many, and no property more, less or other than wanted. The
// key names a resource among those of its type. Properties that hold text for
// people, tags and roles are compared elsewhere or not at all: see ignored.
func (s *stack) exactly(check, kind string, key func(object) string, want map[string]object) {
	missing := maps.Clone(want)
	for _, id := range s.ofKind(kind) {
		s.known[id] = true
		have := s.properties(id)
		name := key(have)
		w, ok := missing[name]
		if !ok {
			s.find(check, id, "%s %q is not wanted, or there twice", kind, name)
			continue
		}
		delete(missing, name)
		s.same(check, name, w, have)
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		s.find(check, name, "%s is missing", kind)
	}
}

// ignored are for people (descriptions), covered by checkTags, or compared by
// what they allow (roles).
var ignored = []string{"Description", "AlarmDescription", "DisplayName", "Tags", "Role", "RoleArn", "ServiceRoleArn"}

func (s *stack) same(check, name string, want, have object) {
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[key]; !ok && !slices.Contains(ignored, key) {
			s.find(check, name, "property %s is not wanted: %s", key, compact(have[key]))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if !reflect.DeepEqual(want[key], have[key]) {
			s.find(check, name, "property %s: want %s, have %s", key, compact(want[key]), compact(have[key]))
		}
	}
}

// sameSet compares lists whose order means nothing.
func (s *stack) sameSet(check, name, what string, want, have []string) {
	for _, w := range want {
		if !slices.Contains(have, w) {
			s.find(check, name, "%s is missing: %s", what, w)
		}
	}
	for _, h := range have {
		if !slices.Contains(want, h) {
			s.find(check, name, "%s is not wanted: %s", what, h)
		}
	}
}

// by returns the value of one property as a key.
func by(property string) func(object) string {
	return func(p object) string { return text(p[property]) }
}

func compact(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// number is a number as JSON reads it.
func number[T int | int64 | float64](n T) any { return float64(n) }

func list(ss ...string) []any {
	out := make([]any, len(ss))
	for i, s := range ss {
		out[i] = s
	}
	return out
}
