package alpacabroker_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
)

// assetServer answers every read of assets; symbols ending in 9 are not in its
// list, those ending in 8 are not fractionable.
func assetServer(list answer) answer {
	one := func(symbol string) string {
		return fmt.Sprintf(`{"id":"x","symbol":%q,"status":"active","tradable":true,"fractionable":%t,"maintenance_margin_requirement":30}`, symbol, !strings.HasSuffix(symbol, "8"))
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if symbol, single := strings.CutPrefix(r.URL.Path, "/v2/assets/"); single {
			if symbol == "GONE9" {
				say(404, `{"code":40410000,"message":"asset not found"}`)(w, r)
				return
			}
			say(200, one(symbol))(w, r)
			return
		}
		if list != nil {
			list(w, r)
			return
		}
		all := []string{`{"symbol":"ODD","status":"active","tradable":true,"maintenance_margin_requirement":37.5}`}
		for i := range 300 {
			if s := fmt.Sprint("S", i); !strings.HasSuffix(s, "9") {
				all = append(all, one(s))
			}
		}
		say(200, "["+strings.Join(all, ",")+"]")(w, r)
	}
}

// Three hundred assets are read in a function's time: most from one list, which
// one odd number does not spoil. What is not on it is read by itself.
func TestManyAssetsAreReadFromOneList(t *testing.T) {
	a := serve(t, assetServer(nil))
	client, clock := a.client(t)
	var together sync.WaitGroup
	turns := make(chan struct{}, 8)
	for i := range 300 {
		turns <- struct{}{}
		together.Go(func() {
			defer func() { <-turns }()
			symbol := fmt.Sprint("S", i)
			got, err := client.Asset(t.Context(), symbol)
			if want := (broker.Asset{Symbol: symbol, Tradable: true, Fractionable: !strings.HasSuffix(symbol, "8")}); err != nil || got != want {
				t.Errorf("%s: %+v %v", symbol, got, err)
			}
		})
	}
	together.Wait()
	lists := 0
	for _, r := range a.seen() {
		if strings.HasPrefix(r, "GET /v2/assets?") {
			lists++
		}
	}
	if n := len(a.seen()); lists != 1 || n > 30+1+30 {
		t.Errorf("%d requests, %d of them lists", n, lists)
	}
	if waited := clock.Now().Sub(now); waited > 10*time.Second {
		t.Errorf("it took %s", waited)
	}
	if odd, err := client.Asset(t.Context(), "ODD"); err != nil || !odd.Tradable {
		t.Errorf("%+v %v", odd, err)
	}
	if _, err := client.Asset(t.Context(), "GONE9"); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("an asset that is nowhere: %v", err)
	}
	before := len(a.seen())
	_ = clock.Sleep(t.Context(), 2*time.Minute)
	if _, err := client.Asset(t.Context(), "S1"); err != nil || len(a.seen()) != before+1 {
		t.Errorf("a list of two minutes ago still holds: %v", err)
	}
}

// Without the list the single reads go on.
func TestAssetsWithoutAList(t *testing.T) {
	a := serve(t, assetServer(say(500, `{}`)))
	client, _ := a.client(t)
	for i := range 40 {
		if got, err := client.Asset(t.Context(), fmt.Sprint("S", i)); err != nil || !got.Tradable {
			t.Fatalf("%d: %+v %v", i, got, err)
		}
	}
	if n := len(a.seen()); n != 40+5 { // a list is tried five times
		t.Errorf("%d requests", n)
	}
}
