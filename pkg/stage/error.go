package stage

import (
	"errors"
	"fmt"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// Error is a failure that says what to do. A permanent one ends the run: the
// runtime publishes WorkflowFailed and the invocation succeeds. Anything else
// is transient: the invocation fails, Lambda tries again, and after the last
// try the event is in the failure queue.
type Error struct {
	Code    string // stable, snake_case
	Message string // what happened and where
	Hint    string // what to do about it
	Details map[string]string
	// Final is true for failures that a repetition cannot cure.
	Final bool
	// OpenOrders are orders that may still be working at the broker.
	OpenOrders []string
	// Context is what is known of the run so far, for its report.
	Context *events.Context
	Err     error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Err)
	}
	return e.Code + ": " + e.Message
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Permanent is a failure that ends the run.
func Permanent(code, hint, format string, args ...any) *Error {
	return &Error{Code: code, Hint: hint, Message: fmt.Sprintf(format, args...), Final: true}
}

// Transient is a failure that may pass by itself.
func Transient(code string, err error) *Error {
	return &Error{Code: code, Message: "will be tried again", Err: err}
}

// permanent finds the permanent failure in a chain. Errors of other types are
// transient: that is safe because every id is derived from its cause.
func permanent(err error) (*Error, bool) {
	var e *Error
	if errors.As(err, &e) && e.Final {
		return e, true
	}
	var tooLarge *events.TooLargeError
	if errors.As(err, &tooLarge) {
		return &Error{Code: "event_too_large", Message: tooLarge.Error(), Hint: "hold fewer symbols", Final: true, Err: err}, true
	}
	return nil, false
}
