package rehearsal_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every variable of the deployed functions is documented.
func TestEveryVariableIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../cdk/templates/*/*.template.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no templates: %v", err)
	}
	seen := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var template struct {
			Resources map[string]struct {
				Type       string
				Properties struct {
					Environment struct{ Variables map[string]any }
				}
			}
		}
		if err := json.Unmarshal(raw, &template); err != nil {
			t.Fatal(err)
		}
		for _, r := range template.Resources {
			if r.Type != "AWS::Lambda::Function" {
				continue
			}
			for name := range r.Properties.Environment.Variables {
				seen++
				if name != "TARGET_VERSION" && !strings.Contains(string(page), "`"+name+"`") {
					t.Errorf("%s defines %s, which docs/configuration.md does not explain", file, name)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("the templates define no variables")
	}
}
