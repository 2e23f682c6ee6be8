package execution_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/record"
)

// interrupted is a world whose first invocation ended with a resting order.
func interrupted(t *testing.T) (*world, *events.RebalancePlanned, events.Envelope) {
	t.Helper()
	w := newWorld(t)
	p := w.rotation()
	w.desk.fill, w.desk.stuck = none, true
	if err := w.deliver(w.planned(p)); err != nil {
		t.Fatal(err)
	}
	if len(w.queue) != 1 || len(w.desk.posts) != 1 {
		t.Fatalf("%d continuations, %d posts", len(w.queue), len(w.desk.posts))
	}
	next := w.queue[0]
	w.queue = nil
	return w, p, next
}

func TestLaterInvocationsAskAgainWhetherTheyMayTrade(t *testing.T) {
	for reason, change := range map[string]func(w *world){
		"lease_lost": func(w *world) {
			if err := w.ledger.ReleaseLease(context.Background(), "paper-main", events.RunID(runKey)); err != nil {
				t.Fatal(err)
			}
		},
		"account_guard": func(w *world) { w.desk.account.TradingBlocked = true },
		"market_closed": func(w *world) { w.desk.open = false },
		"halted": func(w *world) {
			if err := w.ledger.SetControl(context.Background(), "paper-main", events.Halted, "test", "test"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(reason, func(t *testing.T) {
			w, _, next := interrupted(t)
			w.desk.orders[0].Status = "canceled"
			change(w)
			if err := w.deliver(next); err != nil {
				t.Fatal(err)
			}
			e := w.report()
			if e.Outcome != events.OutcomeFailed || len(w.desk.posts) != 1 || e.Legs[1].ReasonCode != reason {
				t.Errorf("%s after %d posts", show(e), len(w.desk.posts))
			}
		})
	}
}

func TestContinuationGoesOnWithItsOrder(t *testing.T) {
	w, _, next := interrupted(t)
	w.desk.stuck = false
	w.desk.orders[0].Status = "canceled"
	w.desk.fill = all
	w.clock.Sleep(context.Background(), 10*time.Second)
	if err := w.deliver(next); err != nil {
		t.Fatal(err)
	}
	e := w.report()
	if e.Outcome != events.OutcomeCompleted || e.Continuations != 1 || len(e.Legs[0].ClientOrderIDs) != 2 {
		t.Errorf("%s", show(e))
	}
}

// However often an event was begun in vain, orders of the run may be working:
// the next delivery follows them and reports what they did.
func TestF90NoNumberOfAttemptsLeavesAnOrderAlone(t *testing.T) {
	w, p, next := interrupted(t)
	key := ledger.ExecKey(events.RunID(runKey), p.PlanID)
	lock := func(owner string) {
		t.Helper()
		doc, err := ledger.Load[record.Execution](t.Context(), w.ledger, key)
		if err != nil {
			t.Fatal(err)
		}
		doc.Value.Owner, doc.Value.LeaseUntil = owner, w.clock.Now().Add(time.Minute)
		if err := ledger.Save(t.Context(), w.ledger, &doc); err != nil {
			t.Fatal(err)
		}
	}
	lock("somebody else")
	for range 2 * ledger.MaxAttempts {
		if err := w.deliver(next); err == nil || len(w.out) > 0 {
			t.Fatalf("the plan is somebody else's, and the delivery ended with %v and published %v", err, w.published())
		}
	}
	lock("")
	w.desk.stuck = false
	w.desk.orders[0].Status = "canceled"
	w.desk.fill = all
	if err := w.deliver(next); err != nil {
		t.Fatal(err)
	}
	if e := w.report(); e.Outcome != events.OutcomeCompleted {
		t.Errorf("%s", show(e))
	}
}

func TestPlanWithAnotherHashIsAConflict(t *testing.T) {
	w, p, _ := interrupted(t)
	p.ControlState = events.Reducing
	hash, err := events.PlanHash(p)
	if err != nil {
		t.Fatal(err)
	}
	p.PlanHash = hash
	in := w.envelope(p, events.SourcePortfolio, events.EventID(events.CommandID(runKey), events.TypeSignalGenerated, 0))
	if err := w.deliver(in); err != nil {
		t.Fatal(err)
	}
	if f := w.failure(); f.FailureCode != "plan_conflict" {
		t.Errorf("code %s", f.FailureCode)
	}
}

func TestReplacedOrderIsFollowed(t *testing.T) {
	w := newWorld(t)
	w.desk.fill = none
	w.desk.onSubmit = func(n int, r broker.OrderRequest) (*broker.Order, error, bool) {
		o, err := w.desk.place(r)
		if err != nil {
			return nil, err, true
		}
		first := w.desk.orders[0]
		w.desk.execute(first, d("10"))
		replacement := *first
		replacement.ID, replacement.ClientID, replacement.Filled, replacement.Status = "o2", "alc-by-hand", d("0"), "new"
		w.desk.orders = append(w.desk.orders, &replacement)
		w.desk.execute(&replacement, d("40"))
		first.Status, first.ReplacedBy = "replaced", "o2"
		return &o, nil, true
	}
	e := w.trade(w.plan(w.exit()))
	if leg := e.Legs[0]; leg.FilledQty != "50" || len(w.desk.posts) != 1 || len(leg.ClientOrderIDs) != 1 {
		t.Errorf("%s", show(e))
	}
	if got := strings.Join(w.published(), " "); !strings.Contains(got, "ErrorNotificationRequested") {
		t.Errorf("published %s, want an alarm", got)
	}
}

func TestUnknownStatusCountsAsWorking(t *testing.T) {
	w := newWorld(t)
	w.desk.fill = none
	w.desk.tick = func(o *broker.Order) {
		if !o.Status.Terminal() {
			o.Status = "moonlit"
		}
	}
	w.trade(w.plan(w.exit()))
	if got := strings.Join(w.published(), " "); !strings.Contains(got, "ErrorNotificationRequested") {
		t.Errorf("published %s, want an alarm", got)
	}
}

func TestProbe(t *testing.T) {
	w := newWorld(t)
	if _, err := w.stage().Invoke(context.Background(), []byte(`{"mode":"probe"}`)); err != nil {
		t.Error(err)
	}
	w.desk.account.Number = "PA2"
	if _, err := w.stage().Invoke(context.Background(), []byte(`{"mode":"probe"}`)); err == nil {
		t.Error("the probe takes another account")
	}
}

// TestSellsOnlyWhatIsFree: shares that an order of somebody else holds are not
// ours to sell.
func TestSellsOnlyWhatIsFree(t *testing.T) {
	w := newWorld(t)
	p := w.plan(w.exit())
	far := d("150")
	w.desk.place(broker.OrderRequest{ClientID: "by-hand", Symbol: "OLD", Side: events.Sell, Qty: d("20"), Type: broker.Limit, Limit: &far})
	w.desk.fill = all
	e := w.trade(p)
	if leg := e.Legs[0]; leg.FilledQty != "30" || leg.Status != events.LegPartial || leg.ReasonCode != "held_quantity" || w.desk.orders[0].Status != "new" {
		t.Errorf("%s; the foreign order is %s", show(e), w.desk.orders[0].Status)
	}
}

func TestLateFillOfAnOlderOrderVoidsThePlan(t *testing.T) {
	w := newWorld(t)
	p := w.rotation()
	w.desk.quotes["XYZ"] = broker.Quote{Bid: d("10"), Ask: d("10.01")}
	low := d("9")
	w.desk.place(broker.OrderRequest{ClientID: "alc-XYZ-b01-aaaaaaaaaaaaaaaaaaaaaaaaaa", Symbol: "XYZ", Side: events.Buy, Qty: d("1"), Type: broker.Limit, Limit: &low})
	w.desk.fillOnCancel = true
	e := w.trade(p)
	if e.Outcome != events.OutcomeSkipped || e.Legs[0].ReasonCode != "state_changed" || len(w.desk.posts) != 0 {
		t.Errorf("%s", show(e))
	}
}
