package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
)

// door is the paper broker's HTTP server. The broker's book outlives it.
type door struct {
	handler http.Handler
	address string // host and port

	mu     sync.Mutex
	server *http.Server
	closed bool
}

func openDoor(ctx context.Context, handler http.Handler) (*door, error) {
	d := &door{handler: handler, address: "127.0.0.1:0"}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d, d.open(ctx)
}

// open listens at the address, from the second time on at the same port.
func (d *door) open(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", d.address)
	if err != nil {
		return fmt.Errorf("rehearsal: open a port for the paper broker: %w", err)
	}
	d.address = listener.Addr().String()
	d.server = &http.Server{Handler: d.handler, ReadHeaderTimeout: 10 * time.Second}
	go d.server.Serve(listener) //nolint:errcheck // it ends with Close
	return nil
}

func (d *door) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	return d.server.Close()
}

// restart breaks all connections off and listens again after the pause.
func (d *door) restart(ctx context.Context, pause time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errors.New("rehearsal: the paper broker is closed")
	}
	if err := d.server.Close(); err != nil {
		return fmt.Errorf("rehearsal: restart the paper broker: %w", err)
	}
	if err := env.SystemClock(0).Sleep(ctx, pause); err != nil {
		return err
	}
	return d.open(ctx)
}

// RestartPaper ends the paper broker in the middle of whatever it is asked, as
// a crash would, and starts it again after the pause. It keeps its book.
func (r *Rehearsal) RestartPaper(ctx context.Context, pause time.Duration) error {
	if r.door == nil {
		return errors.New("rehearsal: no paper broker is used")
	}
	return r.door.restart(ctx, pause)
}
