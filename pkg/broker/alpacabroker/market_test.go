package alpacabroker_test

import (
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/broker"
)

// F80: the answer to a market order has a type. A refusal is an error and no
// order; a rejection that arrives with an order is the order's own status.
func TestF80ARejectedMarketOrderIsNoSuccess(t *testing.T) {
	r := request()
	r.Type, r.Limit = broker.Market, nil
	client, _ := serve(t, say(403, `{"code":40310000,"message":"insufficient buying power"}`)).client(t)
	if got, err := client.Submit(t.Context(), r); outcome(err) != "rejected 403/40310000" || got.ID != "" {
		t.Errorf("refused: %+v, %v", got, err)
	}
	later := strings.NewReplacer(`"type":"limit"`, `"type":"market"`, `"500.1"`, `null`, `"0.000000001"`, `"0"`, `"500.123456789"`, `null`).Replace(order("rejected"))
	a := serve(t, say(200, later))
	client, _ = a.client(t)
	got, err := client.Submit(t.Context(), r)
	if err != nil || got.Status != "rejected" || !got.Status.Terminal() || got.Type != broker.Market || got.Filled.Sign() != 0 || got.AvgPrice != nil || got.Limit != nil {
		t.Errorf("rejected afterwards: %+v, %v", got, err)
	}
	if sent := a.bodies[0]; !strings.Contains(sent, `"type":"market"`) || !strings.Contains(sent, `"limit_price":null`) {
		t.Errorf("sent %s", sent)
	}
}
