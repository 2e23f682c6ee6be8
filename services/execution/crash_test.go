package execution_test

import (
	"context"
	"errors"
	"sync"

	"github.com/alchemiser/alchemiser/pkg/ledger"
)

// breakingDriver fails from the at-th write on until it is mended: before
// the write, or after it (the answer is lost).
type breakingDriver struct {
	ledger.Driver
	mu     sync.Mutex
	at     int
	after  bool
	whole  bool
	writes int
}

var errBroken = errors.New("the table does not answer")

func (b *breakingDriver) broken() bool { return !b.whole && b.writes >= b.at }

func (b *breakingDriver) Put(ctx context.Context, item ledger.Item) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken() {
		return errBroken
	}
	b.writes++
	if !b.broken() {
		return b.Driver.Put(ctx, item)
	}
	if b.after {
		if err := b.Driver.Put(ctx, item); err != nil {
			return err
		}
	}
	return errBroken
}

func (b *breakingDriver) Get(ctx context.Context, key ledger.Key) (ledger.Item, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken() {
		return ledger.Item{}, errBroken
	}
	return b.Driver.Get(ctx, key)
}

func (b *breakingDriver) mend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.whole = true
}

// rewire makes the world use its changed driver.
func (w *world) rewire() { w.ledger = ledger.New(w.driver, w.clock) }
