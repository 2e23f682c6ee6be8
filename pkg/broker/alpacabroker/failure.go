package alpacabroker

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/market/alpacahttp"
)

// Alpaca's code for malformed input and for a client order id that was used before.
const codeInvalid = 40010001

// errNotSent means that the context ended while the request waited for its turn.
var errNotSent = errors.New("not sent")

// errInHalves marks a reply that is asked for again in halves, not as it is.
var errInHalves = errors.New("one of the symbols cannot be read")

// passing reports whether a read that failed so may succeed when repeated, and
// after how long at the earliest.
func passing(err error) (time.Duration, bool) {
	var reply *alpacahttp.Error
	switch {
	case errors.Is(err, errNotSent), errors.Is(err, errInHalves):
		return 0, false
	case !errors.As(err, &reply): // transport, deadline, undecodable or wrong reply
		return 0, true
	}
	return reply.After, reply.Status == http.StatusTooManyRequests || reply.Status >= 500
}

// classify turns the failure of one exchange into the port's errors. An
// undecodable 200, a redirect and a 5xx say nothing about what happened.
func classify(op string, err error) error {
	var reply *alpacahttp.Error
	switch {
	case errors.Is(err, errNotSent):
		return &broker.TryLater{Op: op}
	case !errors.As(err, &reply):
		return &broker.Unknown{Op: op, Cause: err}
	}
	switch {
	case reply.Status == http.StatusTooManyRequests:
		return &broker.TryLater{Op: op, After: reply.After}
	case reply.Status == http.StatusNotFound:
		return notFound{op: op, reply: reply}
	case refused(reply.Status):
		return rejected(op, reply)
	}
	return &broker.Unknown{Op: op, Cause: err}
}

func refused(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

func rejected(op string, reply *alpacahttp.Error) *broker.Rejected {
	return &broker.Rejected{
		Op: op, Status: reply.Status, Code: reply.Code, Message: reply.Message, Body: reply.Body, RequestID: reply.RequestID,
	}
}

// saysDuplicate reports whether a refusal may mean that the client order id
// was used before. Alpaca has one code for that and for malformed input, so
// only a look at the broker's orders decides.
func saysDuplicate(reply *alpacahttp.Error) bool {
	return namesClientID(reply) || reply.Status == http.StatusUnprocessableEntity && reply.Code == codeInvalid
}

// namesClientID reports whether a refusal can mean nothing else.
func namesClientID(reply *alpacahttp.Error) bool {
	return reply.Status == http.StatusConflict ||
		reply.Status == http.StatusUnprocessableEntity && strings.Contains(reply.Message, "client_order_id")
}

// notFound keeps the broker's words and is broker.ErrNotFound.
type notFound struct {
	op    string
	reply *alpacahttp.Error
}

func (e notFound) Error() string { return "broker: " + e.op + ": " + e.reply.Error() }

func (e notFound) Is(target error) bool { return target == broker.ErrNotFound }

func (e notFound) Unwrap() error { return e.reply }
