// Package env is the only door to the machine: the clock, randomness and the
// process environment. Everything else receives them, so that a run can be
// rehearsed on bars of another year, simulated under virtual time, and
// repeated byte for byte.
//
//	clock := env.SystemClock(0)
//	vars := env.Read(env.Process())
//	table := vars.String("TABLE_NAME")
//	if err := vars.Err(); err != nil { … } // every missing or malformed variable at once
package env

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"strings"
	"time"
)

// Clock tells the time of the run and waits in it.
type Clock interface {
	// Now is the present instant in UTC.
	Now() time.Time
	// Sleep returns nil after d, or the context's error if that ends first.
	Sleep(ctx context.Context, d time.Duration) error
}

// InLane names the work that goes on under ctx beside other work of the same
// invocation. A clock that is recorded keeps the readings of each lane apart,
// so that a repetition does not depend on which of them was scheduled first.
// Whatever reads the clock in a goroutine of its own needs a lane of its own,
// and the same name in every repetition.
func InLane(ctx context.Context, name string) context.Context {
	if outer := Lane(ctx); outer != "" {
		name = outer + "/" + name
	}
	return context.WithValue(ctx, laneKey{}, name)
}

// Lane is the name given by InLane; empty outside of any lane.
func Lane(ctx context.Context) string {
	name, _ := ctx.Value(laneKey{}).(string)
	return name
}

type laneKey struct{}

// Now is the clock's time for the lane of ctx.
func Now(ctx context.Context, c Clock) time.Time {
	if lanes, ok := c.(interface{ NowIn(lane string) time.Time }); ok {
		return lanes.NowIn(Lane(ctx))
	}
	return c.Now()
}

// SystemClock is the machine's clock moved by offset. An offset other than 0
// is a rehearsal: see CLOCK_OFFSET in docs/configuration.md.
func SystemClock(offset time.Duration) Clock { return systemClock{offset: offset} }

type systemClock struct{ offset time.Duration }

func (c systemClock) Now() time.Time { return time.Now().UTC().Add(c.offset) }

func (c systemClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Token returns 128 random bits as 32 hexadecimal digits. It names the owner
// of a claim and nothing else: no id of an event, plan or order may depend on it.
func Token() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand aborts the process instead
	return hex.EncodeToString(b[:])
}

// Process is the environment of this process.
func Process() map[string]string {
	vars := make(map[string]string)
	for _, kv := range os.Environ() {
		if k, v, ok := strings.Cut(kv, "="); ok {
			vars[k] = v
		}
	}
	return vars
}
