package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/spf13/cobra"
)

func newRedriveCommand() *cobra.Command {
	var w where
	var function string
	var yes bool
	cmd := &cobra.Command{
		Use:   "redrive --env ENV",
		Short: "Publish the events of dead-letter queues again",
		Long: `Redrive publishes every event in the queues again, unchanged, and removes it
from its queue once the bus has accepted it. It is always safe: a function that
decided an event before publishes the same bytes again and does nothing else, and
no order is sent after a run's deadline. Commands of schedules stay where they
are. Without --yes it only says what it would do.

Exit codes: 0 done, or nothing to do; 1 wrong usage, or something was not
published; what was not is still in its queue.`,
		Example: `  alchemiser redrive --env prod
  alchemiser redrive --env prod --function notifier --yes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFunction(function); err != nil {
				return err
			}
			return w.at(cmd, true, "publishing again in", func(ctx context.Context, p *place) error {
				return p.redrive(ctx, newScreen(cmd), function, yes)
			})
		},
	}
	w.flags(cmd)
	cmd.Flags().StringVar(&function, "function", "", "only the queues of this function (default: all)")
	cmd.Flags().BoolVar(&yes, "yes", false, "do it")
	completeFunctions(cmd)
	return cmd
}

func (p *place) redrive(ctx context.Context, s *screen, function string, yes bool) error {
	c, err := p.cloud()
	if err != nil {
		return err
	}
	client, bus := sqs.NewFromConfig(c), eventbridge.NewFromConfig(c)
	hidden := int32(listed)
	if yes {
		hidden = redriven
	}
	letters, err := p.letters(ctx, client, function, hidden)
	if err != nil {
		return err
	}
	printLetters(s, letters)
	if !yes {
		if len(letters) > 0 {
			s.printf("\nNothing was done. With --yes every event above is published again.\n")
		}
		return nil
	}
	var failed []error
	done := 0
	for _, l := range letters {
		if l.Command != nil {
			continue
		}
		if err := p.publish(ctx, bus, l); err != nil {
			failed = append(failed, err)
			continue
		}
		if _, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &l.url, ReceiptHandle: &l.receipt}); err != nil {
			failed = append(failed, fmt.Errorf("%s was published but not removed from %s: %w", l.DetailType, l.Queue, err))
			continue
		}
		done++
	}
	s.printf("\n%d of %d published again\n", done, len(letters))
	return errors.Join(failed...)
}

func (p *place) publish(ctx context.Context, bus *eventbridge.Client, l letter) error {
	out, err := bus.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []eventtypes.PutEventsRequestEntry{{
		EventBusName: aws.String(p.name("bus")), Source: aws.String(string(l.Source)), DetailType: aws.String(string(l.DetailType)), Detail: aws.String(string(l.detail)),
	}}})
	if err == nil && out.FailedEntryCount > 0 {
		err = fmt.Errorf("%s: %s", aws.ToString(out.Entries[0].ErrorCode), aws.ToString(out.Entries[0].ErrorMessage))
	}
	if err != nil {
		return fmt.Errorf("publish %s of %s again: %w", l.DetailType, l.Queue, err)
	}
	return nil
}
