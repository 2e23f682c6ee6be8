package paperbroker

import (
	"testing"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

func TestMidpointFillsAtTheLimit(t *testing.T) {
	e := testEngine(t, testBars(t), Midpoint, 1)
	q, ok := e.market.quote("AAA", e.now)
	if !ok {
		t.Fatal("no quote")
	}
	mid := money.FloorTick(q.mid)
	if o := place(t, e, draft{limit: &mid}); o.Status != "filled" || !o.AvgPrice.Equal(mid) {
		t.Errorf("a buy at the middle: %+v", o.Order)
	}
	up := money.CeilTick(q.mid)
	if o := place(t, e, draft{side: events.Sell, limit: &up}); o.Status != "filled" || !o.AvgPrice.Equal(up) {
		t.Errorf("a sell at the middle: %+v", o.Order)
	}
	low := mid.Sub(money.MustParse("0.05"))
	if o := place(t, e, draft{limit: &low}); o.Status != "new" {
		t.Errorf("a buy below the middle: %+v", o.Order)
	}
}
