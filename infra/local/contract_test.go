package local_test

import (
	"cmp"
	"context"
	"encoding/json"
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
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/pattern"
)

// The contract: what the functions and the operator rely on, through SDK clients alone. It holds for this cloud, and for another
// one that CONTRACT_ENDPOINT names, AWS itself included, with the credentials of an operator:
//
//	CONTRACT_ENDPOINT   https://{service}.us-east-1.amazonaws.com; {service} is replaced
//	CONTRACT_BUS, CONTRACT_RULES (prefix of two rules), CONTRACT_QUEUE (empty; it is purged), CONTRACT_FUNCTION (alias live),
//	CONTRACT_PAYLOAD (an event that it takes), CONTRACT_TABLE (pk, sk)
//	AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
type contract struct {
	bus, rules, queue, function, payload, table string
	config                                      func(service string) aws.Config
}

func contracted(t *testing.T) contract {
	t.Helper()
	c := contract{
		bus: cmp.Or(os.Getenv("CONTRACT_BUS"), bus), rules: cmp.Or(os.Getenv("CONTRACT_RULES"), "alchemiser-test-echo"),
		queue: cmp.Or(os.Getenv("CONTRACT_QUEUE"), deliveryDLQ), function: cmp.Or(os.Getenv("CONTRACT_FUNCTION"), "alchemiser-test-echo"),
		payload: cmp.Or(os.Getenv("CONTRACT_PAYLOAD"), `{"do":"count"}`), table: cmp.Or(os.Getenv("CONTRACT_TABLE"), "alchemiser-test-state"),
	}
	endpoint := os.Getenv("CONTRACT_ENDPOINT")
	if endpoint == "" {
		config := start(t, nil).AWSConfig()
		c.config = func(string) aws.Config { return config }
		return c
	}
	c.config = func(service string) aws.Config {
		return aws.Config{
			Region: cmp.Or(os.Getenv("AWS_REGION"), "us-east-1"), BaseEndpoint: aws.String(strings.ReplaceAll(endpoint, "{service}", service)),
			Credentials: credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")),
		}
	}
	return c
}

// F09: a call above 256 KB is refused as a whole.
func TestContractF09PutEventsSizeLimit(t *testing.T) {
	c := contracted(t)
	client := eventbridge.NewFromConfig(c.config("events"))
	put := func(size int, entries int) error {
		in := &eventbridge.PutEventsInput{}
		for range entries {
			detail := `{"a":"` + strings.Repeat("x", size-len("alchemiser.test")-len("Big")-len(`{"a":""}`)) + `"}`
			in.Entries = append(in.Entries, ebtypes.PutEventsRequestEntry{EventBusName: aws.String(c.bus), Source: aws.String("alchemiser.test"),
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

func TestContractRulesAreListed(t *testing.T) {
	c := contracted(t)
	client := eventbridge.NewFromConfig(c.config("events"))
	out, err := client.ListRules(context.Background(), &eventbridge.ListRulesInput{EventBusName: aws.String(c.bus), NamePrefix: aws.String(c.rules)})
	if err != nil || len(out.Rules) < 2 {
		t.Fatalf("%v %+v", err, out)
	}
	one, err := client.DescribeRule(context.Background(), &eventbridge.DescribeRuleInput{EventBusName: aws.String(c.bus), Name: out.Rules[0].Name})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pattern.Compile([]byte(*one.EventPattern)); err != nil {
		t.Errorf("%s: %v", *one.EventPattern, err)
	}
	if _, err := client.DescribeRule(context.Background(), &eventbridge.DescribeRuleInput{EventBusName: aws.String(c.bus), Name: aws.String("none")}); code(err) != "ResourceNotFoundException" {
		t.Errorf("%v", err)
	}
}

func TestContractQueue(t *testing.T) {
	ctx := context.Background()
	c := contracted(t)
	client := sqs.NewFromConfig(c.config("sqs"))
	url, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(c.queue)})
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

// A write answers with the item only when asked. The SDK loses large answers to large requests now and then, and repeats the write.
func TestContractWritesAnswerWithoutTheItem(t *testing.T) {
	c := contracted(t)
	client := dynamodb.NewFromConfig(c.config("dynamodb"))
	put := &dynamodb.PutItemInput{TableName: aws.String(c.table), Item: map[string]dbtypes.AttributeValue{
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

func TestContractF25PutEventsFailsPerEntry(t *testing.T) {
	c := contracted(t)
	entry := func(source, detail string) ebtypes.PutEventsRequestEntry {
		return ebtypes.PutEventsRequestEntry{EventBusName: aws.String(c.bus), Source: &source, DetailType: aws.String("Nothing"), Detail: &detail}
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

func TestContractMissingParameter(t *testing.T) {
	c := contracted(t)
	_, err := ssm.NewFromConfig(c.config("ssm")).GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/contract/none"), WithDecryption: aws.Bool(true)})
	if code(err) != "ParameterNotFound" {
		t.Errorf("%v", err)
	}
}

func TestContractInvoke(t *testing.T) {
	c := contracted(t)
	client := lambda.NewFromConfig(c.config("lambda"))
	invoke := func(function, kind string, payload []byte) (*lambda.InvokeOutput, error) {
		return client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &function, Qualifier: aws.String("live"), InvocationType: lambdatypes.InvocationType(kind), Payload: payload})
	}
	if out, err := invoke(c.function, "RequestResponse", []byte(c.payload)); err != nil || out.StatusCode != http.StatusOK || out.FunctionError != nil || !json.Valid(out.Payload) {
		t.Errorf("synchronous: %v %+v", err, out)
	}
	if out, err := invoke(c.function, "Event", []byte(c.payload)); err != nil || out.StatusCode != http.StatusAccepted || len(out.Payload) != 0 {
		t.Errorf("asynchronous: %v %+v", err, out)
	}
	if _, err := invoke(c.function+"-none", "RequestResponse", nil); code(err) != "ResourceNotFoundException" {
		t.Errorf("no such function: %v", err)
	}
}

func TestContractItems(t *testing.T) {
	c := contracted(t)
	client := dynamodb.NewFromConfig(c.config("dynamodb"))
	text := func(s string) dbtypes.AttributeValue { return &dbtypes.AttributeValueMemberS{Value: s} }
	key := map[string]dbtypes.AttributeValue{"pk": text("CONTRACT"), "sk": text("1")}
	if _, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &c.table, Key: key}); err != nil {
		t.Fatal(err)
	}
	put := &dynamodb.PutItemInput{TableName: &c.table, Item: key, ConditionExpression: aws.String("attribute_not_exists(pk)")}
	if _, err := client.PutItem(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutItem(t.Context(), put); code(err) != "ConditionalCheckFailedException" {
		t.Errorf("the second conditional put: %v", err)
	}
	out, err := client.Query(t.Context(), &dynamodb.QueryInput{TableName: &c.table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression: aws.String("pk = :p AND begins_with(sk, :s)"), ExpressionAttributeValues: map[string]dbtypes.AttributeValue{":p": text("CONTRACT"), ":s": text("1")}})
	if err != nil || len(out.Items) != 1 {
		t.Errorf("query: %v %+v", err, out)
	}
	if _, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(c.table + "-none"), Key: key}); code(err) != "ResourceNotFoundException" {
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
