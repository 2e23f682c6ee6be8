package checks

import (
	"fmt"
	"strings"
)

// resolve writes out references: a function becomes its name, an alias its
// ARN, a queue its URL or ARN. What it does not know it leaves as it is, and
// that then differs from what is wanted.
func (s *stack) resolve(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = s.resolve(e)
		}
		return out
	case object:
		if len(v) == 1 {
			if out, ok := s.intrinsic(v); ok {
				return out
			}
		}
		out := make(object, len(v))
		for k, e := range v {
			out[k] = s.resolve(e)
		}
		return out
	}
	return v
}

func (s *stack) intrinsic(v object) (any, bool) {
	if ref, ok := v["Ref"]; ok {
		return s.ref(text(ref))
	}
	if att, ok := v["Fn::GetAtt"]; ok {
		if l := asList(att); len(l) == 2 {
			return s.attribute(text(l[0]), text(l[1]))
		}
	}
	if join, ok := v["Fn::Join"]; ok {
		if l := asList(join); len(l) == 2 {
			return s.join(text(l[0]), asList(l[1]))
		}
	}
	if split, ok := v["Fn::Split"]; ok {
		if l := asList(split); len(l) == 2 {
			var parts []any
			for _, p := range strings.Split(text(s.resolve(l[1])), text(l[0])) {
				parts = append(parts, p)
			}
			return parts, true
		}
	}
	if sel, ok := v["Fn::Select"]; ok {
		if l := asList(sel); len(l) == 2 {
			i, isNumber := l[0].(float64)
			from := asList(s.resolve(l[1]))
			if isNumber && i >= 0 && int(i) < len(from) {
				return from[int(i)], true
			}
		}
	}
	return nil, false
}

func (s *stack) join(separator string, parts []any) (any, bool) {
	texts := make([]string, len(parts))
	for i, p := range parts {
		t, ok := s.resolve(p).(string)
		if !ok {
			return nil, false
		}
		texts[i] = t
	}
	return strings.Join(texts, separator), true
}

// ref is what Ref gives for a resource or a pseudo parameter.
func (s *stack) ref(id string) (any, bool) {
	switch id {
	case "AWS::Partition":
		return "aws", true
	case "AWS::Region":
		return s.c.Region, true
	case "AWS::AccountId":
		return s.c.Account, true
	}
	p := asObject(s.resource(id)["Properties"])
	name := func(key string) (any, bool) { t, ok := p[key].(string); return t, ok }
	switch s.kind(id) {
	case "AWS::Lambda::Function":
		return name("FunctionName")
	case "AWS::Lambda::Alias":
		return s.arn("lambda", "function:"+text(s.resolve(p["FunctionName"]))+":"+text(p["Name"])), true
	case "AWS::Lambda::Version":
		return s.arn("lambda", "function:"+text(s.resolve(p["FunctionName"]))+":<version>"), true
	case "AWS::SQS::Queue":
		return fmt.Sprintf("https://sqs.%s.amazonaws.com/%s/%s", s.c.Region, s.c.Account, text(p["QueueName"])), true
	case "AWS::SNS::Topic":
		return s.arn("sns", text(p["TopicName"])), true
	case "AWS::Logs::LogGroup":
		return name("LogGroupName")
	case "AWS::Events::EventBus":
		return name("Name")
	case "AWS::CloudWatch::Alarm":
		return name("AlarmName")
	case "AWS::CodeDeploy::Application":
		return name("ApplicationName")
	case "AWS::CodeDeploy::DeploymentGroup":
		return name("DeploymentGroupName")
	case "AWS::IAM::Role":
		return "<role " + id + ">", true
	}
	return nil, false
}

// attribute is what Fn::GetAtt gives.
func (s *stack) attribute(id, name string) (any, bool) {
	p := asObject(s.resource(id)["Properties"])
	switch s.kind(id) + "." + name {
	case "AWS::Lambda::Function.Arn":
		return s.arn("lambda", "function:"+text(p["FunctionName"])), true
	case "AWS::Lambda::Version.Version":
		return "<version of " + text(s.resolve(p["FunctionName"])) + ">", true
	case "AWS::SQS::Queue.Arn":
		return s.arn("sqs", text(p["QueueName"])), true
	case "AWS::SQS::Queue.QueueName":
		return p["QueueName"], true
	case "AWS::Events::Rule.Arn":
		return s.arn("events", "rule/"+text(s.resolve(p["EventBusName"]))+"/"+text(p["Name"])), true
	case "AWS::IAM::Role.Arn":
		return "<role " + id + ">", true
	}
	return nil, false
}

func (s *stack) arn(service, resource string) string {
	return "arn:aws:" + service + ":" + s.c.Region + ":" + s.c.Account + ":" + resource
}
