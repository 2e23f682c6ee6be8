package paperbroker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// documents are Alpaca's own descriptions of its two APIs; nil where they are
// not beside the repository.
var documents = sync.OnceValues(func() ([]routers.Router, error) {
	var out []routers.Router
	for _, name := range []string{"trading-api.json", "market-data-api.json"} {
		path := filepath.Join("..", "..", "..", "..", "shared", "alpaca", name)
		if _, err := os.Stat(path); err != nil {
			return nil, nil
		}
		doc, err := openapi3.NewLoader().LoadFromFile(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		// Alpaca's own examples and defaults break its schemas.
		if err := doc.Validate(context.Background(), openapi3.DisableExamplesValidation(), openapi3.DisableSchemaDefaultsValidation()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		doc.Servers = nil
		router, err := gorillamux.NewRouter(doc)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, router)
	}
	return out, nil
})

// isError tells the answers that the documents hardly describe; they are held
// against the documents' Error instead.
func isError(status int) bool { return status >= 400 }

// validated wraps a broker so that every reply is held against the documents.
// Where those are absent the handler is used as it is, and the test says so.
func validated(t *testing.T, h http.Handler) http.Handler {
	t.Helper()
	docs, err := documents()
	if err != nil {
		t.Fatal(err)
	}
	if docs == nil {
		t.Log("replies are not validated: Alpaca's documents are not beside the repository")
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read request: %v", err)
		}
		r.Body = io.NopCloser(bytes.NewReader(asked))
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if err := hold(docs, r, rec); err != nil {
			t.Errorf("%s %s answered %d %.600s\n%v", r.Method, r.URL, rec.Code, rec.Body, err)
		}
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}

func hold(docs []routers.Router, r *http.Request, rec *httptest.ResponseRecorder) error {
	for _, header := range []string{"X-Request-Id", "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"} {
		if rec.Header().Get(header) == "" {
			return fmt.Errorf("header %s is missing", header)
		}
	}
	switch {
	case rec.Code == http.StatusUnauthorized:
		return nil // HTML, or a message without a code
	case isError(rec.Code) && strings.HasPrefix(r.URL.Path, "/v2/stocks"):
		return nil // described without a body
	case isError(rec.Code):
		var e struct {
			Code    *int    `json:"code"`
			Message *string `json:"message"`
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &e); err != nil || e.Code == nil || e.Message == nil {
			return fmt.Errorf("no error body with code and message: %w", err)
		}
		return nil
	}
	var route *routers.Route
	var params map[string]string
	var err error
	for _, doc := range docs {
		if route, params, err = doc.FindRoute(r); err == nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("no such operation in the documents: %w", err)
	}
	if rec.Code != http.StatusNoContent {
		if err := complete(r.Method+" "+route.Path, rec.Body.Bytes()); err != nil {
			return err
		}
	}
	if strings.HasPrefix(route.Path, "/v2/account/activities") && rec.Body.String() != "[]\n" {
		return nil // a fill matches both of the documents' alternatives, so none counts
	}
	return openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 rec.Code,
		Header:                 rec.Header(),
		Body:                   io.NopCloser(bytes.NewReader(rec.Body.Bytes())),
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true, MultiError: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		},
	})
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// complete checks the fields that clients rely on and the documents do not
// require, and the shape of ids, which they do not enforce.
func complete(operation string, body []byte) error {
	method, route, _ := strings.Cut(operation, " ")
	if method == http.MethodDelete && strings.HasPrefix(route, "/v2/positions/") {
		route = "/v2/orders" // the one that closes the position
	}
	var required []string
	switch {
	case route == "/v2/account":
		required = strings.Fields("id account_number status currency cash equity last_equity long_market_value short_market_value buying_power " +
			"multiplier trading_blocked account_blocked trade_suspended_by_user shorting_enabled")
	case strings.HasPrefix(route, "/v2/orders"):
		required = strings.Fields("id client_order_id symbol side type time_in_force qty notional limit_price filled_qty filled_avg_price status " +
			"submitted_at filled_at canceled_at expired_at failed_at replaced_by replaces extended_hours")
	case strings.HasPrefix(route, "/v2/positions") && method == http.MethodDelete:
		required = strings.Fields("symbol status body")
	case strings.HasPrefix(route, "/v2/positions"):
		required = strings.Fields("symbol qty qty_available side avg_entry_price market_value current_price")
	case strings.HasPrefix(route, "/v2/assets"):
		required = strings.Fields("id status tradable fractionable class exchange attributes")
	case strings.HasPrefix(route, "/v2/account/activities"):
		required = strings.Fields("activity_type transaction_time type price qty side symbol leaves_qty order_id cum_qty order_status")
	case route == "/v2/calendar":
		required = strings.Fields("date open close session_open session_close settlement_date")
	default:
		return nil
	}
	var one map[string]any
	var many []map[string]any
	if json.Unmarshal(body, &many) != nil {
		if err := json.Unmarshal(body, &one); err != nil {
			return err
		}
		many = append(many, one)
	}
	for _, v := range many {
		if _, short := v["status"].(float64); short && v["symbol"] == nil {
			continue // the answer to cancelling all: id and status alone
		}
		for _, field := range required {
			if _, ok := v[field]; !ok {
				return fmt.Errorf("field %s is missing", field)
			}
		}
		id, ok := v["id"].(string)
		if _, id, activity := strings.Cut(id, "::"); activity && uuid.MatchString(id) {
			continue
		}
		if ok && !uuid.MatchString(id) {
			return fmt.Errorf("id %q is not a UUID of version 4", id)
		}
	}
	return nil
}

// The validation is worth nothing unless it catches what clients stumble over.
func TestValidationCatches(t *testing.T) {
	docs, err := documents()
	if err != nil {
		t.Fatal(err)
	}
	if docs == nil {
		t.Skip("Alpaca's documents are not beside the repository")
	}
	w := newWorld(t, validReplies, nil)
	order := `{"symbol":"AAA","qty":1,"side":"buy","type":"market","time_in_force":"day"}`
	for name, c := range map[string]struct{ method, path, body, old, new string }{
		"numeric quantity":    {"GET", "/v2/positions", "", `"qty":"1.5"`, `"qty":1.5`},
		"missing value":       {"GET", "/v2/positions", "", `"market_value"`, `"marketvalue"`},
		"unknown status":      {"POST", "/v2/orders", order, `"status":"filled"`, `"status":"nearly"`},
		"no client id":        {"POST", "/v2/orders", order, `"client_order_id"`, `"client_id"`},
		"null intent":         {"POST", "/v2/orders", order, `"position_intent":"buy_to_open"`, `"position_intent":null`},
		"id without shape":    {"POST", "/v2/orders", order, `"id":"`, `"id":"x`},
		"fractional volume":   {"GET", "/v2/stocks/bars?symbols=AAA&timeframe=1Day", "", `,"n":`, `.5,"n":`},
		"missing average":     {"GET", "/v2/stocks/bars?symbols=AAA&timeframe=1Day", "", `"vw"`, `"wv"`},
		"day without session": {"GET", "/v2/calendar?start=2026-11-24&end=2026-11-24", "", `"session_open"`, `"opens"`},
		"error without code":  {"GET", "/v2/orders/x", "", `"code"`, `"number"`},
	} {
		ask := func() (*http.Request, *httptest.ResponseRecorder) {
			r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
			r.Header.Set("APCA-API-KEY-ID", "id")
			r.Header.Set("APCA-API-SECRET-KEY", "secret")
			rec := httptest.NewRecorder()
			w.ServeHTTP(rec, r)
			return r, rec
		}
		if err := w.SetPositions([]paperbroker.Holding{{Symbol: "AAA", Qty: money.MustParse("1.5")}}); err != nil {
			t.Fatal(err)
		}
		r, rec := ask()
		if err := hold(docs, r, rec); err != nil {
			t.Errorf("%s: the true reply does not pass: %v\n%s", name, err, rec.Body)
		}
		damaged := strings.ReplaceAll(rec.Body.String(), c.old, c.new)
		if damaged == rec.Body.String() {
			t.Errorf("%s: %q is not in the reply %.300s", name, c.old, damaged)
		}
		rec.Body = bytes.NewBufferString(damaged)
		if err := hold(docs, r, rec); err == nil {
			t.Errorf("%s passes: %.300s", name, damaged)
		}
	}
}
