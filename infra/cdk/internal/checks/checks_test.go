package checks_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/checks"
	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
)

func golden(t *testing.T, env config.Env) checks.Environment {
	t.Helper()
	c, err := config.For(string(env), config.OfflineAccount)
	if err != nil {
		t.Fatal(err)
	}
	e, err := checks.Load(os.DirFS(filepath.Join("../../templates", string(env))), c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestGoldenTemplatesHaveNoFindings(t *testing.T) {
	for _, env := range []config.Env{config.Dev, config.Prod} {
		for _, f := range checks.Run(golden(t, env)) {
			t.Error(f)
		}
	}
}
