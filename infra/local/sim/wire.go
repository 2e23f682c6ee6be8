package sim

import (
	"context"
	"errors"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/alpacabroker"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/market/alpacahttp"
)

// book is the broker's book behind the trading port. What a faulty network
// makes of it is the desk's matter.
type book interface {
	broker.Broker
	// Place is Submit without the search for an order that has the client id
	// already: that is *paperbroker.Taken.
	Place(ctx context.Context, r broker.OrderRequest) (broker.Order, error)
}

var (
	_ book = (*paperbroker.Port)(nil)
	_ book = wired{}
)

// wired is the same book through the adapter for Alpaca, the broker's SDK, and
// the paper broker's HTTP and JSON.
type wired struct{ *alpacabroker.Client }

// Place implements book. The adapter waits for nothing but an order that has
// the client id already: how that is found is the desk's matter, as without a
// wire, so that each look takes its time and can fail.
func (b wired) Place(ctx context.Context, r broker.OrderRequest) (broker.Order, error) {
	order, err := b.Submit(ctx, r)
	var reply *alpacahttp.Error
	if !errors.Is(err, errWaits) || !errors.As(err, &reply) {
		return order, err
	}
	return order, paperbroker.Refused(&broker.Rejected{Op: "submit", Status: reply.Status, Code: reply.Code, Message: reply.Message})
}

var errWaits = errors.New("sim: the adapter waits")

// restless is a machine's clock on which the adapter does not wait.
type restless struct{ machineClock }

// Sleep implements env.Clock.
func (restless) Sleep(context.Context, time.Duration) error { return errWaits }

// book is how the invocation reaches the broker's book.
func (i *invocation) book() book {
	if i.reaches != nil {
		return i.reaches
	}
	w := i.world
	if i.reaches = w.port; w.options.Wire {
		const url = "http://paper"
		client, err := alpacabroker.New(alpacabroker.Options{
			BaseURL: url, DataURL: url, Feed: "iex", KeyID: "key", Secret: "secret", Clock: restless{machineClock{i}}, HTTP: w.broker.Transport(), Unlimited: true,
		})
		if err != nil {
			panic(err)
		}
		i.reaches = wired{client}
	}
	return i.reaches
}
