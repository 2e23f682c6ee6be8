package paperbroker_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

func serveAdmin(t *testing.T, s *paperbroker.Server) string {
	l := httptest.NewServer(s.Admin())
	t.Cleanup(l.Close)
	return l.URL
}

// outcome names the class of an error.
func outcome(err error) string {
	var rejected *broker.Rejected
	var later *broker.TryLater
	var unknown *broker.Unknown
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &rejected):
		return "rejected"
	case errors.As(err, &later):
		return "later"
	case errors.Is(err, broker.ErrNotFound):
		return "not found"
	case errors.As(err, &unknown):
		return "unknown"
	}
	return err.Error()
}

func buy(id string) broker.OrderRequest {
	return broker.OrderRequest{ClientID: id, Symbol: "AAA", Side: events.Buy, Qty: money.One(), Type: broker.Market}
}

func resting(id string) broker.OrderRequest {
	price := money.MustParse("10")
	return broker.OrderRequest{ClientID: id, Symbol: "AAA", Side: events.Buy, Qty: money.One(), Type: broker.Limit, Limit: &price}
}

// Whatever goes wrong with a POST, asking for the same id again leads to one
// order and one fill.
func TestF62EveryLostReplyLeadsToOneOrder(t *testing.T) {
	for name, c := range map[string]struct {
		fault    paperbroker.Fault
		outcome  string
		accepted bool
	}{
		"429":                {paperbroker.Fault{Kind: paperbroker.Refuse, Status: 429}, "later", false},
		"429 Retry-After":    {paperbroker.Fault{Kind: paperbroker.Refuse, Status: 429, RetryAfter: 2}, "later", false},
		"500 before":         {paperbroker.Fault{Kind: paperbroker.Refuse, Status: 500}, "unknown", false},
		"503 before":         {paperbroker.Fault{Kind: paperbroker.Refuse, Status: 503}, "unknown", false},
		"cut before":         {paperbroker.Fault{Kind: paperbroker.CutBefore}, "unknown", false},
		"cut after":          {paperbroker.Fault{Kind: paperbroker.CutReply}, "unknown", true},
		"504 after":          {paperbroker.Fault{Kind: paperbroker.FailReply, Status: 504}, "unknown", true},
		"truncated after":    {paperbroker.Fault{Kind: paperbroker.TruncateReply}, "unknown", true},
		"empty after":        {paperbroker.Fault{Kind: paperbroker.EmptyReply}, "unknown", true},
		"{} after":           {paperbroker.Fault{Kind: paperbroker.ObjectReply}, "unknown", true},
		"delivered twice":    {paperbroker.Fault{Kind: paperbroker.Twice}, "ok", true},
		"slow":               {paperbroker.Fault{Kind: paperbroker.Delay, Delay: 3 * time.Second}, "ok", true},
		"slow reply":         {paperbroker.Fault{Kind: paperbroker.DelayReply, Delay: 3 * time.Second}, "ok", true},
		"new fields":         {paperbroker.Fault{Kind: paperbroker.UnknownField}, "ok", true},
		"new status":         {paperbroker.Fault{Kind: paperbroker.UnknownStatus}, "ok", true},
		"null for a number":  {paperbroker.Fault{Kind: paperbroker.NullNumber}, "ok", true},
		"redirect":           {paperbroker.Fault{Kind: paperbroker.Refuse, Status: 302}, "unknown", false},
		"403 without a code": {paperbroker.Fault{Kind: paperbroker.Refuse, Status: 403}, "rejected", false},
	} {
		for _, status := range []int{422, 409} {
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				w := newWorld(t, damagedReplies, func(o *paperbroker.Options) {
					o.Profile = paperbroker.Adversarial
					s := paperbroker.DefaultSwitches(o.Profile)
					s.DuplicateStatus = status
					o.Switches = &s
				})
				c.fault.Method, c.fault.Path, c.fault.Symbol = "POST", "/v2/orders", "AAA"
				if err := w.Inject(c.fault); err != nil {
					t.Fatal(err)
				}
				_, err := w.Client.Submit(t.Context(), buy("one"))
				if outcome(err) != c.outcome {
					t.Fatalf("outcome %s, want %s", outcome(err), c.outcome)
				}
				if got := len(w.Orders()); (got == 1) != c.accepted {
					t.Fatalf("%d orders after %v", got, err)
				}
				if outcome(err) == "rejected" {
					return
				}
				o, err := w.Client.Submit(t.Context(), buy("one"))
				if err != nil || o.ClientID != "one" {
					t.Fatalf("again: %+v %v", o, err)
				}
				_ = w.Clock.Sleep(t.Context(), 5*time.Minute)
				orders, positions := w.Orders(), w.Positions()
				if len(orders) != 1 || orders[0].Status != "filled" || len(positions) != 1 || !positions[0].Qty.Equal(money.One()) {
					t.Errorf("orders %+v, positions %+v", orders, positions)
				}
			})
		}
	}
}

func TestF68F71CancelFaults(t *testing.T) {
	for kind, want := range map[paperbroker.FaultKind]struct {
		outcome string
		status  broker.Status
		filled  string
	}{
		"":                        {"ok", "canceled", "0"},
		paperbroker.CancelFills:   {"ok", "filled", "1"},
		paperbroker.CancelLate:    {"rejected", "filled", "1"},
		paperbroker.CancelIgnored: {"ok", "filled", "1"},
		paperbroker.CancelSticks:  {"ok", "pending_cancel", "0"},
		paperbroker.FailReply:     {"unknown", "canceled", "0"},
		paperbroker.CutReply:      {"unknown", "canceled", "0"},
	} {
		w := newWorld(t, damagedReplies, func(o *paperbroker.Options) {
			s := paperbroker.DefaultSwitches(paperbroker.Instant)
			s.CancelDelay = time.Second
			o.Switches = &s
		})
		o, err := w.Client.Submit(t.Context(), resting("r"))
		if err != nil {
			t.Fatal(err)
		}
		if kind != "" {
			if err := w.Inject(paperbroker.Fault{Kind: kind, Method: "DELETE", Status: 504}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Client.Cancel(t.Context(), o.ID); outcome(err) != want.outcome {
			t.Errorf("%q: %v", kind, err)
		}
		_ = w.Clock.Sleep(t.Context(), time.Minute)
		if o, err = w.Client.Order(t.Context(), o.ID); err != nil || o.Status != want.status || o.Filled.String() != want.filled {
			t.Errorf("%q: %+v %v", kind, o, err)
		}
		_ = w.Clock.Sleep(t.Context(), 24*time.Hour)
		if o, err = w.Client.Order(t.Context(), o.ID); err != nil || !o.Status.Terminal() {
			t.Errorf("%q a day later: %+v %v", kind, o, err)
		}
	}
}

func TestLateRejection(t *testing.T) {
	w := newWorld(t, damagedReplies, nil)
	if err := w.Inject(paperbroker.Fault{Kind: paperbroker.RejectLater, Method: "POST"}); err != nil {
		t.Fatal(err)
	}
	o, err := w.Client.Submit(t.Context(), buy("one"))
	if err != nil || o.Status.Terminal() {
		t.Fatalf("%+v %v", o, err)
	}
	_ = w.Clock.Sleep(t.Context(), time.Second)
	if o, err = w.Client.Order(t.Context(), o.ID); err != nil || o.Status != "rejected" || !o.Filled.IsZero() {
		t.Errorf("%+v %v", o, err)
	}
}

func TestReadFaults(t *testing.T) {
	ctx := context.Background()
	quoted := func(w world) (broker.Quote, bool) {
		q, err := w.Client.Quotes(ctx, []string{"AAA", "BBB"})
		if _, other := q["BBB"]; err != nil || !other {
			return broker.Quote{}, false
		}
		got, ok := q["AAA"]
		return got, ok
	}
	for name, c := range map[string]struct {
		fault paperbroker.Fault
		check func(w world) string // what is wrong
	}{
		"500 passes": {paperbroker.Fault{Kind: paperbroker.Refuse, Status: 500, Times: 3}, func(w world) string {
			_, err := w.Client.Account(ctx)
			return problem(err == nil, err)
		}},
		"500 stays": {paperbroker.Fault{Kind: paperbroker.Refuse, Status: 500, Times: -1}, func(w world) string {
			_, err := w.Client.Account(ctx)
			return problem(outcome(err) == "unknown", err)
		}},
		"no quote": {paperbroker.Fault{Kind: paperbroker.NoQuote, Symbol: "AAA", Times: -1}, func(w world) string {
			q, err := w.Client.Quotes(ctx, []string{"AAA", "BBB"})
			_, there := q["AAA"]
			_, other := q["BBB"]
			return problem(err == nil && !there && other, q)
		}},
		"zero bid": {paperbroker.Fault{Kind: paperbroker.ZeroBid, Symbol: "AAA"}, func(w world) string {
			q, ok := quoted(w)
			return problem(ok && q.Bid.IsZero() && q.Ask.Sign() > 0, q)
		}},
		"crossed": {paperbroker.Fault{Kind: paperbroker.CrossQuote, Symbol: "AAA"}, func(w world) string {
			q, ok := quoted(w)
			return problem(ok && q.Ask.Less(q.Bid), q)
		}},
		"old": {paperbroker.Fault{Kind: paperbroker.AgeQuote, Symbol: "AAA"}, func(w world) string {
			q, ok := quoted(w)
			return problem(ok && w.Clock.Now().Sub(q.At) >= time.Hour, q)
		}},
		"clock ahead": {paperbroker.Fault{Kind: paperbroker.ClockOffset, Delay: time.Minute}, func(w world) string {
			k, err := w.Client.Clock(ctx)
			return problem(err == nil && k.Now.Sub(w.Clock.Now()) == time.Minute, k)
		}},
		"closed": {paperbroker.Fault{Kind: paperbroker.SayClosed}, func(w world) string {
			k, err := w.Client.Clock(ctx)
			return problem(err == nil && !k.IsOpen, k)
		}},
		"untradable": {paperbroker.Fault{Kind: paperbroker.MakeUntradable, Symbol: "AAA"}, func(w world) string {
			a, err := w.Client.Asset(ctx, "AAA")
			return problem(err == nil && !a.Tradable && a.Fractionable, a)
		}},
		"whole shares": {paperbroker.Fault{Kind: paperbroker.MakeWholeShares, Symbol: "AAA"}, func(w world) string {
			a, err := w.Client.Asset(ctx, "AAA")
			return problem(err == nil && a.Tradable && !a.Fractionable, a)
		}},
		"hidden order": {paperbroker.Fault{Kind: paperbroker.HideOrder, Path: "/v2/orders:by_client_order_id"}, func(w world) string {
			if _, err := w.Client.Submit(ctx, buy("x")); err != nil {
				return err.Error()
			}
			_, first := w.Client.OrderByClientID(ctx, "x")
			_, second := w.Client.OrderByClientID(ctx, "x")
			return problem(outcome(first) == "not found" && second == nil, first)
		}},
		"stale order": {paperbroker.Fault{Kind: paperbroker.StaleRead, Delay: 10 * time.Second, Method: "GET", Path: "/v2/orders/"}, func(w world) string {
			price := money.MustParse("10")
			o, err := w.Client.Submit(ctx, broker.OrderRequest{ClientID: "x", Symbol: "AAA", Side: events.Buy, Qty: money.One(), Type: broker.Limit, Limit: &price})
			if err != nil {
				return err.Error()
			}
			_ = w.Clock.Sleep(ctx, 15*time.Second)
			if err := w.Client.Cancel(ctx, o.ID); err != nil {
				return err.Error()
			}
			old, _ := w.Client.Order(ctx, o.ID)
			now, _ := w.Client.Order(ctx, o.ID)
			return problem(old.Status == "new" && now.Status == "canceled", []broker.Order{old, now})
		}},
		"no average yet": {paperbroker.Fault{Kind: paperbroker.NoAverage, Method: "GET"}, func(w world) string {
			o, err := w.Client.Submit(ctx, buy("x"))
			if err != nil {
				return err.Error()
			}
			first, _ := w.Client.Order(ctx, o.ID)
			second, _ := w.Client.Order(ctx, o.ID)
			return problem(first.Status == "filled" && first.AvgPrice == nil && second.AvgPrice != nil, first)
		}},
		"by chance": {paperbroker.Fault{Kind: paperbroker.SayClosed, Chance: 0.5, Times: -1}, func(w world) string {
			open := 0
			for range 100 {
				if k, _ := w.Client.Clock(ctx); k.IsOpen {
					open++
				}
			}
			return problem(open > 30 && open < 70, open)
		}},
		"the second call": {paperbroker.Fault{Kind: paperbroker.SayClosed, Skip: 1}, func(w world) string {
			first, _ := w.Client.Clock(ctx)
			second, _ := w.Client.Clock(ctx)
			third, _ := w.Client.Clock(ctx)
			return problem(first.IsOpen && !second.IsOpen && third.IsOpen, second)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, damagedReplies, nil)
			if err := w.Inject(c.fault); err != nil {
				t.Fatal(err)
			}
			if wrong := c.check(w); wrong != "" {
				t.Error(wrong)
			}
			hits := 0
			for _, e := range w.Journal() {
				if e.Event == "fault" {
					hits++
				}
			}
			if hits == 0 {
				t.Error("the journal does not know of the fault")
			}
		})
	}
}

func problem(fine bool, got any) string {
	if fine {
		return ""
	}
	return fmt.Sprintf("got %+v", got)
}

func TestInjectRefuses(t *testing.T) {
	w := newWorld(t, damagedReplies, nil)
	for _, f := range []paperbroker.Fault{{}, {Kind: "explode"}, {Kind: paperbroker.Refuse}, {Kind: paperbroker.FailReply, Status: 200}} {
		if err := w.Inject(f); err == nil {
			t.Errorf("%+v was armed", f)
		}
	}
}
