// Package memledger is a ledger driver that keeps documents in memory, for
// tests and for the simulation.
package memledger

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/pkg/ledger"
)

// Driver is safe for concurrent use. The zero value is empty.
type Driver struct {
	mu    sync.Mutex
	items map[ledger.Key]ledger.Item
}

// New returns an empty driver.
func New() *Driver { return &Driver{items: make(map[ledger.Key]ledger.Item)} }

// Of returns a driver that holds the given documents, whatever their versions.
func Of(items ...ledger.Item) *Driver {
	d := New()
	for _, item := range items {
		d.items[item.Key] = clone(item)
	}
	return d
}

// Get implements ledger.Driver.
func (d *Driver) Get(ctx context.Context, key ledger.Key) (ledger.Item, error) {
	if err := ctx.Err(); err != nil {
		return ledger.Item{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	item, ok := d.items[key]
	if !ok {
		return ledger.Item{}, ledger.ErrNotFound
	}
	return item, nil
}

// Put implements ledger.Driver.
func (d *Driver) Put(ctx context.Context, item ledger.Item) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.items[item.Key].Version != item.Version-1 {
		return ledger.ErrConflict
	}
	d.items[item.Key] = clone(item)
	return nil
}

// Query implements ledger.Driver.
func (d *Driver) Query(ctx context.Context, pk, prefix string) ([]ledger.Item, error) {
	return d.collect(ctx, func(i ledger.Item) bool { return i.PK == pk && strings.HasPrefix(i.SK, prefix) },
		func(a, b ledger.Item) int { return strings.Compare(a.SK, b.SK) })
}

// Due implements ledger.Driver.
func (d *Driver) Due(ctx context.Context, until time.Time, limit int) ([]ledger.Item, error) {
	items, err := d.collect(ctx, func(i ledger.Item) bool { return !i.DueAt.IsZero() && !i.DueAt.After(until) },
		func(a, b ledger.Item) int {
			if c := a.DueAt.Compare(b.DueAt); c != 0 {
				return c
			}
			return strings.Compare(a.PK+a.SK, b.PK+b.SK)
		})
	return items[:min(limit, len(items))], err
}

// Expire deletes the documents whose time is over, as a table does some time
// afterwards.
func (d *Driver) Expire(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.items, func(_ ledger.Key, i ledger.Item) bool { return !i.Expires.IsZero() && !i.Expires.After(now) })
}

func (d *Driver) collect(ctx context.Context, keep func(ledger.Item) bool, order func(a, b ledger.Item) int) ([]ledger.Item, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var items []ledger.Item
	for _, item := range d.items {
		if keep(item) {
			items = append(items, item)
		}
	}
	slices.SortFunc(items, order)
	return items, nil
}

// clone has a body that nobody else has. A stored body never changes.
func clone(i ledger.Item) ledger.Item {
	i.Body = bytes.Clone(i.Body)
	return i
}
