package stacks_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
)

var (
	assetHash   = regexp.MustCompile(`[0-9a-f]{64}`)
	versionHash = regexp.MustCompile(`(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}`)
)

// normalise writes a template with sorted keys and without the hashes of what
// the functions were built from.
func normalise(t *testing.T, template []byte) []byte {
	t.Helper()
	var value any
	if err := json.Unmarshal(template, &value); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // keeps <aws.scheduler.scheduled-time> readable
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		t.Fatal(err)
	}
	return versionHash.ReplaceAll(assetHash.ReplaceAll(b.Bytes(), []byte("ASSET")), []byte("${1}HASH"))
}

func templates(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(path)] = text
	}
	return out
}

// The golden templates are what the one-machine cloud runs and what a reviewer
// reads. They must be what would be deployed.
func TestGoldenTemplates(t *testing.T) {
	for _, env := range []config.Env{config.Dev, config.Prod} {
		folder := filepath.Join("../../templates", string(env))
		fresh := templates(t, assembly(t, env))
		if len(fresh) != 8 {
			t.Fatalf("%s has %d templates, want 8", env, len(fresh))
		}
		if *update {
			if err := os.RemoveAll(folder); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(folder, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		golden := templates(t, folder)
		for name, text := range fresh {
			text = normalise(t, text)
			if *update {
				if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
					t.Fatal(err)
				}
			} else if !bytes.Equal(golden[name], text) {
				t.Errorf("%s/%s is not what the app writes: run the tests with -update, read the difference, commit it with its reason", env, name)
			}
			delete(golden, name)
		}
		for name := range golden {
			t.Errorf("%s/%s belongs to no stack: run the tests with -update", env, name)
		}
	}
}
