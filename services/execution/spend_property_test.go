package execution

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// TestBuysCostNoMoreThanCashAndProceeds sells, decides the budget from what the
// sell really brought, and buys, each at a broker that misbehaves: whatever is
// lost or filled late, the fills of the buys cost no more than was there.
func TestBuysCostNoMoreThanCashAndProceeds(t *testing.T) {
	spent := 0
	rapid.Check(t, func(t *rapid.T) {
		moves := drawMoves(t)
		walk := func(l Leg) (Leg, money.Decimal) {
			x := &exchange{moves: moves, now: at(0), before: make(map[string]broker.Order)}
			w := &legWalk{t: t, x: x, rules: testRules(), leg: l, held: l.Intended, asked: make(map[string]bool)}
			w.walk()
			value := money.Zero()
			for _, o := range x.orders {
				value = value.Add(o.Filled.Mul(*o.Limit))
			}
			return w.leg, value
		}
		cash := money.FromInt(rapid.Int64Range(0, 3_000_00).Draw(t, "cash")).Shift(-2)
		sell, brought := walk(testLeg(events.Sell, events.Exit))
		if sell.Status() == events.LegUnknown {
			return // then there are no buys: see startBuys
		}
		if proceeds := sell.proceeds(); !proceeds.Equal(brought) {
			t.Fatalf("proceeds %s, the broker paid %s", proceeds, brought)
		}
		buys, mids := make([]Leg, 2), make(map[int]money.Decimal)
		for i := range buys {
			buys[i] = testLeg(events.Buy, events.Open)
			buys[i].Seq, buys[i].Fractionable = i, moves.next(2) == 0
			mids[i] = dec([]string{"100", "100.4", "98.9"}[moves.next(3)])
		}
		there := cash.Add(brought)
		budget := NewBudget(buys, mids, Funds{Cash: there, Expected: cash.Add(sell.proceeds()), BuyingPower: money.FromInt(100_000)}, testRules().Cap)
		cost := money.Zero()
		for _, l := range buys {
			l.share(budget, nil)
			_, value := walk(l)
			cost = cost.Add(value)
		}
		if there.Less(cost) {
			t.Fatalf("%s spent of %s cash and %s proceeds", cost, cash, brought)
		}
		if cost.Sign() > 0 {
			spent++
		}
	})
	t.Logf("%d cases bought", spent)
	if spent == 0 {
		t.Error("no case bought anything")
	}
}
