package stacks_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/jsii-runtime-go"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
	"github.com/alchemiser/alchemiser/infra/cdk/internal/stacks"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

var (
	scratch    string // holds the assemblies until all tests are done
	assemblies = map[config.Env]string{}
)

var update = flag.Bool("update", false, "rewrite the golden templates")

// One Node process serves the whole test binary. It knows no parallel calls,
// so no test here is parallel and no other package has tests that synthesize.
func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "cdk"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	jsii.Close()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// environmentFor is an environment of the offline account.
func environmentFor(t *testing.T, env config.Env) config.Config {
	t.Helper()
	c, err := config.For(string(env), config.OfflineAccount)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// stubDist stands in for the built functions; their content shows only in the
// hashes of the assets.
func stubDist(t *testing.T) string {
	t.Helper()
	dist := t.TempDir()
	names := []string{"prehook"}
	for _, f := range topology.Functions() {
		names = append(names, string(f.Name))
	}
	for _, name := range names {
		writeStub(t, filepath.Join(dist, name, "bootstrap"), "stub of "+name)
	}
	return dist
}

func writeStub(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

// synth writes the assembly of an environment and returns its folder.
func synth(t *testing.T, c config.Config, dist string) string {
	t.Helper()
	settings, err := os.ReadFile("../../cdk.json")
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.MkdirTemp(scratch, string(c.Env))
	if err != nil {
		t.Fatal(err)
	}
	app, err := stacks.NewApp(settings, out)
	if err != nil {
		t.Fatal(err)
	}
	stacks.Build(app, c, dist)
	app.Synth(nil)
	return out
}

// assembly is the unchanged environment built from stubDist; each is
// synthesized once for all tests.
func assembly(t *testing.T, env config.Env) string {
	t.Helper()
	if assemblies[env] == "" {
		assemblies[env] = synth(t, environmentFor(t, env), stubDist(t))
	}
	return assemblies[env]
}
