package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
)

// call runs one command line in this process.
func call(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestRunSaysEveryMistakeAtOnce(t *testing.T) {
	empty := t.TempDir()
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"several":         {[]string{"--cash", "lots", "--as-of", "yesterday", "--hold", "MSFT", "--bars", empty}, []string{"--cash", "--as-of", "--hold", "no SYMBOL.csv"}},
		"no portfolio":    {[]string{"--strategies", empty}, []string{"portfolio.yaml"}},
		"no such folder":  {[]string{"--bars", filepath.Join(empty, "x")}, []string{"no SYMBOL.csv"}},
		"unknown broker":  {[]string{"--broker", "other"}, []string{"paper or alpaca"}},
		"live on paper":   {[]string{"--live"}, []string{"--broker alpaca"}},
		"bars and alpaca": {[]string{"--broker", "alpaca", "--bars", empty}, []string{"do not go with --broker alpaca", "APCA_API_KEY_ID"}},
		"an argument":     {[]string{"now"}, []string{"unknown command"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("APCA_API_KEY_ID", "")
			code, _, stderr := call(append([]string{"run"}, c.args...)...)
			for _, w := range c.want {
				if code != exitUsage || !strings.Contains(stderr, w) {
					t.Errorf("exit %d, want %d and %q in\n%s", code, exitUsage, w, stderr)
				}
			}
		})
	}
}

// F42: real money needs to be said twice, and a token that would win over the
// keys is refused.
func TestF42TheLiveHostIsRefusedUnlessToldTwice(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		args []string
		want string
	}{
		"not at all":       {map[string]string{"APCA_API_BASE_URL": alpacaLive}, nil, "say so twice"},
		"once":             {map[string]string{"APCA_API_BASE_URL": alpacaLive}, []string{"--live"}, "say so twice"},
		"the other half":   {map[string]string{"APCA_API_BASE_URL": alpacaLive}, []string{"--confirm", "1"}, "say so twice"},
		"with a slash":     {map[string]string{"APCA_API_BASE_URL": alpacaLive + "/"}, nil, "say so twice"},
		"live at paper":    {nil, []string{"--live", "--confirm", "1"}, "--live is set"},
		"only the account": {nil, []string{"--confirm", "1"}, "--confirm goes with --live"},
		"another token":    {map[string]string{"APCA_API_OAUTH": "t"}, nil, "APCA_API_OAUTH"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, k := range []string{"APCA_API_BASE_URL", "APCA_API_OAUTH"} {
				t.Setenv(k, c.env[k])
			}
			t.Setenv("APCA_API_KEY_ID", "k")
			t.Setenv("APCA_API_SECRET_KEY", "s")
			code, _, stderr := call(append([]string{"run", "--broker", "alpaca"}, c.args...)...)
			if code != exitUsage || !strings.Contains(stderr, c.want) {
				t.Errorf("exit %d, want %d and %q in\n%s", code, exitUsage, c.want, stderr)
			}
		})
	}
}

func TestRunEndToEnd(t *testing.T) {
	dir := t.TempDir()
	code, stdout, stderr := call("run", "--json", "--as-of", "2024-03-12", "--seed", "3", "--hold", "QQQ=5", "--dir", dir)
	var report rehearsal.Report
	if err := json.Unmarshal([]byte(stdout), &report); code != 0 || err != nil {
		t.Fatalf("exit %d, %v\n%s\n%s", code, err, stdout, stderr)
	}
	if report.Outcome != "COMPLETED" || len(report.Timeline) != 6 || report.Session != "2024-03-13" || len(report.Problems) > 0 {
		t.Errorf("outcome %s of %s in %d invocations, problems %q", report.Outcome, report.Session, len(report.Timeline), report.Problems)
	}
	for _, file := range []string{"events.jsonl", "report.json", "logs"} {
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Error(err)
		}
	}
}

func TestRunThatFailsSaysWhereAndExitsNonZero(t *testing.T) {
	strategies := t.TempDir()
	for name, text := range map[string]string{
		"portfolio.yaml": "version: 1\nstrategies:\n  - strategy: bad.clj\n    weight: \"1\"\n",
		"bad.clj":        "(defsymphony \"bad\" {}\n  [(asset \"spy\")])\n",
	} {
		if err := os.WriteFile(filepath.Join(strategies, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	code, stdout, _ := call("run", "--strategies", strategies, "--dir", t.TempDir())
	if code != exitRunFailed || !strings.Contains(stdout, "FAILED in signal: strategy_failed: bad.clj:2:11") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
}
