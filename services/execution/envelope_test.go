package execution_test

import (
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/envelope"
	"github.com/alchemiser/alchemiser/pkg/events"
)

// The whole plan is checked again, against this function's own limits, before
// anything is sent: every broken limit is named, and nothing is clipped.
func TestAPlanOutsideTheEnvelopeIsRefusedAgain(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits func(*envelope.Limits)
		closes events.Prices
		want   []string
	}{
		{"order and turnover", func(l *envelope.Limits) { l.MaxOrderUSD, l.MaxTurnover = d("1000"), d("0.5") }, nil, []string{"max_order_usd of OLD", "max_order_usd of NEW", "max_turnover"}},
		{"position and gross", func(l *envelope.Limits) { l.MaxPositionWeight, l.MaxGross = d("0.1"), d("0.2") }, nil, []string{"max_position_weight of NEW", "max_gross"}},
		{"the number of orders", func(l *envelope.Limits) { l.MaxLines = 1 }, nil, []string{"max_lines is 2"}},
		{"the collar", func(*envelope.Limits) {}, events.Prices{"OLD": "100", "NEW": "400"}, []string{"price_collar of NEW is 0.7500"}},
		{"no previous close of what is bought", func(*envelope.Limits) {}, events.Prices{"OLD": "100"}, []string{"price_collar of NEW is unknown"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.limits(&w.limits)
			plan := w.plan(w.line(1, "OLD", events.Sell, events.Exit, "50", "100", "50"), w.line(2, "NEW", events.Buy, events.Open, "60", "100", "0"))
			plan.PreviousCloses = c.closes
			if err := w.deliver(w.planned(plan)); err != nil {
				t.Fatal(err)
			}
			failed := w.failure()
			if len(w.desk.posts) != 0 || failed.FailureCode != "envelope_refused" {
				t.Fatalf("%d orders sent, failure %+v", len(w.desk.posts), failed)
			}
			text := ""
			for _, v := range failed.Details {
				text += v + "\n"
			}
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
			if len(failed.Details) != len(c.want) {
				t.Errorf("%d reasons, want %d:\n%s", len(failed.Details), len(c.want), text)
			}
		})
	}
}

// The plan was made within the collar, and the price left it since: the leg
// sends nothing, and says why.
func TestAnOrderOutsideTheCollarIsNotSent(t *testing.T) {
	w := newWorld(t)
	plan := w.plan(w.line(1, "NEW", events.Buy, events.Open, "10", "134", "0"))
	plan.PreviousCloses = events.Prices{"NEW": "100"}
	p := d("136")
	w.desk.quotes["NEW"] = broker.Quote{Bid: p.Sub(d("0.01")), Ask: p.Add(d("0.01"))}
	report := w.trade(plan)
	if len(w.desk.posts) != 0 || report.Legs[0].ReasonCode != "envelope_refused" || !strings.Contains(strings.Join(report.Context.Warnings, " "), "price_collar of NEW") {
		t.Errorf("%d orders sent, report %+v", len(w.desk.posts), report)
	}
}
