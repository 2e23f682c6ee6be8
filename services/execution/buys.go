package execution

import (
	"context"
	"errors"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// errGate means that it cannot be told whether orders may be sent.
var errGate = errors.New("the halt switch or the market's clock could not be read")

// settleLimit is how long a budget waits for quotes and for the broker's cash
// to show what the sells brought.
const settleLimit = 5 * time.Second

// startBuys decides the budget and opens the phase of the buys. Without a word
// about every sell there are none.
func (t *trade) startBuys(ctx context.Context) error {
	buys := t.indexes(events.Buy)
	for _, i := range t.indexes(events.Sell) {
		if t.legs[i].Value.Status() == events.LegUnknown {
			for _, k := range buys {
				if err := t.endLeg(ctx, &t.legs[k], reasonSellOpen); err != nil {
					return err
				}
			}
		}
	}
	var open []Leg
	for _, i := range buys {
		if l := t.legs[i].Value; !l.Ended {
			open = append(open, l)
		}
	}
	if len(open) == 0 {
		t.close()
		return nil
	}
	var mids map[int]money.Decimal
	var funds Funds
	err := env.Together(ctx, t.Tasks,
		func(ctx context.Context) (err error) { mids, err = t.mids(ctx, open); return err },
		func(ctx context.Context) (err error) { funds, err = t.funds(ctx); return err },
	)
	if err != nil {
		return err
	}
	budget := NewBudget(open, mids, funds, t.Config.Cap)
	t.exec.Value.Budget, t.exec.Value.Phase = &budget, events.PhaseBuys
	t.applyBudget(budget)
	return t.save(ctx)
}

// endLeg ends a leg for a reason outside of it, for good.
func (t *trade) endLeg(ctx context.Context, doc *ledger.Doc[Leg], reason string) error {
	if doc.Value.Ended {
		return nil
	}
	doc.Value.end(reason)
	return t.saveLeg(ctx, doc)
}

// mids waits a little for a sane quote of every buy; one that has none is left
// out, and not bought.
func (t *trade) mids(ctx context.Context, buys []Leg) (map[int]money.Decimal, error) {
	mids := make(map[int]money.Decimal)
	began := env.Now(ctx, t.Clock)
	for {
		var symbols []string
		for _, l := range buys {
			if _, ok := mids[l.Seq]; !ok {
				symbols = append(symbols, l.Symbol)
			}
		}
		quotes := t.quotes(ctx, symbols)
		now := env.Now(ctx, t.Clock)
		for _, l := range buys {
			if q, ok := quotes[l.Symbol]; ok {
				if sane, reason := t.Config.Sane(q, l.Price, now); reason == "" {
					mids[l.Seq] = sane.Mid
				}
			}
		}
		t.justRead = look{quotes, now}
		if len(mids) == len(buys) || now.Sub(began) >= settleLimit {
			return mids, nil
		}
		if err := t.rest(ctx); err != nil {
			return nil, err
		}
	}
}

// funds waits a little for the broker's cash to show the sells.
func (t *trade) funds(ctx context.Context) (Funds, error) {
	f := Funds{Expected: money.MustParse(t.plan.Snapshot.Account.Cash), Reserve: money.MustParse(t.plan.Reserve)}
	for _, i := range t.indexes(events.Sell) {
		f.Expected = f.Expected.Add(t.legs[i].Value.proceeds())
	}
	began := env.Now(ctx, t.Clock)
	for {
		account, err := t.account(ctx)
		if err == nil {
			f.Cash, f.BuyingPower = account.Cash, account.BuyingPower
			if !f.Cash.Less(f.Expected.Mul(money.MustParse("0.999"))) {
				return f, nil
			}
		}
		if env.Now(ctx, t.Clock).Sub(began) >= settleLimit {
			return f, err
		}
		if err := t.rest(ctx); err != nil {
			return f, err
		}
	}
}

// rest waits half a second, or ends an invocation that has no more time.
func (t *trade) rest(ctx context.Context) error {
	if t.Remaining(ctx) < postBefore {
		return errOutOfTime
	}
	return t.Clock.Sleep(ctx, 500*time.Millisecond)
}

// proceeds is what the leg's fills brought at least: where the broker has not
// told the price yet, the limit counts.
func (l *Leg) proceeds() money.Decimal {
	sum := money.Zero()
	for _, a := range l.Attempts {
		switch {
		case a.AvgPrice != nil:
			sum = sum.Add(a.Filled.Mul(*a.AvgPrice))
		case a.LimitPrice != nil:
			sum = sum.Add(a.Filled.Mul(*a.LimitPrice))
		}
	}
	return sum
}
