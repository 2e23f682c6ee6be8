package runfile_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/runfile"
)

const runID = "6f56e1c6-736e-51c9-bef6-1ef189e414d3"

func item(t *testing.T, sk string, v any) ledger.Item {
	t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Item{Key: ledger.Key{PK: ledger.RunPK(runID), SK: sk}, Version: 1, Body: body}
}

func written(t *testing.T, r *runfile.Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A run that went wrong, or that an older build made, has a record as well; it
// says what it lacks.
func TestTheRecordSaysWhatItLacks(t *testing.T) {
	done := ledger.Inbox{State: ledger.Done, Attempts: 1, Result: "x"}
	for name, c := range map[string]struct {
		items []ledger.Item
		want  string // what is missing; empty: nothing
	}{
		"only the claim of a run": {[]ledger.Item{item(t, "META", ledger.Meta{RunKey: "a/b/c", Session: "2026-11-23", State: ledger.RunOpen})}, ""},
		"an attempt that died":    {[]ledger.Item{item(t, "IN#start#1", ledger.Inbox{State: ledger.Claimed, Attempts: 2})}, ""},
		"an older build":          {[]ledger.Item{item(t, "IN#start#1", done)}, "start of 1: it has no transcript"},
		"a transcript that was too large": {[]ledger.Item{item(t, "IN#start#1", ledger.Inbox{State: ledger.Done, TranscriptLost: "it has 300000 bytes"})},
			"start of 1: it has 300000 bytes"},
		"a damaged transcript": {[]ledger.Item{item(t, "IN#start#1", ledger.Inbox{State: ledger.Done, Transcript: []byte("?")})}, "start of 1: transcript: "},
		"a damaged document":   {[]ledger.Item{item(t, "META", "?"), item(t, "IN#start#1", 7)}, "META does not decode"},
		"a damaged event":      {[]ledger.Item{item(t, "IN#signal#1", ledger.Inbox{State: ledger.Claimed, Out: []string{"{}"}})}, "an event that signal published does not decode"},
		"a damaged receipt":    {[]ledger.Item{item(t, "RECEIPT#a#00", map[string]string{"gzip": "AAAA"})}, "RECEIPT#a does not decompress"},
	} {
		run, err := runfile.Collect(runID, c.items)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		missing := strings.Join(run.Head.Missing, "\n")
		if (c.want == "") != (missing == "") || !strings.Contains(missing, c.want) {
			t.Errorf("%s: missing %q, want %q", name, missing, c.want)
		}
		text := written(t, run)
		again, err := runfile.Read(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if written(t, again) != text {
			t.Errorf("%s: another file after it was read", name)
		}
	}
	if _, err := runfile.Collect(runID, nil); err == nil {
		t.Error("a run without documents has a record")
	}
}

// Every line is guarded: none can be changed, left out, doubled or moved.
func TestEveryChangeOfALineShows(t *testing.T) {
	var items []ledger.Item
	for i := range 5 {
		items = append(items, item(t, fmt.Sprintf("LEG#p#%03d", i), map[string]int{"seq": i}))
	}
	run, err := runfile.Collect(runID, items)
	if err != nil {
		t.Fatal(err)
	}
	text := written(t, run)
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	lines[len(lines)-1] += "\n"
	check := func(what string, changed []string, place string) {
		t.Helper()
		if _, err := runfile.Read(strings.NewReader(strings.Join(changed, ""))); err == nil || !strings.Contains(err.Error(), place) {
			t.Errorf("%s: %v, want %q", what, err, place)
		}
	}
	for i := range lines {
		place := fmt.Sprintf("line %d", i+1)
		without := append(append([]string{}, lines[:i]...), lines[i+1:]...)
		switch i {
		case 0:
			check("the first line is missing", without, "no record of a run")
		case len(lines) - 1:
			check("the last line is missing", without, "cut off in "+place)
		default:
			check("a line is missing", without, place)
			moved := append([]string{}, lines...)
			moved[i-1], moved[i] = moved[i], moved[i-1]
			want := fmt.Sprintf("line %d", i)
			if i == 1 {
				want = "no record of a run"
			}
			check("a line is moved", moved, want)
		}
		doubled := append(append(append([]string{}, lines[:i+1]...), lines[i]), lines[i+1:]...)
		want := fmt.Sprintf("line %d", i+2)
		if i == len(lines)-1 {
			want = "something follows"
		}
		check("a line is doubled", doubled, want)
		for at := 0; at < len(lines[i]); at += 7 {
			changed := append([]string{}, lines...)
			b := []byte(lines[i])
			b[at] ^= 1
			changed[i] = string(b)
			if _, err := runfile.Read(strings.NewReader(strings.Join(changed, ""))); err == nil {
				t.Errorf("line %d, byte %d: the change was not noticed", i+1, at)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	run, err := runfile.Collect(runID, []ledger.Item{{Key: ledger.Key{PK: ledger.RunPK(runID), SK: "META"}, Version: 1, Body: []byte(`{}`)}})
	if err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	if err := run.Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"line":"run","format":"alchemiser.run","version":1,"sum":"0123456789abcdef"}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		read, err := runfile.Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		if err := read.Write(&bytes.Buffer{}); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}
