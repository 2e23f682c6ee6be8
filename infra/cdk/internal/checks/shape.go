package checks

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// checkShape: a stack is a description, the CDK's own parameter and resources.
// It exports nothing and imports nothing, so none can lock another.
func (s *stack) checkShape() {
	for _, key := range slices.Sorted(maps.Keys(s.template)) {
		if !slices.Contains([]string{"Description", "Parameters", "Resources", "Rules"}, key) {
			s.find("shape", "", "section %s is not wanted", key)
		}
	}
	bootstrap := asObject(asObject(s.template["Parameters"])["BootstrapVersion"])
	if len(asObject(s.template["Parameters"])) != 1 || !only(bootstrap, "Default", "Description", "Type") || text(bootstrap["Default"]) != "/cdk-bootstrap/"+s.c.Qualifier+"/version" ||
		text(bootstrap["Type"]) != "AWS::SSM::Parameter::Value<String>" {
		s.find("shape", "", "its parameters are not the bootstrap version of %s alone", s.c.Qualifier)
	}
	if len(s.resources()) > 500 {
		s.find("shape", "", "%d resources, CloudFormation takes 500", len(s.resources()))
	}
	walk(s.template["Resources"], func(path string, v any) {
		if v == nil {
			s.find("shape", path, "null, which CloudFormation refuses")
		}
		for _, f := range []string{"/Fn::ImportValue", "/Fn::GetStackOutput", "/Fn::If"} {
			if strings.HasSuffix(path, f) {
				s.find("shape", path, "not used here")
			}
		}
	})
	s.checkNames()
	for _, id := range s.ids {
		if !only(s.resource(id), "Type", "Properties", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "UpdatePolicy", "Metadata") {
			s.find("shape", id, "an attribute is not wanted")
		}
		if s.kind(id) != "AWS::Lambda::Alias" && s.resource(id)["UpdatePolicy"] != nil {
			s.find("shape", id, "an update policy is not wanted")
		}
		for _, d := range s.dependsOn(id) {
			if s.resource(d) == nil {
				s.find("shape", id, "it waits for %s, which is not there", d)
			}
		}
	}
}

// nameLimits are those of the services.
var nameLimits = map[string]struct {
	property string
	limit    int
}{
	"AWS::Lambda::Function":            {"FunctionName", 64},
	"AWS::Events::Rule":                {"Name", 64},
	"AWS::Events::EventBus":            {"Name", 256},
	"AWS::Events::Archive":             {"ArchiveName", 48},
	"AWS::Scheduler::Schedule":         {"Name", 64},
	"AWS::Scheduler::ScheduleGroup":    {"Name", 64},
	"AWS::SQS::Queue":                  {"QueueName", 80},
	"AWS::CloudWatch::Alarm":           {"AlarmName", 255},
	"AWS::DynamoDB::GlobalTable":       {"TableName", 255},
	"AWS::CodeDeploy::DeploymentGroup": {"DeploymentGroupName", 100},
	"AWS::CodeDeploy::Application":     {"ApplicationName", 100},
	"AWS::SNS::Topic":                  {"TopicName", 256},
	"AWS::CloudWatch::Dashboard":       {"DashboardName", 255},
	"AWS::Logs::ResourcePolicy":        {"PolicyName", 255},
}

func (s *stack) checkNames() {
	prefix := s.c.Name("")
	for _, id := range s.ids {
		rule, ok := nameLimits[s.kind(id)]
		if !ok {
			continue
		}
		name := text(asObject(s.resource(id)["Properties"])[rule.property])
		if len(name) > rule.limit || !strings.HasPrefix(name, prefix) {
			s.find("names", id, "%q: at most %d characters beginning with %s", name, rule.limit, prefix)
		}
	}
}

// untagged are the types that carry no tags.
var untagged = []string{
	"AWS::Events::Archive", "AWS::IAM::Policy", "AWS::Lambda::Alias", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission",
	"AWS::Lambda::Version", "AWS::Logs::ResourcePolicy", "AWS::SNS::Subscription", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy",
	"AWS::Scheduler::Schedule", "AWS::DynamoDB::GlobalTable", // the table's are with its replica
}

// checkTags: bills are split by them, and the one-machine cloud finds the
// binary of a function by them.
func (s *stack) checkTags() {
	for _, id := range s.ids {
		if slices.Contains(untagged, s.kind(id)) {
			continue
		}
		p := asObject(s.resource(id)["Properties"])
		want := []string{"alchemiser:env=" + string(s.c.Env)}
		if s.part != "foundation" && s.part != "observability" {
			want = append(want, "alchemiser:service="+s.part)
		}
		if text(p["FunctionName"]) == s.c.Name(s.part)+"-prehook" {
			want = append(want, "alchemiser:role=prehook")
		}
		var have []string
		for _, t := range asList(p["Tags"]) {
			tag := asObject(t)
			have = append(have, text(tag["Key"])+"="+text(tag["Value"]))
			if !only(tag, "Key", "Value") {
				s.find("tags", id, "a tag is more than key and value")
			}
		}
		s.sameSet("tags", id, "a tag", want, have)
	}
}

// kept are the types whose content outlives a stack where the environment says
// so; versions always stay, for they are what a rollback goes back to.
var kept = []string{"AWS::Logs::LogGroup", "AWS::SQS::Queue", "AWS::DynamoDB::GlobalTable", "AWS::Events::Archive"}

func (s *stack) checkRetention() {
	for _, id := range s.ids {
		want := ""
		switch {
		case s.kind(id) == "AWS::Lambda::Version", slices.Contains(kept, s.kind(id)) && s.c.RetainData:
			want = "Retain"
		case slices.Contains(kept, s.kind(id)), s.kind(id) == "AWS::Scheduler::ScheduleGroup":
			want = "Delete"
		}
		r := s.resource(id)
		if text(r["DeletionPolicy"]) != want || text(r["UpdateReplacePolicy"]) != want {
			s.find("retention", id, "want %q, have %v and %v", want, r["DeletionPolicy"], r["UpdateReplacePolicy"])
		}
	}
}

// checkComplete reports what no check has looked at: a resource that nobody
// asked for.
func (s *stack) checkComplete() {
	for _, id := range s.ids {
		if !s.known[id] {
			s.find("shape", id, "%s is not wanted", s.kind(id))
		}
	}
}

// only reports whether an object has no other keys.
func only(o object, keys ...string) bool {
	for k := range o {
		if !slices.Contains(keys, k) {
			return false
		}
	}
	return true
}

var exact = regexp.MustCompile(`^[A-Za-z.]+$`)

// Routes follows every event that can be published through the rules as they
// are written, and wants it to arrive where pkg/topology says, once.
func Routes(env Environment) []Finding {
	var findings []Finding
	find := func(resource, format string, args ...any) {
		findings = append(findings, Finding{"routes", "", resource, fmt.Sprintf(format, args...)})
	}
	arrived := map[topology.Subscription][]topology.Name{}
	for _, f := range topology.Functions() {
		s := newStack(env.Config, string(f.Name), env.Stacks[string(f.Name)])
		for _, id := range s.ofKind("AWS::Events::Rule") {
			pattern := asObject(s.properties(id)["EventPattern"])
			sources, types := asList(pattern["source"]), asList(pattern["detail-type"])
			if len(pattern) != 2 || len(sources) != 1 || len(types) != 1 || !exact.MatchString(text(sources[0])) || !exact.MatchString(text(types[0])) {
				find(id, "its pattern is not one source and one type: %s", compact(pattern))
				continue
			}
			sub := topology.Subscription{Source: events.Source(text(sources[0])), Type: events.Type(text(types[0]))}
			if entry, err := events.Lookup(sub.Type); err != nil || !entry.Admits(sub.Source) {
				find(id, "the registry has no %s of %s: the rule would never match", sub.Type, sub.Source)
			}
			arrived[sub] = append(arrived[sub], f.Name)
		}
	}
	for _, e := range events.Registry() {
		for _, source := range e.Sources {
			sub := topology.Subscription{Source: source, Type: e.Type}
			if want := topology.Consumers(source, e.Type); !slices.Equal(arrived[sub], want) {
				find(string(e.Type), "from %s it reaches %v, want %v", source, arrived[sub], want)
			}
		}
	}
	return findings
}

// walk visits every value below v.
func walk(v any, visit func(path string, v any)) {
	var step func(path string, v any)
	step = func(path string, v any) {
		visit(path, v)
		switch v := v.(type) {
		case object:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				step(path+"/"+k, v[k])
			}
		case []any:
			for i, e := range v {
				step(fmt.Sprintf("%s/%d", path, i), e)
			}
		}
	}
	step("", v)
}
