package sim

import (
	"context"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/alpacabroker"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
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

// Place implements book. The adapter's search is part of it: it never returns
// *paperbroker.Taken.
func (b wired) Place(ctx context.Context, r broker.OrderRequest) (broker.Order, error) {
	return b.Submit(ctx, r)
}

// book is how the invocation reaches the broker's book.
func (i *invocation) book() book {
	if i.reaches != nil {
		return i.reaches
	}
	w := i.world
	if i.reaches = w.port; w.options.Wire {
		const url = "http://paper"
		client, err := alpacabroker.New(alpacabroker.Options{
			BaseURL: url, DataURL: url, Feed: "iex", KeyID: "key", Secret: "secret", Clock: machineClock{i}, HTTP: w.broker.Transport(), Unlimited: true,
		})
		if err != nil {
			panic(err)
		}
		i.reaches = wired{client}
	}
	return i.reaches
}
