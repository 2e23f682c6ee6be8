package paperbroker_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// mid is the middle of the market in a symbol now.
func (w world) mid(t *testing.T, symbol string) money.Decimal {
	t.Helper()
	quotes, err := w.Client.Quotes(t.Context(), []string{symbol})
	if err != nil {
		t.Fatal(err)
	}
	return quotes[symbol].Bid.Add(quotes[symbol].Ask).Quo(money.FromInt(2))
}

// What follows is not for our own functions, which close no position and place
// no stop order: other clients of Alpaca do.

func TestClosingPositions(t *testing.T) {
	w := newWorld(t, validReplies, func(o *paperbroker.Options) {
		o.Positions = []paperbroker.Holding{{Symbol: "AAA", Qty: money.MustParse("10.5")}, {Symbol: "BBB", Qty: money.MustParse("7")}}
	})
	w.call(t, "DELETE", "/v2/positions/CCC", "", 404, "position does not exist")
	w.call(t, "DELETE", "/v2/positions/AAA?qty=1&percentage=1", "", 422, "only one of")
	w.call(t, "DELETE", "/v2/positions/AAA?percentage=101", "", 422, "percentage")
	w.call(t, "DELETE", "/v2/positions/AAA?qty=11", "", 403, "insufficient qty available")
	w.call(t, "DELETE", "/v2/positions/AAA?qty=0.5", "", 200, `"qty":"0.5"`)
	w.call(t, "DELETE", "/v2/positions/BBB?percentage=50", "", 200, `"qty":"3"`) // whole shares stay whole
	w.call(t, "DELETE", "/v2/positions/AAA", "", 200, `"side":"sell","position_intent":"sell_to_close"`)
	w.call(t, "GET", "/v2/positions/AAA", "", 404, "position does not exist")
	w.post(t, `{"symbol":"BBB","qty":"4","side":"sell","type":"limit","limit_price":"`+money.FloorTick(w.mid(t, "BBB").Mul(money.MustParse("1.4"))).String()+`","time_in_force":"day"}`, 200, "new")
	if raw := w.call(t, "DELETE", "/v2/positions?cancel_orders=true", "", 207, `"symbol":"BBB","status":200`); !strings.Contains(raw, `"filled_qty":"4"`) {
		t.Errorf("closed all with %s", raw)
	}
	if left := w.Positions(); len(left) != 0 {
		t.Errorf("left with %+v", left)
	}
	w.call(t, "DELETE", "/v2/positions", "", 207, "[]")
}

func TestStopOrders(t *testing.T) {
	w := newWorld(t, validReplies, holding)
	mid := w.mid(t, "AAA")
	at := func(share string) string { return money.FloorTick(mid.Mul(money.MustParse(share))).String() }
	order := func(more string) string {
		return `{"symbol":"AAA","qty":"2","time_in_force":"day",` + more + `}`
	}
	for more, want := range map[string]string{
		`"side":"buy","type":"stop"`:                                                      "stop orders require a stop price",
		`"side":"buy","type":"stop","stop_price":"1","limit_price":"1"`:                   "stop orders require no limit price",
		`"side":"buy","type":"stop_limit","stop_price":"1"`:                               "stop limit orders require a limit price",
		`"side":"buy","type":"market","stop_price":"1"`:                                   "market orders require no stop price",
		`"side":"buy","type":"stop","stop_price":"0"`:                                     "stop price must be > 0",
		`"side":"buy","type":"stop","stop_price":"` + at("1.1") + `1111"`:                 "sub-penny",
		`"side":"sell","type":"trailing_stop","trail_percent":"1"`:                        "takes market, limit, stop and stop_limit orders",
		`"side":"sell","type":"stop","stop_price":"` + at("0.9") + `","qty":"20"`:         "insufficient qty available",
		`"side":"buy","type":"stop","stop_price":"` + at("1.1") + `","qty":"100000"`:      "insufficient buying power",
		`"side":"buy","type":"stop","stop_price":"` + at("1.1") + `","order_class":"oco"`: "takes simple orders",
	} {
		status := 422
		if strings.Contains(want, "insufficient") {
			status = 403
		}
		w.post(t, order(more), status, want)
	}
	met := w.post(t, order(`"side":"buy","type":"stop","stop_price":"`+at("0.99")+`"`), 200, `"type":"stop"`)
	if met.Status != "filled" {
		t.Errorf("a stop that the market has passed is %s", met.Status)
	}
	rests := w.post(t, order(`"side":"sell","type":"stop_limit","stop_price":"`+at("0.7")+`","limit_price":"`+at("0.6")+`"`), 200, `"stop_price":"`+at("0.7")+`"`)
	if rests.Status != "new" {
		t.Errorf("a stop far from the market is %s", rests.Status)
	}
	w.post(t, order(`"side":"buy","type":"limit","limit_price":"`+at("0.5")+`"`), 403, "potential wash trade")
	w.call(t, "PATCH", "/v2/orders/"+rests.ID, `{"stop_price":"`+at("1.05")+`"}`, 200, `"status":"filled"`)
}

// A stop order rests until the market meets its price, and is a market order
// from then on.
func TestAStopIsTriggeredByTheMarket(t *testing.T) {
	w := newWorld(t, validReplies, holding)
	first := w.mid(t, "AAA")
	low, high := first, first
	for range 240 { // the way of the session
		_ = w.Clock.Sleep(t.Context(), time.Minute)
		low, high = money.Min(low, w.mid(t, "AAA")), money.Max(high, w.mid(t, "AAA"))
	}
	stop, side := low.Add(first).Quo(money.FromInt(2)), "sell"
	if first.Sub(low).Less(high.Sub(first)) {
		stop, side = high.Add(first).Quo(money.FromInt(2)), "buy"
	}
	w = newWorld(t, validReplies, holding)
	o := w.post(t, fmt.Sprintf(`{"symbol":"AAA","qty":"2","side":%q,"type":"stop","stop_price":%q,"time_in_force":"day"}`, side, money.FloorTick(stop)), 200, "new")
	for range 240 {
		_ = w.Clock.Sleep(t.Context(), time.Minute)
	}
	w.call(t, "GET", "/v2/orders/"+o.ID, "", 200, `"status":"filled"`)
	events := ""
	for _, e := range w.Journal() {
		if e.Order == o.ID {
			events += e.Event + " "
		}
	}
	if events != "pending_new new triggered fill filled " {
		t.Errorf("the journal has %s", events)
	}
}

func TestOrderListFilters(t *testing.T) {
	w := newWorld(t, validReplies, nil)
	var ids []string
	for range 3 {
		ids = append(ids, w.post(t, `{"symbol":"AAA","qty":"1","side":"buy","type":"market","time_in_force":"day"}`, 200, "filled").ID)
	}
	for query, want := range map[string][]string{
		"?status=all&before_order_id=" + ids[1]:                       {ids[0]},
		"?status=all&after_order_id=" + ids[0] + "&direction=asc":     {ids[1], ids[2]},
		"?status=all&nested=true&limit=1":                             {ids[2]},
		"?status=all&asset_class=crypto":                              nil,
		"?status=all&asset_class=us_option,us_equity&limit=500&side=": {ids[2], ids[1], ids[0]},
	} {
		var orders []struct{ ID string }
		if err := json.Unmarshal([]byte(w.call(t, "GET", "/v2/orders"+query, "", 200, "")), &orders); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range orders {
			got = append(got, o.ID)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	for query, want := range map[string]string{
		"?status=filled": "status", "?limit=0": "limit", "?after=noon": "after", "?direction=up": "direction", "?side=short": "side", "?nested=perhaps": "nested",
		"?before_order_id=" + ids[0] + "&after_order_id=" + ids[1]: "only one", "?after_order_id=none": "order not found",
	} {
		w.call(t, "GET", "/v2/orders"+query, "", 422, want)
	}
}

func TestConfigurations(t *testing.T) {
	w := newWorld(t, validReplies, nil)
	const buy = `{"symbol":"AAA","qty":"1.5","side":"buy","type":"market","time_in_force":"day"}`
	w.call(t, "PATCH", "/v2/account/configurations", `{"fractional_trading":false,"no_shorting":false}`, 200, `"no_shorting":true,"fractional_trading":false`)
	w.post(t, buy, 403, "fractional trading is disabled")
	w.call(t, "PATCH", "/v2/account/configurations", `{"fractional_trading":true,"suspend_trade":true}`, 200, `"suspend_trade":true`)
	w.post(t, buy, 403, "trading suspended")
	w.call(t, "GET", "/v2/account", "", 200, `"trade_suspended_by_user":true`)
	w.call(t, "PATCH", "/v2/account/configurations", `{"suspend_trade":false,"max_margin_multiplier":"1"}`, 200, "")
	w.call(t, "GET", "/v2/account", "", 200, `"multiplier":"1"`)
	w.call(t, "PATCH", "/v2/account/configurations", `{"max_margin_multiplier":"3"}`, 422, "max_margin_multiplier")
	w.call(t, "PATCH", "/v2/account/configurations", `[`, 422, "format is invalid")
	w.post(t, buy, 200, "filled")
}

func TestAssetsAndHistoryAreFiltered(t *testing.T) {
	w := newWorld(t, validReplies, nil)
	for query, n := range map[string]int{
		"": 3, "?status=active&asset_class=us_equity": 3, "?status=inactive": 0, "?asset_class=crypto": 0, "?exchange=ARCA": 3, "?exchange=NYSE": 0, "?attributes=ipo": 0,
	} {
		if got := strings.Count(w.call(t, "GET", "/v2/assets"+query, "", 200, ""), `"symbol"`); got != n {
			t.Errorf("assets%s: %d, want %d", query, got, n)
		}
	}
	_ = w.Clock.Sleep(t.Context(), 8*24*time.Hour)
	points := func(query string) int {
		var h struct{ Timestamp []int64 }
		if err := json.Unmarshal([]byte(w.call(t, "GET", "/v2/account/portfolio/history"+query, "", 200, "")), &h); err != nil {
			t.Fatal(err)
		}
		return len(h.Timestamp)
	}
	if all, days, start := points("?period=1A&timeframe=1D"), points("?period=2D"), points("?start=2026-12-01"); all != 7 || days != 3 || start != 2 {
		t.Errorf("%d, %d and %d points", all, days, start)
	}
	for _, query := range []string{"?timeframe=1Min", "?period=1X", "?period=D", "?start=then"} {
		w.call(t, "GET", "/v2/account/portfolio/history"+query, "", 422, "invalid")
	}
}
