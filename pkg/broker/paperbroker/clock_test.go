package paperbroker_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
)

// The operator may let time pass at once; what falls due meanwhile happens.
func TestTheClockCanBeMoved(t *testing.T) {
	w := newWorld(t, validReplies, nil)
	admin := httptest.NewServer(w.Admin())
	defer admin.Close()
	move := func(body string, status int, want string) {
		t.Helper()
		resp, err := http.Post(admin.URL+"/_sim/clock", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("%s is answered %d", body, resp.StatusCode)
		}
		if got := w.State().Now.Format(time.RFC3339); got != want {
			t.Errorf("after %s it is %s, want %s", body, got, want)
		}
	}
	o := w.post(t, `{"symbol":"BBB","qty":"2","side":"buy","type":"limit","limit_price":"10","time_in_force":"day"}`, 200, "new")
	move(`{"step":"30m"}`, 204, "2026-11-24T15:35:00Z")
	move(`{"set":"2026-11-24T10:40:00-05:00"}`, 204, "2026-11-24T15:40:00Z")
	move(`{"speed":60}`, 204, "2026-11-24T15:40:00Z")
	_ = w.Clock.Sleep(t.Context(), 20*time.Second)
	for _, body := range []string{`{"set":"2026-11-24T10:40:00-05:00"}`, `{"step":"-1s"}`, `{"step":"soon"}`, `{}`, `{"speed":-1}`, `{"scale":2}`} {
		move(body, 400, "2026-11-24T16:00:00Z")
	}
	w.call(t, "GET", "/v2/clock", "", 200, `"is_open":true`)
	move(`{"step":"5h"}`, 204, "2026-11-24T21:00:00Z")
	w.call(t, "GET", "/v2/clock", "", 200, `"is_open":false`)
	w.call(t, "GET", "/v2/orders/"+o.ID, "", 200, `"status":"expired"`)
}

func TestSwitchesByName(t *testing.T) {
	s := paperbroker.DefaultSwitches(paperbroker.Paper)
	for name, value := range map[string]string{
		"client_id_memory": "1h", "duplicate_status": "409", "lookup_lag": "3s", "read_lag": "4s", "shuffle_checks": "false", "notional_limit": "true",
		"extended_gtc": "true", "patch_fractional_price": "true", "patch_remainder": "true", "dust_sell": "true", "price_away": "false", "retry_after": "true",
		"forming_bar": "false", "cancel_delay": "5s", "cash_per_fill": "false", "refuse_excess_digits": "true", "rate_limit": "7", "multiplier": "2", "market_buy_margin": "1.01",
	} {
		before := s
		if err := s.Set(name, value); err != nil || s == before {
			t.Errorf("%s=%s: %v; changed: %t", name, value, err, s != before)
		}
	}
	if n := len(paperbroker.SwitchNames()); n != 19 {
		t.Errorf("%d switches", n)
	}
	want := s
	for name, value := range map[string]string{
		"lookup_leg": "1s", "lookup_lag": "soon", "read_lag": "-1s", "duplicate_status": "200", "rate_limit": "many", "forming_bar": "perhaps", "market_buy_margin": "0.5",
	} {
		if err := s.Set(name, value); err == nil || s != want {
			t.Errorf("%s=%s is taken: %v", name, value, err)
		}
	}
}
