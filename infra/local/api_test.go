package local_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/pattern"
)

// code is the API error code of an error, or empty.
func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// as returns a configuration that acts as a function.
func as(c *local.Cloud, function string) aws.Config {
	config := c.AWSConfig()
	config.Credentials = credentials.NewStaticCredentialsProvider(function, "x", "")
	return config
}

// F25: failures are per entry, in an answer that is no error.
func TestF25PutEventsFailsPerEntry(t *testing.T) {
	c := start(t, nil)
	client := eventbridge.NewFromConfig(c.AWSConfig())
	entry := func(bus, source, kind, detail string) ebtypes.PutEventsRequestEntry {
		return ebtypes.PutEventsRequestEntry{EventBusName: aws.String(bus), Source: aws.String(source), DetailType: aws.String(kind), Detail: aws.String(detail)}
	}
	out, err := client.PutEvents(context.Background(), &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{
		entry(bus, "alchemiser.test", "Nothing", `{}`),
		entry(bus, "alchemiser.test", "Nothing", `[]`),
		entry(bus, "", "Nothing", `{}`),
		entry("other", "alchemiser.test", "Nothing", `{}`),
		entry("arn:aws:events:us-east-1:111111111111:event-bus/"+bus, "alchemiser.test", "Nothing", `{"a":"<&>"}`),
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"", "MalformedDetail", "InvalidArgument", "ResourceNotFoundException", ""}
	if out.FailedEntryCount != 3 {
		t.Errorf("%d failed", out.FailedEntryCount)
	}
	for i, e := range out.Entries {
		if aws.ToString(e.ErrorCode) != want[i] || (want[i] == "") != (e.EventId != nil) {
			t.Errorf("entry %d: %s, want %q", i, aws.ToString(e.ErrorCode), want[i])
		}
	}
	s := quiesce(t, c)
	if len(s.Events) != 2 || len(s.Unrouted) != 2 || string(s.Events[1].Event.Detail) != `{"a":"<&>"}` {
		t.Errorf("%+v", s.Events)
	}
}

// F09: a call above 256 KB is refused as a whole.
func TestF09PutEventsSizeLimit(t *testing.T) {
	c := start(t, nil)
	client := eventbridge.NewFromConfig(c.AWSConfig())
	put := func(size int, entries int) error {
		in := &eventbridge.PutEventsInput{}
		for range entries {
			detail := `{"a":"` + strings.Repeat("x", size-len("alchemiser.test")-len("Big")-len(`{"a":""}`)) + `"}`
			in.Entries = append(in.Entries, ebtypes.PutEventsRequestEntry{EventBusName: aws.String(bus), Source: aws.String("alchemiser.test"),
				DetailType: aws.String("Big"), Detail: &detail})
		}
		_, err := client.PutEvents(context.Background(), in)
		return err
	}
	if err := put(256<<10, 1); err != nil {
		t.Errorf("the largest event was refused: %v", err)
	}
	if err := put(256<<10+1, 1); code(err) != "ValidationException" {
		t.Errorf("an event too large: %v", err)
	}
	if err := put(100<<10, 3); code(err) != "ValidationException" {
		t.Errorf("three events too large together: %v", err)
	}
	if err := put(100, 11); code(err) != "ValidationException" {
		t.Errorf("eleven entries: %v", err)
	}
}

func TestPutEventsSourceIsRestricted(t *testing.T) {
	c := start(t, nil)
	client := eventbridge.NewFromConfig(as(c, "alchemiser-test-echo"))
	for source, want := range map[string]string{"alchemiser.echo": "", "alchemiser.notifications": "", "alchemiser.test": "AccessDeniedException"} {
		_, err := client.PutEvents(context.Background(), &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{
			{EventBusName: aws.String(bus), Source: &source, DetailType: aws.String("Nothing"), Detail: aws.String("{}")}}})
		if code(err) != want {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
}

// The reference rows of event patterns, through the API a real account has too.
func TestTestEventPattern(t *testing.T) {
	text, err := os.ReadFile("pattern/testdata/event-patterns.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Name           string
		Pattern, Event json.RawMessage
		Match          bool
	}
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	client := eventbridge.NewFromConfig(start(t, nil).AWSConfig())
	for _, r := range rows[:10] {
		out, err := client.TestEventPattern(context.Background(), &eventbridge.TestEventPatternInput{EventPattern: aws.String(string(r.Pattern)), Event: aws.String(string(r.Event))})
		if err != nil || out.Result != r.Match {
			t.Errorf("%s: %v %v", r.Name, err, out)
		}
	}
	if _, err := client.TestEventPattern(context.Background(), &eventbridge.TestEventPatternInput{EventPattern: aws.String(`{"source":"x"}`), Event: aws.String("{}")}); code(err) != "InvalidEventPatternException" {
		t.Errorf("%v", err)
	}
}

func TestRulesAreListed(t *testing.T) {
	client := eventbridge.NewFromConfig(start(t, nil).AWSConfig())
	out, err := client.ListRules(context.Background(), &eventbridge.ListRulesInput{EventBusName: aws.String(bus), NamePrefix: aws.String("alchemiser-test-echo")})
	if err != nil || len(out.Rules) != 2 {
		t.Fatalf("%v %+v", err, out)
	}
	one, err := client.DescribeRule(context.Background(), &eventbridge.DescribeRuleInput{EventBusName: aws.String(bus), Name: out.Rules[0].Name})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pattern.Compile([]byte(*one.EventPattern)); err != nil {
		t.Errorf("%s: %v", *one.EventPattern, err)
	}
	if _, err := client.DescribeRule(context.Background(), &eventbridge.DescribeRuleInput{EventBusName: aws.String(bus), Name: aws.String("none")}); code(err) != "ResourceNotFoundException" {
		t.Errorf("%v", err)
	}
}

func TestQueueAPI(t *testing.T) {
	ctx := context.Background()
	client := sqs.NewFromConfig(start(t, nil).AWSConfig())
	url, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(deliveryDLQ)})
	if err != nil {
		t.Fatal(err)
	}
	attributes := map[string]sqstypes.MessageAttributeValue{"ERROR_CODE": {DataType: aws.String("String"), StringValue: aws.String("X")}}
	if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url.QueueUrl, MessageBody: aws.String("one"), MessageAttributes: attributes}); err != nil {
		t.Fatal(err)
	}
	got, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url.QueueUrl, MessageAttributeNames: []string{"All"}})
	if err != nil || len(got.Messages) != 1 || *got.Messages[0].MessageAttributes["ERROR_CODE"].StringValue != "X" ||
		got.Messages[0].Attributes["ApproximateReceiveCount"] != "1" {
		t.Fatalf("%v %+v", err, got)
	}
	depth := func() string {
		out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: url.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"All"}})
		if err != nil {
			t.Fatal(err)
		}
		return out.Attributes["ApproximateNumberOfMessages"] + "/" + out.Attributes["ApproximateNumberOfMessagesNotVisible"]
	}
	if d := depth(); d != "0/1" {
		t.Errorf("depth %s", d)
	}
	if _, err := client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: url.QueueUrl, ReceiptHandle: got.Messages[0].ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	if d := depth(); d != "1/0" {
		t.Errorf("depth %s", d)
	}
	if _, err := client.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: url.QueueUrl}); err != nil {
		t.Fatal(err)
	}
	if d := depth(); d != "0/0" {
		t.Errorf("depth %s", d)
	}
	if _, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("none")}); code(err) != "QueueDoesNotExist" {
		t.Errorf("%v", err)
	}
}

func TestIndexQueryNeedsItsOwnGrant(t *testing.T) {
	c := start(t, nil)
	query := &dynamodb.QueryInput{TableName: aws.String("alchemiser-test-state"), IndexName: aws.String("due"), KeyConditionExpression: aws.String("gpk = :d"),
		ExpressionAttributeValues: map[string]dbtypes.AttributeValue{":d": &dbtypes.AttributeValueMemberS{Value: "DUE"}}}
	if _, err := dynamodb.NewFromConfig(as(c, "alchemiser-test-echo")).Query(context.Background(), query); code(err) != "AccessDeniedException" {
		t.Errorf("%v", err)
	}
	if _, err := dynamodb.NewFromConfig(c.AWSConfig()).Query(context.Background(), query); err != nil {
		t.Error(err)
	}
}

func TestUnknownOperationsAndCallers(t *testing.T) {
	c := start(t, nil)
	ctx := context.Background()
	if _, err := eventbridge.NewFromConfig(c.AWSConfig()).ListEventBuses(ctx, &eventbridge.ListEventBusesInput{}); code(err) != "UnknownOperationException" {
		t.Errorf("%v", err)
	}
	if _, err := dynamodb.NewFromConfig(c.AWSConfig()).ListTables(ctx, &dynamodb.ListTablesInput{}); code(err) != "UnknownOperationException" {
		t.Errorf("%v", err)
	}
	if _, err := ssm.NewFromConfig(as(c, "stranger")).GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("x")}); code(err) != "UnrecognizedClientException" {
		t.Errorf("%v", err)
	}
	unsigned, err := http.Post(c.Endpoint(), "application/x-amz-json-1.1", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer unsigned.Body.Close()
	if unsigned.StatusCode != http.StatusForbidden {
		t.Errorf("an unsigned call: %s", unsigned.Status)
	}
	if n := len(c.Snapshot().Problems); n != 2 {
		t.Errorf("%d problems: %v", n, c.Snapshot().Problems)
	}
}

func TestSecretsNeedDecryption(t *testing.T) {
	client := ssm.NewFromConfig(start(t, nil).AWSConfig())
	out, err := client.GetParameter(context.Background(), &ssm.GetParameterInput{Name: aws.String("/alchemiser/test/echo/key")})
	if err != nil || strings.Contains(*out.Parameter.Value, "secret") || out.Parameter.Type != "SecureString" {
		t.Errorf("%v %+v", err, out)
	}
}

// A write answers with the item only when asked. The SDK loses large answers to large requests now and then, and repeats the write.
func TestWritesAnswerWithoutTheItem(t *testing.T) {
	client := dynamodb.NewFromConfig(start(t, nil).AWSConfig())
	put := &dynamodb.PutItemInput{TableName: aws.String("alchemiser-test-state"), Item: map[string]dbtypes.AttributeValue{
		"pk": &dbtypes.AttributeValueMemberS{Value: "a"}, "sk": &dbtypes.AttributeValueMemberS{Value: "b"},
		"body": &dbtypes.AttributeValueMemberS{Value: strings.Repeat("x", 64<<10)}}}
	for range 2 {
		out, err := client.PutItem(t.Context(), put)
		if err != nil || len(out.Attributes) != 0 {
			t.Fatalf("%v, %d attributes nobody asked for", err, len(out.Attributes))
		}
	}
	put.ReturnValues = dbtypes.ReturnValueAllOld
	if out, err := client.PutItem(t.Context(), put); err != nil || len(out.Attributes) != 3 {
		t.Errorf("%v, %d attributes of the old item, want 3", err, len(out.Attributes))
	}
}
