package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/alchemiser/alchemiser/infra/local/sim"
)

const root = "../../../.."

func stored(t *testing.T, file string, into any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, file))
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The document shows the figures that are kept, and no others.
func TestTheFiguresAreDocumented(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root, document))
	if err != nil {
		t.Fatal(err)
	}
	var worlds sim.Report
	stored(t, worldsFile, &worlds)
	var both comparison
	stored(t, baselineFile, &both)
	for _, part := range []struct{ begin, end, want, target string }{
		{figuresBegin, figuresEnd, worlds.Figures(), "sim-report"},
		{baselineBegin, baselineEnd, sim.Comparison(both.With, both.Without), "sim-baseline"},
	} {
		got, err := block(string(raw), part.begin, part.end)
		if err != nil {
			t.Error(err)
		} else if got != part.want {
			t.Errorf("%s differs from the figures that are kept; run make %s\n%s\ninstead of\n%s", document, part.target, got, part.want)
		}
	}
}

func TestABlockIsReplaced(t *testing.T) {
	file := filepath.Join(t.TempDir(), "d.md")
	if err := os.WriteFile(file, []byte("a\n<!-- x -->\nold\n<!-- y -->\nb\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"new\n", "", "newer\n"} {
		if err := writeBlock(file, "<!-- x -->", "<!-- y -->", text); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(file); string(got) != "a\n<!-- x -->\n"+text+"<!-- y -->\nb\n" {
			t.Errorf("%q", got)
		}
	}
	if err := writeBlock(file, "<!-- z -->", "<!-- y -->", ""); err == nil {
		t.Error("a document without the lines was written")
	}
}
