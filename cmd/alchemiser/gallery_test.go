package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every command that a mail tells its reader to type is one of this program,
// with flags that it knows.
func TestTheMailsNameCommandsThatExist(t *testing.T) {
	paths, err := filepath.Glob("../../docs/gallery/*/mail.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no mails in docs/gallery (%v)", err)
	}
	checked := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			typed, ok := strings.CutPrefix(strings.TrimSpace(line), "alchemiser ")
			if !ok {
				continue
			}
			checked++
			before, quoted, _ := strings.Cut(typed, `"`)
			reason, after, _ := strings.Cut(quoted, `"`)
			args := strings.Fields(before)
			if reason != "" {
				args = append(args, reason)
			}
			args = append(args, strings.Fields(after)...)
			cmd, rest, err := newRootCommand().Find(args)
			if err != nil || cmd.Name() == "alchemiser" {
				t.Errorf("%s: %s: %v", path, typed, err)
				continue
			}
			if err := cmd.ParseFlags(rest); err != nil {
				t.Errorf("%s: %s: %v", path, typed, err)
				continue
			}
			if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
				t.Errorf("%s: %s: %v", path, typed, err)
			}
		}
	}
	if checked < 10 {
		t.Errorf("%d commands in the mails", checked)
	}
}
