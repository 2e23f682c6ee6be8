// Package membus is a bus driver that keeps what was published in memory, for
// tests and for the simulation. It delivers nothing: whoever owns it takes the
// entries and hands them on, so publishing never runs a handler (F14).
package membus

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/alchemiser/alchemiser/pkg/bus"
)

// Driver is safe for concurrent use. The zero value is empty.
type Driver struct {
	mu      sync.Mutex
	entries []bus.Entry
}

// New returns an empty driver.
func New() *Driver { return &Driver{} }

// Put implements bus.Driver.
func (d *Driver) Put(ctx context.Context, entries []bus.Entry) ([]error, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range entries {
		e.Detail = bytes.Clone(e.Detail)
		d.entries = append(d.entries, e)
	}
	return make([]error, len(entries)), nil
}

// Take removes and returns what was published since the last call.
func (d *Driver) Take() []bus.Entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	taken := slices.Clone(d.entries)
	d.entries = nil
	return taken
}
