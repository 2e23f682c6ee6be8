package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/cobra"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// queueKinds are the two queues of every function: events that could not be
// handed over, and events that the function failed on.
func queueKinds() []string { return []string{"delivery-dlq", "failure-dlq"} }

func newDLQCommand() *cobra.Command {
	var o operator
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "dlq",
		Short:   "List what lies in the functions' dead-letter queues",
		Example: "  alchemiser dlq --env prod\n  alchemiser dlq --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, _, err := o.queues(cmd.Context())
			if err != nil {
				return err
			}
			letters, err := o.letters(cmd.Context(), client, "", listed)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), letters)
			}
			printLetters(cmd.OutOrStdout(), letters)
			return nil
		},
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func newRedriveCommand() *cobra.Command {
	var o operator
	var function string
	var yes bool
	cmd := &cobra.Command{
		Use:   "redrive",
		Short: "Publish the events of dead-letter queues again",
		Long: "Redrive publishes every event in the queues again, unchanged, and removes it from its queue\n" +
			"once the bus has accepted it. It is always safe: a function that decided an event before\n" +
			"publishes the same bytes again and does nothing else, and no order is sent after a run's\n" +
			"deadline. Without --yes it only says what it would do.",
		Example: "  alchemiser redrive --env prod\n  alchemiser redrive --env prod --function notifier --yes",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := topology.Lookup(topology.Name(function)); function != "" && err != nil {
				return fmt.Errorf("--function is %q; the functions are start, signal, portfolio, execution, monitor and notifier", function)
			}
			return o.redrive(cmd.Context(), cmd.OutOrStdout(), function, yes)
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&function, "function", "", "only the queues of this function (default: all)")
	cmd.Flags().BoolVar(&yes, "yes", false, "do it")
	return cmd
}

// letter is one message of a dead-letter queue.
type letter struct {
	Queue      string        `json:"queue"`
	Source     events.Source `json:"source,omitempty"`
	DetailType events.Type   `json:"detail_type,omitempty"`
	RunID      string        `json:"run_id,omitempty"`
	EventID    string        `json:"event_id,omitempty"`
	Reason     string        `json:"reason"`
	// Command is set for what is no event: a schedule's command, which cannot
	// be published again.
	Command json.RawMessage `json:"command,omitempty"`

	detail  json.RawMessage
	url     string
	receipt string
}

// How long a received message stays hidden: long enough to publish it, short
// enough not to hide what was only listed.
const (
	listed   = 1
	redriven = 60
)

// letters receives what the queues hold.
func (o *operator) letters(ctx context.Context, client *sqs.Client, function string, hidden int32) ([]letter, error) {
	all := []letter{}
	for _, f := range topology.Functions() {
		if function != "" && string(f.Name) != function {
			continue
		}
		for _, kind := range queueKinds() {
			queue := o.name(string(f.Name) + "-" + kind)
			url, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &queue})
			if err != nil {
				return nil, fmt.Errorf("queue %s: %w", queue, err)
			}
			found, err := receiveAll(ctx, client, queue, *url.QueueUrl, hidden)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

// receiveAll receives until the queue gives nothing new.
func receiveAll(ctx context.Context, client *sqs.Client, queue, url string, hidden int32) ([]letter, error) {
	var found []letter
	seen := map[string]bool{}
	for {
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &url, MaxNumberOfMessages: 10, VisibilityTimeout: hidden, MessageAttributeNames: []string{"All"},
		})
		if err != nil {
			return nil, fmt.Errorf("queue %s: %w", queue, err)
		}
		fresh := 0
		for _, m := range out.Messages {
			if seen[*m.MessageId] {
				continue
			}
			seen[*m.MessageId] = true
			fresh++
			l := open(m)
			l.Queue, l.url, l.receipt = queue, url, *m.ReceiptHandle
			found = append(found, l)
		}
		if fresh == 0 {
			return found, nil
		}
	}
}

// open reads a message of either kind: a delivery queue holds the event, a
// failure queue Lambda's record with the event in it.
func open(m types.Message) letter {
	var record struct {
		RequestContext struct {
			Condition string `json:"condition"`
		} `json:"requestContext"`
		RequestPayload  json.RawMessage `json:"requestPayload"`
		ResponsePayload struct {
			ErrorMessage string `json:"errorMessage"`
		} `json:"responsePayload"`
	}
	body := json.RawMessage(aws.ToString(m.Body))
	l := letter{}
	if json.Unmarshal(body, &record) == nil && record.RequestPayload != nil {
		body = record.RequestPayload
		l.Reason = record.RequestContext.Condition
		if e := record.ResponsePayload.ErrorMessage; e != "" {
			l.Reason += ": " + e
		}
	} else if code, ok := m.MessageAttributes["ERROR_CODE"]; ok {
		l.Reason = aws.ToString(code.StringValue)
	}
	var event struct {
		Source     events.Source   `json:"source"`
		DetailType events.Type     `json:"detail-type"`
		Detail     json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(body, &event) != nil || event.Detail == nil {
		l.Command = body
		if !json.Valid(body) {
			l.Command, _ = json.Marshal(string(body)) // a string always encodes
		}
		return l
	}
	l.Source, l.DetailType, l.detail = event.Source, event.DetailType, event.Detail
	if e, err := events.Decode(event.Detail); err == nil {
		l.RunID, l.EventID = e.CorrelationID, e.EventID
	}
	return l
}

func (o *operator) redrive(ctx context.Context, w io.Writer, function string, yes bool) error {
	client, bus, err := o.queues(ctx)
	if err != nil {
		return err
	}
	hidden := int32(listed)
	if yes {
		hidden = redriven
	}
	letters, err := o.letters(ctx, client, function, hidden)
	if err != nil {
		return err
	}
	printLetters(w, letters)
	if !yes {
		if len(letters) > 0 {
			fmt.Fprintln(w, "\nNothing was done. With --yes every event above is published again.")
		}
		return nil
	}
	var failed []error
	done := 0
	for _, l := range letters {
		if l.Command != nil {
			continue
		}
		if err := o.publish(ctx, bus, l); err != nil {
			failed = append(failed, err)
			continue
		}
		if _, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &l.url, ReceiptHandle: &l.receipt}); err != nil {
			failed = append(failed, fmt.Errorf("%s was published but not removed from %s: %w", l.DetailType, l.Queue, err))
			continue
		}
		done++
	}
	fmt.Fprintf(w, "\n%d of %d published again\n", done, len(letters))
	return errors.Join(failed...)
}

func (o *operator) publish(ctx context.Context, bus *eventbridge.Client, l letter) error {
	out, err := bus.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []eventtypes.PutEventsRequestEntry{{
		EventBusName: aws.String(o.name("bus")), Source: aws.String(string(l.Source)), DetailType: aws.String(string(l.DetailType)), Detail: aws.String(string(l.detail)),
	}}})
	if err == nil && out.FailedEntryCount > 0 {
		err = fmt.Errorf("%s: %s", aws.ToString(out.Entries[0].ErrorCode), aws.ToString(out.Entries[0].ErrorMessage))
	}
	if err != nil {
		return fmt.Errorf("publish %s of %s again: %w", l.DetailType, l.Queue, err)
	}
	return nil
}

func printLetters(w io.Writer, letters []letter) {
	if len(letters) == 0 {
		fmt.Fprintln(w, "The queues are empty.")
		return
	}
	for _, l := range letters {
		if l.Command != nil {
			fmt.Fprintf(w, "%s: a command, which only its schedule or you can repeat: %s\n", l.Queue, l.Command)
			continue
		}
		fmt.Fprintf(w, "%s: %s from %s\n    run %s, event %s\n    %s\n", l.Queue, l.DetailType, l.Source, orDefault(l.RunID, "unreadable"), orDefault(l.EventID, "unreadable"), l.Reason)
	}
}
