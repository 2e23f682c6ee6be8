package stacks_test

import (
	"os"
	"testing"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/checks"
	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
)

// What the app writes now, before any golden template, must be what the
// topology and the settings ask for. Staging has no golden templates: see
// stagingDiffers.
func TestWhatIsDeployedHasNoFindings(t *testing.T) {
	for _, env := range []config.Env{config.Dev, config.Staging, config.Prod} {
		e, err := checks.Load(os.DirFS(assembly(t, env)), environmentFor(t, env))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range checks.Run(e) {
			t.Error(f)
		}
	}
}
