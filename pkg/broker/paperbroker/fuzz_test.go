package paperbroker_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/broker/brokertest"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// Whatever is sent as an order is answered with 200 or a refusal, and never
// leads to a short position.
func FuzzOrder(f *testing.F) {
	f.Add(`{"symbol":"AAA","qty":"1.5","side":"sell","type":"market","time_in_force":"day"}`)
	f.Add(`{"symbol":"AAA","notional":1e3,"side":"sell","type":"market","time_in_force":"day","client_order_id":null}`)
	f.Add(`{"symbol":"AAA","qty":1,"side":"buy","type":"limit","limit_price":"0.0001","time_in_force":"gtc","extended_hours":true}`)
	f.Add(`{"qty":"1e34","notional":"-0"}`)
	all := bars(f, "2026-11-27", "AAA")
	f.Fuzz(func(t *testing.T, body string) {
		w, err := paperbroker.New(paperbroker.Options{
			Bars: all, Clock: brokertest.NewClock(morning), Cash: money.MustParse("1000"),
			Positions: []paperbroker.Holding{{Symbol: "AAA", Qty: money.MustParse("3")}},
		})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/v2/orders", strings.NewReader(body))
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		if rec.Code != http.StatusOK && rec.Code != http.StatusForbidden && rec.Code != http.StatusUnprocessableEntity {
			t.Fatalf("%s is answered %d %s", body, rec.Code, rec.Body)
		}
		for _, p := range w.Positions() {
			if p.Qty.Sign() <= 0 || p.Available.Sign() < 0 {
				t.Fatalf("%s leads to %+v", body, p)
			}
		}
	})
}
