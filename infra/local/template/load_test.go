package template

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

const fixtures = "../testdata/templates"

func TestLoad(t *testing.T) {
	m, err := Load(os.DirFS(fixtures))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Functions) != 2 || len(m.Rules) != 4 || len(m.Queues) != 4 || len(m.Schedules) != 1 || len(m.Tables) != 1 || len(m.Buses) != 1 {
		t.Fatalf("functions %d, rules %d, queues %d, schedules %d, tables %d, buses %d",
			len(m.Functions), len(m.Rules), len(m.Queues), len(m.Schedules), len(m.Tables), len(m.Buses))
	}
	f := m.Functions[0]
	if f.Name != "alchemiser-test-echo" || f.Service != "echo" || f.Timeout != 2*time.Second || !f.Aliases["live"] {
		t.Errorf("function: %+v", f)
	}
	async := f.Async["live"]
	if async.Retries != 2 || async.MaxAge != 15*time.Minute || async.OnFailure != "arn:aws:sqs:us-east-1:111111111111:alchemiser-test-echo-failure-dlq" {
		t.Errorf("async: %+v", async)
	}
	if len(f.Permissions) != 1 || f.Permissions[0].Target != f.ARN+":live" ||
		f.Permissions[0].SourceARN != "arn:aws:events:us-east-1:111111111111:rule/alchemiser-test-bus/alchemiser-test-echo-ping" {
		t.Errorf("permissions: %+v", f.Permissions)
	}
	if len(f.Role.Policies) != 1 || len(f.Role.Policies[0].Grants()) != 11 {
		t.Errorf("role: %+v", f.Role)
	}
	if s := m.Schedules[0]; s.Enabled || s.Target.Retry != (RetryPolicy{3, 15 * time.Minute}) || s.Target.ARN != f.ARN+":live" {
		t.Errorf("schedule: %+v", s)
	}
}

// The golden templates must load as they are, for every environment.
func TestGoldenTemplates(t *testing.T) {
	for _, env := range []string{"dev", "prod"} {
		t.Run(env, func(t *testing.T) {
			dir := filepath.Join("..", "..", "cdk", "templates", env)
			if names, _ := filepath.Glob(filepath.Join(dir, "*.template.json")); len(names) == 0 {
				t.Skip("no golden templates at " + dir)
			}
			m, err := Load(os.DirFS(dir))
			if err != nil {
				t.Fatal(err)
			}
			var services []string
			for _, f := range m.Functions {
				if !f.PreHook {
					services = append(services, f.Service)
				}
			}
			if len(services) != 6 {
				t.Errorf("functions: %v", services)
			}
		})
	}
}

// Every edit below is a mistake that must stop the start.
func TestLoadRefusals(t *testing.T) {
	for _, test := range []struct{ name, file, old, new, want string }{
		{"unknown type", "echo", `"AWS::Lambda::Version"`, `"AWS::Lambda::LayerVersion"`, "not known"},
		{"unknown property", "echo", `"MemorySize"`, `"MemorySise"`, "unknown field"},
		{"unknown nested property", "echo", `"MaximumEventAgeInSeconds": 900`, `"MaximumEventAge": 900`, "unknown field"},
		{"unknown intrinsic", "echo", `"Fn::Select"`, `"Fn::FindInMap"`, "Fn::FindInMap"},
		{"unknown attribute", "echo", `HASH",
      "Version"`, `HASH",
       "CodeSha256"`, "CodeSha256"},
		{"null", "echo", `"ENABLED"`, `null`, "null"},
		{"missing resource", "echo", `"Ref": "Role"`, `"Ref": "Rolle"`, "Rolle"},
		{"misspelt bus", "sink", `"EventBusName": "alchemiser-test-bus"`, `"EventBusName": "alchemiser-test-buss"`, "does not exist"},
		{"misspelt ARN", "echo", `table/alchemiser-test-state`, `table/alchemiser-test-states`, "no template has such a resource"},
		{"pattern that never matches", "sink", `"detail-type"`, `"detail_type"`, "no event has the field"},
		{"pattern with a bare value", "sink", "\"source\": [\n      \"alchemiser.echo\"\n     ]", `"source": "alchemiser.echo"`, "list of values"},
		{"numeric weekdays", "echo", `MON-FRI`, `2-6`, "names"},
		{"unknown time zone", "echo", `America/New_York`, `America/New_Yorck`, "America/New_Yorck"},
		{"unknown context attribute", "echo", `<aws.scheduler.scheduled-time>`, `<aws.scheduler.time>`, "context attribute"},
		{"missing service tag", "echo", `alchemiser:service`, `alchemiser:servise`, "tag"},
		{"unknown condition operator", "echo", `"ArnEquals"`, `"ArnNotEquals"`, "ArnNotEquals"},
		{"flexible window", "echo", `"OFF"`, `"FLEXIBLE"`, "FlexibleTimeWindow"},
		{"too many retries", "echo", `"MaximumRetryAttempts": 20`, `"MaximumRetryAttempts": 200`, "185"},
		{"reserved variable", "echo", `"BUS_NAME"`, `"AWS_BUS_NAME"`, "reserved"},
		{"alarm on an unknown metric", "alarms", `"AsyncEventAge"`, `"AsyncEventAges"`, "not measured"},
		{"alarm on another statistic", "alarms", `"Maximum"`, `"Average"`, "Average"},
		{"alarm on a percentile", "alarms", `"Statistic": "Maximum"`, `"ExtendedStatistic": "p99"`, "ExtendedStatistic"},
		{"alarm on a function that is none", "alarms", `"alchemiser-test-echo:live"`, `"alchemiser-test-echo:life"`, "does not exist"},
		{"alarm on a queue that is none", "alarms", `"alchemiser-test-echo-failure-dlq"`, `"alchemiser-test-echo-failure-dql"`, "does not exist"},
		{"alarm on a rule that is none", "alarms", `"alchemiser-test-echo-ping"`, `"alchemiser-test-echo-pong"`, "does not exist"},
		{"alarm on a schedule group that is none", "alarms", `"alchemiser-test-schedules"`, `"default"`, "does not exist"},
		{"alarm by other dimensions", "alarms", `"QueueName"`, `"Queue"`, "not measured"},
		{"another expression", "alarms", `SUM(METRICS())`, `MAX(METRICS())`, "SUM(METRICS())"},
		{"an expression that is not returned", "alarms", `"ReturnData": true`, `"ReturnData": false`, "SUM(METRICS())"},
		{"another comparison", "alarms", `"LessThanThreshold"`, `"LessThanLowerThreshold"`, "LessThanLowerThreshold"},
		{"another treatment of missing data", "alarms", `"breaching"`, `"bad"`, "TreatMissingData"},
		{"alarm without a threshold", "alarms", `"Threshold": 3600`, `"ThresholdMetricId": "m0"`, "ThresholdMetricId"},
		{"alarm with an odd period", "alarms", `"Period": 300`, `"Period": 45`, "multiple of a minute"},
		{"alarm of no period", "alarms", `"EvaluationPeriods": 3`, `"EvaluationPeriods": 0`, "periods"},
		{"composite alarm", "alarms", `"AWS::CloudWatch::Alarm"`, `"AWS::CloudWatch::CompositeAlarm"`, "not known"},
		{"conditions", "echo", `"Rules":`, `"Conditions":{},"Rules":`, "Conditions"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fsys := fstest.MapFS{}
			for _, part := range []string{"foundation", "echo", "sink", "alarms"} {
				name := "alchemiser-test-" + part + ".template.json"
				text, err := os.ReadFile(filepath.Join(fixtures, name))
				if err != nil {
					t.Fatal(err)
				}
				if part == test.file {
					edited := strings.ReplaceAll(string(text), test.old, test.new)
					if edited == string(text) {
						t.Fatalf("%q does not occur", test.old)
					}
					text = []byte(edited)
				}
				fsys[name] = &fstest.MapFile{Data: text}
			}
			_, err := Load(fsys)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one about %q", err, test.want)
			}
		})
	}
}

func TestLoadEmptyFolder(t *testing.T) {
	if _, err := Load(fstest.MapFS{}); err == nil {
		t.Error("an empty folder was accepted")
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load(os.DirFS(fixtures)); err != nil {
			b.Fatal(err)
		}
	}
}
