package alpacabroker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/alpacabroker"
	"github.com/alchemiser/alchemiser/pkg/broker/brokertest"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market/alpacahttp"
	"github.com/alchemiser/alchemiser/pkg/money"
)

var now = time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC)

// answer is one scripted reply.
type answer func(w http.ResponseWriter, r *http.Request)

func say(status int, body string, header ...string) answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.Header().Set("X-Request-ID", "req-1")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// truncated promises more than it sends.
func truncated(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	fmt.Fprint(w, `{"id":"o-1","client_order_id":"c-1"`)
}

// api answers the n-th request with the n-th answer, and goes on with the last.
type api struct {
	*httptest.Server
	mu       sync.Mutex
	script   []answer
	requests []string
	bodies   []string
	headers  []http.Header
}

func serve(t *testing.T, script ...answer) *api {
	a := &api{script: script}
	a.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.mu.Lock()
		n := len(a.requests)
		a.requests = append(a.requests, r.Method+" "+r.URL.RequestURI())
		a.bodies = append(a.bodies, string(body))
		a.headers = append(a.headers, r.Header.Clone())
		next := a.script[min(n, len(a.script)-1)]
		a.mu.Unlock()
		next(w, r)
	}))
	a.Start()
	t.Cleanup(a.Close)
	return a
}

// seen are the requests so far.
func (a *api) seen() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.requests)
}

func (a *api) client(t *testing.T) (*alpacabroker.Client, *brokertest.Clock) {
	t.Helper()
	clock := brokertest.NewClock(now)
	c, err := alpacabroker.New(alpacabroker.Options{
		BaseURL: a.URL + "/", DataURL: a.URL, Feed: "iex", KeyID: "id", Secret: "secret", Clock: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, clock
}

func order(status string) string {
	return `{"id":"o-1","client_order_id":"c-1","symbol":"MSFT","side":"buy","type":"limit","qty":"1.5","limit_price":"500.1","filled_qty":"0.000000001",
		"filled_avg_price":"500.123456789","status":"` + status + `","submitted_at":"2026-11-24T15:00:00.123456789Z","replaced_by":null}`
}

func price(s string) *money.Decimal {
	d := money.MustParse(s)
	return &d
}

func request() broker.OrderRequest {
	return broker.OrderRequest{ClientID: "c-1", Symbol: "MSFT", Side: events.Buy, Qty: money.MustParse("1.5"), Type: broker.Limit, Limit: price("500.10")}
}

const duplicate = `{"code":40010001,"message":"client_order_id must be unique"}`

// outcome names the class of an error.
func outcome(err error) string {
	var rejected *broker.Rejected
	var later *broker.TryLater
	var unknown *broker.Unknown
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &rejected):
		return fmt.Sprintf("rejected %d/%d", rejected.Status, rejected.Code)
	case errors.As(err, &later):
		return "later " + later.After.String()
	case errors.Is(err, broker.ErrNotFound):
		return "not found"
	case errors.As(err, &unknown):
		return "unknown"
	}
	return "unclassified: " + err.Error()
}

// Every class of the answer to a POST, and that there is exactly one POST.
func TestF63F65SubmitOutcomes(t *testing.T) {
	missing := say(404, `{"code":40410000,"message":"order not found"}`)
	for name, c := range map[string]struct {
		script []answer
		want   string
		gets   int // look-ups by client id
	}{
		"accepted":                     {[]answer{say(200, order("pending_new"))}, "ok", 0},
		"unknown status is accepted":   {[]answer{say(200, order("pending_review"))}, "ok", 0},
		"exists, 422":                  {[]answer{say(422, duplicate), say(200, order("new"))}, "ok", 1},
		"exists, 409":                  {[]answer{say(409, `{"code":40910000,"message":"conflict"}`), say(200, order("new"))}, "ok", 1},
		"exists, shows late":           {[]answer{say(422, duplicate), missing, missing, say(200, order("new"))}, "ok", 3},
		"exists, never shows":          {[]answer{say(422, duplicate), missing}, "unknown", 6},
		"exists, look-up fails":        {[]answer{say(422, duplicate), say(500, `{}`)}, "unknown", 5},
		"invalid, same code":           {[]answer{say(422, `{"code":40010001,"message":"qty must be > 0"}`), missing}, "rejected 422/40010001", 6},
		"duplicate in other words":     {[]answer{say(422, `{"code":40010001,"message":"order already exists"}`), say(200, order("new"))}, "ok", 1},
		"sub-penny":                    {[]answer{say(422, `{"code":42210000,"message":"sub-penny"}`)}, "rejected 422/42210000", 0},
		"buying power":                 {[]answer{say(403, `{"code":40310000,"message":"insufficient buying power","buying_power":"1"}`)}, "rejected 403/40310000", 0},
		"forbidden without code":       {[]answer{say(403, `{"message":"forbidden."}`)}, "rejected 403/0", 0},
		"unauthorized HTML":            {[]answer{say(401, `<html>`)}, "rejected 401/0", 0},
		"bad request":                  {[]answer{say(400, `{"code":40010000,"message":"x"}`)}, "rejected 400/40010000", 0},
		"endpoint not found":           {[]answer{missing}, "rejected 404/40410000", 0},
		"too many":                     {[]answer{say(429, `{"code":42910000,"message":"rate limit exceeded"}`)}, "later 0s", 0},
		"too many, Retry-After":        {[]answer{say(429, `{}`, "Retry-After", "7")}, "later 7s", 0},
		"too many, reset":              {[]answer{say(429, `{}`, "X-RateLimit-Reset", "1795532410", "Date", time.Unix(1795532400, 0).UTC().Format(http.TimeFormat))}, "later 10s", 0},
		"500 JSON":                     {[]answer{say(500, `{"code":50010000,"message":"internal server error occurred"}`)}, "unknown", 0},
		"502 HTML":                     {[]answer{say(502, `<html>`)}, "unknown", 0},
		"504 HTML":                     {[]answer{say(504, `<html>`)}, "unknown", 0},
		"redirect is not followed":     {[]answer{say(302, ``, "Location", "/v2/elsewhere")}, "unknown", 0},
		"teapot":                       {[]answer{say(418, `{}`)}, "unknown", 0},
		"connection closed":            {[]answer{hangUp}, "unknown", 0},
		"truncated 200":                {[]answer{truncated}, "unknown", 0},
		"empty 200":                    {[]answer{say(200, ``)}, "unknown", 0},
		"{} with 200":                  {[]answer{say(200, `{}`)}, "unknown", 0},
		"someone else's order in 200":  {[]answer{say(200, strings.ReplaceAll(order("new"), "c-1", "c-2"))}, "unknown", 0},
		"200 without id":               {[]answer{say(200, strings.ReplaceAll(order("new"), `"id":"o-1",`, ""))}, "unknown", 0},
		"HTML with 200":                {[]answer{say(200, `<html>`)}, "unknown", 0},
		"number that does not decode":  {[]answer{say(200, strings.ReplaceAll(order("new"), `"1.5"`, `"many"`))}, "unknown", 0},
		"more digits than we can hold": {[]answer{say(200, strings.ReplaceAll(order("new"), `"1.5"`, `"1e99"`))}, "unknown", 0},
	} {
		t.Run(name, func(t *testing.T) {
			a := serve(t, c.script...)
			client, _ := a.client(t)
			got, err := client.Submit(t.Context(), request())
			if outcome(err) != c.want {
				t.Errorf("outcome %s (%v), want %s", outcome(err), err, c.want)
			}
			if err == nil && (got.ID != "o-1" || got.ClientID != "c-1") {
				t.Errorf("order %+v", got)
			}
			posts, gets := 0, 0
			for _, r := range a.seen() {
				if strings.HasPrefix(r, "POST") {
					posts++
				} else if strings.HasPrefix(r, "GET /v2/orders:by_client_order_id?client_order_id=c-1") {
					gets++
				}
			}
			if posts != 1 || gets != c.gets || posts+gets != len(a.seen()) {
				t.Errorf("requests %v; want one POST and %d look-ups", a.seen(), c.gets)
			}
		})
	}
}

func TestRejectedKeepsTheBrokersWords(t *testing.T) {
	body := `{"code":40310000,"message":"insufficient buying power","buying_power":"17"}`
	client, _ := serve(t, say(403, body)).client(t)
	_, err := client.Submit(t.Context(), request())
	var rejected *broker.Rejected
	if !errors.As(err, &rejected) || rejected.Body != body || rejected.RequestID != "req-1" || rejected.Message != "insufficient buying power" {
		t.Errorf("%+v", rejected)
	}
}

// What stands on the wire: exact texts, and no field that means something else.
func TestWhatIsSent(t *testing.T) {
	a := serve(t, say(200, order("new")))
	client, _ := a.client(t)
	r := request()
	r.Qty = money.MustParse("0.123456789")
	if _, err := client.Submit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	var sent map[string]any
	if err := json.Unmarshal([]byte(a.bodies[0]), &sent); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]any{
		"symbol": "MSFT", "qty": "0.123456789", "notional": nil, "side": "buy", "type": "limit", "time_in_force": "day",
		"limit_price": "500.1", "extended_hours": false, "client_order_id": "c-1", "order_class": "", "stop_price": nil,
	} {
		if sent[field] != want {
			t.Errorf("%s = %v, want %v", field, sent[field], want)
		}
	}
	if h := a.headers[0]; h.Get("APCA-API-KEY-ID") != "id" || h.Get("APCA-API-SECRET-KEY") != "secret" || h.Get("Authorization") != "" {
		t.Errorf("headers %v", h)
	}
}

func TestNothingIsSentOfABadRequest(t *testing.T) {
	a := serve(t, say(200, order("new")))
	client, _ := a.client(t)
	for name, change := range map[string]func(*broker.OrderRequest){
		"id too long":       func(r *broker.OrderRequest) { r.ClientID = strings.Repeat("x", 49) },
		"no id":             func(r *broker.OrderRequest) { r.ClientID = "" },
		"no symbol":         func(r *broker.OrderRequest) { r.Symbol = "" },
		"no side":           func(r *broker.OrderRequest) { r.Side = "" },
		"no quantity":       func(r *broker.OrderRequest) { r.Qty = money.Zero() },
		"ten digits":        func(r *broker.OrderRequest) { r.Qty = money.MustParse("0.1234567891") },
		"sub-penny":         func(r *broker.OrderRequest) { r.Limit = price("500.101") },
		"market with limit": func(r *broker.OrderRequest) { r.Type = broker.Market },
		"limit without":     func(r *broker.OrderRequest) { r.Limit = nil },
		"stop":              func(r *broker.OrderRequest) { r.Type = "stop" },
	} {
		r := request()
		change(&r)
		if _, err := client.Submit(t.Context(), r); outcome(err) != "rejected 0/0" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(a.seen()) != 0 {
		t.Errorf("requests %v", a.seen())
	}
}

func TestOrderIsReadExactly(t *testing.T) {
	client, _ := serve(t, say(200, order("partially_filled"))).client(t)
	got, err := client.Order(t.Context(), "o-1")
	if err != nil {
		t.Fatal(err)
	}
	if got.Qty.String() != "1.5" || got.Limit.String() != "500.1" || got.Filled.String() != "0.000000001" || got.AvgPrice.String() != "500.123456789" ||
		got.Side != events.Buy || got.Status != "partially_filled" || got.Status.Terminal() || got.SubmittedAt.Nanosecond() != 123456789 {
		t.Errorf("%+v", got)
	}
	replaced := strings.ReplaceAll(strings.ReplaceAll(order("replaced"), `"replaced_by":null`, `"replaced_by":"o-2"`), `"qty":"1.5"`, `"qty":null`)
	client, _ = serve(t, say(200, replaced)).client(t)
	if got, err = client.Order(t.Context(), "o-1"); err != nil || got.ReplacedBy != "o-2" || !got.Qty.IsZero() {
		t.Errorf("%+v %v", got, err)
	}
}

// Reads are repeated while their failure may pass; what the answer means is
// the same for all of them, so one stands for all.
func TestReads(t *testing.T) {
	account := say(200, `{"id":"a","account_number":"PA1","status":"ACTIVE","currency":"USD","cash":"-10.01","equity":"100000000000.01","last_equity":"1","buying_power":"4","trade_suspended_by_user":true}`)
	for name, c := range map[string]struct {
		script   []answer
		want     string
		requests int
		waited   time.Duration
	}{
		"ok":                    {[]answer{account}, "ok", 1, 0},
		"500, then ok":          {[]answer{say(500, `{}`), account}, "ok", 2, 250 * time.Millisecond},
		"connection, then ok":   {[]answer{hangUp, account}, "ok", 2, 250 * time.Millisecond},
		"truncated, then ok":    {[]answer{truncated, account}, "ok", 2, 250 * time.Millisecond},
		"{} then ok":            {[]answer{say(200, `{}`), account}, "ok", 2, 250 * time.Millisecond},
		"429, then ok":          {[]answer{say(429, `{}`, "Retry-After", "3"), account}, "ok", 2, 3 * time.Second},
		"503 beside a limit":    {[]answer{say(503, `<html>`, "X-RateLimit-Reset", "9999999999"), account}, "ok", 2, 250 * time.Millisecond},
		"503 for ever":          {[]answer{say(503, `<html>`)}, "unknown", 5, 3750 * time.Millisecond},
		"429 for ever":          {[]answer{say(429, `{}`)}, "later 0s", 5, 3750 * time.Millisecond},
		"{} for ever":           {[]answer{say(200, `{}`)}, "unknown", 5, 3750 * time.Millisecond},
		"401":                   {[]answer{say(401, `{"message":"unauthorized."}`)}, "rejected 401/0", 1, 0},
		"403":                   {[]answer{say(403, `{"message":"forbidden."}`)}, "rejected 403/0", 1, 0},
		"404":                   {[]answer{say(404, `{"code":40410000,"message":"no"}`)}, "not found", 1, 0},
		"redirect not followed": {[]answer{say(301, ``, "Location", "/x")}, "unknown", 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a := serve(t, c.script...)
			client, clock := a.client(t)
			got, err := client.Account(t.Context())
			if outcome(err) != c.want || len(a.seen()) != c.requests || clock.Now().Sub(now) != c.waited {
				t.Errorf("%s (%v) after %d requests and %s; want %s, %d, %s", outcome(err), err, len(a.seen()), clock.Now().Sub(now), c.want, c.requests, c.waited)
			}
			if err == nil && (got.Cash.String() != "-10.01" || got.Equity.String() != "100000000000.01" || got.Number != "PA1" || !got.SuspendedByUser) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	for name, c := range map[string]struct {
		answer answer
		want   string
	}{
		"accepted":       {say(204, ``), "ok"},
		"already filled": {say(422, `{"code":42210000,"message":"order is already in \"filled\" state"}`), "rejected 422/42210000"},
		"not found":      {say(404, `{"code":40410000,"message":"order not found"}`), "not found"},
		"too many":       {say(429, `{}`), "later 0s"},
		"500":            {say(500, `{}`), "unknown"},
		"gone":           {hangUp, "unknown"},
	} {
		a := serve(t, c.answer)
		client, _ := a.client(t)
		if err := client.Cancel(t.Context(), "o-1"); outcome(err) != c.want || !slices.Equal(a.seen(), []string{"DELETE /v2/orders/o-1"}) {
			t.Errorf("%s: %v by %v", name, err, a.seen())
		}
	}
}

func TestDeadlineIsTheContexts(t *testing.T) {
	release := make(chan struct{})
	slow := map[string]answer{
		"reply": func(http.ResponseWriter, *http.Request) { <-release },
		"body": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"id":`)
			w.(http.Flusher).Flush()
			<-release
		},
	}
	for name, answer := range slow {
		a := serve(t, answer)
		client, _ := a.client(t)
		for call, f := range map[string]func(context.Context) error{
			"submit":  func(ctx context.Context) error { _, err := client.Submit(ctx, request()); return err },
			"account": func(ctx context.Context) error { _, err := client.Account(ctx); return err },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			err := f(ctx)
			cancel()
			if outcome(err) != "unknown" || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s with a slow %s: %v", call, name, err)
			}
		}
		if len(a.seen()) != 2 {
			t.Errorf("slow %s: %v", name, a.seen())
		}
	}
	close(release)
}

func TestPositionsAndAssets(t *testing.T) {
	client, _ := serve(t, say(200, `[
		{"symbol":"AAA","qty":"1.000000001","qty_available":"0.5","side":"long","market_value":null,"current_price":null,"lastday_price":null,"change_today":null},
		{"symbol":"BBB","qty":"3","qty_available":"0","side":"short"},
		{"symbol":"CCC","qty":"-4","side":"short"}]`)).client(t)
	got, err := client.Positions(t.Context())
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v %v", got, err)
	}
	if got[0].Qty.String() != "1.000000001" || got[0].Available.String() != "0.5" || got[1].Qty.String() != "-3" || got[2].Qty.String() != "-4" {
		t.Errorf("%+v", got)
	}
	for body, want := range map[string]broker.Asset{
		`{"symbol":"BRK.B","status":"active","tradable":true,"fractionable":true}`: {Symbol: "BRK.B", Tradable: true, Fractionable: true},
		`{"symbol":"BRK.B","status":"inactive","tradable":true}`:                   {Symbol: "BRK.B"},
	} {
		client, _ := serve(t, say(200, body)).client(t)
		if got, err := client.Asset(t.Context(), "BRK.B"); err != nil || got != want {
			t.Errorf("%+v %v, want %+v", got, err, want)
		}
	}
	// a margin requirement that the SDK cannot hold: the asset is not traded
	client, _ = serve(t, say(200, `{"symbol":"BRK.B","status":"active","tradable":true,"maintenance_margin_requirement":37.5}`)).client(t)
	if got, err := client.Asset(t.Context(), "BRK.B"); outcome(err) != "unknown" {
		t.Errorf("%+v %v", got, err)
	}
}

func TestClockAndSessions(t *testing.T) {
	client, _ := serve(t, say(200, `{"timestamp":"2026-11-24T10:00:00.5-05:00","is_open":true,"next_open":"2026-11-25T09:30:00-05:00","next_close":"2026-11-24T16:00:00-05:00"}`)).client(t)
	if got, err := client.Clock(t.Context()); err != nil || !got.IsOpen || !got.Now.Equal(now.Add(500*time.Millisecond)) {
		t.Errorf("%+v %v", got, err)
	}
	a := serve(t, say(200, `[{"date":"2026-11-25","open":"09:30","close":"16:00"},{"date":"2026-11-27","open":"09:30","close":"13:00"},{"date":"2026-12-01","open":"09:30","close":"16:00"}]`))
	client, _ = a.client(t)
	got, err := client.Sessions(t.Context(), "2026-11-25", "2026-11-30")
	if err != nil || len(got) != 2 || got[0].EarlyClose || !got[1].EarlyClose || !got[1].Close.Equal(time.Date(2026, 11, 27, 18, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v %v", got, err)
	}
	if a.seen()[0] != "GET /v2/calendar?end=2026-11-30&start=2026-11-25" {
		t.Error(a.seen())
	}
	client, _ = serve(t, say(200, `[{"date":"2026-11-25","open":"half past","close":"16:00"}]`)).client(t)
	if got, err := client.Sessions(t.Context(), "2026-11-25", "2026-11-30"); outcome(err) != "unknown" {
		t.Errorf("%+v %v", got, err)
	}
}

// One quote that the SDK cannot read must not hide the others.
func TestF77QuotesInHalves(t *testing.T) {
	quotes := func(w http.ResponseWriter, r *http.Request) {
		var parts []string
		for _, s := range strings.Split(r.URL.Query().Get("symbols"), ",") {
			switch s {
			case "BAD":
				parts = append(parts, `"BAD":{"t":"2026-11-24T15:00:00Z","bp":1,"bs":100.5,"ap":2,"as":1}`)
			case "ONE": // one side only
				parts = append(parts, `"ONE":{"t":"2026-11-24T15:00:00Z","bp":0,"bs":0,"ap":2.10,"as":1}`)
			case "NONE":
			default:
				parts = append(parts, fmt.Sprintf(`%q:{"t":"2026-11-24T14:59:59.5Z","bp":472.13,"bs":1,"ap":472.155,"as":1}`, s))
			}
		}
		fmt.Fprintf(w, `{"quotes":{%s}}`, strings.Join(parts, ","))
	}
	a := serve(t, quotes)
	client, _ := a.client(t)
	got, err := client.Quotes(t.Context(), []string{"A", "B", "BAD", "ONE", "NONE"})
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v %v", got, err)
	}
	if q := got["A"]; q.Bid.String() != "472.13" || q.Ask.String() != "472.155" || !q.At.Equal(now.Add(-500*time.Millisecond)) {
		t.Errorf("%+v", q)
	}
	if q := got["ONE"]; !q.Bid.IsZero() || q.Ask.String() != "2.1" {
		t.Errorf("%+v", q)
	}
	if !strings.Contains(a.seen()[0], "feed=iex") {
		t.Error(a.seen()[0])
	}
}

// The close of the session before the running one is found before and after
// the first trade of the day.
func TestPreviousClose(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"traded today":     {`{"A":{"dailyBar":{"t":"2026-11-24T05:00:00Z","c":3},"prevDailyBar":{"t":"2026-11-23T05:00:00Z","c":2}}}`, "2"},
		"not traded today": {`{"A":{"dailyBar":{"t":"2026-11-23T05:00:00Z","c":2},"prevDailyBar":{"t":"2026-11-20T05:00:00Z","c":1}}}`, "2"},
		"new today":        {`{"A":{"dailyBar":{"t":"2026-11-24T05:00:00Z","c":3}}}`, "none"},
		"nothing":          {`{"A":{}}`, "none"},
		"null":             {`{"A":null}`, "absent"},
	} {
		client, _ := serve(t, say(200, c.body)).client(t)
		got, err := client.Snapshots(t.Context(), []string{"A"})
		if err != nil {
			t.Fatal(err)
		}
		text := "absent"
		if s, ok := got["A"]; ok {
			text = "none"
			if s.PreviousClose != nil {
				text = s.PreviousClose.String()
			}
			if s.Quote != nil || s.Trade != nil {
				t.Errorf("%s: %+v", name, s)
			}
		}
		if text != c.want {
			t.Errorf("%s: %s, want %s", name, text, c.want)
		}
	}
}

func TestOrdersArePagedThrough(t *testing.T) {
	at := func(i int) time.Time { return now.Add(time.Duration(i) * 100 * time.Millisecond) }
	list := func(w http.ResponseWriter, r *http.Request) {
		var after time.Time
		if s := r.URL.Query().Get("after"); s != "" {
			after, _ = time.Parse(time.RFC3339, s)
		}
		var page []string
		for i := range 1200 {
			if at(i).After(after) && len(page) < 500 {
				page = append(page, fmt.Sprintf(`{"id":"o-%d","client_order_id":"c","symbol":"A","side":"sell","status":"new","submitted_at":%q}`, i, at(i).Format(time.RFC3339Nano)))
			}
		}
		fmt.Fprintf(w, `[%s]`, strings.Join(page, ","))
	}
	a := serve(t, list)
	client, _ := a.client(t)
	got, err := client.OpenOrders(t.Context())
	if err != nil || len(got) != 1200 || got[0].ID != "o-0" || got[1199].ID != "o-1199" || len(a.seen()) != 3 {
		t.Fatalf("%d orders, %v, %d requests", len(got), err, len(a.seen()))
	}
	if !strings.Contains(a.seen()[0], "status=open") || !strings.Contains(a.seen()[0], "limit=500") || !strings.Contains(a.seen()[0], "direction=asc") {
		t.Error(a.seen()[0])
	}
	got, err = client.OrdersSince(t.Context(), at(1190))
	if err != nil || len(got) < 10 || got[len(got)-1].ID != "o-1199" {
		t.Errorf("%d orders, %v", len(got), err)
	}
	if last := a.seen()[len(a.seen())-1]; !strings.Contains(last, "status=all") || !strings.Contains(last, "after=2026-11-24T15%3A01%3A57Z") {
		t.Error(last)
	}
}

// Reads leave room for orders, and the budget holds over time.
func TestBudget(t *testing.T) {
	a := serve(t, say(200, order("new")))
	client, clock := a.client(t)
	for range 35 {
		if _, err := client.Order(t.Context(), "o-1"); err != nil {
			t.Fatal(err)
		}
	}
	if !clock.Now().Equal(now) {
		t.Errorf("35 reads waited %s", clock.Now().Sub(now))
	}
	for range 10 {
		if _, err := client.Submit(t.Context(), request()); err != nil {
			t.Fatal(err)
		}
	}
	if !clock.Now().Equal(now) {
		t.Errorf("orders waited %s behind reads", clock.Now().Sub(now))
	}
	for range 150 {
		if _, err := client.Order(t.Context(), "o-1"); err != nil {
			t.Fatal(err)
		}
	}
	if waited := clock.Now().Sub(now); waited < 60*time.Second || waited > 70*time.Second {
		t.Errorf("195 requests took %s", waited)
	}
}

func TestF42NewRefusesTheLiveHostAndForeignSettings(t *testing.T) {
	good := alpacabroker.Options{
		BaseURL: "https://paper-api.alpaca.markets", DataURL: "https://data.alpaca.markets", Feed: "iex",
		KeyID: "id", Secret: "secret", Clock: brokertest.NewClock(now),
	}
	if _, err := alpacabroker.New(good); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*alpacabroker.Options){
		"real money":      func(o *alpacabroker.Options) { o.BaseURL = "https://" + alpacahttp.LiveHost },
		"trades real":     func(o *alpacabroker.Options) { o.DataURL, o.AllowLive = "https://"+alpacahttp.LiveHost, true },
		"live host":       func(o *alpacabroker.Options) { o.BaseURL = "" },
		"market data API": func(o *alpacabroker.Options) { o.DataURL = "" },
		"API key":         func(o *alpacabroker.Options) { o.KeyID = "" },
		"APCA_API_OAUTH":  func(o *alpacabroker.Options) { o.Environment = map[string]string{"APCA_API_OAUTH": "token"} },
		"feed":            func(o *alpacabroker.Options) { o.Feed = "" },
		"clock":           func(o *alpacabroker.Options) { o.Clock = nil },
	} {
		o := good
		change(&o)
		if _, err := alpacabroker.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	live := good
	live.BaseURL, live.AllowLive = "https://"+alpacahttp.LiveHost, true
	if _, err := alpacabroker.New(live); err != nil {
		t.Error(err)
	}
}

// The SDK takes a token from the environment by itself and prefers it to the
// keys: this is what New refuses APCA_API_OAUTH for.
func TestF42TheSDKWouldPreferOAuth(t *testing.T) {
	t.Setenv("APCA_API_OAUTH", "token")
	a := serve(t, say(200, order("new")))
	client, _ := a.client(t) // without its environment it cannot know
	if _, err := client.Order(t.Context(), "o-1"); err != nil {
		t.Fatal(err)
	}
	if a.headers[0].Get("Authorization") != "Bearer token" {
		t.Error("the SDK no longer reads APCA_API_OAUTH; the check can go")
	}
}
