package checks_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// These mistakes pass the library's validator; the reader should learn from
// the finding what is wrong.
func TestFindingsSayWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name, part, path string
		value            any
		check, want      string
	}{
		{"a key in the environment", "signal", "Function76856677/Properties/Environment/Variables/SECRET_PATH", "PKTESTTESTTESTTESTTEST", "functions", "looks like a secret"},
		{"a dynamic reference", "signal", "Function76856677/Properties/Environment/Variables/SECRET_PATH", "{{resolve:ssm-secure:/alchemiser/dev/broker}}", "functions", "looks like a secret"},
		{"a reserved name", "signal", "Function76856677/Properties/Environment/Variables/AWS_REGION", "us-east-1", "functions", "AWS_REGION"},
		{"too long a timeout", "signal", "Function76856677/Properties/Timeout", 1000.0, "functions", "property Timeout: want 30, have 1000"},
		{"retries for calls that nobody makes", "signal", "LiveEventInvokeConfigF14D3F8E/Properties/Qualifier", "$LATEST", "alias", "property Qualifier"},
		{"the scheduler's default of retries", "start", "ScheduledailyC913966C/Properties/Target/RetryPolicy/MaximumRetryAttempts", 185.0, "schedules", "185"},
		{"dev trading by itself", "start", "ScheduledailyC913966C/Properties/State", "ENABLED", "schedules", `want "DISABLED"`},
		{"a right too many", "notifier", "Role1ABCC5F0/Properties/Policies/0/PolicyDocument/Statement/2/Action", "events:PutEvents", "rights", "a right is not wanted: Allow events:PutEvents"},
		{"an odd period", "signal", "Alarmsignalerrors0E040D4B/Properties/Period", 45.0, "alarms", "property Period: want 60, have 45"},
		{"a resource that nobody asked for", "signal", "Extra", map[string]any{"Type": "AWS::Lambda::Url", "Properties": map[string]any{}}, "shape", "AWS::Lambda::Url is not wanted"},
		{"a silent alarm", "signal", "Alarmsignalerrors0E040D4B/Properties/AlarmActions", []any{}, "alarms", "property AlarmActions"},
	} {
		e := golden(t, config.Dev)
		o := e.Stacks[tt.part]["Resources"].(map[string]any)
		keys := strings.Split(tt.path, "/")
		var at any = o
		for _, k := range keys[:len(keys)-1] {
			switch v := at.(type) {
			case map[string]any:
				at = v[k]
			case []any:
				at = v[int(k[0]-'0')]
			}
		}
		parent, ok := at.(map[string]any)
		if !ok {
			t.Errorf("%s: nothing at %s", tt.name, tt.path)
			continue
		}
		parent[keys[len(keys)-1]] = tt.value
		if found := checks.Run(e); !slices.ContainsFunc(found, func(f checks.Finding) bool {
			return f.Check == tt.check && strings.Contains(f.Text, tt.want)
		}) {
			t.Errorf("%s: found %v, want %s: %q", tt.name, found, tt.check, tt.want)
		}
	}
}

// A rule that is right by itself can still be wrong: an event must not reach
// two rules of one function, nor one that has no business with it.
func TestF02RoutesFollowEveryEvent(t *testing.T) {
	for _, tt := range []struct{ name, part, rule, source, kind, want string }{
		{"a loop of errors", "monitor", "TradeExecuted", "alchemiser.notifications", "ErrorNotificationRequested", "ErrorNotificationRequested"},
		{"a record that comes back", "monitor", "TradeExecuted", "alchemiser.orchestration", "WorkflowCompleted", "WorkflowCompleted"},
		{"twice to one function", "monitor", "TradeExecuted", "alchemiser.execution", "WorkflowFailed", "WorkflowFailed"},
		{"a source that is none", "signal", "WorkflowStarted", "alchemiser.start", "WorkflowStarted", "the registry has no"},
		{"a type that is none", "signal", "WorkflowStarted", "alchemiser.orchestration", "WorkflowBegun", "the registry has no"},
	} {
		e := golden(t, config.Dev)
		for id, r := range e.Stacks[tt.part]["Resources"].(map[string]any) {
			if strings.HasPrefix(id, "Rule"+tt.rule) && r.(map[string]any)["Type"] == "AWS::Events::Rule" {
				r.(map[string]any)["Properties"].(map[string]any)["EventPattern"] = map[string]any{"source": []any{tt.source}, "detail-type": []any{tt.kind}}
			}
		}
		if found := checks.Routes(e); !slices.ContainsFunc(found, func(f checks.Finding) bool { return strings.Contains(f.String(), tt.want) }) {
			t.Errorf("%s: found %v", tt.name, found)
		}
	}
}
