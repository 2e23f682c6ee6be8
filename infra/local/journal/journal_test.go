package journal_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/infra/local/journal"
)

func open(t *testing.T, path string) (*journal.Journal[string], []string, error) {
	t.Helper()
	var lines []string
	j, err := journal.Open(path, func(s string) error {
		lines = append(lines, s)
		return nil
	})
	if err == nil {
		t.Cleanup(func() { _ = j.Close() })
	}
	return j, lines, err
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "changes")
	j, lines, err := open(t, path)
	if err != nil || len(lines) != 0 {
		t.Fatalf("%v %q", err, lines)
	}
	expect := func(want ...string) *journal.Journal[string] {
		t.Helper()
		next, lines, err := open(t, path)
		if err != nil || !slices.Equal(lines, want) {
			t.Fatalf("%v %q, want %q", err, lines, want)
		}
		return next
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(j.Append("one"))
	do(j.Append("two\nlines"))
	expect("one", "two\nlines")
	// The process died while it wrote a line: it was never answered for, and the next one takes its place.
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	do(err)
	_, err = file.WriteString(`"a line that is longer than the next one`)
	do(err)
	do(file.Close())
	j = expect("one", "two\nlines")
	do(j.Append("three"))
	j = expect("one", "two\nlines", "three")
	do(j.Replace("all"))
	do(j.Append("and more"))
	j = expect("all", "and more")
	do(j.Clear())
	do(j.Append("again"))
	expect("again")
	if left, err := filepath.Glob(path + ".*"); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	do(os.WriteFile(path, []byte("\"one\"\nnothing\n\"three\"\n"), 0o600))
	if _, _, err := open(t, path); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a damaged line: %v", err)
	}
}
