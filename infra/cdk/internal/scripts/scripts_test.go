// Package scripts runs the operator's scripts of the repository against a stand-in
// for the AWS command line, which writes down what it is asked and answers what
// the test tells it to.
package scripts

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

const folder = "../../../../scripts"

// standIn answers a call with the file named after its first two words; the
// answer "error" makes it fail. The file given to put-parameter is written down.
const standIn = `#!/bin/sh
echo "$AWS_REGION $*" >>"$CALLS"
if [ "$2" = put-parameter ]; then cat "${4#file://}" >>"$CALLS"; echo >>"$CALLS"; fi
answer="$ANSWERS/$1-$2"
[ ! -f "$answer" ] || ! grep -qx error "$answer" || { echo "An error occurred" >&2; exit 254; }
[ ! -f "$answer" ] || cat "$answer"
`

// result is what a script did.
type result struct {
	code   int
	output string   // both streams
	calls  []string // without the region, see run
}

// run runs a script with the stand-in's answers, by the first two words of the
// call. Every call must go to the region of the environment.
func run(t *testing.T, answers map[string]string, stdin string, variables []string, script string, args ...string) result {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("aws", standIn, 0o755)
	for call, answer := range answers {
		write(strings.ReplaceAll(call, " ", "-"), answer+"\n", 0o644)
	}
	cmd := exec.Command(filepath.Join(folder, script), args...)
	cmd.Env = append([]string{"PATH=" + dir + ":/usr/bin:/bin", "CALLS=" + filepath.Join(dir, "calls"), "ANSWERS=" + dir}, variables...)
	cmd.Stdin = strings.NewReader(stdin)
	output, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	r := result{code: cmd.ProcessState.ExitCode(), output: string(output)}
	log, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(log)), "\n") {
		if line == "" || strings.HasPrefix(line, "{") {
			r.calls = append(r.calls, line)
			continue
		}
		region, call, _ := strings.Cut(line, " ")
		if c, err := config.For(args[0], config.OfflineAccount); err != nil || region != c.Region {
			t.Errorf("%s was called in region %q (%v)", call, region, err)
		}
		r.calls = append(r.calls, call)
	}
	return r
}

// changes are the calls that change something.
func (r result) changes() []string {
	var out []string
	for _, call := range r.calls {
		if strings.Contains(call, " delete-") || strings.Contains(call, " update-") || strings.Contains(call, " put-") {
			out = append(out, call)
		}
	}
	return out
}

func (r result) expect(t *testing.T, code int, words ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d: %s", r.code, code, r.output)
	}
	for _, w := range words {
		if !strings.Contains(r.output, w) {
			t.Errorf("the script does not say %q:\n%s", w, r.output)
		}
	}
}

func TestDeployWindow(t *testing.T) {
	for _, c := range []struct {
		env, now, force string
		code            int
	}{
		{"prod", "1 0829 EST", "", 0},
		{"prod", "1 0830 EST", "", 1},
		{"prod", "5 0935 EDT", "", 1},
		{"prod", "5 1029 EDT", "", 1},
		{"prod", "5 1030 EDT", "", 0},
		{"prod", "6 0935 EST", "", 0},
		{"prod", "7 0935 EST", "", 0},
		{"prod", "3 0935 EST", "1", 0},
		{"prod", "3 1435 UTC", "", 1}, // no time-zone data
		{"prod", "3 2200 America", "", 1},
		{"staging", "3 0935 EST", "", 0},
		{"dev", "3 0935 EST", "", 0},
	} {
		r := run(t, nil, "", []string{"NOW=" + c.now, "FORCE=" + c.force}, "deploy-window", c.env)
		if r.code != c.code || (c.code == 1) != strings.Contains(r.output, "FORCE=1") {
			t.Errorf("%+v: exit code %d: %s", c, r.code, r.output)
		}
	}
	// Without NOW it takes the machine's clock, whatever that says.
	if r := run(t, nil, "", nil, "deploy-window", "prod"); r.code > 1 || r.code == 1 && !strings.Contains(r.output, "New York") {
		t.Errorf("exit code %d: %s", r.code, r.output)
	}
}

func TestScriptsNeedAnEnvironment(t *testing.T) {
	for _, script := range []string{"deploy-window", "credentials", "parameters", "check-subscription", "prune-versions", "rollback"} {
		if r := run(t, nil, "", nil, script); r.code == 0 || !strings.Contains(r.output, "usage: scripts/"+script) {
			t.Errorf("%s without an environment: exit code %d: %s", script, r.code, r.output)
		}
		if script != "deploy-window" {
			run(t, nil, "", nil, script, "production", "signal").expect(t, 1, "expected dev, staging or prod")
		}
	}
}

func TestCredentials(t *testing.T) {
	run(t, map[string]string{"sts get-caller-identity": "error"}, "", nil, "credentials", "dev").expect(t, 1, "no valid AWS credentials", "make synth needs none")
	run(t, map[string]string{"sts get-caller-identity": "123456789012"}, "", nil, "credentials", "dev").expect(t, 0, "account 123456789012, region us-east-1")
	run(t, map[string]string{"sts get-caller-identity": "123456789012"}, "", nil, "credentials", "prod", "123456789012").expect(t, 0)
	run(t, map[string]string{"sts get-caller-identity": "123456789012"}, "", nil, "credentials", "prod", "999999999999").expect(t, 1, "of account 123456789012, not of ACCOUNT=999999999999")
}

func TestParameters(t *testing.T) {
	r := run(t, nil, "AK1\nse\"cr\\et\n", nil, "parameters", "prod", "broker")
	r.expect(t, 0, "wrote /alchemiser/prod/broker/key-id", "wrote /alchemiser/prod/broker/secret-key")
	want := `{"Name":"/alchemiser/prod/broker/secret-key","Type":"SecureString","Overwrite":true,"Value":"se\"cr\\et"}`
	if !slices.Contains(r.calls, want) || len(r.changes()) != 2 {
		t.Errorf("calls %q, want %s", r.calls, want)
	}
	if strings.Contains(r.output, "AK1") || strings.Contains(r.output, "cr\\et") {
		t.Errorf("a secret was printed: %s", r.output)
	}
	for _, call := range r.changes() {
		if strings.Contains(call, "AK1") {
			t.Errorf("a secret is on the command line: %s", call)
		}
		if _, err := os.Stat(call[strings.Index(call, "file://")+len("file://"):]); !os.IsNotExist(err) {
			t.Errorf("the file of the secrets is left behind: %v", err)
		}
	}
	// The second is left as it is; the end of the input is no value either.
	if r := run(t, nil, "user\n\n", nil, "parameters", "dev", "mail"); r.code != 0 || len(r.changes()) != 1 {
		t.Errorf("exit code %d, calls %q", r.code, r.calls)
	}
	if r := run(t, nil, "", nil, "parameters", "dev"); r.code != 0 || len(r.changes()) != 0 {
		t.Errorf("exit code %d, calls %q", r.code, r.calls)
	}
	run(t, map[string]string{"ssm put-parameter": "error"}, "AK1\n", nil, "parameters", "dev", "broker").expect(t, 1, "could not write /alchemiser/dev/broker/key-id")
	run(t, nil, "", nil, "parameters", "dev", "brokers").expect(t, 1, "unknown group 'brokers'")
}

func TestCheckSubscription(t *testing.T) {
	ask := func(subscriptions string) result {
		return run(t, map[string]string{"sts get-caller-identity": "123456789012", "sns list-subscriptions-by-topic": subscriptions}, "", nil, "check-subscription", "prod")
	}
	r := ask("PendingConfirmation\temail\ta@alchemiser.test\narn:aws:sns:us-east-1:123456789012:alchemiser-prod-alarms:1\temail\tb@alchemiser.test")
	r.expect(t, 0, "confirmed: email b@alchemiser.test", "not confirmed: email a@alchemiser.test")
	if !strings.Contains(strings.Join(r.calls, "\n"), "--topic-arn arn:aws:sns:us-east-1:123456789012:alchemiser-prod-alarms ") {
		t.Errorf("calls %q", r.calls)
	}
	ask("PendingConfirmation\temail\ta@alchemiser.test").expect(t, 1, "not confirmed: email a@alchemiser.test", "no alarm of prod would reach anybody")
	ask("Deleted\temail\ta@alchemiser.test").expect(t, 1, "no alarm of prod")
	ask("").expect(t, 1, "no alarm of prod")
	ask("error").expect(t, 1, "is prod deployed?")
}

func TestPruneVersions(t *testing.T) {
	prune := func(aliases, versions string, args ...string) result {
		return run(t, map[string]string{"lambda list-aliases": aliases, "lambda list-versions-by-function": versions}, "", nil, "prune-versions", append([]string{"prod"}, args...)...)
	}
	// 9 to 11 are the newest, 3 is where somebody rolled back to, 4 gets a part of the traffic.
	r := prune("3\t4", "$LATEST\t1\t2\t3\t4\t9\t10\t11", "3")
	r.expect(t, 0, "deleted alchemiser-prod-monitor:2")
	var want []string
	for _, f := range topology.Functions() {
		for _, v := range []string{"2", "1"} {
			want = append(want, "lambda delete-function --function-name alchemiser-prod-"+string(f.Name)+" --qualifier "+v)
		}
	}
	if got := r.changes(); !slices.Equal(got, want) {
		t.Errorf("changes %q,\nwant %q", got, want)
	}
	for name, r := range map[string]result{
		"fewer than kept":   prune("2", "$LATEST\t1\t2"),
		"no version":        prune("2", "$LATEST"),
		"no alias":          prune("", "$LATEST\t1\t2\t3", "1"),
		"unreadable":        prune("3", "error", "1"),
		"unreadable alias":  prune("error", "$LATEST\t1\t2\t3", "1"),
		"keep nothing":      prune("3", "$LATEST\t1\t2\t3", "0"),
		"keep something":    prune("3", "$LATEST\t1\t2\t3", "all"),
		"keep a wrong sign": prune("3", "$LATEST\t1\t2\t3", "-1"),
	} {
		if got := r.changes(); len(got) != 0 {
			t.Errorf("%s: %q", name, got)
		}
		if wantCode := 1; name != "fewer than kept" && name != "no version" && r.code != wantCode {
			t.Errorf("%s: exit code %d: %s", name, r.code, r.output)
		}
	}
}

func TestRollback(t *testing.T) {
	back := func(alias, versions string, args ...string) result {
		return run(t, map[string]string{"lambda get-alias": alias, "lambda list-versions-by-function": versions}, "", nil, "rollback", append([]string{"prod"}, args...)...)
	}
	const versions = "$LATEST\t2\t9\t10\t11"
	for _, c := range []struct {
		alias string
		args  []string
		to    string
	}{
		{"10\t0", []string{"signal"}, "9"},
		{"9\t0", []string{"signal"}, "2"},
		{"9\t0", []string{"signal", "11"}, "11"},
	} {
		r := back(c.alias, versions, c.args...)
		current := strings.Fields(c.alias)[0]
		r.expect(t, 0, "version "+current+" -> "+c.to, "scripts/rollback prod signal "+current)
		want := "lambda update-alias --function-name alchemiser-prod-signal --name live --function-version " + c.to
		if got := r.changes(); len(got) != 1 || got[0] != want {
			t.Errorf("%v: %q, want %s", c.args, got, want)
		}
	}
	for _, c := range []struct {
		r    result
		want string
	}{
		{back("2\t0", versions, "signal"), "no version before 2"},
		{back("9\t0", versions, "signal", "3"), "no version 3; there are: 2 9 10 11"},
		{back("9\t0", versions, "signal", "9"), "already uses version 9"},
		{back("9\t0", versions, "signal", "$LATEST"), "expected a number"},
		{back("9\t1", versions, "signal"), "a deployment of alchemiser-prod-signal is under way"},
		{back("$LATEST\t0", versions, "signal"), "no published version"},
		{back("9\t0", versions, "router"), "unknown service 'router'"},
		{back("error", versions, "signal"), "could not read the alias"},
		{back("9\t0", "error", "signal"), "could not read the versions"},
	} {
		c.r.expect(t, 1, c.want)
		if got := c.r.changes(); len(got) != 0 {
			t.Errorf("%s: %q", c.want, got)
		}
	}
}

// The scripts name the functions; here is the proof that they name all.
func TestScriptsKnowTheFunctions(t *testing.T) {
	var names []string
	for _, f := range topology.Functions() {
		names = append(names, string(f.Name))
		if r := run(t, map[string]string{"lambda get-alias": "2\t0", "lambda list-versions-by-function": "1 2"}, "", nil, "rollback", "dev", string(f.Name)); r.code != 0 {
			t.Errorf("rollback does not know %s: %s", f.Name, r.output)
		}
	}
	text, err := os.ReadFile(filepath.Join(folder, "prune-versions"))
	if err != nil || !strings.Contains(string(text), "in "+strings.Join(names, " ")+";") {
		t.Errorf("prune-versions does not name the functions %v (%v)", names, err)
	}
}

func TestShellcheck(t *testing.T) {
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("shellcheck is not installed")
	}
	scripts, err := filepath.Glob(folder + "/*")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(shellcheck, append([]string{"-x", "-P", folder + "/.."}, scripts...)...).CombinedOutput(); err != nil {
		t.Errorf("%s", out)
	}
}
