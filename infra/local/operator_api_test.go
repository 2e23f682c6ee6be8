package local_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/alchemiser/alchemiser/infra/local"
)

// What the operator's command asks beside the functions' own calls.

func TestFilterLogEvents(t *testing.T) {
	ctx := context.Background()
	c := start(t, nil)
	const group = "/aws/events/alchemiser-test-audit"
	puts := eventbridge.NewFromConfig(c.AWSConfig())
	for i := range 25 {
		_, err := puts.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{{
			EventBusName: aws.String(bus), Source: aws.String("alchemiser.test"), DetailType: aws.String(fmt.Sprint("Kind", i%5)), Detail: aws.String(`{}`),
		}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	quiesce(t, c)
	client := cloudwatchlogs.NewFromConfig(c.AWSConfig())
	found, pages := 0, 0
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(group), FilterPattern: aws.String(`{ $.source = "alchemiser.test" }`), Limit: aws.Int32(10)}
	for p := cloudwatchlogs.NewFilterLogEventsPaginator(client, in); p.HasMorePages(); pages++ {
		out, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.Events {
			if aws.ToInt64(e.Timestamp) == 0 || !strings.Contains(aws.ToString(e.Message), "alchemiser.test") {
				t.Errorf("event %+v", e)
			}
		}
		found += len(out.Events)
	}
	if found != 25 || pages < 3 {
		t.Errorf("%d lines in %d pages", found, pages)
	}
	for name, c := range map[string]struct {
		in   cloudwatchlogs.FilterLogEventsInput
		code string
		n    int
	}{
		"another value":   {cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(group), FilterPattern: aws.String(`{ $.source = "x" }`)}, "", 0},
		"before":          {cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(group), EndTime: aws.Int64(1)}, "", 0},
		"later":           {cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(group), StartTime: aws.Int64(1 << 45)}, "", 0},
		"another pattern": {cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(group), FilterPattern: aws.String(`ERROR`)}, "InvalidParameterException", 0},
		"no such group":   {cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/none")}, "ResourceNotFoundException", 0},
		"a strange token": {cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(group), NextToken: aws.String("x")}, "InvalidParameterException", 0},
	} {
		out, err := client.FilterLogEvents(ctx, &c.in)
		if code(err) != c.code || err == nil && len(out.Events) != c.n {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := cloudwatchlogs.NewFromConfig(as(c, "alchemiser-test-echo")).FilterLogEvents(ctx, in); code(err) != "AccessDeniedException" {
		t.Errorf("a function reads logs: %v", err)
	}
}

func TestFunctionConfiguration(t *testing.T) {
	ctx := context.Background()
	c := start(t, func(o *local.Options) { o.Environment = map[string]map[string]string{"echo": {"BUS_NAME": "other"}} })
	client := lambda.NewFromConfig(c.AWSConfig())
	out, err := client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("alchemiser-test-echo"), Qualifier: aws.String("live")})
	if err != nil {
		t.Fatal(err)
	}
	if out.Environment.Variables["BUS_NAME"] != "other" || out.Environment.Variables["AWS_ACCESS_KEY_ID"] != "" {
		t.Errorf("variables %v", out.Environment.Variables)
	}
	if _, err := client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("none")}); code(err) != "ResourceNotFoundException" {
		t.Errorf("a function that does not exist: %v", err)
	}
}

// What is kept in a folder can be read while the cloud runs and after it ended.
func TestKeptItems(t *testing.T) {
	ctx := context.Background()
	dir, copied := t.TempDir(), t.TempDir()
	c := start(t, func(o *local.Options) { o.DataDir = dir })
	client := dynamodb.NewFromConfig(c.AWSConfig())
	const table = "alchemiser-test-state"
	for i := range 4 {
		item := map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "A"}, "sk": &types.AttributeValueMemberS{Value: fmt.Sprint(i % 3)}, "body": &types.AttributeValueMemberS{Value: fmt.Sprint(i)},
		}
		if _, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(table), Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.SaveTables(copied); err != nil {
		t.Fatal(err)
	}
	read := func(dir string) string {
		t.Helper()
		items, err := local.KeptItems(dir, table)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]string{}
		for _, raw := range items {
			var i struct{ SK, Body struct{ S string } }
			if err := json.Unmarshal(raw, &i); err != nil {
				t.Fatal(err)
			}
			seen[i.SK.S] = i.Body.S
		}
		return fmt.Sprint(seen)
	}
	const want = "map[0:3 1:1 2:2]"
	if running, saved := read(dir), read(copied); running != want || saved != want {
		t.Errorf("while running %s, saved %s, want %s", running, saved, want)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if ended := read(dir); ended != want {
		t.Errorf("after the end %s, want %s", ended, want)
	}
	if items, err := local.KeptItems(t.TempDir(), table); err != nil || len(items) > 0 {
		t.Errorf("an empty folder: %d, %v", len(items), err)
	}
}
