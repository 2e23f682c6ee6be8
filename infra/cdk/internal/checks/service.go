package checks

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/topology"
)

// checkService compares everything that belongs to one function.
func (s *stack) checkService(f topology.Function) {
	name := s.c.Name(string(f.Name))
	s.checkFunctions(f, name)
	s.checkVersion(f, name)
	s.checkQueues(f, name)
	s.checkRules(f, name)
	s.checkSchedules(f, name)
	s.checkDeployment(name)
	s.exactly("alarms", "AWS::CloudWatch::Alarm", by("AlarmName"), s.serviceAlarms(f, name))
}

func (s *stack) alias(function string) string { return s.arn("lambda", "function:"+function+":live") }

var assetKey = regexp.MustCompile(`^(ASSET|[0-9a-f]{64})\.zip$`)

func (s *stack) checkFunctions(f topology.Function, name string) {
	hook := name + "-prehook"
	variables := object{}
	for k, v := range s.c.Variables(f) {
		variables[k] = v
	}
	want := map[string]object{
		name: s.function(name, f.Timeout, f.MemoryMB, variables),
		// The hook gets the number of the version that it tests.
		hook: s.function(hook, time.Minute, 128, object{"TARGET_VERSION": s.arn("lambda", "function:"+name+":<version>")}),
	}
	s.exactly("functions", "AWS::Lambda::Function", by("FunctionName"), want)
	s.exactly("functions", "AWS::Logs::LogGroup", by("LogGroupName"), map[string]object{
		"/aws/lambda/" + name: s.logGroup("/aws/lambda/" + name),
		"/aws/lambda/" + hook: s.logGroup("/aws/lambda/" + hook),
	})
	rights := map[string][]string{
		name: s.functionRights(f),
		hook: append(s.basicRights(hook),
			"Allow lambda:InvokeFunction on "+s.arn("lambda", "function:"+name+":*"),
			"Allow codedeploy:PutLifecycleEventHookExecutionStatus on "+s.arn("codedeploy", "deploymentgroup:"+name+"/"+name),
		),
	}
	for _, id := range s.ofKind("AWS::Lambda::Function") {
		p := s.properties(id)
		s.checkRights(text(p["FunctionName"]), p["Role"], rights[text(p["FunctionName"])])
		s.checkSecrets(text(p["FunctionName"]), asObject(asObject(p["Environment"])["Variables"]))
		if key := text(asObject(p["Code"])["S3Key"]); !assetKey.MatchString(key) {
			s.find("functions", id, "its code %q is no asset", key)
		}
	}
}

func (s *stack) function(name string, timeout time.Duration, memoryMB int, variables object) object {
	code := object{"S3Bucket": "cdk-" + s.c.Qualifier + "-assets-" + s.c.Account + "-" + s.c.Region, "S3Key": s.assetOf(name)}
	return object{
		"FunctionName": name, "Runtime": "provided.al2023", "Architectures": list("arm64"), "Handler": "bootstrap",
		"Timeout": number(timeout.Seconds()), "MemorySize": number(memoryMB), "Code": code,
		"Environment":   object{"Variables": variables},
		"LoggingConfig": object{"LogFormat": "JSON", "LogGroup": "/aws/lambda/" + name},
		"TracingConfig": object{"Mode": "Active"},
	}
}

// assetOf takes the asset as it is: which bytes it holds is not a question of
// the template.
func (s *stack) assetOf(function string) any {
	for _, id := range s.ofKind("AWS::Lambda::Function") {
		if p := asObject(s.resource(id)["Properties"]); text(p["FunctionName"]) == function {
			return asObject(p["Code"])["S3Key"]
		}
	}
	return nil
}

func (s *stack) logGroup(name string) object {
	return object{"LogGroupName": name, "RetentionInDays": number(s.c.LogRetentionDays)}
}

// secret looks like something that belongs into the parameter store: a long
// run of letters and digits, a key file, or a reference that would be resolved
// to one.
var secret = regexp.MustCompile(`\{\{resolve:|-----BEGIN|[A-Za-z0-9+]{20,}`)

func (s *stack) checkSecrets(function string, variables object) {
	for k, v := range variables {
		if strings.HasPrefix(k, "AWS_") {
			s.find("functions", function, "variable %s: the names AWS_… are Lambda's", k)
		}
		if k != "TARGET_VERSION" && secret.MatchString(text(v)) {
			s.find("functions", function, "variable %s looks like a secret", k)
		}
	}
}

// checkVersion compares the alias, its version and its retries. Retries on
// anything but the alias would hold for calls that nobody makes.
func (s *stack) checkVersion(f topology.Function, name string) {
	s.exactly("alias", "AWS::Lambda::Version", by("FunctionName"), map[string]object{name: {"FunctionName": name}})
	s.exactly("alias", "AWS::Lambda::Alias", by("Name"), map[string]object{
		"live": {"Name": "live", "FunctionName": name, "FunctionVersion": "<version of " + name + ">"},
	})
	s.exactly("alias", "AWS::Lambda::EventInvokeConfig", by("FunctionName"), map[string]object{name: {
		"FunctionName": name, "Qualifier": "live",
		"MaximumRetryAttempts": number(f.Async.Attempts), "MaximumEventAgeInSeconds": number(f.Async.MaxAge.Seconds()),
		"DestinationConfig": object{"OnFailure": object{"Destination": s.arn("sqs", name+"-failure-dlq")}},
	}})
}

func (s *stack) checkQueues(f topology.Function, name string) {
	queues, policies := map[string]object{}, map[string][]string{}
	for _, part := range []string{"-delivery-dlq", "-failure-dlq"} {
		queue := name + part
		queues[queue] = object{"QueueName": queue, "MessageRetentionPeriod": number(14 * 24 * 3600), "SqsManagedSseEnabled": true}
		url := "https://sqs." + s.c.Region + ".amazonaws.com/" + s.c.Account + "/" + queue
		policies[url] = []string{`Deny {"AWS":"*"} sqs:* on ` + s.arn("sqs", queue) + ` if {"Bool":{"aws:SecureTransport":"false"}}`}
		if part == "-delivery-dlq" {
			for _, sub := range f.Consumes {
				policies[url] = append(policies[url], `Allow {"Service":"events.amazonaws.com"} sqs:SendMessage on `+s.arn("sqs", queue)+
					` if {"ArnEquals":{"aws:SourceArn":"`+s.ruleARN(s.c.RuleName(f, sub))+`"}}`)
			}
		}
	}
	s.exactly("queues", "AWS::SQS::Queue", by("QueueName"), queues)
	s.policies("queues", "AWS::SQS::QueuePolicy", "Queues", policies)
}

// policies compares resource policies by what they allow; target names the
// property that lists what a policy is attached to.
func (s *stack) policies(check, kind, target string, want map[string][]string) {
	for _, id := range s.ofKind(kind) {
		s.known[id] = true
		p := s.properties(id)
		attached := asList(p[target])
		if len(attached) != 1 || !only(p, "PolicyDocument", target) || want[text(attached[0])] == nil {
			s.find(check, id, "not wanted: %s", compact(p))
			continue
		}
		s.sameSet(check, id, "a statement", want[text(attached[0])], statements(p["PolicyDocument"]))
		delete(want, text(attached[0]))
	}
	for attached := range want {
		s.find(check, attached, "%s is missing", kind)
	}
}

func (s *stack) ruleARN(rule string) string {
	return s.arn("events", "rule/"+s.c.Name("bus")+"/"+rule)
}

// checkRules compares the rules and the right of each to call the function.
func (s *stack) checkRules(f topology.Function, name string) {
	rules, permissions := map[string]object{}, map[string]object{}
	for _, sub := range f.Consumes {
		rule := s.c.RuleName(f, sub)
		rules[rule] = object{
			"Name": rule, "EventBusName": s.c.Name("bus"), "State": "ENABLED",
			"EventPattern": object{"source": list(string(sub.Source)), "detail-type": list(string(sub.Type))},
			"Targets": []any{object{
				"Id": "Target0", "Arn": s.alias(name),
				"DeadLetterConfig": object{"Arn": s.arn("sqs", name+"-delivery-dlq")},
				"RetryPolicy":      retry(f.Delivery),
			}},
		}
		permissions[s.ruleARN(rule)] = object{
			"Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com",
			"FunctionName": s.alias(name), "SourceArn": s.ruleARN(rule),
		}
	}
	s.exactly("rules", "AWS::Events::Rule", by("Name"), rules)
	s.exactly("rules", "AWS::Lambda::Permission", by("SourceArn"), permissions)
}

func retry(r topology.Retry) object {
	return object{"MaximumRetryAttempts": number(r.Attempts), "MaximumEventAgeInSeconds": number(r.MaxAge.Seconds())}
}

func (s *stack) checkSchedules(f topology.Function, name string) {
	want := map[string]object{}
	for _, schedule := range f.Schedules {
		state, zone := "ENABLED", schedule.Zone
		if schedule.Switched && !s.c.ScheduleEnabled {
			state = "DISABLED"
		}
		if zone == "" {
			zone = "Etc/UTC"
		}
		if err := legalSchedule(schedule); err != nil {
			s.find("schedules", schedule.Name, "%v", err)
		}
		want[s.c.ScheduleName(f, schedule)] = object{
			"Name": s.c.ScheduleName(f, schedule), "GroupName": s.c.Name("schedules"), "State": state,
			"ScheduleExpression": schedule.Expression, "ScheduleExpressionTimezone": zone,
			"FlexibleTimeWindow": object{"Mode": "OFF"},
			"Target": object{
				"Arn": s.alias(name), "Input": schedule.Input, "RoleArn": s.roleOf(s.c.ScheduleName(f, schedule)),
				"DeadLetterConfig": object{"Arn": s.arn("sqs", name+"-delivery-dlq")},
				"RetryPolicy":      retry(schedule.Delivery),
			},
		}
	}
	s.exactly("schedules", "AWS::Scheduler::Schedule", by("Name"), want)
	for _, id := range s.ofKind("AWS::Scheduler::Schedule") {
		p := s.properties(id)
		group := s.arn("scheduler", "schedule-group/"+s.c.Name("schedules"))
		s.checkRights(text(p["Name"]), asObject(p["Target"])["RoleArn"], []string{
			trust("scheduler.amazonaws.com") + ` if {"StringEquals":{"aws:SourceAccount":"` + s.c.Account + `","aws:SourceArn":"` + group + `"}}`,
			"Allow lambda:InvokeFunction on " + s.alias(name),
			"Allow sqs:SendMessage on " + s.arn("sqs", name+"-delivery-dlq"),
		})
	}
}

// roleOf takes the schedule's role as it is: checkRights reads what it may do.
func (s *stack) roleOf(schedule string) any {
	for _, id := range s.ofKind("AWS::Scheduler::Schedule") {
		if p := s.properties(id); text(p["Name"]) == schedule {
			return asObject(p["Target"])["RoleArn"]
		}
	}
	return nil
}

// checkDeployment: a version that fails its self-test gets no traffic, one
// whose errors raise the alarm loses it again.
func (s *stack) checkDeployment(name string) {
	s.exactly("deployment", "AWS::CodeDeploy::Application", by("ApplicationName"), map[string]object{
		name: {"ApplicationName": name, "ComputePlatform": "Lambda"},
	})
	how := "CodeDeployDefault.LambdaAllAtOnce"
	if s.c.Canary {
		how = "CodeDeployDefault.LambdaCanary10Percent5Minutes"
	}
	s.exactly("deployment", "AWS::CodeDeploy::DeploymentGroup", by("DeploymentGroupName"), map[string]object{name: {
		"ApplicationName": name, "DeploymentGroupName": name, "DeploymentConfigName": how,
		"DeploymentStyle":    object{"DeploymentOption": "WITH_TRAFFIC_CONTROL", "DeploymentType": "BLUE_GREEN"},
		"AlarmConfiguration": object{"Enabled": true, "Alarms": []any{object{"Name": name + "-errors"}}},
		"AutoRollbackConfiguration": object{
			"Enabled": true, "Events": list("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM"),
		},
	}})
	for _, id := range s.ofKind("AWS::CodeDeploy::DeploymentGroup") {
		hook := s.arn("lambda", "function:"+name+"-prehook")
		s.checkRights(name+" deployment", s.properties(id)["ServiceRoleArn"], []string{
			trust("codedeploy.amazonaws.com"),
			"managed arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited",
			"Allow lambda:InvokeFunction on " + hook,
			"Allow lambda:InvokeFunction on " + hook + ":*",
		})
	}
	for _, id := range s.ofKind("AWS::Lambda::Alias") {
		s.same("deployment", id, object{"CodeDeployLambdaAliasUpdate": object{
			"ApplicationName": name, "DeploymentGroupName": name, "BeforeAllowTrafficHook": name + "-prehook",
		}}, asObject(s.resolve(s.resource(id)["UpdatePolicy"])))
		// The hook must know the new version before traffic moves to it.
		if !slices.ContainsFunc(s.dependsOn(id), func(d string) bool {
			return text(s.properties(d)["FunctionName"]) == name+"-prehook"
		}) {
			s.find("deployment", id, "it does not wait for its hook")
		}
	}
}

// legalSchedule refuses what the scheduler reads otherwise than we do, or what
// a change of the clocks would skip or repeat.
func legalSchedule(schedule topology.Schedule) error {
	var command map[string]any
	if err := json.Unmarshal([]byte(schedule.Input), &command); err != nil {
		return err
	}
	return legalExpression(schedule, text(command["mode"]), text(command["scheduled_time"]))
}
