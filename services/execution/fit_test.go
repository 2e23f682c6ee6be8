package execution

import (
	"fmt"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/envelope"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/record"
)

// largest is a plan of so many lines with long numbers, and legs for which
// everything that can be said has to be: seven orders, a rest, a refusal in 200
// characters, a warning.
func largest(lines int) (*events.RebalancePlanned, []Leg) {
	p := &events.RebalancePlanned{PlanID: events.PlanID("largest"), Context: events.Context{
		Session: "2026-11-23", Slot: "2026-11-23T14:35Z", StartedAt: events.At(at(0)), TargetWeights: events.Weights{},
	}}
	var legs []Leg
	holdings := events.Weights{}
	for i := range 400 {
		symbol := fmt.Sprintf("S%04d", i)
		p.Context.TargetWeights[symbol], holdings[symbol] = "0.00249999", "0.00249999"
		if i >= lines {
			p.Holds = append(p.Holds, events.Hold{Symbol: symbol, CurrentWeight: "0.00251234", TargetWeight: "0.00249999", Reason: "below_threshold"})
			continue
		}
		line := events.PlanLine{
			Seq: i + 1, Symbol: symbol, Side: events.Sell, Kind: events.Decrease, Qty: "1234.123456", Price: "1234.1234", Value: "1523062.12",
			CurrentQty: "2345.123456789", CurrentWeight: "0.00512345", TargetWeight: "0.00249999", TargetValue: "1523062.12", Fractionable: true, Reason: "above the target",
		}
		p.Lines = append(p.Lines, line)
		l := newLeg(line)
		l.ReasonCode, l.Ended = reasonMaxSubmits, true
		mid := dec("1234.56789")
		l.ArrivalMid = &mid
		for n := 1; n <= 7; n++ {
			price := dec("1234.123457")
			l.Attempts = append(l.Attempts, record.Attempt{
				N: n, ClientOrderID: ClientOrderID(p.PlanID, symbol, events.Sell, n), Qty: dec("1234.123456"), Filled: dec("12.123456"), AvgPrice: &price,
				State: record.Canceled, Posts: 1, BrokerCode: "403/40310000", BrokerMessage: fmt.Sprint(i, strings.Repeat("x", 196)),
			})
		}
		l.warn("less of " + symbol + " may be sold than planned: 1224.123456 of 1234.123456")
		legs = append(legs, l)
	}
	p.Context.Strategies = events.List[events.StrategyBrief]{{Name: "all", Weight: "1", Holdings: holdings, Decision: "apply", Reason: strings.Repeat("y", 300)}}
	return p, legs
}

// The largest plan that is accepted can be reported whatever happens to it,
// and the report still says what was traded and how every leg ended.
func TestTheLargestReportFitsIntoAnEvent(t *testing.T) {
	most := envelope.MostLines
	if l := envelope.FromVars(env.Read(map[string]string{"MAX_LINES": fmt.Sprint(most)}), events.Paper); l.MaxLines != most {
		t.Fatalf("limits %+v", l)
	}
	p, legs := largest(most)
	legs[7].last().State = record.Unknown
	e := report(p, record.Execution{}, legs, &broker.Account{Cash: money.One(), Equity: money.One()}, at(60))
	detail, err := events.Encode(events.Envelope{
		EventID: events.EventID(events.CommandID("a/b/2026-11-23T14:35Z"), events.TypeTradeExecuted, 0), EventType: events.TypeTradeExecuted, SchemaVersion: "1.0",
		CorrelationID: events.RunID("a/b/2026-11-23T14:35Z"), CausationID: events.CommandID("a/b/2026-11-23T14:35Z"), RunKey: "a/b/2026-11-23T14:35Z",
		Account: "a", TradingMode: events.Paper, NotAfter: events.At(at(900)), Timestamp: events.At(at(60)), Source: events.SourceExecution,
		Producer: events.Producer{Service: "execution", Version: "1"}, Payload: e,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d trades, %d bytes", most, len(detail))
	if len(e.Legs) != most || len(e.Residuals) != most {
		t.Errorf("%d legs, %d residuals", len(e.Legs), len(e.Residuals))
	}
	for i, l := range e.Legs {
		if l.FilledQty != "84.864192" || l.Attempts != 7 || l.AvgPrice == nil || l.ReasonCode == "" || l.BrokerCode == "" {
			t.Fatalf("leg %+v", l)
		}
		if want := i == 7; want != (len(l.ClientOrderIDs) == 1) {
			t.Errorf("leg %d is %s and names the orders %v", i, l.Status, l.ClientOrderIDs)
		}
	}
	if got := strings.Join(e.Context.Warnings, "\n"); !strings.Contains(got, "client order ids of orders that ended are left out") {
		t.Errorf("warnings %s", got)
	}
}

// What fits is left as it is.
func TestASmallReportIsWhole(t *testing.T) {
	p, legs := largest(60)
	e := report(p, record.Execution{}, legs, nil, at(60))
	if l := e.Legs[59]; len(l.ClientOrderIDs) != 7 || len(l.BrokerMessage) < 190 || len(e.Context.Warnings) != 60 {
		t.Errorf("leg %+v, %d warnings", l, len(e.Context.Warnings))
	}
}
