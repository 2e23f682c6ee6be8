package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// longest is how much of a differing value is shown.
const longest = 200

// firstDifference finds the first place at which two JSON values differ, in the
// order of sorted keys, as a path such as payload.legs[2].avg_price, and gives
// both values there. Either may be empty.
func firstDifference(a, b json.RawMessage) (path, was, is string) {
	if len(a) == 0 || len(b) == 0 {
		return "", clip(string(a)), clip(string(b))
	}
	x, errA := tree(a)
	y, errB := tree(b)
	if errA != nil || errB != nil {
		return "", clip(string(a)), clip(string(b))
	}
	if path, was, is, ok := walk("", x, y); ok {
		return path, was, is
	}
	// The same values, laid out otherwise.
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return fmt.Sprintf("byte %d", i), clip(string(a[i:])), clip(string(b[i:]))
}

func tree(raw json.RawMessage) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	return v, err
}

func walk(path string, a, b any) (string, string, string, bool) {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			break
		}
		keys := slices.Sorted(maps.Keys(x))
		for _, k := range slices.Sorted(maps.Keys(y)) {
			if _, ok := x[k]; !ok {
				keys = append(keys, k)
			}
		}
		for _, k := range keys {
			p := strings.TrimPrefix(path+"."+k, ".")
			u, inX := x[k]
			w, inY := y[k]
			if inX != inY {
				return p, present(u, inX), present(w, inY), true
			}
			if at, was, is, ok := walk(p, u, w); ok {
				return at, was, is, true
			}
		}
		return "", "", "", false
	case []any:
		y, ok := b.([]any)
		if !ok {
			break
		}
		for i := range min(len(x), len(y)) {
			if at, was, is, ok := walk(fmt.Sprintf("%s[%d]", path, i), x[i], y[i]); ok {
				return at, was, is, true
			}
		}
		if len(x) != len(y) {
			return path, fmt.Sprintf("%d elements", len(x)), fmt.Sprintf("%d elements", len(y)), true
		}
		return "", "", "", false
	default:
		if a == b {
			return "", "", "", false
		}
	}
	return path, present(a, true), present(b, true), true
}

func present(v any, there bool) string {
	if !there {
		return ""
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // it is for people
	if err := enc.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return clip(strings.TrimSuffix(text.String(), "\n"))
}

func clip(s string) string {
	if r := []rune(s); len(r) > longest {
		return string(r[:longest]) + "…"
	}
	return s
}
