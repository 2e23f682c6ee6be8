package stacks_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
	"github.com/alchemiser/alchemiser/infra/cdk/internal/stacks"
)

func cdkJSON(t *testing.T) []byte {
	t.Helper()
	settings, err := os.ReadFile("../../cdk.json")
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

// The library's validator must stop a synthesis: without the flag of cdk.json
// its errors are warnings that nobody reads.
func TestTheValidatorStopsMistakes(t *testing.T) {
	app, err := stacks.NewApp(cdkJSON(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := awscdk.NewStack(app, jsii.String("broken"), nil)
	awssqs.NewCfnQueue(s, jsii.String("Queue"), &awssqs.CfnQueueProps{MessageRetentionPeriod: jsii.Number(1)})
	defer func() {
		if recover() == nil {
			t.Error("a queue that keeps messages for one second was accepted")
		}
	}()
	app.Synth(nil)
}

func TestNewAppRefusesBrokenSettings(t *testing.T) {
	if _, err := stacks.NewApp([]byte("{"), ""); err == nil || !strings.Contains(err.Error(), "cdk.json") {
		t.Errorf("error %v does not name cdk.json", err)
	}
}

// Termination protection is not in the templates; it is in the assembly.
func TestOnlyProdIsProtectedFromDeletion(t *testing.T) {
	for env, want := range map[config.Env]int{config.Dev: 0, config.Prod: 8} {
		text, err := os.ReadFile(filepath.Join(assembly(t, env), "manifest.json"))
		if err != nil {
			t.Fatal(err)
		}
		var manifest struct {
			Artifacts map[string]struct {
				Type       string
				Properties struct{ TerminationProtection bool }
			}
		}
		if err := json.Unmarshal(text, &manifest); err != nil {
			t.Fatal(err)
		}
		stacks, protected := 0, 0
		for _, a := range manifest.Artifacts {
			if a.Type == "aws:cloudformation:stack" {
				stacks++
				if a.Properties.TerminationProtection {
					protected++
				}
			}
		}
		if stacks != 8 || protected != want {
			t.Errorf("%s: %d of %d stacks are protected, want %d", env, protected, stacks, want)
		}
	}
}
