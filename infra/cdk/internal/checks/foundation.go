package checks

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// checkFoundation compares what all functions share.
func (s *stack) checkFoundation() {
	bus, audit := s.c.Name("bus"), "/aws/events/"+s.c.Name("audit")
	every := object{"source": []any{object{"prefix": "alchemiser."}}}
	s.exactly("bus", "AWS::Events::EventBus", by("Name"), map[string]object{bus: {"Name": bus}})
	s.exactly("archive", "AWS::Events::Archive", by("ArchiveName"), map[string]object{s.c.Name("archive"): {
		"ArchiveName": s.c.Name("archive"), "SourceArn": s.arn("events", "event-bus/"+bus), "EventPattern": every,
		"RetentionDays": number(int(s.c.ArchiveRetention / (24 * time.Hour))), "KmsKeyIdentifier": "",
	}})
	s.after("archive", "AWS::Events::Archive", "AWS::Events::EventBus")
	s.exactly("audit", "AWS::Logs::LogGroup", by("LogGroupName"), map[string]object{audit: s.logGroup(audit)})
	s.exactly("audit", "AWS::Events::Rule", by("Name"), map[string]object{s.c.Name("audit"): {
		"Name": s.c.Name("audit"), "EventBusName": bus, "State": "ENABLED", "EventPattern": every,
		"Targets": []any{object{"Id": "audit", "Arn": s.arn("logs", "log-group:"+audit)}},
	}})
	s.after("audit", "AWS::Events::Rule", "AWS::Logs::LogGroup")
	s.after("audit", "AWS::Events::Rule", "AWS::Logs::ResourcePolicy")
	s.checkAuditPolicy(audit)
	s.checkTable()
	s.checkTopic()
	s.exactly("schedules", "AWS::Scheduler::ScheduleGroup", by("Name"), map[string]object{s.c.Name("schedules"): {"Name": s.c.Name("schedules")}})
}

// after requires that resources of a type wait for those of another one.
func (s *stack) after(check, kind, first string) {
	for _, id := range s.ofKind(kind) {
		for _, dependency := range s.ofKind(first) {
			if !slices.Contains(s.dependsOn(id), dependency) {
				s.find(check, id, "it does not wait for %s", dependency)
			}
		}
	}
}

// checkAuditPolicy reads the log group's policy, which is JSON inside JSON.
func (s *stack) checkAuditPolicy(group string) {
	ids := s.ofKind("AWS::Logs::ResourcePolicy")
	if len(ids) != 1 {
		s.find("audit", "", "%d log policies, want one", len(ids))
		return
	}
	s.known[ids[0]] = true
	p := s.properties(ids[0])
	s.same("audit", ids[0], object{"PolicyName": s.c.Name("audit"), "PolicyDocument": p["PolicyDocument"]}, p)
	var document any
	if err := json.Unmarshal([]byte(text(p["PolicyDocument"])), &document); err != nil {
		s.find("audit", ids[0], "its document is not JSON: %v", err)
		return
	}
	who := `Allow {"Service":["events.amazonaws.com","delivery.logs.amazonaws.com"]} `
	s.sameSet("audit", ids[0], "a statement", []string{
		who + "logs:CreateLogStream on " + s.arn("logs", "log-group:"+group+":*"),
		who + "logs:PutLogEvents on " + s.arn("logs", "log-group:"+group+":*"),
	}, statements(document))
}

func (s *stack) checkTable() {
	key := func(name, kind string) object { return object{"AttributeName": name, "KeyType": kind} }
	attribute := func(name, kind string) object { return object{"AttributeName": name, "AttributeType": kind} }
	table := s.c.Name("state")
	s.exactly("table", "AWS::DynamoDB::GlobalTable", by("TableName"), map[string]object{table: {
		"TableName": table, "BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": []any{attribute("pk", "S"), attribute("sk", "S"), attribute("gpk", "S"), attribute("gsk", "N")},
		"KeySchema":            []any{key("pk", "HASH"), key("sk", "RANGE")},
		"GlobalSecondaryIndexes": []any{object{
			"IndexName": "due", "KeySchema": []any{key("gpk", "HASH"), key("gsk", "RANGE")}, "Projection": object{"ProjectionType": "ALL"},
		}},
		"TimeToLiveSpecification": object{"AttributeName": "ttl", "Enabled": true},
		"Replicas": []any{object{
			"Region": s.c.Region, "DeletionProtectionEnabled": s.c.RetainData,
			"PointInTimeRecoverySpecification": object{"PointInTimeRecoveryEnabled": true},
			"GlobalSecondaryIndexes":           []any{object{"IndexName": "due"}},
			"Tags":                             []any{object{"Key": "alchemiser:env", "Value": string(s.c.Env)}},
		}},
	}})
}

// checkTopic: a topic that admits TLS alone and nobody to publish is silent,
// and nothing else notices.
func (s *stack) checkTopic() {
	topic := s.arn("sns", s.c.Name("alarms"))
	s.exactly("topic", "AWS::SNS::Topic", by("TopicName"), map[string]object{s.c.Name("alarms"): {"TopicName": s.c.Name("alarms")}})
	s.policies("topic", "AWS::SNS::TopicPolicy", "Topics", map[string][]string{topic: {
		`Deny "*" sns:Publish on ` + topic + ` if {"Bool":{"aws:SecureTransport":"false"}}`,
		`Allow {"Service":"cloudwatch.amazonaws.com"} sns:Publish on ` + topic + ` if {"StringEquals":{"aws:SourceAccount":"` + s.c.Account + `"}}`,
	}})
	subscriptions := map[string]object{}
	if s.c.AlarmEmail != "" {
		subscriptions[s.c.AlarmEmail] = object{"Protocol": "email", "Endpoint": s.c.AlarmEmail, "TopicArn": topic}
	}
	s.exactly("topic", "AWS::SNS::Subscription", by("Endpoint"), subscriptions)
}

// checkDashboard wants a picture of every function and of both its queues.
func (s *stack) checkDashboard() {
	ids := s.ofKind("AWS::CloudWatch::Dashboard")
	if len(ids) != 1 {
		s.find("dashboard", "", "%d dashboards, want one", len(ids))
		return
	}
	s.known[ids[0]] = true
	p := s.properties(ids[0])
	body := text(p["DashboardBody"])
	s.same("dashboard", ids[0], object{"DashboardName": s.c.Name("pipeline"), "DashboardBody": body}, p)
	if !json.Valid([]byte(body)) {
		s.find("dashboard", ids[0], "its body is not JSON")
	}
	for _, part := range Parts()[1:7] {
		for _, want := range []string{`"` + s.c.Name(part) + `:live"`, `"` + s.c.Name(part) + `-delivery-dlq"`, `"` + s.c.Name(part) + `-failure-dlq"`} {
			if !strings.Contains(body, want) {
				s.find("dashboard", ids[0], "it does not show %s", want)
			}
		}
	}
}
