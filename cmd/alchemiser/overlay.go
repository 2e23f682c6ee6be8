package main

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/ledger"
)

// overlay is a ledger that is read and never written: what is written stays
// beside it and is forgotten with it.
type overlay struct {
	below ledger.Driver

	mu  sync.Mutex
	own map[ledger.Key]ledger.Item
}

func forgetful(below ledger.Driver, clock env.Clock) *ledger.Ledger {
	return ledger.New(&overlay{below: below, own: make(map[ledger.Key]ledger.Item)}, clock)
}

// Get implements ledger.Driver.
func (o *overlay) Get(ctx context.Context, key ledger.Key) (ledger.Item, error) {
	o.mu.Lock()
	item, ok := o.own[key]
	o.mu.Unlock()
	if ok {
		return item, nil
	}
	return o.below.Get(ctx, key)
}

// Put implements ledger.Driver.
func (o *overlay) Put(ctx context.Context, item ledger.Item) error {
	stored, err := o.Get(ctx, item.Key)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return err
	}
	if stored.Version != item.Version-1 {
		return ledger.ErrConflict
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.own[item.Key] = item
	return nil
}

// Query implements ledger.Driver.
func (o *overlay) Query(ctx context.Context, pk, prefix string) ([]ledger.Item, error) {
	items, err := o.below.Query(ctx, pk, prefix)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make(map[ledger.Key]ledger.Item, len(items))
	for _, i := range items {
		all[i.Key] = i
	}
	for key, i := range o.own {
		if key.PK == pk && strings.HasPrefix(key.SK, prefix) {
			all[key] = i
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b ledger.Item) int { return cmp.Compare(a.SK, b.SK) }), nil
}

// Due implements ledger.Driver: a preview does no work that is due.
func (o *overlay) Due(context.Context, time.Time, int) ([]ledger.Item, error) { return nil, nil }
