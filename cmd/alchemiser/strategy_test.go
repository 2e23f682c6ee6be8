package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const golden = "../../pkg/strategy/testdata/golden"

// invoke runs a command line as the shell would.
func invoke(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

// TestGoldenCommand runs check and signal as the golden tests prescribe.
func TestGoldenCommand(t *testing.T) {
	var vectors struct {
		Strategies map[string]struct {
			BarsNeeded map[string]int `json:"bars_needed"`
			Results    map[string]struct {
				Allocation map[string]string `json:"allocation"`
				Error      *struct {
					Line, Col int
					Class     string
				} `json:"error"`
			} `json:"results"`
		} `json:"strategies"`
	}
	b, err := os.ReadFile(filepath.Join(golden, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	for name, want := range vectors.Strategies {
		file := filepath.Join(golden, "strategies", name)
		if code, out, _ := invoke("", "check", file, "--json"); code != 0 || !strings.Contains(out, `"diagnostics": []`) {
			t.Errorf("check %s: exit %d\n%s", name, code, out)
		}
		for asOf, w := range want.Results {
			code, out, stderr := invoke("", "signal", "--strategy", file, "--bars", filepath.Join(golden, "bars"), "--as-of", asOf, "--json")
			var got struct {
				Strategy   string            `json:"strategy"`
				AsOf       string            `json:"as_of"`
				Allocation map[string]string `json:"allocation"`
				Receipt    json.RawMessage   `json:"receipt"`
				BarsNeeded map[string]int    `json:"bars_needed"`
				Error      *struct {
					Line, Col      int
					Class, Message string
				} `json:"error"`
			}
			if err := json.Unmarshal([]byte(out), &got); err != nil {
				t.Fatalf("%s: %v\n%s%s", name, err, out, stderr)
			}
			if got.AsOf != asOf || got.Strategy != strings.TrimSuffix(name, ".clj") {
				t.Errorf("%s: strategy %s at %s", name, got.Strategy, got.AsOf)
			}
			if w.Error != nil {
				if code != 3 || got.Error == nil || got.Error.Class != w.Error.Class || got.Error.Line != w.Error.Line || got.Error.Col != w.Error.Col {
					t.Errorf("%s at %s: exit %d, %+v, want %+v", name, asOf, code, got.Error, w.Error)
				}
				continue
			}
			if code != 0 || len(got.Receipt) == 0 || !reflect.DeepEqual(got.BarsNeeded, want.BarsNeeded) {
				t.Errorf("%s at %s: exit %d, bars %v", name, asOf, code, got.BarsNeeded)
			}
			if len(got.Allocation) != len(w.Allocation) {
				t.Errorf("%s at %s: %v, want %v", name, asOf, got.Allocation, w.Allocation)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.clj")
	write(t, bad, "(defsymphony \"x\" {}\n (weight-eqal [(asset \"SPY\")]))\n")
	code, out, _ := invoke("", "check", bad)
	want := bad + `:2:3: unknown operator "weight-eqal"` + "\n" + `  hint: did you mean "weight-equal"?` + "\n"
	if code != 2 || out != want {
		t.Errorf("exit %d, got %q, want %q", code, out, want)
	}
	code, out, _ = invoke("", "check", bad, "--json")
	var got []map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 2 {
		t.Fatalf("exit %d, %v\n%s", code, err, out)
	}
	d := map[string]any{"line": 2.0, "col": 3.0, "class": "unknown-op", "message": `unknown operator "weight-eqal"`, "hint": `did you mean "weight-equal"?`}
	if !reflect.DeepEqual(got, []map[string]any{{"file": bad, "diagnostics": []any{d}}}) {
		t.Errorf("got %v", got)
	}
	if code, out, _ = invoke("", "check", filepath.Join(dir, "none.clj")); code != 2 || !strings.Contains(out, "none.clj:1:1: no such file or directory") {
		t.Errorf("missing file: exit %d, %s", code, out)
	}
	if code, out, _ = invoke("", "check", "../../services/signal/strategies"); code != 0 || !strings.Contains(out, "good") {
		t.Errorf("shipped portfolio: exit %d, %s", code, out)
	}
	if code, out, _ = invoke("", "check", dir); code != 2 || !strings.Contains(out, "portfolio.yaml:1:1") {
		t.Errorf("folder without portfolio: exit %d, %s", code, out)
	}
	odd := filepath.Join(dir, "odd.clj")
	write(t, odd, "(defsymphony \"x\" {}\n (if (> (rsi \"SPY\" {:window 10}) 101) [(asset \"SPY\")] [(asset \"TLT\")]))\n")
	want = odd + `:2:6: warning: (> (rsi "SPY" {:window 10}) 101) is never true here: an rsi lies between 0 and 100` + "\n" +
		"  hint: the then branch, at 2:39, is never taken\n" + odd + ": good, with warnings\n"
	if code, out, _ = invoke("", "check", odd); code != 0 || out != want {
		t.Errorf("warning: exit %d, got %q, want %q", code, out, want)
	}
	if code, out, _ = invoke("", "check", odd, "--json"); code != 0 || !strings.Contains(out, `"class": "never-true"`) || !strings.Contains(out, `"diagnostics": []`) {
		t.Errorf("warning: exit %d, got %s", code, out)
	}
	if code, _, stderr := invoke("", "check"); code != 1 || stderr == "" {
		t.Errorf("no argument: exit %d, %q", code, stderr)
	}
}

func TestSignalForPeople(t *testing.T) {
	file, bars := filepath.Join(golden, "strategies", "s049.clj"), filepath.Join(golden, "bars")
	code, out, _ := invoke("", "signal", "--strategy", file, "--bars", bars)
	if code != 0 || !strings.HasPrefix(out, "s049 (s049), on closes up to 20") {
		t.Errorf("exit %d\n%s", code, out)
	}
	code, out, _ = invoke("", "signal", "--strategy", file, "--bars", bars, "--explain")
	if code != 0 || !strings.Contains(out, "Target\n") || !strings.Contains(out, "Bars\n") {
		t.Errorf("exit %d\n%s", code, out)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no folder", []string{"--strategy", file, "--bars", "nowhere"}, 1, "nowhere"},
		{"bad date", []string{"--strategy", file, "--bars", bars, "--as-of", "28.11.2025"}, 1, "write it like 2025-11-28"},
		{"no strategy", []string{"--bars", bars}, 1, "required flag"},
		{"missing strategy", []string{"--strategy", "none.clj", "--bars", bars}, 2, "none.clj:1:1: no such file"},
		{"no bars", []string{"--strategy", file, "--bars", t.TempDir()}, 1, "give --as-of"},
		{"too early", []string{"--strategy", file, "--bars", bars, "--as-of", "2001-01-02"}, 3, "insufficient history"},
	} {
		code, out, stderr := invoke("", append([]string{"signal"}, c.args...)...)
		if code != c.code || !strings.Contains(out+stderr, c.want) {
			t.Errorf("%s: exit %d\n%s%s", c.name, code, out, stderr)
		}
	}
}

func TestSignalBadBars(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "x.clj")
	write(t, file, `(defsymphony "x" {} (if (> (current-price "AAA") 1) (asset "AAA") (asset "BBB")))`)
	for name, rows := range map[string]string{
		"order":    "2025-01-03,1,1,1,1,5\n2025-01-02,1,1,1,1,5\n",
		"negative": "2025-01-02,1,1,1,-1,5\n",
		"text":     "2025-01-02,1,1,1,one,5\n",
		"date":     "02.01.2025,1,1,1,1,5\n",
	} {
		write(t, filepath.Join(dir, "AAA.csv"), "date,open,high,low,close,volume\n"+rows)
		code, out, stderr := invoke("", "signal", "--strategy", file, "--bars", dir, "--as-of", "2025-01-03", "--json")
		var got struct{ Error map[string]any }
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != 3 || got.Error["class"] != "bad-bars" {
			t.Errorf("%s: exit %d\n%s%s", name, code, out, stderr)
		}
	}
}

func TestFmt(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "x.clj")
	loose := "(defsymphony \"x\"   {} ; note\r\n (asset \"SPY\"))"
	tidy := "(defsymphony \"x\" {} ; note\n  (asset \"SPY\"))\n"
	write(t, file, loose)
	if code, out, _ := invoke("", "fmt", "--check", file); code != 2 || out != file+"\n" || read(t, file) != loose {
		t.Errorf("check: exit %d, %q", code, out)
	}
	if code, out, _ := invoke("", "fmt", file); code != 0 || out != file+"\n" || read(t, file) != tidy {
		t.Errorf("exit %d, %q, file %q", code, out, read(t, file))
	}
	if code, out, _ := invoke("", "fmt", file); code != 0 || out != "" {
		t.Errorf("second time: exit %d, %q", code, out)
	}
	if code, out, _ := invoke(loose, "fmt"); code != 0 || out != tidy {
		t.Errorf("input: exit %d, %q", code, out)
	}
	if code, out, _ := invoke("(a", "fmt"); code != 2 || !strings.Contains(out, "input:1:1") {
		t.Errorf("bad input: exit %d, %q", code, out)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files left, want 1", len(entries))
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
