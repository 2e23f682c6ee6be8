package execution

import (
	"context"
	"time"

	"github.com/alchemiser/alchemiser/pkg/topology"
)

const (
	requestsPerMinute = 150 // that the broker is asked, of the 200 that it takes from an account
	// walkCost is how many requests a leg may take from the mid on: three steps
	// of its walk, each with an order, and a cancel and a look before the next.
	walkCost = 8
)

// hurry tells whether walks from the mid of all legs that have not ended would
// take more requests than the broker takes until the end of the run. Then half
// a spread is spent to be done in time.
func (t *trade) hurry(ctx context.Context) bool {
	legs := 0
	for i := range t.legs {
		if !t.legs[i].Value.Ended {
			legs++
		}
	}
	return time.Duration(legs)*walkCost*time.Minute > t.timeLeft(ctx)*requestsPerMinute
}

// timeLeft is how long the run may still trade, in this invocation and in those
// that may follow.
func (t *trade) timeLeft(ctx context.Context) time.Duration {
	more := time.Duration(max(t.Config.MaxContinuations-1-t.exec.Value.Continuations, 0))
	invocations := t.Remaining(ctx) - stopBefore + more*(topology.Timeout-stopBefore)
	return max(min(invocations, t.notAfter.Add(-closeBefore).Sub(t.Clock.Now())), 0)
}
