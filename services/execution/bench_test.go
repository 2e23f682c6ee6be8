package execution

import (
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
)

// BenchmarkStep is one decision of a leg: from nothing to an order, to its fill,
// to the end, again and again.
func BenchmarkStep(b *testing.B) {
	rules, fresh := testRules(), testLeg(events.Sell, events.Exit)
	steps := 0
	for b.Loop() {
		now := at(0)
		leg, command := rules.Advance(fresh, market(now))
		r := command.Request
		order := broker.Order{ID: "o1", ClientID: r.ClientID, Symbol: r.Symbol, Side: r.Side, Type: r.Type, Qty: r.Qty, Limit: r.Limit, Status: "new"}
		o := market(now)
		o.Reply = &Reply{Do: Submit, Order: &order}
		leg, _ = rules.Advance(leg, o)
		filled := order
		filled.Status, filled.Filled, filled.AvgPrice = "filled", r.Qty, r.Limit
		o = market(now.Add(time.Second))
		o.Order = &filled
		if leg, _ = rules.Advance(leg, o); !leg.Ended || leg.Status() != events.LegFilled {
			b.Fatalf("%+v", leg)
		}
		steps += 3
	}
	b.ReportMetric(float64(steps)/b.Elapsed().Seconds(), "steps/s")
}

// BenchmarkWalk is a leg that is walked through all prices and fills at none.
func BenchmarkWalk(b *testing.B) {
	rules := testRules()
	steps := 0
	for b.Loop() {
		leg, now := testLeg(events.Buy, events.Open), at(0)
		o := market(now)
		orders := map[string]broker.Order{}
		for !leg.Ended {
			var command *Command
			leg, command = rules.Advance(leg, o)
			steps++
			o = market(now)
			if command == nil {
				now = now.Add(250 * time.Millisecond)
				o = market(now)
				continue
			}
			o.Reply = &Reply{Do: command.Do}
			switch command.Do {
			case Submit:
				r := command.Request
				order := broker.Order{ID: r.ClientID, ClientID: r.ClientID, Symbol: r.Symbol, Side: r.Side, Type: r.Type, Qty: r.Qty, Limit: r.Limit, Status: "new"}
				orders[order.ID] = order
				o.Reply.Order = &order
			case Cancel:
				order := orders[command.ID]
				order.Status = "canceled"
				orders[command.ID] = order
			default:
				order := orders[command.ID]
				o.Reply.Order = &order
			}
		}
		if leg.Status() != events.LegUnfilled || len(orders) != 4 {
			b.Fatalf("%s after %d orders", leg.Status(), len(orders))
		}
	}
	b.ReportMetric(float64(steps)/b.Elapsed().Seconds(), "steps/s")
}
