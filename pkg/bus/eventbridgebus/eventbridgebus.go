// Package eventbridgebus is the bus driver for Amazon EventBridge.
package eventbridgebus

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/alchemiser/alchemiser/pkg/bus"
)

// Driver publishes to one custom bus.
type Driver struct {
	client *eventbridge.Client
	name   string
}

// New returns a driver for the bus of the given name.
func New(client *eventbridge.Client, name string) *Driver { return &Driver{client, name} }

// Put implements bus.Driver.
func (d *Driver) Put(ctx context.Context, entries []bus.Entry) ([]error, error) {
	in := &eventbridge.PutEventsInput{Entries: make([]types.PutEventsRequestEntry, len(entries))}
	for i, e := range entries {
		in.Entries[i] = types.PutEventsRequestEntry{
			EventBusName: &d.name,
			Source:       aws.String(string(e.Source)),
			DetailType:   aws.String(string(e.DetailType)),
			Detail:       aws.String(string(e.Detail)),
			Time:         aws.Time(e.Time),
			Resources:    e.Resources,
		}
	}
	out, err := d.client.PutEvents(ctx, in)
	if err != nil {
		return nil, err
	}
	if len(out.Entries) != len(entries) {
		return nil, fmt.Errorf("PutEvents answered %d of %d entries", len(out.Entries), len(entries))
	}
	results := make([]error, len(entries))
	for i, r := range out.Entries {
		if r.ErrorCode != nil || r.EventId == nil {
			results[i] = fmt.Errorf("%s: %s", aws.ToString(r.ErrorCode), aws.ToString(r.ErrorMessage))
		}
	}
	return results, nil
}
