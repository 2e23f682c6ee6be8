package repository_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/infra/local/repository"
)

func TestRootIsTheNearestFolderWithAGoWork(t *testing.T) {
	outer := t.TempDir()
	inner := filepath.Join(outer, "a", "b")
	below := filepath.Join(inner, "c", "d")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{outer, inner} {
		if err := os.WriteFile(filepath.Join(dir, "go.work"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for from, want := range map[string]string{
		outer:                     outer,
		filepath.Join(outer, "a"): outer,
		inner:                     inner,
		below:                     inner,
	} {
		t.Chdir(from)
		if got, err := repository.Root(); err != nil || got != want {
			t.Errorf("from %s: %q, %v; want %q", from, got, err, want)
		}
	}
}

// Tests and commands build from this one.
func TestRootIsThisRepository(t *testing.T) {
	want, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := repository.Root(); err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

func TestOutsideOfARepositoryTheErrorSaysWhereAndWhatToDo(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	got, err := repository.Root()
	if err == nil {
		t.Fatalf("found %q", got)
	}
	for _, part := range []string{"go.work", dir, "call this from inside the repository"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}
