package local_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/infra/local"
)

func TestAdmin(t *testing.T) {
	c := start(t, nil)
	admin := c.Admin()
	ask := func(method, path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w
	}
	for _, test := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/_local/faults", `{"do":"kill-before-work","function":"echo"}`, http.StatusNoContent},
		{"POST", "/_local/faults", `{"do":"kill"}`, http.StatusBadRequest},
		{"POST", "/_local/faults", `{"do":"throttle","funktion":"echo"}`, http.StatusBadRequest},
		{"POST", "/_local/schedules/alchemiser-test-echo-daily?planned=2026-01-05T14:35:00Z", "", http.StatusNoContent},
		{"POST", "/_local/schedules/alchemiser-test-echo-daily?planned=today", "", http.StatusBadRequest},
		{"POST", "/_local/schedules/none", "", http.StatusNotFound},
		{"POST", "/_local/quiesce", "", http.StatusNoContent},
		{"DELETE", "/_local/faults", "", http.StatusNoContent},
	} {
		if w := ask(test.method, test.path, test.body); w.Code != test.want {
			t.Errorf("%s %s: %d %s", test.method, test.path, w.Code, w.Body)
		}
	}
	var s local.Snapshot
	if err := json.Unmarshal(ask("GET", "/_local/snapshot", "").Body.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Invocations) != 3 || !strings.HasPrefix(s.Invocations[0].Error, "Runtime.ExitError") || s.Invocations[1].Service != "echo" {
		t.Errorf("%+v", s.Invocations)
	}
}
