package execution

import (
	"github.com/alchemiser/alchemiser/pkg/amount"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/record"
)

// Status is how a leg ended, from what the broker said of its orders.
func (l *Leg) Status() events.LegStatus {
	filled := l.FilledQty()
	switch {
	case l.open() != nil:
		return events.LegUnknown
	case filled.Sign() > 0 && l.Cut == "" && (l.Remaining().IsZero() || l.tooLittleLeft()):
		return events.LegFilled
	case filled.Sign() > 0:
		return events.LegPartial
	case l.Submissions() == 0 || skips(l.ReasonCode):
		return events.LegSkipped
	case l.last().State == record.Rejected:
		return events.LegRejected
	}
	return events.LegUnfilled
}

// Outcome is how the run ended; the first row that matches decides.
func Outcome(legs []Leg) events.Outcome {
	if len(legs) == 0 {
		return events.OutcomeNoTrades
	}
	submitted, filled, complete := 0, 0, true
	for i := range legs {
		l := &legs[i]
		status := l.Status()
		if status == events.LegUnknown {
			return events.OutcomeUnknown
		}
		submitted += l.Submissions()
		if l.FilledQty().Sign() > 0 {
			filled++
		}
		if status != events.LegFilled && !l.isDust() {
			complete = false
		}
	}
	switch {
	case submitted == 0:
		return events.OutcomeSkipped
	case complete:
		return events.OutcomeCompleted
	case filled == 0:
		return events.OutcomeFailed
	}
	return events.OutcomePartial
}

// AvgPrice is the mean price of all fills; nil while the broker has not
// reported one of them.
func (l *Leg) AvgPrice() *money.Decimal {
	value, qty := money.Zero(), money.Zero()
	for _, a := range l.Attempts {
		if a.Filled.Sign() == 0 {
			continue
		}
		if a.AvgPrice == nil {
			return nil
		}
		value, qty = value.Add(a.Filled.Mul(*a.AvgPrice)), qty.Add(a.Filled)
	}
	if qty.IsZero() {
		return nil
	}
	avg := value.Quo(qty)
	return &avg
}

// result is the leg's line in the report.
func (l *Leg) result() events.LegResult {
	r := events.LegResult{
		Seq: l.Seq, Symbol: l.Symbol, Side: l.Side, Kind: l.Kind, Status: l.Status(),
		IntendedQty: amount.Quantity(l.Intended), FilledQty: amount.Quantity(l.FilledQty()), ReasonCode: l.ReasonCode,
	}
	for _, a := range l.Attempts {
		r.Attempts++
		if a.ClientOrderID != "" {
			r.ClientOrderIDs = append(r.ClientOrderIDs, a.ClientOrderID)
		}
		if a.BrokerCode != "" {
			r.BrokerCode, r.BrokerMessage = a.BrokerCode, a.BrokerMessage
		}
	}
	if avg := l.AvgPrice(); avg != nil {
		p, v := amount.Price(*avg), amount.USD(l.FilledQty().Mul(*avg))
		r.AvgPrice, r.Value = &p, &v
		if l.ArrivalMid != nil {
			bps := slippage(l.Side, *avg, *l.ArrivalMid)
			r.SlippageBps = &bps
		}
	} else {
		r.PricePending = l.FilledQty().Sign() > 0
	}
	return r
}

// slippage is 10⁴ × (avg − mid) / mid for a buy and its negative for a sell:
// positive is a cost.
func slippage(side events.Side, avg, mid money.Decimal) int64 {
	bps := avg.Sub(mid).Quo(mid).Shift(4).Round(0)
	if side == events.Sell {
		bps = bps.Neg()
	}
	n, err := bps.Units(0)
	if err != nil {
		panic(err) // a rounded number has no fraction
	}
	return n.Int64()
}
