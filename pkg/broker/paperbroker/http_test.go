package paperbroker_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// call speaks HTTP as any client would. An empty want means that only the
// status counts; otherwise the body must contain it.
func (w world) call(t *testing.T, method, path, body string, status int, want string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("APCA-API-KEY-ID", "id")
	r.Header.Set("APCA-API-SECRET-KEY", "secret")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status || !strings.Contains(string(raw), want) {
		t.Errorf("%s %s %s answered %d %.500s; want %d with %s", method, path, body, resp.StatusCode, raw, status, want)
	}
	return string(raw)
}

func (w world) post(t *testing.T, body string, status int, want string) (o struct {
	ID             string  `json:"id"`
	Status         string  `json:"status"`
	Qty            *string `json:"qty"`
	FilledQty      string  `json:"filled_qty"`
	FilledAvgPrice *string `json:"filled_avg_price"`
	ReplacedBy     *string `json:"replaced_by"`
	ClientOrderID  string  `json:"client_order_id"`
},
) {
	t.Helper()
	raw := w.call(t, "POST", "/v2/orders", body, status, want)
	if status == 200 {
		if err := json.Unmarshal([]byte(raw), &o); err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
	}
	return o
}

// holding is an account with ten and a half AAA.
func holding(o *paperbroker.Options) {
	o.Positions = []paperbroker.Holding{{Symbol: "AAA", Qty: money.MustParse("10.5")}}
}

func TestAuthentication(t *testing.T) {
	w := newWorld(t, validReplies, nil)
	for _, c := range []struct {
		id, secret string
		status     int
		want       string
	}{
		{"", "", 401, "<html>"},
		{"id", "", 401, "<html>"},
		{"id", "wrong", 401, `{"message":"unauthorized."}`},
		{"id", "secret", 200, "ACTIVE"},
	} {
		r, _ := http.NewRequest(http.MethodGet, w.URL+"/v2/account", nil)
		for k, v := range map[string]string{"APCA-API-KEY-ID": c.id, "APCA-API-SECRET-KEY": c.secret} {
			if v != "" {
				r.Header.Set(k, v)
			}
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.status || !strings.Contains(string(raw), c.want) {
			t.Errorf("%q %q: %d %s", c.id, c.secret, resp.StatusCode, raw)
		}
	}
}

func TestEndpoints(t *testing.T) {
	w := newWorld(t, validReplies, holding)
	for path, want := range map[string]string{
		"/v2/account/configurations":                   `"no_shorting":true`,
		"/v2/account/portfolio/history":                `"base_value"`,
		"/v2/account/activities/FILL":                  `[]`,
		"/v2/account/activities?activity_types=FILL":   `[]`,
		"/v2/positions":                                `"qty":"10.5"`,
		"/v2/positions/AAA":                            `"qty_available":"10.5"`,
		"/v2/assets":                                   `"symbol":"CCC"`,
		"/v2/assets/BBB":                               `"fractionable":true`,
		"/v2/clock":                                    `"timestamp":"2026-11-24T10:05:00-05:00"`,
		"/v2/calendar?start=2026-11-26&end=2026-11-27": `[{"date":"2026-11-27","open":"09:30","close":"13:00","session_open":"0400","session_close":"1700","settlement_date":"2026-11-30"}]`,
		"/v2/calendar?start=2026-11-25T00:00:00Z&end=2026-11-27T23:00:00Z":             `[{"date":"2026-11-25"`,
		"/v2/stocks/quotes/latest?symbols=AAA%2CNONE,BBB&feed=iex":                     `"BBB"`,
		"/v2/stocks/trades/latest?symbols=AAA":                                         `"p"`,
		"/v2/stocks/bars/latest?symbols=AAA":                                           `"vw"`,
		"/v2/stocks/AAA/quotes/latest":                                                 `"symbol":"AAA"`,
		"/v2/stocks/AAA/trades/latest":                                                 `"symbol":"AAA"`,
		"/v2/stocks/AAA/bars/latest":                                                   `"symbol":"AAA"`,
		"/v2/stocks/AAA/snapshot":                                                      `"symbol":"AAA"`,
		"/v2/stocks/snapshots?symbols=AAA,BBB":                                         `"prevDailyBar"`,
		"/v2/stocks/AAA/bars?timeframe=1Day&start=2026-11-23&end=2026-11-23T23:00:00Z": `"t":"2026-11-23T05:00:00Z"`,
		"/v2/stocks/bars?timeframe=1Day&symbols=NONE":                                  `{"bars":{},"next_page_token":null}`,
	} {
		w.call(t, "GET", path, "", 200, want)
	}
	for path, want := range map[string]string{
		"/v2/watchlists":    `{"code":40410000,"message":"endpoint not found"}`,
		"/v2/positions/BBB": `position does not exist`,
		"/v2/assets/NONE":   `40410000`,
		"/v2/orders/none":   `order not found`,
		"/v2/orders:by_client_order_id?client_order_id=none": `order not found`,
	} {
		w.call(t, "GET", path, "", 404, want)
	}
	for _, path := range []string{"quotes/latest", "trades/latest", "bars/latest", "snapshot"} {
		w.call(t, "GET", "/v2/stocks/NONE/"+path, "", 404, "found for NONE")
	}
	w.call(t, "GET", "/v2/account/activities/FILL?page_size=101", "", 422, "40010001")
	w.call(t, "GET", "/v2/orders?limit=501", "", 422, "limit")
	w.call(t, "GET", "/v2/stocks/bars?symbols=AAA&timeframe=90Min", "", 400, "timeframe")
	w.call(t, "GET", "/v2/stocks/bars?timeframe=1Day", "", 400, "symbols")
	w.call(t, "DELETE", "/v2/watchlists", "", 404, "endpoint not found")
}

// Numbers are taken as strings and as numbers; null and "" mean absent.
func TestLenientRequests(t *testing.T) {
	w := newWorld(t, validReplies, nil)
	for _, body := range []string{
		`{"symbol":"AAA","qty":1.5,"side":"buy","type":"market","time_in_force":"day"}`,
		`{"symbol":"AAA","qty":"1.5","notional":"","side":"buy","type":"market","time_in_force":"day","limit_price":null,"order_class":"","take_profit":null,"legs":null,"surprise":{"a":1}}`,
		`{"symbol":"AAA","qty":"1.5","notional":null,"side":"buy","type":"market","time_in_force":"day","client_order_id":"","order_class":"simple","extended_hours":false}`,
	} {
		o := w.post(t, body, 200, `"status":"filled"`)
		if o.FilledQty != "1.5" || o.ClientOrderID == "" {
			t.Errorf("%+v", o)
		}
	}
	o := w.post(t, `{"symbol":"AAA","notional":100,"side":"buy","type":"market","time_in_force":"day"}`, 200, `"qty":null`)
	filled := money.MustParse(o.FilledQty)
	if value := filled.Mul(money.MustParse(*o.FilledAvgPrice)); value.Cmp(money.FromInt(100)) > 0 || value.Less(money.MustParse("99.99")) {
		t.Errorf("100 USD bought %s at %s", o.FilledQty, *o.FilledAvgPrice)
	}
	o = w.post(t, `{"symbol":"AAA","qty":"1.1234567899","side":"buy","type":"market","time_in_force":"day"}`, 200, "")
	if o.FilledQty != "1.123456789" {
		t.Errorf("excess digits are cut: %s", o.FilledQty)
	}
	w.post(t, `{"symbol":`, 422, "40010001")
	w.post(t, `{"symbol":"AAA","qty":"x","side":"buy","type":"market","time_in_force":"day"}`, 422, "40010001")
}

// Every check of an order, with Alpaca's status, code and words.
func TestChecks(t *testing.T) {
	w := newWorld(t, validReplies, func(o *paperbroker.Options) {
		holding(o)
		o.Assets = map[string]paperbroker.Traits{"BBB": {NotFractionable: true}, "CCC": {Untradable: true}}
	})
	w.post(t, `{"symbol":"AAA","qty":4,"side":"sell","type":"limit","limit_price":1000,"time_in_force":"day","client_order_id":"taken"}`, 200, `"status":"new"`)
	base := map[string]any{"symbol": "AAA", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
	for name, c := range map[string]struct {
		change map[string]any
		status int
		want   string
	}{
		"no symbol":            {map[string]any{"symbol": ""}, 422, "40010001"},
		"no side":              {map[string]any{"side": nil}, 422, "40010001"},
		"qty and notional":     {map[string]any{"notional": 10}, 422, "only one of qty or notional is accepted"},
		"neither":              {map[string]any{"qty": nil}, 422, "40010001"},
		"qty 0":                {map[string]any{"qty": 0}, 422, "qty must be > 0"},
		"limit without price":  {map[string]any{"type": "limit"}, 422, "limit orders require a limit price"},
		"id too long":          {map[string]any{"client_order_id": strings.Repeat("x", 129)}, 422, "must be no more than 128 characters"},
		"duplicate":            {map[string]any{"client_order_id": "taken", "symbol": "BBB"}, 422, "client_order_id must be unique"},
		"unknown asset":        {map[string]any{"symbol": "NONE"}, 422, `42210000,"message":"asset \"NONE\" not found"`},
		"not tradable":         {map[string]any{"symbol": "CCC"}, 422, "not tradable"},
		"not fractionable":     {map[string]any{"symbol": "BBB", "qty": "1.5"}, 403, `40310000,"message":"asset \"BBB\" is not fractionable"`},
		"notional, whole only": {map[string]any{"symbol": "BBB", "qty": nil, "notional": 10}, 403, "not fractionable"},
		"fraction gtc":         {map[string]any{"qty": "1.5", "time_in_force": "gtc"}, 422, "42210000"},
		"notional limit":       {map[string]any{"qty": nil, "notional": 10, "type": "limit", "limit_price": 10}, 422, "42210000"},
		"stop":                 {map[string]any{"type": "stop"}, 422, "40010001"},
		"trailing stop":        {map[string]any{"type": "trailing_stop", "trail_price": 1}, 422, "40010001"},
		"bracket":              {map[string]any{"order_class": "bracket"}, 422, "order_class"},
		"ioc":                  {map[string]any{"time_in_force": "ioc"}, 422, "time_in_force"},
		"extended market":      {map[string]any{"extended_hours": true}, 422, "extended hours"},
		"sub-penny":            {map[string]any{"symbol": "BBB", "type": "limit", "limit_price": "10.001"}, 422, "sub-penny"},
		"far away":             {map[string]any{"symbol": "BBB", "type": "limit", "limit_price": "99999"}, 422, "too far away"},
		"less than a dollar":   {map[string]any{"symbol": "BBB", "qty": 1, "type": "limit", "limit_price": "0.5"}, 403, "cost basis must be >= minimal amount of order 1"},
		"notional of cents":    {map[string]any{"qty": nil, "notional": "0.99"}, 403, "minimal amount"},
		"wash trade":           {map[string]any{}, 403, `"existing_order_id":"`},
		"short":                {map[string]any{"symbol": "BBB", "side": "sell"}, 403, "not allowed to short"},
		"more than available":  {map[string]any{"side": "sell", "qty": "6.6"}, 403, `"available":"6.5"`},
		"held for orders":      {map[string]any{"side": "sell", "qty": "6.6"}, 403, `"held_for_orders":"4"`},
		"too expensive":        {map[string]any{"symbol": "BBB", "qty": "1000000"}, 403, `insufficient buying power`},
	} {
		body := map[string]any{}
		for k, v := range base {
			body[k] = v
		}
		for k, v := range c.change {
			body[k] = v
		}
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { w.post(t, string(raw), c.status, c.want) })
	}
	if orders := w.Orders(); len(orders) != 1 {
		t.Errorf("refused orders were stored: %+v", orders)
	}
	w.post(t, `{"symbol":"AAA","qty":"6.5","side":"sell","type":"market","time_in_force":"day"}`, 200, "filled")
}

func TestBlockedAccount(t *testing.T) {
	w := newWorld(t, validReplies, nil)
	if err := w.Inject(paperbroker.Fault{Kind: paperbroker.BlockAccount}); err != nil {
		t.Fatal(err)
	}
	w.call(t, "GET", "/v2/account", "", 200, `"account_blocked":true`)
	w.post(t, `{"symbol":"AAA","qty":"1","side":"buy","type":"market","time_in_force":"day"}`, 403, "account restrictions")
}

func TestRateLimit(t *testing.T) {
	w := newWorld(t, validReplies, func(o *paperbroker.Options) {
		s := paperbroker.DefaultSwitches(paperbroker.Instant)
		s.RateLimit, s.RetryAfter = 3, true
		o.Switches = &s
	})
	for range 3 {
		w.call(t, "GET", "/v2/clock", "", 200, "")
	}
	w.call(t, "GET", "/v2/clock", "", 429, "42910000")
	w.call(t, "GET", "/v2/stocks/AAA/quotes/latest", "", 200, "") // the other API counts for itself
	// the adapter waits as it is told, and gets through
	before := w.Clock.Now()
	if _, err := w.Client.Clock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if waited := w.Clock.Now().Sub(before); waited < 10*time.Second || waited > time.Minute {
		t.Errorf("waited %s", waited)
	}
}

func TestOrderLists(t *testing.T) {
	w := newWorld(t, validReplies, nil)
	var ids []string
	for i := range 5 {
		body := `{"symbol":"AAA","qty":"1","side":"buy","type":"market","time_in_force":"day"}` // fills at once
		if i%2 == 1 {
			body = `{"symbol":"BBB","qty":"1","side":"buy","type":"limit","limit_price":"10","time_in_force":"gtc"}` // rests
		}
		ids = append(ids, w.post(t, body, 200, "").ID)
		_ = w.Clock.Sleep(t.Context(), 2*time.Second)
	}
	list := func(query string) (got []string) {
		var orders []struct{ ID string }
		if err := json.Unmarshal([]byte(w.call(t, "GET", "/v2/orders"+query, "", 200, "")), &orders); err != nil {
			t.Fatal(err)
		}
		for _, o := range orders {
			got = append(got, o.ID)
		}
		return got
	}
	after := morning.Add(2 * time.Second).Format(time.RFC3339)
	for query, want := range map[string][]string{
		"":                                  {ids[3], ids[1]},
		"?status=open&direction=asc":        {ids[1], ids[3]},
		"?status=closed":                    {ids[4], ids[2], ids[0]},
		"?status=all&direction=asc&limit=2": {ids[0], ids[1]},
		"?status=all&symbols=BBB,CCC":       {ids[3], ids[1]},
		"?status=all&side=sell":             nil,
		"?status=all&direction=asc&after=" + after: ids[2:], // exclusive
		"?status=all&direction=asc&until=" + after: ids[:1],
	} {
		if got := list(query); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	w.call(t, "DELETE", "/v2/orders", "", 207, `[{"id":"`+ids[1]+`","status":200},{"id":"`+ids[3]+`","status":200}]`)
	if got := list(""); len(got) != 0 {
		t.Errorf("open after cancelling all: %v", got)
	}
	w.call(t, "DELETE", "/v2/orders/"+ids[0], "", 422, `order is already in \"filled\" state`)
	w.call(t, "DELETE", "/v2/orders/"+ids[1], "", 422, `order is already in \"canceled\" state`)
	w.call(t, "DELETE", "/v2/orders/none", "", 404, "order not found")
}

func TestReplace(t *testing.T) {
	w := newWorld(t, validReplies, nil)
	o := w.post(t, `{"symbol":"BBB","qty":"2","side":"buy","type":"limit","limit_price":"10","time_in_force":"day"}`, 200, "")
	w.call(t, "PATCH", "/v2/orders/"+o.ID, `{"limit_price":"10.001","qty":null}`, 422, "sub-penny")
	w.call(t, "PATCH", "/v2/orders/"+o.ID, `{"limit_price":"11","qty":"","client_order_id":""}`, 200, `"replaces":"`+o.ID+`"`)
	w.call(t, "GET", "/v2/orders/"+o.ID, "", 200, `"status":"replaced"`)
	w.call(t, "PATCH", "/v2/orders/"+o.ID, `{"qty":3}`, 422, "not replaceable")
	if orders := w.Orders(); len(orders) != 2 || orders[0].ReplacedBy != orders[1].ID || orders[1].ClientID == orders[0].ClientID {
		t.Errorf("%+v", orders)
	}
}

func TestActivitiesArePaged(t *testing.T) {
	w := newWorld(t, validReplies, nil)
	for range 5 {
		w.post(t, `{"symbol":"AAA","qty":"1","side":"buy","type":"market","time_in_force":"day"}`, 200, "filled")
	}
	seen, token := 0, ""
	for range 10 {
		var page []struct{ ID, Qty string }
		raw := w.call(t, "GET", "/v2/account/activities/FILL?page_size=2&page_token="+token, "", 200, "")
		if err := json.Unmarshal([]byte(raw), &page); err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		seen += len(page)
		token = page[len(page)-1].ID
	}
	if seen != 5 {
		t.Errorf("%d activities", seen)
	}
}

// Pages of bars add up to the whole, in order, whatever the limit.
func TestBarPages(t *testing.T) {
	w := newWorld(t, validReplies, nil)
	type page struct {
		Bars map[string][]struct{ T time.Time }
		Next *string `json:"next_page_token"`
	}
	fetch := func(limit int) (string, int) {
		var text strings.Builder
		pages, token := 0, ""
		for {
			var p page
			raw := w.call(t, "GET", fmt.Sprintf("/v2/stocks/bars?symbols=CCC,AAA,NONE,BBB&timeframe=1Day&start=2026-11-02&end=2026-11-24&limit=%d&page_token=%s", limit, token), "", 200, "")
			if err := json.Unmarshal([]byte(raw), &p); err != nil {
				t.Fatalf("%v in %s", err, raw)
			}
			n := 0
			for _, symbol := range []string{"AAA", "BBB", "CCC"} {
				for _, b := range p.Bars[symbol] {
					fmt.Fprintln(&text, symbol, b.T)
					n++
				}
			}
			if pages++; n > limit {
				t.Fatalf("%d bars on a page of %d", n, limit)
			}
			if p.Next == nil {
				return text.String(), pages
			}
			token = *p.Next
		}
	}
	all, pages := fetch(10000)
	if pages != 1 || strings.Count(all, "\n") != 3*16 {
		t.Fatalf("%d pages with %s", pages, all)
	}
	for _, limit := range []int{1, 5, 16, 17, 32, 47, 48} {
		if got, n := fetch(limit); got != all {
			t.Errorf("limit %d: %d pages with\n%s", limit, n, got)
		}
	}
}

func TestAdmin(t *testing.T) {
	w := newWorld(t, validReplies, nil)
	admin := world{Server: w.Server, URL: serveAdmin(t, w.Server)}
	admin.call(t, "POST", "/_sim/account", `{"cash":"5000"}`, 204, "")
	admin.call(t, "POST", "/_sim/positions", `[{"symbol":"AAA","qty":"3"}]`, 204, "")
	admin.call(t, "POST", "/_sim/positions", `[{"symbol":"NONE","qty":"3"}]`, 400, "no bars")
	admin.call(t, "POST", "/_sim/assets", `{"symbol":"BBB","untradable":true}`, 204, "")
	admin.call(t, "POST", "/_sim/orders", `{"symbol":"AAA","qty":"2","side":"sell","type":"limit","limit_price":"999","time_in_force":"gtc"}`, 204, "")
	admin.call(t, "POST", "/_sim/faults", `{"kind":"refuse","status":503,"path":"/v2/clock"}`, 204, "")
	admin.call(t, "POST", "/_sim/faults", `{"kind":"explode"}`, 400, "there is no fault")
	admin.call(t, "POST", "/_sim/faults", `{"kind":"refuse","stats":503}`, 400, "unknown field")
	admin.call(t, "GET", "/_sim/state", "", 200, `"cash": "5000"`)
	w.call(t, "GET", "/v2/positions/AAA", "", 200, `"qty_available":"1"`)
	w.call(t, "GET", "/v2/assets/BBB", "", 200, `"tradable":false`)
	w.call(t, "GET", "/v2/account", "", 200, `"cash":"5000"`)
	admin.call(t, "DELETE", "/_sim/faults", "", 204, "")
	w.call(t, "GET", "/v2/clock", "", 200, "is_open")
	admin.call(t, "POST", "/_sim/halt", `{"symbol":"CCC","halted":true}`, 204, "")
	w.post(t, `{"symbol":"CCC","qty":"1","side":"buy","type":"market","time_in_force":"day"}`, 200, `"status":"new"`)
	admin.call(t, "POST", "/_sim/halt", `{"symbol":"CCC","halted":false}`, 204, "")
	_ = w.Clock.Sleep(t.Context(), 2*time.Second)
	w.call(t, "GET", "/v2/positions/CCC", "", 200, `"qty":"1"`)
	admin.call(t, "GET", "/_sim/journal", "", 200, `"fill"`)
	w.call(t, "GET", "/_sim/state", "", 404, "endpoint not found")
}
