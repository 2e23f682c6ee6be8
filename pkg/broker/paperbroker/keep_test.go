package paperbroker

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker/brokertest"
	"github.com/alchemiser/alchemiser/pkg/money"
	"pgregory.net/rapid"
)

func write(t interface{ Fatal(...any) }, v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Whatever was done, the changes add up to the account, and an account that
// comes back from them has every order as it was, lets none end differently
// from what was shown, and stays in balance.
func TestAKeptAccountComesBack(t *testing.T) {
	bars := testBars(t)
	for _, profile := range []Profile{Instant, Paper, Realistic, Adversarial} {
		t.Run(string(profile), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				var whole Change
				keep := func(c Change) error {
					var read Change
					if err := json.Unmarshal([]byte(write(t, c)), &read); err != nil {
						return err
					}
					whole.Add(read)
					return nil
				}
				clock := brokertest.NewClock(morning)
				options := Options{
					Bars: bars, Clock: clock, Seed: rapid.Uint64().Draw(t, "seed"), Cash: money.MustParse("20000"), Profile: profile,
					Positions: []Holding{{Symbol: "AAA", Qty: money.MustParse("20.5")}}, Keep: keep,
				}
				s, err := New(options)
				if err != nil {
					t.Fatal(err)
				}
				filled := map[string]money.Decimal{}
				for range rapid.IntRange(1, 3).Draw(t, "lives") {
					for _, step := range steps().Draw(t, "steps") {
						clock.Sleep(t.Context(), step.pause)
						s.at(step.do)
						if want := s.Kept(); plain(t, whole) != plain(t, want) {
							t.Fatalf("the changes add up to\n%s\nthe account is\n%s", plain(t, whole), plain(t, want))
						}
					}
					before := s.Kept()
					options.Kept = &whole
					clock.Sleep(t.Context(), time.Duration(rapid.Int64Range(0, int64(30*time.Hour)).Draw(t, "down")))
					if s, err = New(options); err != nil {
						t.Fatal(err)
					}
					after := s.Orders()
					for i, was := range before.Orders {
						is := after[i]
						if is.ID != was.ID || is.ClientID != was.ClientID || len(is.Fills) < len(was.Fills) || was.Status.Terminal() && write(t, is) != write(t, was.Order) ||
							write(t, append([]Fill{}, is.Fills[:len(was.Fills)]...)) != write(t, append([]Fill{}, was.Fills...)) {
							t.Fatalf("an order was\n%s\nand is\n%s", write(t, was), write(t, is))
						}
					}
					if next := s.engine.id("order", s.engine.ids+1); s.engine.byID[next] != nil {
						t.Fatalf("the id %s is given out twice", next)
					}
					balanced(t, s.engine, filled)
				}
			})
		})
	}
}

// plain is a change in one form, without the time at which it was taken.
func plain(t interface{ Fatal(...any) }, c Change) string {
	c.At = time.Time{}
	c.Orders = slices.SortedFunc(slices.Values(c.Orders), func(x, y KeptOrder) int { return strings.Compare(x.ID, y.ID) })
	return write(t, c)
}

// An order that cannot be kept is not answered for.
func TestAnAnswerWaitsForItsChange(t *testing.T) {
	full := errors.New("no space left on device")
	var kept []Change
	fail := false
	s, err := New(Options{
		Bars: testBars(t), Clock: brokertest.NewClock(morning), Cash: money.MustParse("20000"), Keep: func(c Change) error {
			if fail {
				return full
			}
			kept = append(kept, c)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		text, _ := io.ReadAll(w.Body)
		return w.Code, string(text)
	}
	order := `{"symbol":"AAA","qty":"1","side":"buy","type":"market","time_in_force":"day","client_order_id":"one"}`
	fail = true
	if code, body := ask("POST", "/v2/orders", order); code != http.StatusInternalServerError || !strings.Contains(body, full.Error()) {
		t.Errorf("an order that could not be kept: %d %s", code, body)
	}
	if code, _ := ask("GET", "/v2/account", ""); code != http.StatusInternalServerError {
		t.Errorf("and an account that shows it: %d", code)
	}
	fail = false
	if code, body := ask("GET", "/v2/orders:by_client_order_id?client_order_id=one", ""); code != http.StatusOK {
		t.Errorf("once it can be kept: %d %s", code, body)
	}
	if last := kept[len(kept)-1]; len(last.Orders) != 1 || last.Orders[0].ClientID != "one" || last.Orders[0].Status != "filled" || len(last.Positions) != 1 {
		t.Errorf("kept: %+v", kept)
	}
	before := len(kept)
	if code, _ := ask("GET", "/v2/positions", ""); code != http.StatusOK || len(kept) != before {
		t.Errorf("%d; a read wrote %d changes", code, len(kept)-before)
	}
}

// A clock that was set back finds the account as it is.
func TestAKeptAccountUnderAnEarlierClock(t *testing.T) {
	var whole Change
	clock := brokertest.NewClock(morning)
	options := Options{Bars: testBars(t), Clock: clock, Cash: money.MustParse("20000"), Profile: Paper, Keep: func(c Change) error { whole.Add(c); return nil }}
	s, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	s.at(func(e *engine) {
		place(t, e, draft{clientID: "rests", limit: ptr("2")})
	})
	options.Kept, options.Clock = &whole, brokertest.NewClock(morning.AddDate(0, 0, -1).Add(-6*time.Hour))
	if s, err = New(options); err != nil {
		t.Fatal(err)
	}
	if o := s.Orders()[0]; o.Status != "expired" || !s.Account().Cash.Equal(money.MustParse("20000")) {
		t.Errorf("%+v", o)
	}
}

func ptr(s string) *money.Decimal {
	d := money.MustParse(s)
	return &d
}
