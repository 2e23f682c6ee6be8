package stacks_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
)

// changed names the stacks whose templates differ.
func changed(before, after map[string][]byte) string {
	var names []string
	for name, text := range after {
		if !bytes.Equal(before[name], text) {
			names = append(names, strings.TrimSuffix(name, ".template.json"))
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// What changes decides what is deployed: one function must never redeploy
// another, and a commit that touches none must redeploy nothing.
func TestAChangeTouchesItsStacksAlone(t *testing.T) {
	before := templates(t, assembly(t, config.Dev))
	for _, tt := range []struct {
		name   string
		change func(dist string, c *config.Config)
		want   string
	}{
		{"a commit elsewhere: equal files in another folder", func(string, *config.Config) {}, ""},
		{"a strategy, which travels with signal", func(dist string, _ *config.Config) {
			writeStub(t, filepath.Join(dist, "signal", "strategies", "momentum.clj"), "(asset TLT)")
		}, "alchemiser-dev-signal"},
		{"a function", func(dist string, _ *config.Config) {
			writeStub(t, filepath.Join(dist, "portfolio", "bootstrap"), "another portfolio")
		}, "alchemiser-dev-portfolio"},
		{"a limit, which two functions check", func(_ string, c *config.Config) {
			c.Trading.MaxOrderUSD = "5"
		}, "alchemiser-dev-execution alchemiser-dev-portfolio"},
	} {
		dist, c := stubDist(t), environmentFor(t, config.Dev)
		tt.change(dist, &c)
		if got := changed(before, templates(t, synth(t, c, dist))); got != tt.want {
			t.Errorf("%s changes %q, want %q", tt.name, got, tt.want)
		}
	}
}

var lambdaFlags = regexp.MustCompile(`(?m)^LAMBDA_FLAGS\s*:?=\s*(.+)$`)

// A commit that touches no function must not change a byte of any: with the
// commit stamped in, each would start six canaries. This builds a program with
// the Makefile's flags at two commits in two folders.
func TestACommitElsewhereChangesNoBinary(t *testing.T) {
	makefile, err := os.ReadFile("../../../../Makefile")
	if err != nil {
		t.Skip("the Makefile with the build flags is not there:", err)
	}
	flags := lambdaFlags.FindSubmatch(makefile)
	if flags == nil {
		t.Fatal("the Makefile has no line LAMBDA_FLAGS := …")
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	build := func(readme string) []byte {
		dir := t.TempDir()
		writeStub(t, filepath.Join(dir, "go.mod"), "module example.com/stub\n\ngo 1.26\n")
		writeStub(t, filepath.Join(dir, "main.go"), "package main\n\nfunc main() { println(\"stub\") }\n")
		writeStub(t, filepath.Join(dir, "README"), readme)
		run := func(script string) {
			cmd := exec.Command("sh", "-ec", script)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=true", "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", script, err, out)
			}
		}
		run("git init -q . && git add . && git -c user.name=stub -c user.email=stub@example.com commit -qm stub")
		run("go build " + strings.TrimSpace(string(flags[1])) + " -o bootstrap .")
		binary, err := os.ReadFile(filepath.Join(dir, "bootstrap"))
		if err != nil {
			t.Fatal(err)
		}
		return binary
	}
	if !bytes.Equal(build("one"), build("two")) {
		t.Error("two commits of equal sources give two binaries: does LAMBDA_FLAGS still say -trimpath -buildvcs=false?")
	}
}
