package iam

import (
	"encoding/json"
	"testing"
)

func parse(t *testing.T, text string) Policy {
	t.Helper()
	p, err := Parse("owner", json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEvaluate(t *testing.T) {
	role := parse(t, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:PutItem"],"Resource":"arn:aws:dynamodb:us-east-1:111111111111:table/state"},
		{"Effect":"Allow","Action":"ssm:GetParameter","Resource":"arn:aws:ssm:us-east-1:111111111111:parameter/alchemiser/dev/*"},
		{"Effect":"Allow","Action":"events:PutEvents","Resource":"bus","Condition":{"StringEquals":{"events:source":["a","b"]}}},
		{"Effect":"Deny","Action":"ssm:*","Resource":"*secret*"}]}`)
	for _, test := range []struct {
		name, action, resource, source string
		want                           bool
	}{
		{"granted", "dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:111111111111:table/state", "", true},
		{"action ignoring case", "DynamoDB:getitem", "arn:aws:dynamodb:us-east-1:111111111111:table/state", "", true},
		{"other action", "dynamodb:DeleteItem", "arn:aws:dynamodb:us-east-1:111111111111:table/state", "", false},
		{"other resource", "dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:111111111111:table/state/index/due", "", false},
		{"wildcard", "ssm:GetParameter", "arn:aws:ssm:us-east-1:111111111111:parameter/alchemiser/dev/broker/key", "", true},
		{"explicit deny wins", "ssm:GetParameter", "arn:aws:ssm:us-east-1:111111111111:parameter/alchemiser/dev/secret", "", false},
		{"condition holds", "events:PutEvents", "bus", "b", true},
		{"condition fails", "events:PutEvents", "bus", "c", false},
		{"condition key absent", "events:PutEvents", "bus", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := Request{Action: test.action, Resource: test.resource, Context: map[string]string{}}
			if test.source != "" {
				r.Context["events:source"] = test.source
			}
			if d := Evaluate(r, role); d.Allowed != test.want {
				t.Errorf("allowed %v: %s", d.Allowed, d.Reason)
			}
		})
	}
}

func TestQueuePolicy(t *testing.T) {
	queue := parse(t, `{"Statement":[
		{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"q","Condition":{"ArnEquals":{"aws:SourceArn":"rule"}}},
		{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sqs:*","Resource":"q","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`)
	request := func(principal, source, secure string) Request {
		return Request{Principal: principal, Action: "sqs:SendMessage", Resource: "q",
			Context: map[string]string{"aws:sourcearn": source, "aws:securetransport": secure}}
	}
	for _, test := range []struct {
		name string
		r    Request
		want bool
	}{
		{"the rule", request("service:events.amazonaws.com", "rule", "true"), true},
		{"another rule", request("service:events.amazonaws.com", "other", "true"), false},
		{"another service", request("service:sns.amazonaws.com", "rule", "true"), false},
		{"without TLS", request("service:events.amazonaws.com", "rule", "false"), false},
	} {
		if d := Evaluate(test.r, queue); d.Allowed != test.want {
			t.Errorf("%s: allowed %v", test.name, d.Allowed)
		}
	}
}

func TestParseRefusals(t *testing.T) {
	for _, text := range []string{
		`{"Statement":[{"Effect":"Allow","NotAction":"a","Action":"b","Resource":"*"}]}`,
		`{"Statement":[{"Effect":"Allow","Action":"b","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"x"}}}]}`,
		`{"Statement":[{"Effect":"Maybe","Action":"b","Resource":"*"}]}`,
		`{"Statement":[{"Effect":"Allow","Resource":"*"}]}`,
		`{"Statement":[{"Effect":"Allow","Action":"b","Resource":"*","Principal":{"Federated":"x"}}]}`,
		`{"Statement":[{"Effect":"Allow","Action":"b","Resource":{"Ref":"x"}}]}`,
		`{"Statements":[]}`,
	} {
		if _, err := Parse("owner", json.RawMessage(text)); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
}

func TestLike(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "", true}, {"*", "x", true}, {"a*c", "abbc", true}, {"a*c", "abb", false}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{"a*b*c", "aXbYbZc", true}, {"abc", "abc", true}, {"abc", "abcd", false}, {"", "", true}, {"", "a", false}, {"a**", "a", true},
	} {
		if Like(test.pattern, test.text) != test.want {
			t.Errorf("Like(%q, %q) is not %v", test.pattern, test.text, test.want)
		}
	}
}
