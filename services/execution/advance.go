package execution

import (
	"errors"
	"slices"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/envelope"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/record"
)

// Rules are what the decisions of a leg rest on.
type Rules struct {
	PlanID     string
	Cap        money.Decimal
	Fallback   Fallback
	Limits     envelope.Limits
	MaxSubmits int
}

// Do is what the shell is asked to do at the broker.
type Do string

const (
	Submit Do = "submit" // Request, with a time-out of its own and no retry
	Lookup Do = "lookup" // by the client id
	Read   Do = "read"   // by the broker's id
	Cancel Do = "cancel"
)

// Command is one call to the broker. The leg that Advance returned with it is
// stored before it is performed: an intent is on record before its first POST.
type Command struct {
	Do      Do
	Request broker.OrderRequest // Submit
	ID      string              // the client id for Lookup, the broker's for Read and Cancel
}

// Reply is what came of a command.
type Reply struct {
	Do    Do
	Order *broker.Order
	Err   error
}

// errNotSent means that a gate closed between the intent and its POST.
var errNotSent = errors.New("execution: not sent: there is no time left")

// Observation is what is known when a leg is advanced.
type Observation struct {
	Now       time.Time
	Quote     *Quote         // nil: no sane quote now
	Available *money.Decimal // SELL: what the position lets us sell; nil: not read
	Power     *money.Decimal // BUY after a refusal: USD that may be spent; nil: not read
	Order     *broker.Order  // the open attempt's order as just read
	Ended     bool           // a list said that the open attempt's order has ended: it must be read singly
	Reply     *Reply         // to the last command
	// Missing says that the broker's own list of orders, read long after the
	// last POST and the end of all sending, does not hold the open attempt's.
	Missing bool
	// Stop is why no further order may be sent at all: what works is
	// cancelled, and the leg ends.
	Stop string
	// Wait says that no order may be sent now, but perhaps later.
	Wait bool
	// Hurry says that the requests which the broker takes until the end would
	// not do for a walk of all legs through all its steps.
	Hurry bool
}

const (
	maxPosts     = 3
	unknownLimit = 60 * time.Second // how long an order that does not show is looked for
	quoteLimit   = 20 * time.Second // the walk's length and some more
	heldLimit    = 5 * time.Second
	cancelAgain  = 5 * time.Second
	restLimit    = 10 * time.Second // of done_for_day after a cancel
)

// enoughLookups is after how many misses the same order may be posted again.
const enoughLookups = 5

func lookupWait(misses int) time.Duration {
	if misses < enoughLookups {
		return 250 * time.Millisecond << misses
	}
	return time.Second
}

func pollWait(polls int) time.Duration {
	switch polls {
	case 0, 1:
		return 250 * time.Millisecond
	case 2:
		return 500 * time.Millisecond
	}
	return time.Second
}

// Resume is a leg as another invocation takes it up: an attempt that may have
// been posted counts as unknown, whatever was recorded last, and a cancel is
// owed again unless the broker confirmed it.
func Resume(l Leg, now time.Time) Leg {
	l.Attempts = slices.Clone(l.Attempts)
	l.WaitSince = time.Time{} // nobody looked meanwhile
	if a := l.open(); a != nil {
		a.NextAt = now
		if a.StepUntil.Before(now) {
			a.StepUntil = now
		}
		if a.State == record.Intended && a.Posts > 0 {
			a.State, a.UnknownSince, a.Lookups = record.Unknown, now, 0
		}
		if !a.CancelAt.IsZero() && a.CancelSent.IsZero() {
			a.CancelAgainAt = now // the cancel may never have been sent
		}
	}
	return l
}

// Advance takes a leg one step further. It decides and does nothing else: the
// caller stores the leg, performs the command, if there is one, and calls
// again with the reply.
func (r Rules) Advance(l Leg, o Observation) (Leg, *Command) {
	l.Attempts = slices.Clone(l.Attempts)
	if l.Ended {
		return l, nil
	}
	if a := l.open(); a != nil {
		learn(&l, a, o)
		if a = l.open(); a != nil && !l.Ended {
			if command := r.pursue(&l, a, o); command != nil || !a.State.Terminal() {
				return l, command
			}
		}
	}
	if l.Ended {
		return l, nil
	}
	return l, r.next(&l, o)
}

// pursue decides what to do about an attempt that is not resolved.
func (r Rules) pursue(l *Leg, a *record.Attempt, o Observation) *Command {
	due := !o.Now.Before(a.NextAt)
	switch a.State {
	case record.Intended: // the broker asked us to wait
		if o.Stop != "" {
			a.State = record.NotPlaced
			return nil
		}
		if !due || o.Wait {
			return nil
		}
		return post(l, a, o.Now)
	case record.Unknown:
		return pursueUnknown(l, a, o, due)
	}
	read := &Command{Do: Read, ID: a.BrokerOrderID}
	switch {
	case o.Ended && o.Reply == nil:
		return read
	case a.CancelAt.IsZero() && (o.Stop != "" || r.stepOver(l, a, o)):
		a.CancelAt, a.Polls, a.NextAt = o.Now, 0, o.Now
		return &Command{Do: Cancel, ID: a.BrokerOrderID}
	case !a.CancelAgainAt.IsZero() && !o.Now.Before(a.CancelAgainAt):
		a.CancelAgainAt = time.Time{}
		return &Command{Do: Cancel, ID: a.BrokerOrderID}
	case !a.CancelSent.IsZero() && a.CancelAgainAt.IsZero() && !a.CancelTwice && a.Polls > 0 && o.Now.Sub(a.CancelSent) >= cancelAgain:
		a.CancelTwice = true
		return &Command{Do: Cancel, ID: a.BrokerOrderID}
	case due && o.Reply == nil: // after an answer the next look is at all orders at once
		return read
	}
	return nil
}

func post(l *Leg, a *record.Attempt, now time.Time) *Command {
	a.Posts++
	a.PostedAt = now
	a.Lookups = 0
	a.NextAt = now
	return &Command{Do: Submit, Request: l.request(a)}
}

// pursueUnknown looks for an order whose fate is unknown. A miss proves
// nothing: the same order is posted again under the same id, and the broker's
// own check of uniqueness decides, also after a refusal. A new id is never made.
func pursueUnknown(l *Leg, a *record.Attempt, o Observation, due bool) *Command {
	if !due {
		return nil
	}
	looked := a.Lookups >= enoughLookups
	mayPost := o.Stop == "" && a.Posts < maxPosts
	switch {
	case looked && mayPost && !o.Wait:
		return post(l, a, o.Now)
	case looked && !mayPost && o.Missing: // neither by its id nor among all orders: the broker's word
		a.State, a.ReasonCode = record.NotPlaced, reasonNeverArrived
		l.end(reasonNeverArrived)
		return nil
	case looked && !mayPost && o.Now.Sub(a.UnknownSince) >= unknownLimit:
		l.end(reasonUnknown)
		return nil
	}
	return &Command{Do: Lookup, ID: a.ClientOrderID}
}

// stepOver tells whether the working order has had its time: there is a better
// price to send, or the walk is over.
func (r Rules) stepOver(l *Leg, a *record.Attempt, o Observation) bool {
	if a.Replacement || o.Now.Before(a.StepUntil) {
		return false
	}
	if a.Step >= lastStep && !r.mayUseMarket(*l, a.Step+1, o.Quote) {
		l.WalkOver = true
		return true
	}
	if o.Quote == nil || o.Wait { // the order goes on working until there is a price to move to, though not for ever
		if l.WaitSince.IsZero() {
			l.WaitSince = o.Now
		}
		l.WalkOver = o.Now.Sub(l.WaitSince) > quoteLimit
		return l.WalkOver
	}
	l.WaitSince = time.Time{}
	if a.Step >= lastStep {
		return true
	}
	next := following(a.Step, o.Hurry)
	price, capped := stepPrice(l.Side, next, *o.Quote, r.capOf(l))
	switch {
	case better(l.Side, price, *a.LimitPrice):
		return true
	case capped:
		l.WalkOver = true
		return true
	}
	a.Step = next // the same price: the order keeps its place
	a.StepUntil = o.Now.Add(dwell(a.Step, o.Hurry))
	return false
}

func (r Rules) capOf(l *Leg) money.Decimal { return capPrice(l.Side, *l.ArrivalMid, r.Cap) }

// maxMarketSpread bounds the spread under which a market order may be sent.
func maxMarketSpread() money.Decimal { return money.MustParse("0.0050") }

func (r Rules) mayUseMarket(l Leg, step int, q *Quote) bool {
	allowed := r.Fallback == FallbackAll || r.Fallback == FallbackExits && l.Kind == events.Exit
	if !allowed || step != stepMarket || q == nil || l.ArrivalMid == nil || maxMarketSpread().Less(q.Ask.Sub(q.Bid).Quo(q.Mid)) {
		return false
	}
	if l.Side == events.Sell {
		return !q.Bid.Less(r.capOf(&l))
	}
	return !r.capOf(&l).Less(q.Ask)
}
