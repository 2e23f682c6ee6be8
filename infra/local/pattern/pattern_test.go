package pattern

import (
	"encoding/json"
	"os"
	"testing"

	"pgregory.net/rapid"
)

type row struct {
	Name    string          `json:"name"`
	Pattern json.RawMessage `json:"pattern"`
	Event   json.RawMessage `json:"event"`
	Match   bool            `json:"match"`
}

func rows(t testing.TB) []row {
	t.Helper()
	text, err := os.ReadFile("testdata/event-patterns.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []row
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 134 {
		t.Fatalf("testdata has %d rows, want 134", len(list))
	}
	return list
}

func TestReferenceRows(t *testing.T) {
	for _, r := range rows(t) {
		t.Run(r.Name, func(t *testing.T) {
			p, err := Compile(r.Pattern)
			if err != nil {
				t.Fatal(err)
			}
			e, err := ParseEvent(r.Event)
			if err != nil {
				t.Fatal(err)
			}
			if p.Match(e) != r.Match {
				t.Errorf("pattern %s on %s: got %v", r.Pattern, r.Event, !r.Match)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct{ pattern, why string }{
		{`{"source":"x"}`, "a bare value"},
		{`{"source":[]}`, "empty value list"},
		{`{"detail":{}}`, "empty object"},
		{`{}`, "empty pattern"},
		{`{"source":[{"regex":"a.*"}]}`, "unknown operator"},
		{`{"source":{"prefix":"a"}}`, "operator outside a list"},
		{`{"source":[{"prefix":"a","suffix":"b"}]}`, "two operators in one matcher"},
		{`{"source":[{"prefix":1}]}`, "prefix with a number"},
		{`{"detail":{"a":[{"anything-but":[1,"x"]}]}}`, "anything-but with mixed types"},
		{`{"detail":{"a":[{"anything-but":null}]}}`, "anything-but with null"},
		{`{"detail":{"a":[{"anything-but":[]}]}}`, "anything-but with an empty list"},
		{`{"detail":{"a":[{"anything-but":{"numeric":[">",1]}}]}}`, "anything-but with numeric"},
		{`{"detail":{"a":[{"anything-but":{"prefix":""}}]}}`, "anything-but with an empty prefix"},
		{`{"detail":{"a":[{"numeric":["!=",1]}]}}`, "numeric, unknown comparison"},
		{`{"detail":{"a":[{"numeric":[">","1"]}]}}`, "numeric, text bound"},
		{`{"detail":{"a":[{"numeric":["<",5,">",0]}]}}`, "numeric, upper bound first"},
		{`{"detail":{"a":[{"numeric":[">",5,"<",0]}]}}`, "numeric, empty range"},
		{`{"detail":{"a":[{"numeric":[">",0,"<",5,"=",3]}]}}`, "numeric, three terms"},
		{`{"detail":{"a":[{"numeric":[">",5000000001]}]}}`, "numeric, bound outside the range"},
		{`{"detail":{"a":[{"exists":"yes"}]}}`, "exists with text"},
		{`{"detail":{"a":[{"cidr":"10.0.0.0/33"}]}}`, "cidr, bad mask"},
		{`{"detail":{"a":[{"cidr":"10.0.0.7/32"}]}}`, "cidr, single-address mask"},
		{`{"detail":{"a":[{"wildcard":"a**b"}]}}`, "wildcard, two stars in a row"},
		{`{"detail":{"a":[{"wildcard":"a\\nb"}]}}`, "wildcard, bad escape"},
		{`{"$or":[{"source":["a"]}]}`, "$or with one alternative"},
		{`{"$or":{"source":["a"]}}`, "$or not a list"},
		{`{"$or":[{"prefix":["a"]},{"source":["b"]}]}`, "$or alternative with an operator name as field"},
		{`{"source":[["a"]]}`, "nested list as value"},
		{`{"source":["a"],"$or":[{"source":["b"]},{"detail-type":["c"]}]}`, "same path twice through $or"},
		{`{"source":["a"],"source":["b"]}`, "same key twice"},
		{`{"source":["a"]} x`, "text after the pattern"},
		{`["a"]`, "not an object"},
	} {
		t.Run(test.why, func(t *testing.T) {
			if _, err := Compile([]byte(test.pattern)); err == nil {
				t.Errorf("%s was accepted", test.pattern)
			}
		})
	}
}

func TestCheckHeader(t *testing.T) {
	for pattern, want := range map[string]bool{
		`{"source":["a"],"detail":{"b":[1]}}`:             true,
		`{"detail_type":["a"]}`:                           false,
		`{"$or":[{"source":["a"]},{"detial":{"b":[1]}}]}`: false,
	} {
		p, err := Compile([]byte(pattern))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.CheckHeader() == nil; got != want {
			t.Errorf("%s: accepted %v, want %v", pattern, got, want)
		}
	}
}

// Numbers compare by value however they are written.
func TestNumberProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64Range(-1e9, 1e9).Draw(t, "a"), rapid.Int64Range(-1e9, 1e9).Draw(t, "b")
		write := func(n int64, shape int) string {
			text, _ := json.Marshal(n)
			return string(text) + []string{"", ".0", "e0", "000E-3", ".000e+0"}[shape]
		}
		if a == 0 || b == 0 {
			t.Skip("0000 is not JSON")
		}
		x, err1 := parseNumber(write(a, rapid.IntRange(0, 4).Draw(t, "shape a")))
		y, err2 := parseNumber(write(b, rapid.IntRange(0, 4).Draw(t, "shape b")))
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		want := 0
		if a < b {
			want = -1
		} else if a > b {
			want = 1
		}
		if x.compare(y) != want || (x == y) != (want == 0) {
			t.Fatalf("%d and %d: compare %d", a, b, x.compare(y))
		}
	})
}

func FuzzCompile(f *testing.F) {
	f.Add([]byte(`{"detail":{"a":[{"numeric":[">",0,"<=",5]}]}}`), []byte(`{"detail":{"a":3}}`))
	f.Fuzz(func(t *testing.T, pattern, event []byte) {
		p, err := Compile(pattern)
		if err != nil {
			return
		}
		e, err := ParseEvent(event)
		if err != nil {
			return
		}
		again, err := Compile(pattern)
		if err != nil || p.Match(e) != again.Match(e) {
			t.Fatal("a match depends on something else than pattern and event")
		}
	})
}

func BenchmarkMatchTwentyRules(b *testing.B) {
	list := rows(b)[:20]
	var patterns []*Pattern
	for _, r := range list {
		p, err := Compile(r.Pattern)
		if err != nil {
			b.Fatal(err)
		}
		patterns = append(patterns, p)
	}
	for b.Loop() {
		e, err := ParseEvent(list[0].Event)
		if err != nil {
			b.Fatal(err)
		}
		for _, p := range patterns {
			p.Match(e)
		}
	}
}
