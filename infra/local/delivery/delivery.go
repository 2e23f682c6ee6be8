// Package delivery hands events of rules and schedules over to their targets: with the retries the template gives, and at the end
// a message to the dead-letter queue. It ends when the target has accepted; what a function then does is not its concern.
//
//	d := &delivery.Deliverer{Send: send, DeadLetter: dead, …}
//	d.Start(ctx, delivery.Job{SourceARN: rule.ARN, Target: target, Payload: payload})
package delivery

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/template"
	"github.com/alchemiser/alchemiser/infra/local/work"
	"github.com/alchemiser/alchemiser/pkg/env"
)

// Codes of failed deliveries, as in the message attribute ERROR_CODE. The service's full list is unknown: readers must not switch
// on it.
const (
	NoPermissions = "NO_PERMISSIONS"
	NoResource    = "NO_RESOURCE"
	Throttling    = "THROTTLING"
	ClientError   = "SDK_CLIENT_ERROR"
	InternalError = "INTERNAL_ERROR"
)

// Message attributes of a dead-letter message (names documented).
const (
	AttributeRuleARN      = "RULE_ARN"
	AttributeTargetARN    = "TARGET_ARN"
	AttributeErrorCode    = "ERROR_CODE"
	AttributeErrorMessage = "ERROR_MESSAGE"
	AttributeCondition    = "EXHAUSTED_RETRY_CONDITION"
	AttributeAttempts     = "RETRY_ATTEMPTS"
)

// Job is one event for one target.
type Job struct {
	SourceARN string // rule or schedule
	Target    template.Target
	EventType string
	EventID   string // of the bus; empty for a schedule
	Payload   func(attempt int) []byte
}

// Error is a failed attempt. Only Retry ones are tried again.
type Error struct {
	Code, Message string
	Retry         bool
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Backoff is the wait before a retry: doubling from Min to Max, with jitter.
type Backoff struct{ Min, Max time.Duration }

// Deliverer works on jobs, each on its own.
type Deliverer struct {
	Backoff Backoff
	Clock   env.Clock
	Tracker *work.Tracker
	// Send makes one attempt.
	Send func(Job, []byte) *Error
	// DeadLetter takes what could not be delivered; attributes are those above.
	DeadLetter func(j Job, body []byte, attributes map[string]string)
}

// Start begins a job and returns. The context ends it without a dead letter.
func (d *Deliverer) Start(ctx context.Context, j Job) {
	d.Tracker.Begin()
	go func() {
		defer d.Tracker.End()
		d.work(ctx, j)
	}()
}

func (d *Deliverer) work(ctx context.Context, j Job) {
	accepted := d.Clock.Now()
	for retries := 0; ; retries++ {
		payload := j.Payload(retries + 1)
		err := d.Send(j, payload)
		if err == nil {
			return
		}
		condition := ""
		switch {
		case !err.Retry:
		case retries >= j.Target.Retry.Attempts:
			condition = "MaximumRetryAttempts"
		case d.Clock.Now().Sub(accepted) >= j.Target.Retry.MaxAge:
			condition = "MaximumEventAgeInSeconds"
		default:
			if d.Clock.Sleep(ctx, d.wait(retries)) != nil {
				return
			}
			continue
		}
		attributes := map[string]string{AttributeRuleARN: j.SourceARN, AttributeTargetARN: j.Target.ARN,
			AttributeErrorCode: err.Code, AttributeErrorMessage: err.Message}
		if condition != "" {
			attributes[AttributeCondition] = condition
			attributes[AttributeAttempts] = strconv.Itoa(retries)
		}
		d.DeadLetter(j, payload, attributes)
		return
	}
}

// wait doubles with every retry and is spread over its upper half. Jitter changes when, never what.
func (d *Deliverer) wait(retries int) time.Duration {
	w := d.Backoff.Min
	for ; retries > 0 && w < d.Backoff.Max; retries-- {
		w *= 2
	}
	w = min(w, d.Backoff.Max)
	return w/2 + time.Duration(rand.Int64N(int64(w/2)+1))
}

// Failed makes an Error that is not retried.
func Failed(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}
