package env

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
)

// Vars reads typed settings from environment variables and remembers every
// mistake, so that a misconfigured function says all of them at once.
type Vars struct {
	values map[string]string
	used   map[string]string
	errs   []error
}

// Read returns a reader over the given variables.
func Read(values map[string]string) *Vars {
	return &Vars{values: values, used: make(map[string]string)}
}

// Used are the variables that were asked for and are set, with their values.
func (v *Vars) Used() map[string]string { return maps.Clone(v.used) }

// get is the only way to a value.
func (v *Vars) get(name string) (string, bool) {
	s, ok := v.values[name]
	if ok {
		v.used[name] = s
	}
	return s, ok
}

// Err joins all mistakes met so far; nil when there was none.
func (v *Vars) Err() error { return errors.Join(v.errs...) }

// Fail records a mistake that the caller found in the variable called name.
func (v *Vars) Fail(name, format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf("environment variable %s: %s", name, fmt.Sprintf(format, args...)))
}

// String is a required variable.
func (v *Vars) String(name string) string {
	s, ok := v.get(name)
	if !ok || s == "" {
		v.Fail(name, "is not set; the function's stack must define it")
	}
	return s
}

// Optional is a variable that may be absent or empty.
func (v *Vars) Optional(name, fallback string) string {
	if s, _ := v.get(name); s != "" {
		return s
	}
	return fallback
}

// OneOf is a required variable with a closed set of values.
func (v *Vars) OneOf(name string, allowed ...string) string {
	s := v.String(name)
	for _, a := range allowed {
		if s == a {
			return s
		}
	}
	if s != "" {
		v.Fail(name, "is %q; allowed: %s", s, strings.Join(allowed, ", "))
	}
	return s
}

// List is a comma-separated variable; absent means empty.
func (v *Vars) List(name string) []string {
	var out []string
	s, _ := v.get(name)
	for _, part := range strings.Split(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// Int is an integer variable with a default.
func (v *Vars) Int(name string, fallback int) int {
	return parse(v, name, fallback, "a whole number, for example 15", strconv.Atoi)
}

// Bool is a true/false variable with a default.
func (v *Vars) Bool(name string, fallback bool) bool {
	return parse(v, name, fallback, "true or false", func(s string) (bool, error) {
		if s != "true" && s != "false" {
			return false, errors.New("neither true nor false")
		}
		return s == "true", nil
	})
}

// Duration is a variable such as 90s or 15m with a default.
func (v *Vars) Duration(name string, fallback time.Duration) time.Duration {
	return parse(v, name, fallback, "a duration such as 90s or 15m", time.ParseDuration)
}

// Parsed is a variable in a form of the caller's own, with a default.
func Parsed[T any](v *Vars, name string, fallback T, form string, f func(string) (T, error)) T {
	return parse(v, name, fallback, form, f)
}

func parse[T any](v *Vars, name string, fallback T, form string, f func(string) (T, error)) T {
	s, ok := v.get(name)
	if !ok || s == "" {
		return fallback
	}
	got, err := f(s)
	if err != nil {
		v.Fail(name, "is %q; expected %s", s, form)
		return fallback
	}
	return got
}
