package pattern

import (
	"fmt"
	"strings"
)

// Event is an event laid out for matching: its leaf values by path. The zero value has no fields.
type Event struct {
	leaves map[string][]leaf
}

// leaf is one value with the array elements it stands in. value is nil, bool, string or number.
type leaf struct {
	value  any
	arrays []membership
}

// membership says: inside element number element of array number array (numbered in order of appearance).
type membership struct{ array, element int }

// ParseEvent lays out a JSON event. Objects and empty arrays are no leaves.
func ParseEvent(text []byte) (Event, error) {
	value, err := decode(text)
	if err != nil {
		return Event{}, fmt.Errorf("event: %w", err)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return Event{}, fmt.Errorf("event: want an object, have %s", kind(value))
	}
	f := flattener{leaves: make(map[string][]leaf)}
	f.object("", object, nil)
	return Event{leaves: f.leaves}, nil
}

type flattener struct {
	leaves map[string][]leaf
	arrays int
}

func (f *flattener) object(prefix string, object map[string]any, arrays []membership) {
	for key, value := range object {
		f.value(join(prefix, key), value, arrays)
	}
}

func (f *flattener) value(path string, value any, arrays []membership) {
	switch v := value.(type) {
	case map[string]any:
		f.object(path, v, arrays)
	case []any:
		f.arrays++
		array := f.arrays
		for i, element := range v {
			inside := append(arrays[:len(arrays):len(arrays)], membership{array, i})
			f.value(path, element, inside)
		}
	default:
		f.leaves[path] = append(f.leaves[path], leaf{value: v, arrays: arrays})
	}
}

// kind names a decoded JSON value for an error message.
func kind(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "text"
	case number:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "an object with " + strings.Join(sortedKeys(v), ", ")
	}
	return fmt.Sprintf("%T", value)
}
