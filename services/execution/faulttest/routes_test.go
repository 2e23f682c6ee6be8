package faulttest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker/alpacabroker"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
)

// recorder notes every request that leaves the machine.
type recorder struct {
	next http.RoundTripper
	mu   sync.Mutex
	seen []*http.Request
}

func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	r.mu.Lock()
	r.seen = append(r.seen, q)
	r.mu.Unlock()
	return r.next.RoundTrip(q)
}

// recorded is a world whose adapter speaks through a recorder.
func recorded(t *testing.T, s setup) (*world, *recorder) {
	t.Helper()
	w := newWorld(t, s)
	r := &recorder{next: w.server.Transport()}
	var err error
	w.client, err = alpacabroker.New(alpacabroker.Options{
		BaseURL: "http://paper", DataURL: "http://paper", Feed: "iex", KeyID: "k", Secret: "s", Clock: w.clock, HTTP: r,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w, r
}

// walks plays whole runs with partial fills and cancelled rests, one per seed.
func walks(t *testing.T, test func(t *testing.T, w *world, r *recorder)) {
	for _, profile := range []paperbroker.Profile{paperbroker.Paper, paperbroker.Adversarial} {
		for seed := range uint64(6) {
			t.Run(fmt.Sprintf("%s %d", profile, seed), func(t *testing.T) {
				w, r := recorded(t, setup{profile: profile, seed: seed})
				test(t, w, r)
			})
		}
	}
}

// F72: what a partial fill leaves is cancelled by the order's own id and sent
// under a new one. No order is ever replaced, and none but by its id cancelled.
func TestF72NothingIsReplacedOrCancelledAsAWhole(t *testing.T) {
	partial, cancels := 0, 0
	walks(t, func(t *testing.T, w *world, r *recorder) {
		w.run()
		for _, q := range r.seen {
			switch {
			case q.Method == http.MethodPatch || q.Method == http.MethodPut:
				t.Errorf("an order was replaced: %s %s", q.Method, q.URL.Path)
			case q.Method == http.MethodDelete && !strings.HasPrefix(q.URL.Path, "/v2/orders/"):
				t.Errorf("cancelled or closed as a whole: %s %s", q.Method, q.URL.Path)
			case q.Method == http.MethodDelete:
				cancels++
			}
		}
		for _, o := range w.server.Orders() {
			if o.Qty != nil && o.Filled.Sign() > 0 && o.Filled.Less(*o.Qty) {
				partial++
			}
			if o.Status == "replaced" {
				t.Errorf("order %s was replaced", o.ClientID)
			}
		}
	})
	if partial == 0 || cancels == 0 {
		t.Errorf("the walks had %d partial fills that were given up and %d cancels: they show nothing", partial, cancels)
	}
}

// F85: a whole run polls. It makes plain requests of few kinds, opens no
// stream, waits on nothing but the clock it was given, and leaves nothing
// running behind: the bubble has a time of its own, in which none may pass, and
// it ends only when every goroutine has.
func TestF85TheRunPollsAndSleepsOnItsClockAlone(t *testing.T) {
	allowed := map[string]bool{
		"GET /v2/account": true, "GET /v2/positions": true, "GET /v2/clock": true, "GET /v2/stocks/quotes/latest": true,
		"GET /v2/orders": true, "GET /v2/orders/{id}": true, "GET /v2/orders:by_client_order_id": true,
		"POST /v2/orders": true, "DELETE /v2/orders/{id}": true,
	}
	for _, profile := range []paperbroker.Profile{paperbroker.Paper, paperbroker.Adversarial} {
		t.Run(string(profile), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := recorded(t, setup{profile: profile, seed: 3})
				began, virtual := time.Now(), w.clock.Now()
				w.run()
				if passed := time.Since(began); passed != 0 {
					t.Errorf("%s were slept on another clock than the one given", passed)
				}
				if w.final == nil || !w.clock.Now().After(virtual.Add(2*time.Second)) {
					t.Error("nothing was waited for: the run shows nothing")
				}
				for _, q := range r.seen {
					path := q.URL.Path
					if strings.HasPrefix(path, "/v2/orders/") {
						path = "/v2/orders/{id}"
					}
					if !allowed[q.Method+" "+path] || q.Header.Get("Upgrade") != "" || strings.Contains(q.Header.Get("Accept"), "event-stream") {
						t.Errorf("%s %s %v", q.Method, q.URL, q.Header)
					}
				}
			})
		})
	}
}
