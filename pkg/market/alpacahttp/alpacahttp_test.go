package alpacahttp_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/market/alpacahttp"
)

func fetch(t *testing.T, h http.HandlerFunc) (*alpacahttp.Call, string, error) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	call := alpacahttp.NewCall(t.Context(), &http.Transport{DisableKeepAlives: true})
	resp, err := call.Client().Get(server.URL)
	if err != nil {
		return call, "", call.Explain(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return call, string(raw), call.Explain(err)
}

func TestErrorKeepsWhatTheReplySays(t *testing.T) {
	date := time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		header map[string]string
		body   string
		want   alpacahttp.Error
	}{
		"code and message":       {nil, `{"code":40310000,"message":"no"}`, alpacahttp.Error{Code: 40310000, Message: "no"}},
		"HTML":                   {nil, "<html>\n  <b>Bad</b> gateway", alpacahttp.Error{Message: "<html> <b>Bad</b> gateway"}},
		"nothing":                {nil, "", alpacahttp.Error{}},
		"seconds":                {map[string]string{"Retry-After": "1.5"}, "", alpacahttp.Error{After: 1500 * time.Millisecond}},
		"a date":                 {map[string]string{"Retry-After": date.Add(20 * time.Second).Format(http.TimeFormat)}, "", alpacahttp.Error{After: 20 * time.Second}},
		"a date gone by":         {map[string]string{"Retry-After": date.Add(-time.Hour).Format(http.TimeFormat)}, "", alpacahttp.Error{}},
		"an eternity":            {map[string]string{"Retry-After": "1e300"}, "", alpacahttp.Error{After: time.Minute}},
		"nonsense":               {map[string]string{"Retry-After": "soon", "X-RateLimit-Reset": "later"}, "", alpacahttp.Error{}},
		"not a number":           {map[string]string{"Retry-After": "NaN"}, "", alpacahttp.Error{}},
		"reset":                  {map[string]string{"X-RateLimit-Reset": fmt.Sprint(date.Unix() + 12)}, "", alpacahttp.Error{After: 12 * time.Second}},
		"Retry-After goes first": {map[string]string{"X-RateLimit-Reset": fmt.Sprint(date.Unix() + 12), "Retry-After": "3"}, "", alpacahttp.Error{After: 3 * time.Second}},
	} {
		_, _, err := fetch(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", date.Format(http.TimeFormat))
			w.Header().Set("X-Request-ID", "r-1")
			for k, v := range c.header {
				w.Header().Set(k, v)
			}
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, c.body)
		})
		c.want.Status, c.want.Body, c.want.RequestID = http.StatusTooManyRequests, c.body, "r-1"
		var got *alpacahttp.Error
		if !errors.As(err, &got) || *got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestReplyIsBounded(t *testing.T) {
	_, _, err := fetch(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat("x", 1<<20))
		for range 40 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	if err == nil || !strings.Contains(err.Error(), "longer than") || errors.Is(err, alpacahttp.ErrUndecodable) {
		t.Errorf("a reply of 40 MiB: %v", err)
	}
}

func TestExplain(t *testing.T) {
	decode := errors.New("parse error")
	call, body, err := fetch(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Request-ID", "r-2")
		fmt.Fprint(w, "hello")
	})
	if err != nil || body != "hello" {
		t.Fatalf("%q %v", body, err)
	}
	if err := call.Explain(decode); !errors.Is(err, alpacahttp.ErrUndecodable) || !errors.Is(err, decode) || !strings.Contains(err.Error(), "r-2") {
		t.Errorf("a reply that arrived whole: %v", err)
	}
	call, _, err = fetch(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		fmt.Fprint(w, "half")
	})
	if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(call.Explain(decode), alpacahttp.ErrUndecodable) {
		t.Errorf("a reply that broke off: %v", err)
	}
}
