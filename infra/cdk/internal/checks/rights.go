package checks

import (
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/topology"
)

// statements writes a policy document as one line per effect, principal,
// action, resource and condition, so that two documents are equal when their
// lines are, however they are grouped.
func statements(document any) []string {
	var lines []string
	for _, v := range asList(asObject(document)["Statement"]) {
		st := asObject(v)
		condition := ""
		if c, ok := st["Condition"]; ok {
			condition = " if " + compact(c)
		}
		if !only(st, "Sid", "Effect", "Action", "Resource", "Principal", "Condition") {
			lines = append(lines, "a statement with an unknown element")
		}
		principal := ""
		if p, ok := st["Principal"]; ok {
			principal = " " + compact(p)
		}
		for _, action := range oneOrMany(st["Action"]) {
			for _, resource := range oneOrMany(st["Resource"]) {
				lines = append(lines, text(st["Effect"])+principal+" "+action+" on "+resource+condition)
			}
		}
	}
	if !only(asObject(document), "Version", "Statement") {
		lines = append(lines, "a policy with an unknown element")
	}
	if version := text(asObject(document)["Version"]); version != "2012-10-17" {
		lines = append(lines, "policy version "+version)
	}
	return lines
}

// oneOrMany reads what IAM lets be a text or a list; nothing is one empty text,
// as in a trust policy, which has no resource.
func oneOrMany(v any) []string {
	switch v := v.(type) {
	case nil:
		return []string{""}
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, e := range v {
			if t, ok := e.(string); ok {
				out = append(out, t)
			} else {
				out = append(out, compact(e))
			}
		}
		return out
	}
	return []string{compact(v)}
}

// rights is everything a role is and may do: trust, inline policies, policies
// that name it, managed policies.
func (s *stack) rights(id string) []string {
	p := s.properties(id)
	lines := statements(p["AssumeRolePolicyDocument"])
	for _, v := range asList(p["Policies"]) {
		if !only(asObject(v), "PolicyDocument", "PolicyName") {
			lines = append(lines, "an inline policy with an unknown element")
		}
		lines = append(lines, statements(asObject(v)["PolicyDocument"])...)
	}
	for _, arn := range asList(p["ManagedPolicyArns"]) {
		lines = append(lines, "managed "+text(arn))
	}
	for _, policy := range s.ofKind("AWS::IAM::Policy") {
		pp := s.properties(policy)
		if slices.Contains(asList(pp["Roles"]), any("<role "+id+">")) {
			s.known[policy] = true
			if !only(pp, "PolicyDocument", "PolicyName", "Roles") {
				lines = append(lines, "a policy with an unknown property")
			}
			lines = append(lines, statements(pp["PolicyDocument"])...)
		}
	}
	if !only(p, "AssumeRolePolicyDocument", "Policies", "ManagedPolicyArns", "Tags") {
		lines = append(lines, "a role with an unknown property")
	}
	return lines
}

// checkRights compares what the role may do to which another resource refers.
func (s *stack) checkRights(of string, role any, want []string) {
	id := strings.TrimSuffix(strings.TrimPrefix(text(role), "<role "), ">")
	if s.kind(id) != "AWS::IAM::Role" {
		s.find("rights", of, "its role %s is none of this stack", compact(role))
		return
	}
	if s.known[id] {
		s.find("rights", of, "it shares the role %s", id)
	}
	s.known[id] = true
	s.sameSet("rights", of, "a right", want, s.rights(id))
}

func trust(service string) string { return `Allow {"Service":"` + service + `"} sts:AssumeRole on ` }

// basicRights are for every function: its own log and its traces.
func (s *stack) basicRights(function string) []string {
	logs := s.arn("logs", "log-group:/aws/lambda/"+function+":*")
	return []string{
		trust("lambda.amazonaws.com"),
		"Allow logs:CreateLogStream on " + logs,
		"Allow logs:PutLogEvents on " + logs,
		"Allow xray:PutTelemetryRecords on *",
		"Allow xray:PutTraceSegments on *",
	}
}

// functionRights is the whole table of who may do what.
func (s *stack) functionRights(f topology.Function) []string {
	name := s.c.Name(string(f.Name))
	table := s.arn("dynamodb", "table/"+s.c.Name("state"))
	want := append(s.basicRights(name),
		"Allow dynamodb:GetItem on "+table,
		"Allow dynamodb:PutItem on "+table,
		"Allow sqs:SendMessage on "+s.arn("sqs", name+"-failure-dlq"),
	)
	switch f.Name {
	case topology.Start, topology.Execution:
		want = append(want, "Allow dynamodb:Query on "+table)
		fallthrough
	case topology.Signal, topology.Portfolio:
		want = append(want, "Allow ssm:GetParameter on "+s.arn("ssm", "parameter"+s.c.BrokerPath()+"/*"))
	case topology.Monitor:
		want = append(want, "Allow dynamodb:Query on "+table, "Allow dynamodb:Query on "+table+"/index/due")
	case topology.Notifier: // publishes nothing
		return append(want, "Allow ssm:GetParameter on "+s.arn("ssm", "parameter"+s.c.MailPath()+"/*"))
	}
	publish := "Allow events:PutEvents on " + s.arn("events", "event-bus/"+s.c.Name("bus"))
	if s.c.SourceCondition {
		publish += ` if {"StringEquals":{"events:source":["` + string(f.Source) + `","alchemiser.notifications"]}}`
	}
	return append(want, publish)
}
