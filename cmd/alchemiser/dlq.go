package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/cobra"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// queueKinds are the two queues of every function: events that could not be
// handed over, and events that the function failed on.
func queueKinds() []string { return []string{"delivery-dlq", "failure-dlq"} }

func newDLQCommand() *cobra.Command {
	list := newDLQListCommand()
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "Look into the functions' dead-letter queues",
		Long: "Dlq looks into the dead-letter queues; it never takes anything out. alchemiser redrive\n" +
			"publishes the events in them again.",
		Example: list.Example,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(list)
	return cmd
}

func newDLQListCommand() *cobra.Command {
	var w where
	var function string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what lies in the dead-letter queues, and why",
		Long: `List reads both queues of every function: "delivery" holds what could not be
handed over, "failure" what the function failed on. What it reads stays there; it
is hidden from others for a second.

--json prints a list of messages: queue, source, detail_type, run_id, event_id and
reason; "command" instead of the event for what a schedule sent.

Exit codes: 0 listed, also when the queues are empty; 1 wrong usage or no answer.`,
		Example: `  alchemiser dlq list --env prod
  alchemiser dlq list --env prod --function notifier --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFunction(function); err != nil {
				return err
			}
			return w.at(cmd, false, "reading the queues of", func(ctx context.Context, p *place) error {
				c, err := p.cloud()
				if err != nil {
					return err
				}
				found, err := p.letters(ctx, sqs.NewFromConfig(c), function, listed)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), found)
				}
				s := newScreen(cmd)
				printLetters(s, found)
				if len(found) > 0 {
					s.printf("\nFind the cause first. Then alchemiser redrive%s says what it would publish again.\n", p.flag)
				}
				return nil
			})
		},
	}
	w.flags(cmd)
	cmd.Flags().StringVar(&function, "function", "", "only the queues of this function (default: all)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	completeFunctions(cmd)
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

// letters receives what the queues hold, all queues side by side.
func (p *place) letters(ctx context.Context, client *sqs.Client, function string, hidden int32) ([]letter, error) {
	var queues []string
	for _, name := range functionNames() {
		if function != "" && name != function {
			continue
		}
		for _, kind := range queueKinds() {
			queues = append(queues, p.name(name+"-"+kind))
		}
	}
	found, errs := make([][]letter, len(queues)), make([]error, len(queues))
	var all sync.WaitGroup
	for i, queue := range queues {
		all.Go(func() {
			url, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &queue})
			if err != nil {
				errs[i] = fmt.Errorf("queue %s: %w", queue, err)
				return
			}
			found[i], errs[i] = receiveAll(ctx, client, queue, *url.QueueUrl, hidden)
		})
	}
	all.Wait()
	return append([]letter{}, slices.Concat(found...)...), cmp.Or(errs...)
}

// receiveAll receives until the queue gives nothing new.
func receiveAll(ctx context.Context, client *sqs.Client, queue, url string, hidden int32) ([]letter, error) {
	var found []letter
	seen := map[string]bool{}
	for {
		// A call that does not wait asks only some of the servers that keep the
		// queue: it may find nothing although something is there.
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &url, WaitTimeSeconds: 1, MaxNumberOfMessages: 10, VisibilityTimeout: hidden, MessageAttributeNames: []string{"All"},
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

func printLetters(s *screen, letters []letter) {
	if len(letters) == 0 {
		s.printf("The queues are empty.\n")
		return
	}
	for _, l := range letters {
		s.printf("%s\n", s.paint(bold, l.Queue))
		if l.Command != nil {
			s.text("  ", "a command, which only its schedule or you can repeat: "+string(l.Command))
			continue
		}
		s.text("  ", fmt.Sprintf("%s from %s", l.DetailType, l.Source))
		s.printf("  run    %s\n  event  %s\n", orDefault(l.RunID, "unreadable"), orDefault(l.EventID, "unreadable"))
		s.text("  ", s.paint(care, strings.TrimSpace(l.Reason)))
	}
}
