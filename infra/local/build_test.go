package local_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/infra/local"
)

func write(t *testing.T, root, path, text string) {
	t.Helper()
	file := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, service := range []string{"start", "signal"} {
		write(t, root, "services/"+service+"/go.mod", "module example.com/"+service+"\n\ngo 1.26.0\n")
		write(t, root, "services/"+service+"/lambda/main.go", "package main\n\nfunc main() {}\n")
	}
	write(t, root, "services/signal/strategies/nuclear.clj", "(defsymphony)")
	return root
}

func TestBuild(t *testing.T) {
	root, cache := repository(t), t.TempDir()
	write(t, cache, "signal/strategies/gone.clj", "of an earlier build")
	got, err := local.Build(context.Background(), local.BuildOptions{Root: root, Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 {
		t.Fatalf("%v", got)
	}
	for _, path := range []string{got["start"] + "/bootstrap", got["signal"] + "/bootstrap", got["signal"] + "/strategies/nuclear.clj"} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(got["signal"] + "/strategies/gone.clj"); err == nil {
		t.Error("a strategy of an earlier build is still there")
	}
	own := t.TempDir()
	write(t, own, "mine.clj", "(defsymphony)")
	if got, err = local.Build(context.Background(), local.BuildOptions{Root: root, Cache: cache, Strategies: own, Services: []string{"signal"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(got["signal"] + "/strategies/mine.clj"); err != nil {
		t.Error(err)
	}
}

func TestBuildFailureNamesTheService(t *testing.T) {
	root := repository(t)
	write(t, root, "services/start/lambda/main.go", "package main\n\nfunc main() { x }\n")
	_, err := local.Build(context.Background(), local.BuildOptions{Root: root, Cache: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "build start") || !strings.Contains(err.Error(), "undefined: x") {
		t.Errorf("%v", err)
	}
	if _, err := local.Build(context.Background(), local.BuildOptions{Root: t.TempDir(), Cache: t.TempDir()}); err == nil {
		t.Error("a folder without services was built")
	}
}

// Two clouds at once trade their own strategies, whoever was built last.
func TestBundlesAreApart(t *testing.T) {
	root, cache := repository(t), t.TempDir()
	var bundles []string
	for _, name := range []string{"one.clj", "two.clj"} {
		own := t.TempDir()
		write(t, own, name, "(defsymphony)")
		got, err := local.Build(context.Background(), local.BuildOptions{
			Root: root, Cache: cache, Strategies: own, Services: []string{"signal"}, Bundle: t.TempDir(),
		})
		if err != nil {
			t.Fatal(err)
		}
		bundles = append(bundles, got["signal"])
	}
	for i, want := range []string{"one.clj", "two.clj"} {
		found, err := os.ReadDir(bundles[i] + "/strategies")
		if err != nil || len(found) != 1 || found[0].Name() != want {
			t.Errorf("bundle %d holds %v, want %s (%v)", i, found, want, err)
		}
		if _, err := os.Stat(bundles[i] + "/bootstrap"); err != nil {
			t.Error(err)
		}
	}
}
