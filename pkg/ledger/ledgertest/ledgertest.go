// Package ledgertest is the conformance suite of ledger drivers and, through
// each of them, of the ledger's protocol.
//
//	func TestConformance(t *testing.T) { ledgertest.Run(t, func(t *testing.T) ledger.Driver { return memledger.New() }) }
package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
)

// Run runs the suite against drivers that newDriver makes. They may share a
// table: the suite uses keys of its own in each test.
func Run(t *testing.T, newDriver func(t *testing.T) ledger.Driver) {
	for name, test := range map[string]func(t *testing.T, d ledger.Driver){
		"get and put":                testGetPut,
		"put is conditional":         testConditional,
		"one of fifty writers wins":  testRace,
		"query":                      testQuery,
		"due":                        testDue,
		"a lost answer is looked up": testLostAnswer,
		"claim and commit":           testClaim,
		"claims are taken over":      testTakeOver,
		"run closes once":            testRunLifecycle,
		"lease":                      testLease,
		"control":                    testControl,
		"sessions and skips":         testAccount,
		"validation":                 testValidation,
	} {
		t.Run(name, func(t *testing.T) { test(t, newDriver(t)) })
	}
}

var began = time.Date(2026, 11, 23, 14, 35, 0, 0, time.UTC)

// clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clock) Sleep(context.Context, time.Duration) error { return nil }

func key(t *testing.T, sk string) ledger.Key {
	return ledger.Key{PK: "TEST#" + strings.ReplaceAll(t.Name(), "/", "#"), SK: sk}
}

func item(k ledger.Key, version int64, body string) ledger.Item {
	return ledger.Item{Key: k, Version: version, Body: []byte(body)}
}

func testGetPut(t *testing.T, d ledger.Driver) {
	ctx, k := t.Context(), key(t, "A")
	if _, err := d.Get(ctx, k); !errors.Is(err, ledger.ErrNotFound) {
		t.Fatalf("Get of nothing = %v, want ErrNotFound", err)
	}
	want := item(k, 1, `{"amount":"12345678901234567890.123456789","text":"ä \" <&>"}`)
	want.DueAt, want.Expires = began, began.Add(time.Hour)
	must(t, d.Put(ctx, want))
	got, err := d.Get(ctx, k)
	must(t, err)
	if string(got.Body) != string(want.Body) || got.Version != 1 || !got.DueAt.Equal(want.DueAt) || !got.Expires.Equal(want.Expires) || got.Key != k {
		t.Errorf("got %+v, want %+v", got, want)
	}
	must(t, d.Put(ctx, item(k, 2, `{}`)))
	got, err = d.Get(ctx, k)
	must(t, err)
	if !got.DueAt.IsZero() || !got.Expires.IsZero() {
		t.Errorf("a whole document replaces the old one: %+v", got)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := d.Get(cancelled, k); err == nil {
		t.Error("Get with a cancelled context succeeded")
	}
}

func testConditional(t *testing.T, d ledger.Driver) {
	ctx, k := t.Context(), key(t, "A")
	if err := d.Put(ctx, item(k, 2, `{}`)); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("version 2 of nothing: %v, want ErrConflict", err)
	}
	must(t, d.Put(ctx, item(k, 1, `{"n":1}`)))
	for _, v := range []int64{1, 3} {
		if err := d.Put(ctx, item(k, v, `{}`)); !errors.Is(err, ledger.ErrConflict) {
			t.Errorf("version %d after version 1: %v, want ErrConflict", v, err)
		}
	}
	got, err := d.Get(ctx, k)
	must(t, err)
	if string(got.Body) != `{"n":1}` {
		t.Errorf("a refused write changed the document: %s", got.Body)
	}
}

// testRace: fifty concurrent claims have one winner (F10).
func testRace(t *testing.T, d ledger.Driver) {
	ctx := t.Context()
	l := ledger.New(d, &clock{now: began})
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		wins int
	)
	for i := range 50 {
		wg.Go(func() {
			_, err := l.Claim(ctx, delivery(t, fmt.Sprintf("owner-%d", i)))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				wins++
			case !errors.Is(err, ledger.ErrInProgress) && !errors.Is(err, ledger.ErrConflict):
				t.Errorf("claim: %v", err)
			}
		})
	}
	wg.Wait()
	if wins != 1 {
		t.Errorf("%d of 50 claims won, want 1", wins)
	}
}

func testQuery(t *testing.T, d ledger.Driver) {
	ctx := t.Context()
	big := strings.Repeat("x", 60_000) // pages: more than a megabyte in all
	for i := range 25 {
		must(t, d.Put(ctx, item(key(t, fmt.Sprintf("LEG#%03d", i)), 1, `{"x":"`+big+`"}`)))
	}
	must(t, d.Put(ctx, item(key(t, "META"), 1, `{}`)))
	other := key(t, "LEG#000")
	other.PK += "#other"
	must(t, d.Put(ctx, item(other, 1, `{}`)))
	legs, err := d.Query(ctx, key(t, "").PK, "LEG#")
	must(t, err)
	if len(legs) != 25 {
		t.Fatalf("%d legs, want 25: a query must read every page (F33)", len(legs))
	}
	for i, leg := range legs {
		if want := fmt.Sprintf("LEG#%03d", i); leg.SK != want {
			t.Errorf("item %d is %s, want %s", i, leg.SK, want)
		}
	}
	all, err := d.Query(ctx, key(t, "").PK, "")
	must(t, err)
	if len(all) != 26 {
		t.Errorf("%d documents in the partition, want 26", len(all))
	}
}

func testDue(t *testing.T, d ledger.Driver) {
	ctx := t.Context()
	base := time.Now().UTC().Truncate(time.Millisecond).Add(1000 * time.Hour)
	put := func(sk string, version int64, due time.Time) {
		i := item(key(t, sk), version, `{}`)
		i.DueAt = due
		must(t, d.Put(ctx, i))
	}
	put("late", 1, base.Add(2*time.Minute))
	put("early", 1, base.Add(time.Minute))
	put("future", 1, base.Add(time.Hour))
	put("never", 1, time.Time{})
	mine := func(until time.Time, limit int) []string {
		items, err := d.Due(ctx, until, limit)
		must(t, err)
		var sks []string
		for _, i := range items {
			if i.PK == key(t, "").PK {
				sks = append(sks, i.SK)
			}
		}
		return sks
	}
	if got := mine(base.Add(2*time.Minute), 1000); strings.Join(got, " ") != "early late" {
		t.Errorf("due: %v, want early late", got)
	}
	put("early", 2, time.Time{})
	put("late", 2, base.Add(3*time.Hour))
	if got := mine(base.Add(2*time.Minute), 1000); len(got) != 0 {
		t.Errorf("due after the dates were cleared and moved: %v", got)
	}
}

// loseAnswers makes every write succeed and then fail.
type loseAnswers struct{ ledger.Driver }

func (d loseAnswers) Put(ctx context.Context, i ledger.Item) error {
	if err := d.Driver.Put(ctx, i); err != nil {
		return err
	}
	return errors.New("the answer was lost")
}

func testLostAnswer(t *testing.T, d ledger.Driver) {
	ctx := t.Context()
	l := ledger.New(loseAnswers{d}, &clock{now: began.Add(123456789 * time.Nanosecond)})
	claim, err := l.Claim(ctx, delivery(t, "me"))
	if err != nil {
		t.Fatalf("a claim whose answer was lost: %v", err)
	}
	if err := l.Commit(ctx, claim, [][]byte{[]byte("{}")}, "ok"); err != nil {
		t.Fatalf("a commit whose answer was lost: %v", err)
	}
}

func delivery(t *testing.T, owner string) ledger.Delivery {
	return ledger.Delivery{
		Consumer: "signal", RunID: t.Name(), EventID: "e1", EventType: "WorkflowStarted", DetailHash: "h1",
		Owner: owner, Lease: 45 * time.Second,
	}
}

func testClaim(t *testing.T, d ledger.Driver) {
	ctx := t.Context()
	c := &clock{now: began}
	l := ledger.New(d, c)
	first, err := l.Claim(ctx, delivery(t, "a"))
	must(t, err)
	if first.Done() || first.Attempts() != 1 {
		t.Errorf("a fresh claim: done %v, attempts %d", first.Done(), first.Attempts())
	}
	if _, err := l.Claim(ctx, delivery(t, "b")); !errors.Is(err, ledger.ErrInProgress) {
		t.Errorf("a second claim: %v, want ErrInProgress", err)
	}
	must(t, l.Fail(ctx, first, errors.New("network")))
	second, err := l.Claim(ctx, delivery(t, "b"))
	must(t, err)
	if second.Attempts() != 2 {
		t.Errorf("attempts %d after a failure, want 2", second.Attempts())
	}
	if err := l.Commit(ctx, first, nil, "late"); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("the former owner's commit: %v, want ErrConflict (fencing)", err)
	}
	out := [][]byte{[]byte(`{"a":1}`), []byte(`{"b":2}`)}
	must(t, l.Commit(ctx, second, out, "SignalGenerated"))
	again, err := l.Claim(ctx, delivery(t, "c"))
	must(t, err)
	if !again.Done() || len(again.Out()) != 2 || string(again.Out()[1]) != `{"b":2}` || again.Result() != "SignalGenerated" || !again.Unpublished() {
		t.Errorf("a redelivery: %+v", again)
	}
	must(t, l.MarkPublished(ctx, again))
	must(t, l.MarkPublished(ctx, second)) // somebody else marked it: no error
	last, err := l.Claim(ctx, delivery(t, "d"))
	must(t, err)
	if !last.Done() || last.Unpublished() {
		t.Errorf("after the mark: %+v", last)
	}
	other := delivery(t, "e")
	other.DetailHash = "h2"
	if _, err := l.Claim(ctx, other); !errors.Is(err, ledger.ErrCollision) {
		t.Errorf("the same id with other bytes: %v, want ErrCollision", err)
	}
}

// testTakeOver: a claim without its owner ends, and is counted (F22).
func testTakeOver(t *testing.T, d ledger.Driver) {
	ctx := t.Context()
	c := &clock{now: began}
	l := ledger.New(d, c)
	for attempt := 1; attempt <= ledger.MaxAttempts; attempt++ {
		claim, err := l.Claim(ctx, delivery(t, fmt.Sprint(attempt)))
		must(t, err)
		if claim.Attempts() != attempt {
			t.Errorf("attempt %d is counted as %d", attempt, claim.Attempts())
		}
		c.advance(44 * time.Second)
		if _, err := l.Claim(ctx, delivery(t, "early")); !errors.Is(err, ledger.ErrInProgress) {
			t.Errorf("a claim within the lease: %v, want ErrInProgress", err)
		}
		c.advance(2 * time.Second)
	}
	claim, err := l.Claim(ctx, delivery(t, "last"))
	if !errors.Is(err, ledger.ErrTooManyAttempts) || claim == nil {
		t.Errorf("claim %d: %v, want ErrTooManyAttempts with the claim", ledger.MaxAttempts+1, err)
	}
}

func testRunLifecycle(t *testing.T, d ledger.Driver) {
	ctx := t.Context()
	l := ledger.New(d, &clock{now: began})
	run := t.Name()
	meta := ledger.Meta{RunKey: "k", Account: "a", Session: "2026-11-23", CloseOutAt: began.Add(16 * time.Minute).UnixMilli()}
	opened, err := l.OpenRun(ctx, run, meta)
	must(t, err)
	meta.RunKey = "other"
	again, err := l.OpenRun(ctx, run, meta)
	must(t, err)
	if opened.Value.State != ledger.RunOpen || again.Value.RunKey != "k" {
		t.Errorf("opened %+v, again %+v", opened, again)
	}
	sooner := ledger.Deadlines{NotAfter: began.Add(10 * time.Minute), CloseOutAt: began.Add(11 * time.Minute), StalledAt: began.Add(20 * time.Minute)}
	for range 2 {
		must(t, l.MoveDeadlines(ctx, run, sooner))
	}
	moved, err := ledger.Load[ledger.Meta](ctx, l, ledger.MetaKey(run))
	must(t, err)
	if moved.Value.StalledAt != sooner.StalledAt.UnixMilli() || !moved.DueAt.Equal(sooner.CloseOutAt) || moved.Version != 2 {
		t.Errorf("moved deadlines: %+v, due %s, version %d", moved.Value, moved.DueAt, moved.Version)
	}
	for _, c := range []struct {
		event string
		mine  bool
	}{{"e1", true}, {"e1", true}, {"e2", false}} {
		doc, err := ledger.Load[ledger.Meta](ctx, l, ledger.MetaKey(run))
		must(t, err)
		mine, err := l.CloseRun(ctx, &doc, "COMPLETED", c.event)
		must(t, err)
		if mine != c.mine || doc.Value.ClosedBy != "e1" {
			t.Errorf("close by %s: mine %v, closed by %s", c.event, mine, doc.Value.ClosedBy)
		}
	}
	if _, err := l.CloseRun(ctx, &moved, "FAILED", "e3"); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("a run that was closed since it was loaded is closed again: %v", err)
	}
	must(t, l.MoveDeadlines(ctx, run, ledger.Deadlines{NotAfter: began, CloseOutAt: began, StalledAt: began})) // closed: nothing is due any more
	must(t, l.NoteLateEvent(ctx, run, "e2"))
	items, err := l.Run(ctx, run)
	must(t, err)
	if len(items) != 1 || !items[0].DueAt.IsZero() {
		t.Errorf("a closed run is not due: %+v", items)
	}
}

func testLease(t *testing.T, d ledger.Driver) {
	ctx := t.Context()
	c := &clock{now: began}
	l := ledger.New(d, c)
	account := strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))
	one, err := l.AcquireLease(ctx, account, "run-1", began.Add(35*time.Minute))
	must(t, err)
	if _, err := l.AcquireLease(ctx, account, "run-2", began.Add(35*time.Minute)); !errors.Is(err, ledger.ErrBusy) {
		t.Errorf("a second run: %v, want ErrBusy", err)
	}
	same, err := l.AcquireLease(ctx, account, "run-1", began.Add(35*time.Minute))
	must(t, err)
	if same.Token != one.Token {
		t.Errorf("the holder's repetition changed the token from %d to %d", one.Token, same.Token)
	}
	c.advance(36 * time.Minute)
	held, err := l.HeldLease(ctx, account, "run-1")
	must(t, err)
	two, err := l.AcquireLease(ctx, account, "run-2", c.Now().Add(time.Minute))
	must(t, err)
	if held || two.Token != one.Token+1 {
		t.Errorf("after expiry: held %v, token %d after %d", held, two.Token, one.Token)
	}
	must(t, l.ReleaseLease(ctx, account, "run-1")) // not the holder: nothing happens
	if _, err := l.AcquireLease(ctx, account, "run-3", c.Now().Add(time.Minute)); !errors.Is(err, ledger.ErrBusy) {
		t.Errorf("a release by a former holder freed the account: %v", err)
	}
	old, err := l.Lease(ctx, account)
	must(t, err)
	must(t, l.ReleaseLease(ctx, account, "run-2"))
	if lease, err := l.TakeLease(ctx, old, "run-4", c.Now().Add(time.Minute)); !errors.Is(err, ledger.ErrBusy) {
		t.Errorf("a lease that was read when it was held: %+v %v", lease, err)
	}
	old, err = l.Lease(ctx, account)
	must(t, err)
	if _, err := l.AcquireLease(ctx, account, "run-5", c.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if lease, err := l.TakeLease(ctx, old, "run-4", c.Now().Add(time.Minute)); !errors.Is(err, ledger.ErrBusy) || lease.RunID != "run-5" {
		t.Errorf("a lease that was read when it was free, and taken by another meanwhile: %+v %v", lease, err)
	}
	must(t, l.ReleaseLease(ctx, account, "run-5"))
	three, err := l.AcquireLease(ctx, account, "run-3", c.Now().Add(time.Minute))
	must(t, err)
	if three.Token != two.Token+2 { // run-5 had one
		t.Errorf("token %d after %d", three.Token, two.Token)
	}
}

func testControl(t *testing.T, d ledger.Driver) {
	ctx := t.Context()
	l := ledger.New(d, &clock{now: began})
	account := t.Name()
	c, err := l.Control(ctx, account)
	must(t, err)
	if c.State != events.Active {
		t.Errorf("an unset switch is %s", c.State)
	}
	must(t, l.SetControl(ctx, account, events.Halted, "storm", "operator"))
	c, err = l.Control(ctx, account)
	must(t, err)
	if c.State != events.Halted || c.Reason != "storm" {
		t.Errorf("switch: %+v", c)
	}
	must(t, l.SetControl(ctx, account, "OFF", "", ""))
	if _, err := l.Control(ctx, account); err == nil {
		t.Error("a switch in an unknown position reads as a state: it must fail closed")
	}
}

func testAccount(t *testing.T, d ledger.Driver) {
	ctx := t.Context()
	l := ledger.New(d, &clock{now: began})
	account := t.Name()
	day := events.Date("2026-11-23")
	slot := func(s string) ledger.Key { return ledger.SlotKey(account, day, "daily", s) }
	must(t, l.RecordSlot(ctx, &ledger.Doc[ledger.Slot]{Key: slot("14:35")}, ledger.Slot{RunID: "r1", State: ledger.SlotStarted}))
	must(t, l.RecordSlot(ctx, &ledger.Doc[ledger.Slot]{Key: slot("14:35")}, ledger.Slot{RunID: "r1", State: ledger.SlotSeen}))
	must(t, l.RecordSlot(ctx, &ledger.Doc[ledger.Slot]{Key: slot("14:40")}, ledger.Slot{RunID: "r2", State: ledger.SlotSeen}))
	must(t, l.RecordSlot(ctx, &ledger.Doc[ledger.Slot]{Key: slot("14:45")}, ledger.Slot{RunID: "r3", State: ledger.SlotStarted, DryRun: true}))
	known := ledger.Doc[ledger.Slot]{Key: slot("14:50")}
	must(t, l.RecordSlot(ctx, &known, ledger.Slot{RunID: "r4", State: ledger.SlotSeen}))
	must(t, l.RecordSlot(ctx, &known, ledger.Slot{RunID: "r4", State: ledger.SlotStarted, DryRun: true}))
	if stored, err := ledger.Load[ledger.Slot](ctx, l, known.Key); err != nil || stored.Value.State != ledger.SlotStarted || stored.Version != known.Version {
		t.Errorf("a slot that was seen and started: %+v %v, want version %d", stored, err, known.Version)
	}
	for _, content := range []string{"one", "one", "two"} {
		must(t, l.SaveReceipt(ctx, "run", "momentum", 0, []byte(content)))
	}
	if receipt, err := ledger.Load[ledger.ReceiptPart](ctx, l, ledger.ReceiptKey("run", "momentum", 0)); err != nil || string(receipt.Value.Gzip) != "two" {
		t.Errorf("a receipt written again: %q %v", receipt.Value.Gzip, err)
	}
	runs, err := l.StartedRuns(ctx, account, day, "r2")
	must(t, err)
	if strings.Join(runs, " ") != "r1" {
		t.Errorf("started runs: %v, want r1", runs)
	}
	scheduled, err := l.ScheduledRuns(ctx, account, string(day)[:7])
	must(t, err)
	var order []string
	for _, r := range scheduled {
		order = append(order, r.RunID+" "+r.At)
	}
	if strings.Join(order, ", ") != "r4 14:50, r3 14:45, r2 14:40, r1 14:35" || scheduled[0].Session != day || scheduled[0].Schedule == "" {
		t.Errorf("scheduled runs %+v", scheduled)
	}
	if other, err := l.ScheduledRuns(ctx, account, "1999"); err != nil || len(other) > 0 {
		t.Errorf("runs of another year: %v, %v", other, err)
	}
	if runs, err = l.StartedRuns(ctx, account, day, "r1"); err != nil || len(runs) != 0 {
		t.Errorf("a run counts itself: %v %v", runs, err)
	}
	for run, want := range map[string]bool{"r1": true} {
		for range 2 {
			first, err := l.FirstSkipMail(ctx, account, day, "halted", run)
			must(t, err)
			if first != want {
				t.Errorf("first skip mail of %s: %v", run, first)
			}
		}
	}
	if first, err := l.FirstSkipMail(ctx, account, day, "halted", "r2"); err != nil || first {
		t.Errorf("a second run's skip is mailed again: %v %v", first, err)
	}
	must(t, l.SaveApplied(ctx, account, "momentum", ledger.Applied{TradeDate: "2026-11-23", AsOf: "2026-11-20", Weights: events.Weights{"A": "1"}}))
	must(t, l.SaveApplied(ctx, account, "momentum", ledger.Applied{TradeDate: "2026-11-20", AsOf: "2026-11-19"}))
	a, ok, err := l.LoadApplied(ctx, account, "momentum")
	must(t, err)
	if !ok || a.TradeDate != "2026-11-23" || a.Weights["A"] != "1" {
		t.Errorf("an older application replaced a newer one: %+v", a)
	}
}

func testValidation(t *testing.T, d ledger.Driver) {
	ctx := t.Context()
	l := ledger.New(d, &clock{now: began})
	for name, doc := range map[string]*ledger.Doc[string]{
		"empty key":      {Value: "x"},
		"too large":      {Key: key(t, "A"), Value: strings.Repeat("x", ledger.MaxBody)},
		"due in seconds": {Key: key(t, "B"), Value: "x", DueAt: time.UnixMilli(began.Unix())},
	} {
		if err := ledger.Save(ctx, l, doc); err == nil {
			t.Errorf("%s: saved", name)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
