package execution

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

func dec(s string) money.Decimal { return money.MustParse(s) }

func TestF75WalkPrices(t *testing.T) {
	q := Quote{Bid: dec("100"), Ask: dec("100.07"), Mid: dec("100.035")}
	penny := Quote{Bid: dec("0.9991"), Ask: dec("1.0003"), Mid: dec("0.9997")}
	for _, c := range []struct {
		side  events.Side
		q     Quote
		step  int
		want  string
		bound bool
	}{
		{events.Buy, q, stepMid, "100.03", false},
		{events.Buy, q, stepTouch, "100.07", false},
		{events.Buy, q, stepThrough, "100.17", false},
		{events.Buy, q, stepFurther, "100.32", false},
		{events.Sell, q, stepMid, "100.04", false},
		{events.Sell, q, stepTouch, "100", false},
		{events.Sell, q, stepThrough, "99.9", false},
		{events.Sell, q, stepFurther, "99.75", false},
		{events.Buy, penny, stepMid, "0.9997", false},
		{events.Buy, penny, stepTouch, "1", false},
		{events.Sell, penny, stepTouch, "0.9991", false},
	} {
		got, capped := stepPrice(c.side, c.step, c.q, capPrice(c.side, c.q.Mid, dec("0.005")))
		if got.String() != c.want || capped != c.bound {
			t.Errorf("%s step %d of %s/%s = %s (capped %v), want %s", c.side, c.step, c.q.Bid, c.q.Ask, got, capped, c.want)
		}
	}
	// The market ran away from the price at which the leg began.
	if got, capped := stepPrice(events.Buy, stepTouch, q, dec("100.012")); got.String() != "100.01" || !capped {
		t.Errorf("capped buy at %s", got)
	}
	if got, capped := stepPrice(events.Sell, stepTouch, q, dec("100.012")); got.String() != "100.02" || !capped {
		t.Errorf("capped sell at %s", got)
	}
}

func TestStepsInAHurry(t *testing.T) {
	for hurry, want := range map[bool]string{false: "1 2 3 4 5", true: "2 4 5"} {
		var steps []string
		for step := following(0, hurry); step <= stepMarket; step = following(step, hurry) {
			steps = append(steps, strconv.Itoa(step))
		}
		if got := strings.Join(steps, " "); got != want {
			t.Errorf("hurry %t: steps %s, want %s", hurry, got, want)
		}
	}
}

// A limit lies on the tick, on the side of the exact price that is further from
// the market: a buy not above it, a sell not below, above and under a dollar.
func TestF89LimitsAreRoundedAwayFromTheMarket(t *testing.T) {
	for _, c := range []struct {
		side     events.Side
		step     int
		bid, ask string
		want     string
	}{
		{events.Buy, stepMid, "100.00", "100.01", "100"},
		{events.Sell, stepMid, "100.00", "100.01", "100.01"},
		{events.Buy, stepThrough, "100.00", "100.03", "100.13"},
		{events.Sell, stepThrough, "100.03", "100.05", "99.93"},
		{events.Buy, stepFurther, "0.5001", "0.5003", "0.5015"},
		{events.Sell, stepFurther, "0.5001", "0.5003", "0.4989"},
	} {
		bid, ask := dec(c.bid), dec(c.ask)
		q := Quote{Bid: bid, Ask: ask, Mid: bid.Add(ask).Quo(dec("2"))}
		got, _ := stepPrice(c.side, c.step, q, capPrice(c.side, q.Mid, dec("0.01")))
		if got.String() != c.want {
			t.Errorf("%s at step %d of %s to %s: %s, want %s", c.side, c.step, c.bid, c.ask, got, c.want)
		}
	}
}

func TestF75PricesKeepTheCapAndTheTick(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cents := func(name string) money.Decimal {
			return money.FromInt(rapid.Int64Range(1, 10_000_000).Draw(t, name)).Shift(-4)
		}
		bid, arrival := cents("bid"), cents("arrival")
		ask := bid.Add(cents("spread"))
		q := Quote{Bid: bid, Ask: ask, Mid: bid.Add(ask).Quo(dec("2"))}
		side := rapid.SampledFrom([]events.Side{events.Buy, events.Sell}).Draw(t, "side")
		step := rapid.IntRange(stepMid, lastStep).Draw(t, "step")
		capAt := capPrice(side, arrival, dec("0.005"))
		got, _ := stepPrice(side, step, q, capAt)
		if side == events.Buy && capAt.Less(got) || side == events.Sell && got.Less(capAt) {
			t.Fatalf("%s at %s is beyond the cap %s", side, got, capAt)
		}
		if got.Sign() < 0 || !money.FloorTick(got).Equal(got) {
			t.Fatalf("%s is not a price on the tick", got)
		}
	})
}

// FuzzSane: whatever the feed says, a quote that passes has two positive sides
// in order, close to each other and to the plan.
func FuzzSane(f *testing.F) {
	f.Add("100", "100.02", "100", int64(0))
	f.Add("107", "0", "107", int64(0))
	f.Add("0", "0.01", "1", int64(1))
	f.Add("100.02", "100", "100", int64(61))
	c := Config{MaxSpread: dec("0.01"), QuoteMaxAge: time.Minute}
	now := time.Unix(1_800_000_000, 0)
	f.Fuzz(func(t *testing.T, bid, ask, plan string, age int64) {
		b, errB := money.Parse(bid)
		a, errA := money.Parse(ask)
		p, errP := money.Parse(plan)
		if errA != nil || errB != nil || errP != nil || age > 1e6 || age < -1e6 {
			return
		}
		q, reason := c.Sane(broker.Quote{Bid: b, Ask: a, At: now.Add(-time.Duration(age) * time.Second)}, p, now)
		if reason != "" {
			return
		}
		if q.Bid.Sign() <= 0 || q.Ask.Less(q.Bid) || q.Mid.Less(q.Bid) || q.Ask.Less(q.Mid) || age > 60 || age < -30 {
			t.Errorf("%s/%s against %s, %d s old, passes as %+v", bid, ask, plan, age, q)
		}
		if dec("0.0100001").Mul(q.Mid).Less(q.Ask.Sub(q.Bid)) || p.Mul(dec("0.0500001")).Less(q.Mid.Sub(p).Abs()) {
			t.Errorf("%s/%s against %s is too wide or too far", bid, ask, plan)
		}
	})
}
