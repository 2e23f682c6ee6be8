package broker

import (
	"errors"
	"fmt"
	"time"
)

// ErrNotFound means that the broker knows no such order, asset or position. A
// miss by client id proves nothing about an order that was just sent.
var ErrNotFound = errors.New("broker: not found")

// Rejected is a final refusal of one request. Status and Code are the
// broker's; neither alone says why: see Message.
type Rejected struct {
	Op        string
	Status    int
	Code      int
	Message   string
	Body      string
	RequestID string
}

func (e *Rejected) Error() string {
	return fmt.Sprintf("broker: %s: rejected with %d/%d: %s (request %s)", e.Op, e.Status, e.Code, e.Message, e.RequestID)
}

// TryLater means that nothing was accepted and that the same request may be
// repeated after the given time (0: the broker did not say).
type TryLater struct {
	Op    string
	After time.Duration
}

func (e *TryLater) Error() string {
	return fmt.Sprintf("broker: %s: too many requests, try again in %s", e.Op, e.After)
}

// Unknown means that the request may or may not have had its effect.
type Unknown struct {
	Op    string
	Cause error
}

func (e *Unknown) Error() string {
	return fmt.Sprintf("broker: %s: outcome unknown: %v", e.Op, e.Cause)
}

// Unwrap is the cause.
func (e *Unknown) Unwrap() error { return e.Cause }
