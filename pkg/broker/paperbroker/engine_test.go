package paperbroker

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/brokertest"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/synthmarket"
	"github.com/alchemiser/alchemiser/pkg/money"
	"pgregory.net/rapid"
)

var morning = time.Date(2026, 11, 24, 15, 5, 0, 0, time.UTC)

// step is one thing done to an engine, at a time.
type step struct {
	pause time.Duration // before it
	do    func(*engine)
}

func steps() *rapid.Generator[[]step] {
	one := rapid.Custom(func(t *rapid.T) step {
		s := step{pause: time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "pause"))}
		if rapid.IntRange(0, 15).Draw(t, "long") == 0 {
			s.pause = time.Duration(rapid.Int64Range(0, int64(30*time.Hour)).Draw(t, "long pause"))
		}
		pick := rapid.IntRange(0, 1000).Draw(t, "pick")
		switch rapid.SampledFrom([]string{"order", "order", "order", "cancel", "replace", "halt"}).Draw(t, "what") {
		case "order":
			qty := money.FromInt(int64(rapid.IntRange(1, 40_000).Draw(t, "thousandths"))).Shift(-3)
			offset := rapid.IntRange(-50, 50).Draw(t, "basis points")
			d := draft{
				clientID: fmt.Sprint("c", rapid.IntRange(0, 60).Draw(t, "client id")),
				symbol:   rapid.SampledFrom([]string{"AAA", "BBB"}).Draw(t, "symbol"),
				side:     rapid.SampledFrom([]events.Side{events.Buy, events.Sell}).Draw(t, "side"),
				kind:     rapid.SampledFrom([]broker.OrderType{broker.Limit, broker.Market, stopOrder, stopLimitOrder}).Draw(t, "type"),
				tif:      rapid.SampledFrom([]string{"day", "day", "gtc"}).Draw(t, "tif"),
				qty:      &qty,
			}
			if d.tif == "gtc" {
				whole := qty.Ceil(0)
				d.qty = &whole
			}
			s.do = func(e *engine) {
				d := d
				if d.kind != broker.Market {
					q, ok := e.market.quote(d.symbol, e.now)
					if !ok {
						return
					}
					limit := money.FloorTick(q.mid.Mul(money.FromInt(int64(10_000 + offset)).Shift(-4)))
					if d.stop = &limit; d.kind != stopOrder {
						d.limit = &limit
					}
					if d.kind == broker.Limit {
						d.stop = nil
					}
				}
				if e.check(&d) == nil {
					e.submit(d)
				}
			}
		case "cancel":
			s.do = func(e *engine) {
				if n := len(e.orders); n > 0 {
					e.cancel(e.orders[pick%n])
				}
			}
		case "replace":
			qty := money.FromInt(int64(rapid.IntRange(1, 30).Draw(t, "quantity")))
			s.do = func(e *engine) {
				if n := len(e.orders); n > 0 {
					e.replace(e.orders[pick%n], &qty, nil, nil, "")
				}
			}
		case "halt":
			s.do = func(e *engine) {
				_, halted := e.market.halted["AAA"]
				e.halt("AAA", !halted && pick%3 == 0)
			}
		}
		return s
	})
	return rapid.SliceOfN(one, 1, 40)
}

func testEngine(t interface{ Fatal(...any) }, bars market.Bars, profile Profile, seed uint64) *engine {
	s, err := New(Options{
		Bars: bars, Clock: brokertest.NewClock(morning), Seed: seed, Cash: money.MustParse("20000"), Profile: profile,
		Positions: []Holding{{Symbol: "AAA", Qty: money.MustParse("20.5")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.engine
}

func testBars(t *testing.T) market.Bars {
	bars, err := synthmarket.New(3).DailyBars(t.Context(), market.Request{Symbols: []string{"AAA", "BBB"}, From: "2026-10-01", To: "2026-12-31"})
	if err != nil {
		t.Fatal(err)
	}
	return bars
}

func TestBookIsAlwaysInBalance(t *testing.T) {
	bars := testBars(t)
	for _, profile := range []Profile{Instant, Paper, Realistic, Adversarial} {
		t.Run(string(profile), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				e := testEngine(t, bars, profile, rapid.Uint64().Draw(t, "seed"))
				now := morning
				filled := map[string]money.Decimal{}
				for _, s := range steps().Draw(t, "steps") {
					now = now.Add(s.pause)
					e.advance(now)
					s.do(e)
					balanced(t, e, filled)
				}
				e.advance(now.Add(100 * 24 * time.Hour))
				balanced(t, e, filled)
				for _, o := range e.orders {
					if o.working() {
						t.Fatalf("order %+v works for ever", o.Order)
					}
				}
			})
		})
	}
}

func balanced(t *rapid.T, e *engine, before map[string]money.Decimal) {
	cash, shares := money.MustParse("20000"), map[string]money.Decimal{"AAA": money.MustParse("20.5")}
	clients := map[string]bool{}
	fills := 0
	for _, o := range e.orders {
		if clients[o.ClientID] {
			t.Fatalf("two orders under client id %s", o.ClientID)
		}
		clients[o.ClientID] = true
		sum, spent := money.Zero(), money.Zero()
		for _, f := range o.Fills {
			fills++
			sum, spent, cash = sum.Add(f.Qty), spent.Add(f.Qty.Mul(f.Price)), cash.Add(f.Cash)
			qty, exact := f.Qty, f.Qty.Mul(f.Price)
			if o.Side == events.Sell {
				qty = qty.Neg()
			} else {
				exact = exact.Neg()
			}
			shares[o.Symbol] = shares[o.Symbol].Add(qty)
			if off := exact.Sub(f.Cash).Abs(); money.MustParse("0.005").Less(off) {
				t.Fatalf("a fill worth %s moved %s", exact, f.Cash)
			}
			if o.Limit != nil && (o.Side == events.Buy && f.Price.Cmp(*o.Limit) > 0 || o.Side == events.Sell && f.Price.Less(*o.Limit)) {
				t.Fatalf("filled at %s past the limit %s", f.Price, o.Limit)
			}
			if s, open := e.market.day(f.At); !open || f.At.Before(s.Open) || f.At.After(s.Close) {
				t.Fatalf("filled at %s, outside of the session", f.At)
			}
		}
		if !sum.Equal(o.Filled) || o.Filled.Less(before[o.ID]) || o.Filled.Cmp(*o.Qty) > 0 || (o.Status == "filled") != o.Filled.Equal(*o.Qty) {
			t.Fatalf("order %+v, filled before: %s", o.Order, before[o.ID])
		}
		if sum.Sign() > 0 && !spent.Quo(sum).Round(9).Equal(*o.AvgPrice) {
			t.Fatalf("average %s of %+v", o.AvgPrice, o.Fills)
		}
		before[o.ID] = o.Filled
	}
	if fills != len(e.activities) || !cash.Equal(e.cash) {
		t.Fatalf("%d fills and %d activities; cash %s, fills say %s", fills, len(e.activities), e.cash, cash)
	}
	for symbol, qty := range shares {
		held := money.Zero()
		if p := e.positions[symbol]; p != nil {
			held = p.qty
		}
		if !held.Equal(qty) || held.Sign() < 0 || e.available(symbol, held).Sign() < 0 {
			t.Fatalf("%s: %s held, %s by fills, %s available", symbol, held, qty, e.available(symbol, held))
		}
	}
}

// The journal depends on what was asked and when, not on how often somebody
// looked in between.
func TestSameRequestsSameJournal(t *testing.T) {
	bars := testBars(t)
	rapid.Check(t, func(t *rapid.T) {
		profile := rapid.SampledFrom([]Profile{Instant, Paper, Realistic, Adversarial}).Draw(t, "profile")
		seed := rapid.Uint64().Draw(t, "seed")
		once, often := testEngine(t, bars, profile, seed), testEngine(t, bars, profile, seed)
		now := morning
		for _, s := range steps().Draw(t, "steps") {
			for looked := time.Duration(0); looked < s.pause; looked += s.pause/7 + 1 {
				often.advance(now.Add(looked))
			}
			now = now.Add(s.pause)
			once.advance(now)
			often.advance(now)
			s.do(once)
			s.do(often)
		}
		if !reflect.DeepEqual(once.journal, often.journal) {
			for i := range min(len(once.journal), len(often.journal)) {
				if once.journal[i] != often.journal[i] {
					t.Fatalf("entry %d: %+v, with looks in between %+v", i, once.journal[i], often.journal[i])
				}
			}
			t.Fatalf("%d entries, %d with looks in between", len(once.journal), len(often.journal))
		}
	})
}

// Nothing that the market shows depends on bars behind the running session,
// and of the running one only the past is visible as a bar.
func TestTheFutureIsNotShown(t *testing.T) {
	bars := testBars(t)
	rapid.Check(t, func(t *rapid.T) {
		at := morning.Add(time.Duration(rapid.Int64Range(0, int64(30*24*time.Hour)).Draw(t, "at")))
		today := dateOf(at)
		// another future: everything after today is different
		other := market.Bars{}
		for symbol, series := range bars {
			other[symbol] = append(market.Series{}, series.Until(today)...)
		}
		a, b := testEngine(t, bars, Instant, 1), testEngine(t, other, Instant, 1)
		a.advance(at)
		b.advance(at)
		qa, _ := a.market.quote("AAA", at)
		qb, _ := b.market.quote("AAA", at)
		if !reflect.DeepEqual(qa, qb) || !reflect.DeepEqual(a.served("AAA"), b.served("AAA")) {
			t.Fatalf("at %s the market knows what comes after %s", at, today)
		}
		last, ok := a.served("AAA").Last()
		s, _ := a.market.day(at)
		if !ok || last.Date > today || last.Date == today && at.Before(s.Open) {
			t.Fatalf("at %s the last bar is %+v", at, last)
		}
		if last.Date == today && at.Before(s.Close) {
			if full, _ := bars["AAA"].On(today); last.High > full.High || last.Low < full.Low || last.Volume > full.Volume {
				t.Fatalf("the forming bar %+v exceeds %+v", last, full)
			}
		}
		if qa.at.After(at) || qa.ask.Cmp(qa.bid) <= 0 || qa.bid.Sign() <= 0 || !money.FloorTick(qa.bid).Equal(qa.bid) || !money.FloorTick(qa.ask).Equal(qa.ask) {
			t.Fatalf("quote %+v at %s", qa, at)
		}
	})
}

func at(e *engine, s string) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	e.advance(t)
}

func place(t *testing.T, e *engine, d draft) *order {
	t.Helper()
	d.symbol, d.side = "AAA", events.Buy
	if d.tif == "" {
		d.tif = "day"
	}
	qty := money.One()
	d.qty, d.kind = &qty, broker.Market
	if d.limit != nil {
		d.kind = broker.Limit
	}
	if r := e.check(&d); r != nil {
		t.Fatalf("refused: %+v", r)
	}
	return e.submit(d)
}

func TestOrdersAcrossSessions(t *testing.T) {
	e := testEngine(t, testBars(t), Instant, 1)
	low := money.MustParse("10")
	day, gtc := place(t, e, draft{limit: &low}), place(t, e, draft{limit: &low, tif: "gtc"})
	at(e, "2026-11-24T21:30:00Z")
	if day.Status != "expired" || gtc.Status != "done_for_day" {
		t.Errorf("after the close: %s, %s", day.Status, gtc.Status)
	}
	evening, doomed := place(t, e, draft{}), place(t, e, draft{})
	if evening.Status != "accepted" {
		t.Errorf("in the evening: %s", evening.Status)
	}
	if r := e.cancel(doomed); r != nil || doomed.Status != "canceled" {
		t.Errorf("cancel in the evening: %+v, %s", r, doomed.Status)
	}
	at(e, "2026-11-25T14:29:59Z")
	if evening.Status != "accepted" {
		t.Errorf("before the open: %s", evening.Status)
	}
	at(e, "2026-11-25T14:30:00Z")
	if evening.Status != "filled" || !evening.Fills[0].At.Equal(time.Date(2026, 11, 25, 14, 30, 0, 0, time.UTC)) || gtc.Status != "new" {
		t.Errorf("at the open: %+v, gtc %s", evening.Order, gtc.Status)
	}
	at(e, "2027-03-01T15:00:00Z")
	if gtc.Status != "canceled" {
		t.Errorf("a gtc order after 90 days: %s", gtc.Status)
	}
}

// A rehearsal trades a session that has no bar yet: quotes stand at the last
// close, fresh, and what is marketable fills.
func TestSessionWithoutABar(t *testing.T) {
	bars := testBars(t)
	for symbol := range bars {
		bars[symbol] = bars[symbol].Until("2026-11-23")
	}
	e := testEngine(t, bars, Instant, 1)
	last, _ := bars["AAA"].Last()
	q, ok := e.market.quote("AAA", e.now)
	if !ok || !q.at.Equal(morning) || !q.mid.Equal(decimal(last.Close)) || q.bid.Cmp(q.mid) >= 0 || q.ask.Cmp(q.mid) <= 0 {
		t.Errorf("quote %+v beside the close %v", q, last.Close)
	}
	if served, _ := e.served("AAA").Last(); served != last {
		t.Errorf("the last bar is %+v", served)
	}
	mid := money.FloorTick(q.mid)
	patient := place(t, e, draft{limit: &mid})
	if patient.Status != "new" {
		t.Errorf("a limit at the mid: %s", patient.Status)
	}
	e.cancel(patient)
	eager := place(t, e, draft{limit: &q.ask})
	if eager.Status != "filled" || !eager.AvgPrice.Equal(q.ask) {
		t.Errorf("a limit at the ask: %+v", eager.Order)
	}
}

func TestQuotesOutsideOfTheSessionAreOld(t *testing.T) {
	bars := testBars(t)
	e := testEngine(t, bars, Instant, 1)
	for now, want := range map[string]string{
		"2026-11-25T14:00:00Z": "2026-11-24T21:00:00Z",
		"2026-11-25T23:00:00Z": "2026-11-25T21:00:00Z",
		"2026-11-26T16:00:00Z": "2026-11-25T21:00:00Z", // Thanksgiving
		"2026-11-28T16:00:00Z": "2026-11-27T18:00:00Z", // early close
	} {
		t1, _ := time.Parse(time.RFC3339, now)
		q, ok := e.market.quote("AAA", t1)
		bar, _ := bars["AAA"].On(dateOf(q.at))
		if !ok || q.at.Format(time.RFC3339) != want || !q.mid.Equal(decimal(bar.Close)) {
			t.Errorf("at %s: %+v", now, q)
		}
	}
}

func TestPathIsPinnedToTheBar(t *testing.T) {
	bars := testBars(t)
	e := testEngine(t, bars, Instant, 1)
	for _, bar := range bars["BBB"] {
		s, _ := e.market.calendar.Session(bar.Date)
		p := e.market.path("BBB", bar, s)
		high, low := p.until(s.Close)
		if p.at(s.Open) != bar.Open || p.at(s.Close) != bar.Close || high != bar.High || low != bar.Low {
			t.Errorf("%+v: from %v over %v and %v to %v", bar, p.at(s.Open), high, low, p.at(s.Close))
		}
		for m := s.Open; m.Before(s.Close); m = m.Add(time.Minute) {
			if v := p.at(m); v > bar.High || v < bar.Low {
				t.Fatalf("%+v: %v at %s", bar, v, m)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	good := Options{Bars: testBars(t), Clock: brokertest.NewClock(morning), Cash: money.MustParse("100")}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"no clock":         func(o *Options) { o.Clock = nil },
		"debt":             func(o *Options) { o.Cash = money.MustParse("-1") },
		"unknown profile":  func(o *Options) { o.Profile = "kind" },
		"unknown position": func(o *Options) { o.Positions = []Holding{{Symbol: "NONE", Qty: money.One()}} },
		"position twice": func(o *Options) {
			o.Positions = []Holding{{Symbol: "AAA", Qty: money.One()}, {Symbol: "AAA", Qty: money.One()}}
		},
		"empty position": func(o *Options) { o.Positions = []Holding{{Symbol: "AAA"}} },
		"no switches":    func(o *Options) { o.Switches = &Switches{} },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
