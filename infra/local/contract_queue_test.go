package local_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// contractQueue is a queue of the contract with its client.
type contractQueue struct {
	client *sqs.Client
	url    *string
}

func (c contract) queue(t *testing.T, part string) contractQueue {
	t.Helper()
	client := sqs.NewFromConfig(c.config("sqs"))
	out, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(c.name(part))})
	if err != nil {
		t.Fatal(err)
	}
	return contractQueue{client, out.QueueUrl}
}

// receive takes at most one message, as the operator's command does.
func (q contractQueue) receive(t *testing.T, wait, hide int32) *sqstypes.Message {
	t.Helper()
	out, err := q.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: q.url, WaitTimeSeconds: wait, VisibilityTimeout: hide, MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Messages) == 0 {
		return nil
	}
	return &out.Messages[0]
}

// depth is how many messages can be received and how many are hidden.
func (q contractQueue) depth(t *testing.T) string {
	t.Helper()
	out, err := q.client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: q.url, AttributeNames: []sqstypes.QueueAttributeName{"All"}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes["ApproximateNumberOfMessages"] + "/" + out.Attributes["ApproximateNumberOfMessagesNotVisible"]
}

func TestContractQueue(t *testing.T) {
	c := contracted(t)
	q := c.queue(t, c.function+"-delivery-dlq")
	attributes := map[string]sqstypes.MessageAttributeValue{"ERROR_CODE": {DataType: aws.String("String"), StringValue: aws.String("X")}}
	if _, err := q.client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: q.url, MessageBody: aws.String("one"), MessageAttributes: attributes}); err != nil {
		t.Fatal(err)
	}
	m := q.receive(t, 10, 60)
	if m == nil || *m.Body != "one" || m.Attributes["ApproximateReceiveCount"] != "1" || *m.MessageAttributes["ERROR_CODE"].StringValue != "X" {
		t.Fatalf("%+v", m)
	}
	c.eventually(t, "depth after a receive", "0/1", func() string { return q.depth(t) })
	show := func(m *sqstypes.Message) {
		if _, err := q.client.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: q.url, ReceiptHandle: m.ReceiptHandle}); err != nil {
			t.Fatal(err)
		}
	}
	show(m)
	c.eventually(t, "depth once it is shown", "1/0", func() string { return q.depth(t) })
	// A message that is not deleted in time comes again, under another receipt.
	if m = q.receive(t, 10, 1); m == nil || m.Attributes["ApproximateReceiveCount"] != "2" {
		t.Fatalf("%+v", m)
	}
	again := q.receive(t, 10, 60)
	if again == nil || *again.MessageId != *m.MessageId || *again.ReceiptHandle == *m.ReceiptHandle || again.Attributes["ApproximateReceiveCount"] != "3" {
		t.Fatalf("%+v", again)
	}
	// Deleted, it does not come again; deleting it twice is no error.
	for range 2 {
		if _, err := q.client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: q.url, ReceiptHandle: again.ReceiptHandle}); err != nil {
			t.Fatal(err)
		}
	}
	c.eventually(t, "depth once it is deleted", "0/0", func() string { return q.depth(t) })
	if left := q.receive(t, 2, 60); left != nil {
		t.Fatalf("a deleted message comes again: %+v", left)
	}
	var missing *sqstypes.QueueDoesNotExist
	if _, err := q.client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(c.name("none"))}); !errors.As(err, &missing) {
		t.Errorf("%v", err)
	}
}

// Attributes come only to who asks for them.
func TestContractAttributesAreAskedFor(t *testing.T) {
	c := contracted(t)
	q := c.queue(t, c.function+"-delivery-dlq")
	attributes := map[string]sqstypes.MessageAttributeValue{"ERROR_CODE": {DataType: aws.String("String"), StringValue: aws.String("X")}}
	if _, err := q.client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: q.url, MessageBody: aws.String("one"), MessageAttributes: attributes}); err != nil {
		t.Fatal(err)
	}
	out, err := q.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: q.url, WaitTimeSeconds: 10})
	if err != nil || len(out.Messages) != 1 || len(out.Messages[0].Attributes) != 0 || len(out.Messages[0].MessageAttributes) != 0 {
		t.Errorf("%v %+v", err, out)
	}
	if _, err := q.client.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: q.url}); err != nil {
		t.Fatal(err)
	}
	c.eventually(t, "depth once it is purged", "0/0", func() string { return q.depth(t) })
}

// An event goes by its rule to the function, fails there three times, and lies in the failure queue as it was delivered. From there
// the operator's redrive takes it: source, type and detail are all it needs.
func TestContractAFailedEventIsRecorded(t *testing.T) {
	c := contracted(t)
	q := c.queue(t, c.function+"-failure-dlq")
	out, err := eventbridge.NewFromConfig(c.config("events")).PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{{
		EventBusName: aws.String(c.name("bus")), Source: &c.source, DetailType: &c.kind, Detail: &c.detail, Resources: []string{"correlation:contract"},
		Time: aws.Time(time.Date(2026, 1, 5, 14, 35, 0, 0, time.UTC)),
	}}})
	if err != nil || out.FailedEntryCount != 0 {
		t.Fatalf("%v %+v", err, out)
	}
	var m *sqstypes.Message
	c.eventually(t, "the record of the failed event", "there", func() string {
		if m = q.receive(t, 5, 60); m == nil {
			return "missing"
		}
		return "there"
	})
	var record struct {
		Version, Timestamp string
		RequestContext     struct {
			RequestID, FunctionArn, Condition string
			ApproximateInvokeCount            int
		}
		RequestPayload struct {
			Version, ID, Source, Account, Time, Region string
			DetailType                                 string `json:"detail-type"`
			Resources                                  []string
			Detail                                     json.RawMessage
		}
		ResponseContext struct {
			StatusCode    int
			FunctionError string
		}
		ResponsePayload struct{ ErrorType, ErrorMessage string }
	}
	if err := json.Unmarshal([]byte(*m.Body), &record); err != nil {
		t.Fatalf("%v: %s", err, *m.Body)
	}
	context, event := record.RequestContext, record.RequestPayload
	if record.Version != "1.0" || context.Condition != "RetriesExhausted" || context.ApproximateInvokeCount != 3 || context.RequestID == "" ||
		!strings.HasSuffix(context.FunctionArn, ":function:"+c.name(c.function)+":live") {
		t.Errorf("context: %+v", record)
	}
	if event.Version != "0" || event.ID != *out.Entries[0].EventId || event.Source != c.source || event.DetailType != c.kind || event.Account == "" ||
		event.Region == "" || event.Time != "2026-01-05T14:35:00Z" || len(event.Resources) != 1 || string(event.Detail) != c.detail {
		t.Errorf("event: %+v", event)
	}
	if record.ResponseContext.FunctionError != "Unhandled" || record.ResponsePayload.ErrorMessage == "" {
		t.Errorf("response: %+v", record)
	}
	if _, err := q.client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: q.url, ReceiptHandle: m.ReceiptHandle}); err != nil {
		t.Error(err)
	}
}
