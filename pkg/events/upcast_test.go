package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// third is WorkflowCompleted as if it had had two majors before: the first
// called its outcome "result", the second counted minutes.
func third() Entry {
	entry, err := Lookup(TypeWorkflowCompleted)
	if err != nil {
		panic(err)
	}
	entry.Version = "3.1"
	entry.Upcasters = []Upcaster{
		func(p map[string]any) error {
			if p["result"] == nil {
				return errors.New(`no "result"`)
			}
			p["outcome"] = p["result"]
			delete(p, "result")
			return nil
		},
		func(p map[string]any) error {
			minutes, err := p["minutes"].(json.Number).Int64()
			p["duration_ms"] = minutes * 60_000
			delete(p, "minutes")
			return err
		},
	}
	return entry
}

func oldEvent(t *testing.T, version string, change func(payload map[string]any)) wire {
	t.Helper()
	golden, err := os.ReadFile("testdata/golden/WorkflowCompleted-1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	var w wire
	if err := json.Unmarshal(golden, &w); err != nil {
		t.Fatal(err)
	}
	w.SchemaVersion = version
	tree, err := parseTree(w.Payload)
	if err != nil {
		t.Fatal(err)
	}
	change(tree)
	if w.Payload, err = canonical(tree); err != nil {
		t.Fatal(err)
	}
	return w
}

// Events of every older major version arrive as today's (F18).
func TestF18OlderMajorsAreBroughtUp(t *testing.T) {
	first := func(p map[string]any) {
		p["result"], p["minutes"] = "PARTIAL", 2
		delete(p, "outcome")
		delete(p, "duration_ms")
	}
	for version, change := range map[string]func(map[string]any){
		"1.0": first, "1.4": first,
		"2.0": func(p map[string]any) { p["outcome"], p["minutes"] = "PARTIAL", 2; delete(p, "duration_ms") },
		"3.0": func(p map[string]any) { p["outcome"], p["duration_ms"] = "PARTIAL", 120_000 },
		"3.7": func(p map[string]any) { p["outcome"], p["duration_ms"], p["later"] = "PARTIAL", 120_000, true },
	} {
		e, err := decode(oldEvent(t, version, change), third())
		if err != nil {
			t.Errorf("%s: %v", version, err)
			continue
		}
		got := e.Payload.(*WorkflowCompleted)
		if got.Outcome != "PARTIAL" || got.DurationMS != 120_000 {
			t.Errorf("%s: %+v", version, got)
		}
		if want := map[bool]string{true: version, false: "3.1"}[strings.HasPrefix(version, "3.")]; e.SchemaVersion != want {
			t.Errorf("%s: decoded as %s, want %s", version, e.SchemaVersion, want)
		}
	}
}

func TestWhatCannotBeBroughtUpIsPoison(t *testing.T) {
	for version, change := range map[string]func(map[string]any){
		"1.0": func(p map[string]any) { p["minutes"] = 2 }, // the upcaster refuses
		"2.0": func(p map[string]any) { p["minutes"], p["extra"] = 2, 1; delete(p, "duration_ms") },
		"4.0": func(map[string]any) {},
		"0.9": func(map[string]any) {},
		"x":   func(map[string]any) {},
	} {
		var poison *PoisonError
		if _, err := decode(oldEvent(t, version, change), third()); !errors.As(err, &poison) {
			t.Errorf("%s: %v, want poison", version, err)
		}
	}
}

// Every entry leads from version 1 to today's.
func TestEveryMajorHasItsUpcaster(t *testing.T) {
	for _, e := range Registry() {
		if got := fmt.Sprint(len(e.Upcasters) + 1); got != e.Major() {
			t.Errorf("%s is at %s and has %d upcasters", e.Type, e.Version, len(e.Upcasters))
		}
	}
}

func TestContentIsWhatCounts(t *testing.T) {
	a, err := Content([]byte(`{"b":"é<","a":{"y":[1,2],"x":10}}`))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := Content([]byte("{ \"a\": {\"x\":10, \"y\":[1, 2]},\n \"b\":\"\\u00e9\\u003c\"}")); err != nil || string(a) != string(b) {
		t.Errorf("%s (%v), want %s", b, err, a)
	}
	for _, other := range []string{`{"b":"é<","a":{"y":[2,1],"x":10}}`, `{"b":"é<","a":{"y":[1,2],"x":10,"z":0}}`} {
		if b, err := Content([]byte(other)); err != nil || string(a) == string(b) {
			t.Errorf("%s (%v) counts as the same", b, err)
		}
	}
	for _, bad := range []string{"", "null", "[]", "{", `{"a":1}{}`, `{"a":1,"a":2}`} {
		if _, err := Content([]byte(bad)); err == nil {
			t.Errorf("%q has content", bad)
		}
	}
}
