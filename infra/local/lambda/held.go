package lambda

import (
	"context"
	"slices"
	"sync"
	"time"
)

// held keeps events back so that later ones overtake them: the newest comes first once another event of its function has ended.
type held struct {
	mu    sync.Mutex
	turns map[*Function][]chan struct{} // oldest first
}

// push returns what closes when it is the event's turn.
func (h *held) push(f *Function) chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.turns == nil {
		h.turns = map[*Function][]chan struct{}{}
	}
	turn := make(chan struct{})
	h.turns[f] = append(h.turns[f], turn)
	return turn
}

// pop gives the newest event held of the function its turn.
func (h *held) pop(f *Function) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if last := len(h.turns[f]) - 1; last >= 0 {
		close(h.turns[f][last])
		h.turns[f] = h.turns[f][:last]
	}
}

// wait returns at the event's turn, or after the time if nothing has overtaken it. It reports false at the end of the context.
func (h *held) wait(ctx context.Context, f *Function, turn chan struct{}, atMost time.Duration) bool {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-turn:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.turns[f] = slices.DeleteFunc(h.turns[f], func(t chan struct{}) bool { return t == turn })
	return ctx.Err() == nil
}
