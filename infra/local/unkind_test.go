package local_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdklambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/fault"
)

func with(t *testing.T, f fault.Fault) func(*local.Options) {
	t.Helper()
	plan := &fault.Plan{}
	if err := plan.Add(f); err != nil {
		t.Fatal(err)
	}
	return func(o *local.Options) { o.Faults = plan }
}

func TestEventsInReverseOrder(t *testing.T) {
	for _, test := range []struct {
		name   string
		events []string
		want   []string
	}{
		{"overtaken", []string{"A", "B", "C"}, []string{"C", "B", "A"}},
		{"nothing overtakes", []string{"A"}, []string{"A"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			delay := time.Minute
			if len(test.events) == 1 {
				delay = 10 * time.Millisecond
			}
			c := start(t, with(t, fault.Fault{Do: fault.DeliverReversed, Function: "echo", Times: 2, Delay: delay}))
			for _, name := range test.events {
				_, err := sdklambda.NewFromConfig(c.AWSConfig()).Invoke(context.Background(), &sdklambda.InvokeInput{
					FunctionName: aws.String("alchemiser-test-echo"), Qualifier: aws.String("live"),
					InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(`{"do":"print","name":"` + name + `"}`)})
				if err != nil {
					t.Fatal(err)
				}
			}
			s := quiesce(t, c)
			if len(s.Invocations) != len(test.events) {
				t.Errorf("%+v", s.Invocations)
			}
			var got []string
			for _, line := range c.Logs("/aws/lambda/alchemiser-test-echo") {
				got = append(got, line.Text)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("printed %v, want %v", got, test.want)
			}
		})
	}
}

func TestScheduleFiresLate(t *testing.T) {
	const delay = 50 * time.Millisecond
	var r recorder
	plan := with(t, fault.Fault{Do: fault.ScheduleLate, Function: "echo", Delay: delay})
	c := start(t, func(o *local.Options) {
		plan(o)
		o.Observer = r.observe
	})
	begun := time.Now()
	if err := c.FireSchedule(context.Background(), "alchemiser-test-echo-daily", monday); err != nil {
		t.Fatal(err)
	}
	s := quiesce(t, c)
	fired := r.of(local.ScheduleFired)
	if len(fired) != 1 || !fired[0].Planned.Equal(monday) || fired[0].Time.Sub(begun) < delay {
		t.Errorf("%+v, begun %s", fired, begun)
	}
	if len(s.Events) != 1 || s.Events[0].Event.Resources[0] != "correlation:2026-01-05T14:35:00Z" {
		t.Errorf("%+v", s.Events)
	}
}

// A message that was deleted can be received again: whoever redrives must cope.
func TestMessageIsReceivedTwice(t *testing.T) {
	c := start(t, with(t, fault.Fault{Do: fault.ReceiveTwice, Operation: "sqs:ReceiveMessage"}))
	put(t, c, "Ping", `{"do":"error"}`)
	quiesce(t, c)
	client := sqs.NewFromConfig(c.AWSConfig())
	ctx := context.Background()
	url, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(failureDLQ)})
	if err != nil {
		t.Fatal(err)
	}
	var ids, counts []string
	for range 3 {
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url.QueueUrl, MaxNumberOfMessages: 10,
			MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameApproximateReceiveCount}})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range out.Messages {
			ids, counts = append(ids, *m.MessageId), append(counts, m.Attributes["ApproximateReceiveCount"])
			if _, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url.QueueUrl, ReceiptHandle: m.ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(ids) != 2 || ids[0] != ids[1] || !slices.Equal(counts, []string{"1", "2"}) {
		t.Errorf("received %v, counts %v", ids, counts)
	}
	if q := c.Snapshot().Queue(failureDLQ); len(q.Messages) != 0 {
		t.Errorf("%+v", q)
	}
}
