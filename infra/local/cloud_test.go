package local_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	sdklambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/fault"
)

const (
	bus         = "alchemiser-test-bus"
	deliveryDLQ = "alchemiser-test-echo-delivery-dlq"
	failureDLQ  = "alchemiser-test-echo-failure-dlq"
)

// call invokes the echo function synchronously and decodes its answer.
func call(t *testing.T, c *local.Cloud, command string) (answer map[string]any, failure string) {
	t.Helper()
	r, err := c.Invoke(context.Background(), "echo", []byte(command))
	if err != nil {
		t.Fatal(err)
	}
	if r.Failed {
		kind, message := r.Error()
		return nil, kind + ": " + message
	}
	_ = json.Unmarshal(r.Payload, &answer) // answers that are no object are of no interest
	return answer, ""
}

// put publishes an event as the operator.
func put(t testing.TB, c *local.Cloud, detailType, detail string) {
	t.Helper()
	out, err := eventbridge.NewFromConfig(c.AWSConfig()).PutEvents(context.Background(), &eventbridge.PutEventsInput{
		Entries: []ebtypes.PutEventsRequestEntry{{EventBusName: aws.String(bus), Source: aws.String("alchemiser.test"),
			DetailType: &detailType, Detail: &detail}}})
	if err != nil {
		t.Fatal(err)
	}
	if out.FailedEntryCount != 0 {
		t.Fatal(*out.Entries[0].ErrorCode, *out.Entries[0].ErrorMessage)
	}
}

func TestInvokeReusesEnvironment(t *testing.T) {
	c := start(t, nil)
	first, failure := call(t, c, `{"do":"count"}`)
	second, _ := call(t, c, `{"do":"count"}`)
	if failure != "" || first["calls"] != 1.0 || second["calls"] != 2.0 || first["pid"] != second["pid"] {
		t.Errorf("first %v, second %v, %s", first, second, failure)
	}
	if first["arn"] != "arn:aws:lambda:us-east-1:111111111111:function:alchemiser-test-echo:live" {
		t.Errorf("invoked as %v", first["arn"])
	}
	s := c.Snapshot()
	if len(s.Invocations) != 2 || !s.Invocations[0].Cold || s.Invocations[1].Cold {
		t.Errorf("%+v", s.Invocations)
	}
}

func TestFunctionErrors(t *testing.T) {
	c := start(t, nil)
	for _, test := range []struct{ name, command, want string }{
		{"error", `{"do":"error"}`, "errorString: as told"},
		{"panic", `{"do":"panic"}`, "string: as told"},
		{"exit", `{"do":"exit"}`, "Runtime.ExitError: "},
		{"timeout", `{"do":"sleep","millis":60000}`, "Sandbox.Timedout: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, failure := call(t, c, test.command)
			if !strings.HasPrefix(failure, test.want) {
				t.Errorf("got %q, want %q", failure, test.want)
			}
			answer, failure := call(t, c, `{"do":"count"}`)
			if failure != "" || test.name != "error" && answer["calls"] != 1.0 {
				t.Errorf("the environment was used again: %v %s", answer, failure)
			}
		})
	}
}

func TestInitFailure(t *testing.T) {
	c := start(t, func(o *local.Options) { o.Binaries["echo"] = t.TempDir() })
	if _, failure := call(t, c, `{}`); !strings.HasPrefix(failure, "Runtime.InitError: ") {
		t.Errorf("got %q", failure)
	}
}

func TestChildEnvironmentIsBuiltFromNothing(t *testing.T) {
	t.Setenv("AWS_CA_BUNDLE", "/nowhere")
	t.Setenv("AWS_PROFILE", "somebody")
	c := start(t, func(o *local.Options) {
		o.ClockOffset = -48 * time.Hour
		o.Environment = map[string]map[string]string{"*": {"ALCHEMISER_ENV": "rehearsal"}, "echo": {"TABLE_NAME": "mine"}}
	})
	r, err := c.Invoke(context.Background(), "echo", []byte(`{"do":"env"}`))
	if err != nil {
		t.Fatal(err)
	}
	text := string(r.Payload)
	for _, want := range []string{`"CLOCK_OFFSET=-48h0m0s"`, `"ALCHEMISER_ENV=rehearsal"`, `"TABLE_NAME=mine"`, `"BUS_NAME=alchemiser-test-bus"`,
		`"AWS_ENDPOINT_URL=` + c.Endpoint() + `"`, `"AWS_ACCESS_KEY_ID=alchemiser-test-echo"`, `"TZ=:UTC"`, `"SMTP_HOST=localhost"`, "LAMBDA_TASK_ROOT="} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
	for _, never := range []string{"AWS_CA_BUNDLE", "AWS_PROFILE", "HOME=", "PATH=", "AWS_LAMBDA_MAX_CONCURRENCY"} {
		if strings.Contains(text, never) {
			t.Errorf("%s was inherited", never)
		}
	}
}

func TestUnknownOverrideIsRefused(t *testing.T) {
	for _, environment := range []map[string]map[string]string{
		{"*": {"TABEL_NAME": "x"}}, {"echo": {"TABEL_NAME": "x"}}, {"eco": {"TABLE_NAME": "x"}},
	} {
		o := local.Options{Templates: fixtures(), Binaries: map[string]string{"echo": binaries, "sink": binaries}, Environment: environment}
		if c, err := local.Start(context.Background(), o); err == nil {
			_ = c.Close()
			t.Errorf("%v was accepted", environment)
		}
	}
}

func TestSuccessfulChain(t *testing.T) {
	var r recorder
	c := start(t, func(o *local.Options) { o.Observer = r.observe })
	put(t, c, "Ping", `{"do":"publish","type":"Pong","next":{"do":"count"}}`)
	s := quiesce(t, c)
	if len(s.Invocations) != 2 || s.Invocations[0].Service != "echo" || s.Invocations[1].Service != "sink" || s.Invocations[1].Error != "" {
		t.Errorf("%+v", s.Invocations)
	}
	if len(s.Events) != 2 || len(s.Unrouted) != 0 || len(s.Denials) != 0 || len(s.Problems) != 0 || s.UnderWay != 0 {
		t.Errorf("%+v", s)
	}
	for _, q := range s.Queues {
		if q.Visible != 0 {
			t.Errorf("%s has messages: %+v", q.Name, q.Messages)
		}
	}
	if lines := c.Logs("/aws/events/alchemiser-test-audit"); len(lines) != 2 {
		t.Errorf("audit log: %v", lines)
	}
	if n := len(r.of(local.Finished)); n != 2 {
		t.Errorf("%d invocations were observed", n)
	}
	for _, g := range s.Unused {
		if g.Action == "events:PutEvents" {
			t.Errorf("the grant was used: %v", g)
		}
	}
}

func TestScheduleKeepsPlannedTime(t *testing.T) {
	c := start(t, nil)
	planned := time.Date(2026, 1, 5, 14, 35, 0, 0, time.UTC)
	if err := c.FireSchedule(context.Background(), "alchemiser-test-echo-daily", planned); err != nil {
		t.Fatal(err)
	}
	s := quiesce(t, c)
	if len(s.Events) != 1 || s.Events[0].Event.Resources[0] != "correlation:2026-01-05T14:35:00Z" || len(s.Denials) != 0 {
		t.Errorf("%+v", s.Events)
	}
	if err := c.FireSchedule(context.Background(), "daily", planned); err == nil {
		t.Error("an unknown schedule was fired")
	}
}

// F19: a handler error is retried by the alias's settings and then recorded in the failure queue; the delivery queue stays empty.
func TestF19HandlerErrorEndsInFailureQueue(t *testing.T) {
	c := start(t, nil)
	put(t, c, "Ping", `{"do":"error"}`)
	s := quiesce(t, c)
	if len(s.Invocations) != 3 || s.Invocations[0].RequestID != s.Invocations[2].RequestID || s.Invocations[2].Attempt != 3 {
		t.Errorf("%+v", s.Invocations)
	}
	if q := s.Queue(deliveryDLQ); q.Visible != 0 {
		t.Errorf("%+v", q)
	}
	client := sqs.NewFromConfig(c.AWSConfig())
	ctx := context.Background()
	url, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(failureDLQ)})
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url.QueueUrl, WaitTimeSeconds: 1, MaxNumberOfMessages: 10})
	if err != nil || len(out.Messages) != 1 {
		t.Fatalf("%v, %+v", err, out)
	}
	var record struct {
		Version        string
		RequestContext struct {
			RequestID, FunctionArn, Condition string
			ApproximateInvokeCount            int
		}
		RequestPayload struct {
			DetailType string `json:"detail-type"`
			Detail     struct{ Do string }
		}
		ResponseContext struct{ FunctionError string }
		ResponsePayload struct{ ErrorType, ErrorMessage string }
	}
	if err := json.Unmarshal([]byte(*out.Messages[0].Body), &record); err != nil {
		t.Fatal(err)
	}
	if record.RequestContext.Condition != "RetriesExhausted" || record.RequestContext.ApproximateInvokeCount != 3 ||
		!strings.HasSuffix(record.RequestContext.FunctionArn, "echo:live") || record.RequestPayload.DetailType != "Ping" ||
		record.RequestPayload.Detail.Do != "error" || record.ResponsePayload.ErrorMessage != "as told" || record.ResponseContext.FunctionError != "Unhandled" {
		t.Errorf("%+v", record)
	}
	if again, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url.QueueUrl}); err != nil || len(again.Messages) != 0 {
		t.Errorf("the message was not hidden: %v, %+v", err, again)
	}
	if _, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url.QueueUrl, ReceiptHandle: out.Messages[0].ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	if q := c.Snapshot().Queue(failureDLQ); len(q.Messages) != 0 {
		t.Errorf("%+v", q)
	}
}

// A rule without permission is not retried: its event goes straight to the delivery queue, with the reason in its attributes.
func TestDeliveryWithoutPermission(t *testing.T) {
	c := start(t, nil)
	put(t, c, "Unpermitted", `{"do":"count"}`)
	s := quiesce(t, c)
	q := s.Queue(deliveryDLQ)
	if len(q.Messages) != 1 || len(s.Invocations) != 0 || len(s.Denials) != 1 {
		t.Fatalf("%+v, %+v", q, s.Denials)
	}
	a := q.Messages[0].Attributes
	if a["ERROR_CODE"] != "NO_PERMISSIONS" || !strings.HasSuffix(a["RULE_ARN"], "rule/alchemiser-test-bus/alchemiser-test-echo-unpermitted") ||
		!strings.HasSuffix(a["TARGET_ARN"], "echo:live") || a["RETRY_ATTEMPTS"] != "" {
		t.Errorf("%v", a)
	}
	if !strings.Contains(q.Messages[0].Body, `"detail-type":"Unpermitted"`) {
		t.Errorf("%s", q.Messages[0].Body)
	}
}

func TestPutEventsWithoutGrantIsDenied(t *testing.T) {
	c := start(t, nil)
	r, err := c.Invoke(context.Background(), "sink", []byte(`{"do":"publish","type":"Pong"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, message := r.Error(); !strings.Contains(message, "AccessDeniedException") {
		t.Errorf("%s", r.Payload)
	}
	s := c.Snapshot()
	if len(s.Denials) != 1 || s.Denials[0].Who != "alchemiser-test-sink" || s.Denials[0].Action != "events:PutEvents" || len(s.Events) != 0 {
		t.Errorf("%+v", s.Denials)
	}
}

func TestParameters(t *testing.T) {
	c := start(t, nil)
	r, err := c.Invoke(context.Background(), "echo", []byte(`{"do":"parameter","name":"/alchemiser/test/echo/key"}`))
	if err != nil || string(r.Payload) != `"planted-secret"` {
		t.Errorf("%v %s", err, r.Payload)
	}
	for name, want := range map[string]string{"/alchemiser/test/echo/none": "ParameterNotFound", "/alchemiser/test/other": "AccessDeniedException"} {
		if _, failure := call(t, c, fmt.Sprintf(`{"do":"parameter","name":%q}`, name)); !strings.Contains(failure, want) {
			t.Errorf("%s: %s", name, failure)
		}
	}
}

func TestConditionalPut(t *testing.T) {
	c := start(t, nil)
	if _, failure := call(t, c, `{"do":"put","name":"run-1"}`); failure != "" {
		t.Fatal(failure)
	}
	if _, failure := call(t, c, `{"do":"put","name":"run-1"}`); !strings.Contains(failure, "ConditionalCheckFailed") {
		t.Errorf("got %q", failure)
	}
	client := dynamodb.NewFromConfig(c.AWSConfig())
	key := map[string]dbtypes.AttributeValue{"pk": &dbtypes.AttributeValueMemberS{Value: "run-1"}, "sk": &dbtypes.AttributeValueMemberS{Value: "A"}}
	out, err := client.GetItem(context.Background(), &dynamodb.GetItemInput{TableName: aws.String("alchemiser-test-state"), Key: key})
	if err != nil || len(out.Item) != 2 {
		t.Errorf("%v %+v", err, out)
	}
	_, err = client.UpdateItem(context.Background(), &dynamodb.UpdateItemInput{TableName: aws.String("alchemiser-test-state"), Key: key,
		UpdateExpression: aws.String("REMOVE gpk")})
	var refused smithy.APIError
	if !errors.As(err, &refused) || refused.ErrorCode() != "ValidationException" {
		t.Errorf("REMOVE was accepted: %v", err)
	}
}

func TestMail(t *testing.T) {
	dir := t.TempDir()
	// TLS goes by the machine's clock, also in a rehearsal of another year.
	c := start(t, func(o *local.Options) { o.MailDir, o.ClockOffset = dir, -2*365*24*time.Hour })
	if _, failure := call(t, c, `{"do":"mail","name":"[OK] 4 orders filled"}`); failure != "" {
		t.Fatal(failure)
	}
	mails := c.Snapshot().Mails
	if len(mails) != 1 || mails[0].To[0] != "owner@example.com" || !strings.HasPrefix(mails[0].File, dir) {
		t.Errorf("%+v", mails)
	}
}

func TestInvokeAPI(t *testing.T) {
	c := start(t, nil)
	client := sdklambda.NewFromConfig(c.AWSConfig())
	ctx := context.Background()
	name := aws.String("alchemiser-test-echo")
	out, err := client.Invoke(ctx, &sdklambda.InvokeInput{FunctionName: name, Qualifier: aws.String("live"), Payload: []byte(`{"do":"error"}`)})
	if err != nil || aws.ToString(out.FunctionError) != "Unhandled" || aws.ToString(out.ExecutedVersion) != "1" || !strings.Contains(string(out.Payload), "as told") {
		t.Errorf("%v %+v", err, out)
	}
	async, err := client.Invoke(ctx, &sdklambda.InvokeInput{FunctionName: aws.String("arn:aws:lambda:us-east-1:111111111111:function:alchemiser-test-echo:live"),
		InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(`{"do":"count"}`)})
	if err != nil || async.StatusCode != http.StatusAccepted {
		t.Errorf("%v %+v", err, async)
	}
	if s := quiesce(t, c); len(s.Invocations) != 2 || len(s.Problems) != 0 {
		t.Errorf("%+v", s)
	}
	var missing *lambdatypes.ResourceNotFoundException
	if _, err := client.Invoke(ctx, &sdklambda.InvokeInput{FunctionName: aws.String("nobody")}); !errors.As(err, &missing) {
		t.Errorf("%v", err)
	}
}

func TestConcurrencyLimitAndThrottledEvents(t *testing.T) {
	c := start(t, func(o *local.Options) { o.Concurrency = 1 })
	for range 5 {
		put(t, c, "Ping", `{"do":"sleep","millis":5}`)
	}
	s := quiesce(t, c)
	if len(s.Invocations) != 5 || s.Environments["alchemiser-test-echo"] != 1 {
		t.Errorf("%d invocations in %v environments", len(s.Invocations), s.Environments)
	}
	for _, i := range s.Invocations {
		if i.Error != "" || i.Attempt != 1 {
			t.Errorf("throttling counted as a failure: %+v", i)
		}
	}
}

func TestCloseLeavesNoProcess(t *testing.T) {
	c := start(t, nil)
	answer, _ := call(t, c, `{"do":"count"}`)
	put(t, c, "Ping", `{"do":"sleep","millis":60000}`)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(int(answer["pid"].(float64)), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the child process is still there: %v", err)
	}
	if n := len(c.Snapshot().Environments); n != 0 {
		t.Errorf("%d environments are left", n)
	}
}

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name        string
		fault       fault.Fault
		event       string
		invocations int    // of echo
		events      int    // put, with the first
		firstError  string // of the first attempt
		failed      bool   // ends in the failure queue
	}{
		{"kill before work", fault.Fault{Do: fault.KillBeforeWork, Function: "echo"}, "publish", 2, 2, "Runtime.ExitError", false},
		{"kill after the call", fault.Fault{Do: fault.KillAfterCall, Function: "echo", Operation: "events:PutEvents"}, "publish", 2, 3, "Runtime.ExitError", false},
		{"kill before the response", fault.Fault{Do: fault.KillBeforeResponse, Function: "echo"}, "publish", 2, 3, "Runtime.ExitError", false},
		{"drop the response", fault.Fault{Do: fault.DropResponse, Function: "echo"}, "publish", 2, 3, "Sandbox.Timedout", false},
		{"always killed", fault.Fault{Do: fault.KillBeforeWork, Function: "echo", Times: -1}, "publish", 3, 1, "Runtime.ExitError", true},
		{"deliver twice", fault.Fault{Do: fault.DeliverTwice, Function: "echo"}, "publish", 2, 3, "", false},
		{"reject the entry", fault.Fault{Do: fault.RejectEntry, EventType: "Pong"}, "publish", 2, 2, "errorString: InternalFailure", false},
		{"throttle", fault.Fault{Do: fault.Throttle, Function: "echo", Times: 3}, "publish", 1, 2, "", false},
		{"reply of the call lost", fault.Fault{Do: fault.FailReply, Function: "echo", Operation: "events:PutEvents"}, "publish", 1, 3, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			plan := &fault.Plan{}
			if err := plan.Add(test.fault); err != nil {
				t.Fatal(err)
			}
			c := start(t, func(o *local.Options) { o.Faults = plan })
			put(t, c, "Ping", `{"do":"publish","type":"Pong","next":{"do":"count"}}`)
			s := quiesce(t, c)
			count, first := 0, ""
			for _, i := range s.Invocations {
				if i.Service == "echo" {
					if count == 0 {
						first = i.Error
					}
					count++
				}
			}
			if count != test.invocations || len(s.Events) != test.events || !strings.HasPrefix(first, test.firstError) {
				t.Errorf("%d invocations, %d events, first error %q", count, len(s.Events), first)
			}
			if got := len(s.Queue(failureDLQ).Messages) == 1; got != test.failed {
				t.Errorf("in the failure queue: %v", got)
			}
		})
	}
}

func TestRemovedPermissionAndMissingFunction(t *testing.T) {
	for action, code := range map[fault.Action]string{fault.DenyDelivery: "NO_PERMISSIONS", fault.Missing: "NO_RESOURCE"} {
		plan := &fault.Plan{}
		if err := plan.Add(fault.Fault{Do: action, Function: "echo"}); err != nil {
			t.Fatal(err)
		}
		c := start(t, func(o *local.Options) { o.Faults = plan })
		put(t, c, "Ping", `{}`)
		if q := quiesce(t, c).Queue(deliveryDLQ); len(q.Messages) != 1 || q.Messages[0].Attributes["ERROR_CODE"] != code {
			t.Errorf("%s: %+v", action, q)
		}
	}
}

func TestEmbeddedMetrics(t *testing.T) {
	c := start(t, nil)
	line := `{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"Alchemiser","Dimensions":[["env"]],"Metrics":[{"Name":"Heartbeat"}]}]},"env":"test","Heartbeat":1}`
	for range 2 {
		if _, failure := call(t, c, fmt.Sprintf(`{"do":"print","name":%q}`, line)); failure != "" {
			t.Fatal(failure)
		}
	}
	metrics := c.Snapshot().Metrics
	if len(metrics) != 1 || metrics[0].Name != "Heartbeat" || metrics[0].Sum != 2 || metrics[0].Dimensions["env"] != "test" {
		t.Errorf("%+v", metrics)
	}
}

// The index follows an item that is put again: under its new key, and no more
// under its old one.
func TestAnIndexFollowsItsItems(t *testing.T) {
	c := start(t, nil)
	client, table := dynamodb.NewFromConfig(c.AWSConfig()), aws.String("alchemiser-test-state")
	text := func(s string) dbtypes.AttributeValue { return &dbtypes.AttributeValueMemberS{Value: s} }
	number := func(s string) dbtypes.AttributeValue { return &dbtypes.AttributeValueMemberN{Value: s} }
	save := func(name, due, condition string) error {
		in := &dynamodb.PutItemInput{TableName: table, Item: map[string]dbtypes.AttributeValue{"pk": text(name), "sk": text("META"), "v": number("1")}}
		if due != "" {
			in.Item["gpk"], in.Item["gsk"] = text("DUE"), number(due)
		}
		if condition != "" {
			in.ConditionExpression = aws.String(condition)
		}
		_, err := client.PutItem(t.Context(), in)
		return err
	}
	due := func(until string) (found string) {
		out, err := client.Query(t.Context(), &dynamodb.QueryInput{
			TableName: table, IndexName: aws.String("due"), KeyConditionExpression: aws.String("gpk = :g AND gsk <= :t"),
			ExpressionAttributeValues: map[string]dbtypes.AttributeValue{":g": text("DUE"), ":t": number(until)},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range out.Items {
			found += i["pk"].(*dbtypes.AttributeValueMemberS).Value + " "
		}
		return found
	}
	for _, s := range [][3]string{{"a", "100"}, {"b", "200"}, {"c", "150"}, {"a", "300", "attribute_exists(pk)"}, {"c", ""}, {"c", "250"}} {
		if err := save(s[0], s[1], s[2]); err != nil {
			t.Fatal(err)
		}
	}
	if err := save("b", "1", "attribute_not_exists(pk)"); err == nil || !strings.Contains(err.Error(), "ConditionalCheckFailed") {
		t.Errorf("a put whose condition does not hold: %v", err)
	}
	for until, want := range map[string]string{"199": "", "249": "b ", "300": "b c a "} {
		if got := due(until); got != want {
			t.Errorf("due until %s: %q, not %q", until, got, want)
		}
	}
}
