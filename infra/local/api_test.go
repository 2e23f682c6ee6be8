package local_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"github.com/alchemiser/alchemiser/infra/local"
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
