package template

import "fmt"

// kind is what the resolver must know of a resource type: which property names it, what its ARN looks like (%s is the name), what
// Ref gives and which attributes Fn::GetAtt may ask for.
type kind struct {
	nameProperty string
	arn          string
	ref          refValue
	attributes   map[string]refValue
}

type refValue int

const (
	refName refValue = iota
	refARN
	refURL     // of a queue
	refLogARN  // ARN of a log group with ":*"
	refVersion // "1": one version per function exists here
	refText    // the property Value
)

func arn(service, rest string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, Region, Account, rest)
}

var arnOnly = map[string]refValue{"Arn": refARN}

var kinds = map[string]kind{
	"AWS::Lambda::Function":          {"FunctionName", arn("lambda", "function:%s"), refName, arnOnly},
	"AWS::Lambda::Version":           {"", "", refARN, map[string]refValue{"Version": refVersion, "FunctionArn": refARN}},
	"AWS::Lambda::Alias":             {"Name", "", refARN, map[string]refValue{"AliasArn": refARN}},
	"AWS::Lambda::EventInvokeConfig": {},
	"AWS::Lambda::Permission":        {},
	"AWS::Events::EventBus":          {"Name", arn("events", "event-bus/%s"), refName, map[string]refValue{"Arn": refARN, "Name": refName}},
	"AWS::Events::Rule":              {"Name", "", refName, arnOnly},
	"AWS::Events::Archive":           {"ArchiveName", arn("events", "archive/%s"), refName, arnOnly},
	"AWS::SQS::Queue": {"QueueName", arn("sqs", "%s"), refURL,
		map[string]refValue{"Arn": refARN, "QueueName": refName, "QueueUrl": refURL}},
	"AWS::SQS::QueuePolicy":            {},
	"AWS::DynamoDB::GlobalTable":       {"TableName", arn("dynamodb", "table/%s"), refName, arnOnly},
	"AWS::Scheduler::Schedule":         {"Name", "", refName, arnOnly},
	"AWS::Scheduler::ScheduleGroup":    {"Name", arn("scheduler", "schedule-group/%s"), refName, arnOnly},
	"AWS::IAM::Role":                   {"RoleName", "arn:aws:iam::" + Account + ":role/%s", refName, arnOnly},
	"AWS::IAM::Policy":                 {"PolicyName", "", refName, nil},
	"AWS::Logs::LogGroup":              {"LogGroupName", arn("logs", "log-group:%s"), refName, map[string]refValue{"Arn": refLogARN}},
	"AWS::SSM::Parameter":              {"Name", arn("ssm", "parameter%s"), refName, map[string]refValue{"Value": refText}},
	"AWS::SNS::Topic":                  {"TopicName", arn("sns", "%s"), refARN, map[string]refValue{"TopicArn": refARN, "TopicName": refName}},
	"AWS::SNS::TopicPolicy":            {},
	"AWS::SNS::Subscription":           {},
	"AWS::CloudWatch::Alarm":           {"AlarmName", arn("cloudwatch", "alarm:%s"), refName, arnOnly},
	"AWS::CloudWatch::Dashboard":       {"DashboardName", "arn:aws:cloudwatch::" + Account + ":dashboard/%s", refName, arnOnly},
	"AWS::CodeDeploy::Application":     {"ApplicationName", arn("codedeploy", "application:%s"), refName, nil},
	"AWS::CodeDeploy::DeploymentGroup": {"DeploymentGroupName", "", refName, nil},
	"AWS::KMS::Key":                    {"", arn("kms", "key/%s"), refName, arnOnly},
	"AWS::KMS::Alias":                  {"AliasName", arn("kms", "%s"), refName, nil},
	"AWS::Logs::ResourcePolicy":        {"PolicyName", "", refName, nil},
	"AWS::CDK::Metadata":               {},
}
