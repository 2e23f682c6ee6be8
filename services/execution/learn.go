package execution

import (
	"errors"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/record"
)

// learn books what is newly known of the open attempt.
func learn(l *Leg, a *record.Attempt, o Observation) {
	if reply := o.Reply; reply != nil {
		switch {
		case reply.Order != nil:
			book(l, a, *reply.Order, o.Now)
		case reply.Do == Submit:
			learnSubmit(a, reply.Err, o.Now)
		case reply.Do == Lookup:
			if errors.Is(reply.Err, broker.ErrNotFound) {
				a.Lookups++
			}
			a.NextAt = o.Now.Add(lookupWait(a.Lookups))
		case reply.Do == Read: // a known order that cannot be read is never "gone"
			polled(a, o.Now)
		case reply.Do == Cancel: // whatever the answer was: ask the order itself
			a.NextAt = o.Now.Add(pollWait(0))
			learnCancel(a, reply.Err, o.Now)
		}
		if reply.Order != nil && !a.State.Terminal() && reply.Do != Read {
			a.NextAt = o.Now // look at once: most orders fill within milliseconds
			a.Polls = 0
		}
		return
	}
	if o.Order != nil {
		book(l, a, *o.Order, o.Now)
	}
}

// learnCancel owes the broker a cancel that it did not get, for lack of budget,
// of time, or because it asked us to wait, and one that it may not have got:
// to cancel twice does no harm, and an order that nobody cancelled rests there
// for the whole day.
func learnCancel(a *record.Attempt, err error, now time.Time) {
	var later *broker.TryLater
	var unknown *broker.Unknown
	switch {
	case errors.As(err, &unknown):
		a.CancelAgainAt = now.Add(cancelAgain)
	case errors.As(err, &later):
		a.CancelAgainAt = now.Add(max(later.After, time.Second))
	case errors.Is(err, errNotSent):
		a.CancelAgainAt = now.Add(time.Second)
	default:
		a.CancelSent = now
	}
}

func polled(a *record.Attempt, now time.Time) {
	a.Polls++
	a.NextAt = now.Add(pollWait(a.Polls))
}

func learnSubmit(a *record.Attempt, err error, now time.Time) {
	var rejected *broker.Rejected
	var later *broker.TryLater
	unknown := func() {
		if a.State != record.Unknown {
			a.UnknownSince = now
		}
		a.State, a.Lookups = record.Unknown, 0
		a.NextAt = now.Add(lookupWait(0))
	}
	// takenBack is a POST that certainly had no effect.
	takenBack := func(state record.State) {
		if a.Posts--; a.Posts > 0 {
			unknown()
			return
		}
		a.State = state
	}
	switch {
	case errors.As(err, &rejected):
		a.BrokerCode, a.BrokerMessage = brokerCode(rejected), quoted(rejected.Message)
		if a.Posts > 1 {
			// This POST was refused, perhaps because the earlier one holds the
			// shares or the cash: the order may exist.
			unknown()
			return
		}
		a.State, a.ReasonCode = record.Rejected, reasonOf(rejected)
	case errors.As(err, &later):
		takenBack(record.Intended)
		a.Waits++
		a.NextAt = now.Add(max(later.After, time.Second<<min(a.Waits-1, 2)))
	case errors.Is(err, errNotSent):
		takenBack(record.NotPlaced)
	default:
		unknown()
	}
}

// book takes over the broker's word of an order.
func book(l *Leg, a *record.Attempt, order broker.Order, now time.Time) {
	if !a.Replacement && !same(l, a, order) {
		a.State, a.BrokerOrderID = record.Unknown, order.ID
		l.end(reasonIDConflict)
		return
	}
	a.BrokerOrderID = order.ID
	if order.Filled.Less(a.Filled) { // a stale read
		a.NextAt = now.Add(pollWait(0))
		return
	}
	if incredible(a, order) {
		if a.State != record.Partial {
			a.State = record.Submitted // there is an order; what became of it must be read again
		}
		polled(a, now)
		return
	}
	if order.AvgPrice != nil || !order.Filled.Equal(a.Filled) {
		a.AvgPrice = order.AvgPrice // of all shares or of none: what fewer cost is not the price of more
	}
	a.Filled, a.BrokerStatus = order.Filled, order.Status
	switch order.Status {
	case "filled":
		a.State = record.Filled
	case "canceled":
		a.State = record.Canceled
	case "expired":
		a.State = record.Expired
	case "rejected":
		a.State, a.ReasonCode = record.Rejected, reasonRejectedLater
	case "replaced":
		follow(l, a, order, now)
	default:
		if order.Status == "done_for_day" && !a.CancelAt.IsZero() && now.Sub(a.CancelAt) >= restLimit {
			a.State = record.Expired
			l.warn("an order stayed done_for_day after its cancel and was taken for expired")
			return
		}
		a.State = record.Submitted
		if a.Filled.Sign() > 0 {
			a.State = record.Partial
		}
		polled(a, now)
	}
}

// incredible tells whether the broker's word contradicts itself: an order that
// is filled but not as a whole, or that has a price for fills it does not have.
// Taking it for an end would trade the rest a second time.
func incredible(a *record.Attempt, order broker.Order) bool {
	if order.Status == "filled" && !a.Replacement && order.Filled.Less(a.Qty) {
		return true
	}
	return order.AvgPrice != nil && order.AvgPrice.Sign() > 0 && order.Filled.IsZero()
}

// known tells whether the broker's word is one whose meaning we know. Any
// other counts as working.
func known(s broker.Status) bool {
	switch s {
	case "", "accepted", "pending_new", "new", "partially_filled", "held", "pending_cancel", "pending_replace", "stopped", "suspended",
		"accepted_for_bidding", "calculated", "done_for_day", "filled", "canceled", "expired", "rejected", "replaced":
		return true
	}
	return false
}

// same compares what the broker has under our id with what we meant.
func same(l *Leg, a *record.Attempt, o broker.Order) bool {
	if o.ClientID != a.ClientOrderID || o.Symbol != l.Symbol || o.Side != l.Side || o.Type != a.Type || !o.Qty.Equal(a.Qty) {
		return false
	}
	if o.Limit == nil || a.LimitPrice == nil {
		return o.Limit == nil && a.LimitPrice == nil
	}
	return o.Limit.Equal(*a.LimitPrice)
}

// follow goes on with the order that somebody else made out of ours. The leg
// gets no further attempt.
func follow(l *Leg, a *record.Attempt, order broker.Order, now time.Time) {
	a.State, a.ReasonCode = record.Canceled, reasonReplaced
	l.warn("order " + a.ClientOrderID + " was replaced by somebody else")
	if order.ReplacedBy == "" {
		return
	}
	l.Attempts = append(l.Attempts, record.Attempt{
		N: a.N, Step: a.Step, Qty: money.Max(money.Zero(), a.Qty.Sub(a.Filled)), LimitPrice: a.LimitPrice, Type: a.Type,
		State: record.Submitted, IntendedAt: now, StepUntil: a.StepUntil, NextAt: now, BrokerOrderID: order.ReplacedBy, Posts: 1, Replacement: true,
	})
}
