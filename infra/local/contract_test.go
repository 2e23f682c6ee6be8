package local_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/pattern"
	"github.com/alchemiser/alchemiser/pkg/env"
)

// The contract: what the functions and the operator rely on, through SDK clients alone. It holds for this cloud, and for whatever
// CONTRACT_ENDPOINT names, AWS itself included: see docs/one-machine-cloud.md. Endpoint and credentials are enough; the names are
// those of a deployed environment, which CONTRACT_ENV names (dev).
//
//	CONTRACT_ENDPOINT=https://{service}.us-east-1.amazonaws.com go test ./infra/local -run TestContract -count=1 -timeout 30m
type contract struct {
	name      func(part string) string
	function  string // its alias is live
	answers   string // a payload that it answers
	source    string // with kind: an event that a rule brings to the function, which cannot handle the detail
	kind      string
	detail    string
	parameter string        // a SecureString
	limit     int           // bytes of a call of PutEvents
	patience  time.Duration // for what is true in the end
	config    func(service string) aws.Config
}

func contracted(t *testing.T) contract {
	t.Helper()
	endpoint := os.Getenv("CONTRACT_ENDPOINT")
	if endpoint == "" {
		config := start(t, nil).AWSConfig()
		return contract{
			name: func(part string) string { return "alchemiser-test-" + part }, function: "echo", answers: `{"do":"count"}`,
			source: "alchemiser.test", kind: "Ping", detail: `{"do":"error"}`, parameter: "/alchemiser/test/echo/key", limit: 256 << 10, patience: 10 * time.Second,
			config: func(string) aws.Config { return config },
		}
	}
	environment := cmp.Or(os.Getenv("CONTRACT_ENV"), "dev")
	if environment == "prod" {
		t.Fatal("CONTRACT_ENV is prod: the contract empties a queue and makes a function fail; use dev or staging")
	}
	return contract{
		name: func(part string) string { return "alchemiser-" + environment + "-" + part }, function: "notifier", answers: `{"mode":"probe"}`,
		source: "alchemiser.orchestration", kind: "TradingNotificationRequested", detail: `{"contract":"no event of ours"}`,
		parameter: "/alchemiser/" + environment + "/mail/username", limit: 1 << 20, patience: 15 * time.Minute,
		config: func(service string) aws.Config {
			return aws.Config{
				Region: cmp.Or(os.Getenv("AWS_REGION"), "us-east-1"), BaseEndpoint: aws.String(strings.ReplaceAll(endpoint, "{service}", service)),
				Credentials: credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")),
			}
		},
	}
}

// eventually asks until it hears what it wants: counts of a queue are approximate, and retries take their time.
func (c contract) eventually(t *testing.T, what, want string, ask func() string) {
	t.Helper()
	got := ask()
	for began := time.Now(); got != want && time.Since(began) < c.patience; got = ask() {
		time.Sleep(min(c.patience/100, time.Second))
	}
	if got != want {
		t.Fatalf("%s: %s, want %s", what, got, want)
	}
}

// F09: a call above the limit is refused as a whole. Ours is the one that EventBridge had for long, 256 KB: what it takes, AWS takes
// as well, whose own is said to be 1 MiB by now.
func TestContractF09PutEventsSizeLimit(t *testing.T) {
	c := contracted(t)
	client := eventbridge.NewFromConfig(c.config("events"))
	put := func(size int, entries int) error {
		in := &eventbridge.PutEventsInput{}
		for range entries {
			detail := `{"a":"` + strings.Repeat("x", size-len("alchemiser.test")-len("Big")-len(`{"a":""}`)) + `"}`
			in.Entries = append(in.Entries, ebtypes.PutEventsRequestEntry{EventBusName: aws.String(c.name("bus")), Source: aws.String("alchemiser.test"),
				DetailType: aws.String("Big"), Detail: &detail})
		}
		_, err := client.PutEvents(context.Background(), in)
		return err
	}
	if err := put(256<<10, 1); err != nil {
		t.Errorf("the largest event was refused: %v", err)
	}
	if err := put(c.limit+1, 1); code(err) != "ValidationException" {
		t.Errorf("an event too large: %v", err)
	}
	if err := put(c.limit*2/5, 3); code(err) != "ValidationException" {
		t.Errorf("three events too large together: %v", err)
	}
	if err := put(100, 11); code(err) != "ValidationException" {
		t.Errorf("eleven entries: %v", err)
	}
}

// The reference rows of event patterns, through the API a real account has too.
func TestContractTestEventPattern(t *testing.T) {
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
	c := contracted(t)
	client := eventbridge.NewFromConfig(c.config("events"))
	for _, r := range rows {
		out, err := client.TestEventPattern(context.Background(), &eventbridge.TestEventPatternInput{EventPattern: aws.String(string(r.Pattern)), Event: aws.String(string(r.Event))})
		if err != nil || out.Result != r.Match {
			t.Errorf("%s: %v %v", r.Name, err, out)
		}
	}
	if _, err := client.TestEventPattern(context.Background(), &eventbridge.TestEventPatternInput{EventPattern: aws.String(`{"source":"x"}`), Event: aws.String("{}")}); code(err) != "InvalidEventPatternException" {
		t.Errorf("%v", err)
	}
}

func TestContractRulesAreListed(t *testing.T) {
	c := contracted(t)
	client := eventbridge.NewFromConfig(c.config("events"))
	out, err := client.ListRules(context.Background(), &eventbridge.ListRulesInput{EventBusName: aws.String(c.name("bus")), NamePrefix: aws.String(c.name(c.function))})
	if err != nil || len(out.Rules) < 2 {
		t.Fatalf("%v %+v", err, out)
	}
	one, err := client.DescribeRule(context.Background(), &eventbridge.DescribeRuleInput{EventBusName: aws.String(c.name("bus")), Name: out.Rules[0].Name})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pattern.Compile([]byte(*one.EventPattern)); err != nil {
		t.Errorf("%s: %v", *one.EventPattern, err)
	}
	if _, err := client.DescribeRule(context.Background(), &eventbridge.DescribeRuleInput{EventBusName: aws.String(c.name("bus")), Name: aws.String("none")}); code(err) != "ResourceNotFoundException" {
		t.Errorf("%v", err)
	}
}

// A write answers with the item only when asked. The SDK loses large answers to large requests now and then, and repeats the write.
func TestContractWritesAnswerWithoutTheItem(t *testing.T) {
	c := contracted(t)
	client := dynamodb.NewFromConfig(c.config("dynamodb"))
	put := &dynamodb.PutItemInput{TableName: aws.String(c.name("state")), Item: map[string]dbtypes.AttributeValue{
		"pk": &dbtypes.AttributeValueMemberS{Value: "CONTRACT"}, "sk": &dbtypes.AttributeValueMemberS{Value: "large"},
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

func TestContractF25PutEventsFailsPerEntry(t *testing.T) {
	c := contracted(t)
	entry := func(source, detail string) ebtypes.PutEventsRequestEntry {
		return ebtypes.PutEventsRequestEntry{EventBusName: aws.String(c.name("bus")), Source: &source, DetailType: aws.String("Nothing"), Detail: &detail}
	}
	out, err := eventbridge.NewFromConfig(c.config("events")).PutEvents(t.Context(), &eventbridge.PutEventsInput{
		Entries: []ebtypes.PutEventsRequestEntry{entry("alchemiser.test", "{}"), entry("alchemiser.test", "no object")}})
	if err != nil {
		t.Fatal(err)
	}
	if out.FailedEntryCount != 1 || out.Entries[0].EventId == nil || aws.ToString(out.Entries[1].ErrorCode) != "MalformedDetail" {
		t.Errorf("%d failed: %+v", out.FailedEntryCount, out.Entries)
	}
}

// Secrets are readable only where they are asked for in the clear.
func TestContractParameters(t *testing.T) {
	c := contracted(t)
	client := ssm.NewFromConfig(c.config("ssm"))
	read := func(name string, clear bool) (string, error) {
		out, err := client.GetParameter(t.Context(), &ssm.GetParameterInput{Name: &name, WithDecryption: &clear})
		if err != nil {
			return "", err
		}
		return string(out.Parameter.Type) + " " + *out.Parameter.Value, nil
	}
	clear, err1 := read(c.parameter, true)
	encrypted, err2 := read(c.parameter, false)
	if err1 != nil || err2 != nil || !strings.HasPrefix(clear, "SecureString ") || clear == encrypted {
		t.Errorf("%v, %v; encrypted and in the clear are the same: %t", err1, err2, clear == encrypted)
	}
	if _, err := read("/contract/none", true); code(err) != "ParameterNotFound" {
		t.Errorf("%v", err)
	}
}

// What the operator's command reads of a function: its settings, and what it logged.
func TestContractSettingsAndLogs(t *testing.T) {
	c := contracted(t)
	settings, err := lambda.NewFromConfig(c.config("lambda")).GetFunctionConfiguration(t.Context(),
		&lambda.GetFunctionConfigurationInput{FunctionName: aws.String(c.name(c.function)), Qualifier: aws.String("live")})
	if err != nil || settings.Environment.Variables["TABLE_NAME"] != c.name("state") {
		t.Errorf("%v %+v", err, settings)
	}
	source := "alchemiser.contract-" + env.Token() // no rule but the audit rule takes it
	if _, err := eventbridge.NewFromConfig(c.config("events")).PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{{
		EventBusName: aws.String(c.name("bus")), Source: &source, DetailType: aws.String("Nothing"), Detail: aws.String("{}"),
	}}}); err != nil {
		t.Fatal(err)
	}
	logs := cloudwatchlogs.NewFromConfig(c.config("logs"))
	c.eventually(t, "the event in the audit log", "1", func() string {
		out, err := logs.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{
			LogGroupName: aws.String("/aws/events/" + c.name("audit")), FilterPattern: aws.String(`{ $.source = "` + source + `" }`),
		})
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(len(out.Events))
	})
}

func TestContractInvoke(t *testing.T) {
	c := contracted(t)
	client := lambda.NewFromConfig(c.config("lambda"))
	invoke := func(function, kind string, payload []byte) (*lambda.InvokeOutput, error) {
		return client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &function, Qualifier: aws.String("live"), InvocationType: lambdatypes.InvocationType(kind), Payload: payload})
	}
	if out, err := invoke(c.name(c.function), "RequestResponse", []byte(c.answers)); err != nil || out.StatusCode != http.StatusOK || out.FunctionError != nil || !json.Valid(out.Payload) {
		t.Errorf("synchronous: %v %+v", err, out)
	}
	if out, err := invoke(c.name(c.function), "Event", []byte(c.answers)); err != nil || out.StatusCode != http.StatusAccepted || len(out.Payload) != 0 {
		t.Errorf("asynchronous: %v %+v", err, out)
	}
	if _, err := invoke(c.name("none"), "RequestResponse", nil); code(err) != "ResourceNotFoundException" {
		t.Errorf("no such function: %v", err)
	}
}

func TestContractItems(t *testing.T) {
	c := contracted(t)
	client := dynamodb.NewFromConfig(c.config("dynamodb"))
	text := func(s string) dbtypes.AttributeValue { return &dbtypes.AttributeValueMemberS{Value: s} }
	key := map[string]dbtypes.AttributeValue{"pk": text("CONTRACT"), "sk": text("1")}
	if _, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String(c.name("state")), Key: key}); err != nil {
		t.Fatal(err)
	}
	put := &dynamodb.PutItemInput{TableName: aws.String(c.name("state")), Item: key, ConditionExpression: aws.String("attribute_not_exists(pk)")}
	if _, err := client.PutItem(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutItem(t.Context(), put); code(err) != "ConditionalCheckFailedException" {
		t.Errorf("the second conditional put: %v", err)
	}
	out, err := client.Query(t.Context(), &dynamodb.QueryInput{TableName: aws.String(c.name("state")), ConsistentRead: aws.Bool(true),
		KeyConditionExpression: aws.String("pk = :p AND begins_with(sk, :s)"), ExpressionAttributeValues: map[string]dbtypes.AttributeValue{":p": text("CONTRACT"), ":s": text("1")}})
	if err != nil || len(out.Items) != 1 {
		t.Errorf("query: %v %+v", err, out)
	}
	// The index holds items with both of its keys, by number, and lets go of an item that loses them.
	due := func() string {
		out, err := client.Query(t.Context(), &dynamodb.QueryInput{TableName: aws.String(c.name("state")), IndexName: aws.String("due"), Limit: aws.Int32(10),
			KeyConditionExpression: aws.String("gpk = :g AND gsk <= :now"), ExpressionAttributeValues: map[string]dbtypes.AttributeValue{
				":g": text("CONTRACT"), ":now": &dbtypes.AttributeValueMemberN{Value: "1767623700000"}}})
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(len(out.Items))
	}
	item := map[string]dbtypes.AttributeValue{"pk": text("CONTRACT"), "sk": text("1"), "gpk": text("CONTRACT"), "gsk": &dbtypes.AttributeValueMemberN{Value: "1767623700000"}}
	for _, want := range []string{"1", "0"} {
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(c.name("state")), Item: item}); err != nil {
			t.Fatal(err)
		}
		c.eventually(t, "items that are due", want, due)
		delete(item, "gpk")
		delete(item, "gsk")
	}
	if _, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(c.name("state") + "-none"), Key: key}); code(err) != "ResourceNotFoundException" {
		t.Errorf("no such table: %v", err)
	}
}

// A function at its limit refuses a synchronous call. Only this cloud has a function that can be kept busy on purpose.
func TestInvokeAtTheLimitIsRefused(t *testing.T) {
	client := lambda.NewFromConfig(start(t, func(o *local.Options) { o.Concurrency = 1 }).AWSConfig(), func(o *lambda.Options) { o.Retryer = aws.NopRetryer{} })
	codes := make(chan string, 2)
	for range cap(codes) {
		go func() {
			_, err := client.Invoke(context.Background(), &lambda.InvokeInput{FunctionName: aws.String("alchemiser-test-echo"), Qualifier: aws.String("live"),
				Payload: []byte(`{"do":"sleep","millis":1000}`)})
			codes <- code(err)
		}()
	}
	if a, b := <-codes, <-codes; a != "TooManyRequestsException" || b != "" {
		t.Errorf("two calls at a limit of one: %q, %q", a, b)
	}
}
