package execution

import (
	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/record"
)

// Leg is the record of a leg with what execution decides on it.
type Leg struct{ record.Leg }

// newLeg is a leg before its first attempt.
func newLeg(l events.PlanLine) Leg {
	qty := money.MustParse(l.Qty)
	return Leg{record.Leg{
		Seq: l.Seq, Symbol: l.Symbol, Side: l.Side, Kind: l.Kind, Price: money.MustParse(l.Price),
		Intended: qty, Qty: qty, Fractionable: l.Fractionable,
	}}
}

// request is the order that an attempt at the leg places.
func (l *Leg) request(a *record.Attempt) broker.OrderRequest {
	return broker.OrderRequest{ClientID: a.ClientOrderID, Symbol: l.Symbol, Side: l.Side, Qty: a.Qty, Type: a.Type, Limit: a.LimitPrice}
}

func (l *Leg) last() *record.Attempt {
	if len(l.Attempts) == 0 {
		return nil
	}
	return &l.Attempts[len(l.Attempts)-1]
}

// open is the attempt that is not resolved; there is at most one.
func (l *Leg) open() *record.Attempt {
	if a := l.last(); a != nil && !a.State.Terminal() {
		return a
	}
	return nil
}

// Remaining is what may still be traded.
func (l *Leg) Remaining() money.Decimal {
	return money.Max(money.Zero(), l.Qty.Sub(l.FilledQty()))
}

// Submissions counts the attempts that were sent.
func (l *Leg) Submissions() int {
	n := 0
	for _, a := range l.Attempts {
		if a.State != record.NotPlaced && !a.Replacement {
			n++
		}
	}
	return n
}

// leave takes a part of what remains for dust.
func (l *Leg) leave(qty money.Decimal) {
	l.Qty, l.Dust = l.Qty.Sub(qty), l.Dust.Add(qty)
}

// isDust tells whether all of the leg was too small to sell.
func (l *Leg) isDust() bool { return l.Qty.IsZero() && l.Dust.Sign() > 0 }

func (l *Leg) count(reason string) int {
	n := 0
	for _, a := range l.Attempts {
		if a.ReasonCode == reason {
			n++
		}
	}
	return n
}

func (l *Leg) end(reason string) {
	l.Ended, l.ReasonCode = true, reason
}

func (l *Leg) warn(text string) {
	for _, w := range l.Warnings {
		if w == text {
			return
		}
	}
	l.Warnings = append(l.Warnings[:len(l.Warnings):len(l.Warnings)], text)
}
