package paperbroker_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata"

	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
)

func (w world) data() *marketdata.Client {
	return marketdata.NewClient(marketdata.ClientOpts{APIKey: "id", APISecret: "secret", BaseURL: w.URL})
}

// The bars within a day add up to the day's, whatever their length; the last is
// the one that is forming, and none is of a time to come.
func TestBarsWithinADayAddUpToIt(t *testing.T) {
	w := newWorld(t, validReplies, nil)
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	get := func(frame marketdata.TimeFrame, from, to time.Time) []marketdata.Bar {
		got, err := w.data().GetBars("AAA", marketdata.GetBarsRequest{TimeFrame: frame, Start: from, End: to, PageLimit: 100, Feed: "iex"})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	whole := get(marketdata.OneDay, day, day.Add(24*time.Hour))[0]
	for frame, n := range map[marketdata.TimeFrame]int{
		marketdata.OneMin: 390, marketdata.NewTimeFrame(5, marketdata.Min): 78, marketdata.OneHour: 7, marketdata.NewTimeFrame(23, marketdata.Hour): 1,
	} {
		bars := get(frame, day, day.Add(24*time.Hour))
		if len(bars) != n {
			t.Errorf("%v: %d bars, want %d", frame, len(bars), n)
			continue
		}
		high, low, volume := bars[0].High, bars[0].Low, uint64(0)
		for i, b := range bars {
			high, low, volume = max(high, b.High), min(low, b.Low), volume+b.Volume
			if b.High < max(b.Open, b.Close) || b.Low > min(b.Open, b.Close) || i > 0 && b.Open != bars[i-1].Close {
				t.Errorf("%v: bar %+v after %+v", frame, b, bars[max(i-1, 0)])
			}
		}
		if bars[0].Open != whole.Open || bars[n-1].Close != whole.Close || high != whole.High || low != whole.Low {
			t.Errorf("%v: %+v to %+v, high %g, low %g; the day is %+v", frame, bars[0], bars[n-1], high, low, whole)
		}
		if off := int64(volume) - int64(whole.Volume); off < -400 || off > 400 {
			t.Errorf("%v: volume %d of %d", frame, volume, whole.Volume)
		}
	}
	today := get(marketdata.OneMin, morning.Add(-time.Hour), morning.Add(time.Hour))
	if n := len(today); n != 36 || !today[n-1].Timestamp.Equal(morning) { // 09:30 to 10:05, which has just begun
		t.Errorf("%d bars until %v", n, today[n-1].Timestamp)
	}
}

func TestWeeksAndMonths(t *testing.T) {
	w := newWorld(t, validReplies, nil)
	for frame, want := range map[marketdata.TimeFrame]string{
		marketdata.NewTimeFrame(1, marketdata.Week):  "[2026-10-05 2026-10-12 2026-10-19 2026-10-26 2026-11-02 2026-11-09 2026-11-16 2026-11-23]",
		marketdata.NewTimeFrame(3, marketdata.Month): "[2026-10-01]",
	} {
		got, err := w.data().GetBars("AAA", marketdata.GetBarsRequest{TimeFrame: frame, Start: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), End: morning, Feed: "iex"})
		if err != nil {
			t.Fatal(err)
		}
		var labels []string
		for _, b := range got {
			labels = append(labels, b.Timestamp.In(morning.Location()).Format(time.DateOnly))
		}
		if fmt.Sprint(labels) != want {
			t.Errorf("%v: %v, want %s", frame, labels, want)
		}
	}
}

// Trades and quotes of the past are those that the latest would have been, and
// the auctions are the ends of the daily bars.
func TestHistoryOfTicks(t *testing.T) {
	w := newWorld(t, validReplies, nil)
	now, err := w.data().GetLatestQuote("AAA", marketdata.GetLatestQuoteRequest{Feed: "iex"})
	if err != nil {
		t.Fatal(err)
	}
	quotes, err := w.data().GetMultiQuotes([]string{"AAA", "BBB"}, marketdata.GetQuotesRequest{Start: morning.Add(-9 * time.Second), End: morning, PageLimit: 7, Feed: "iex"})
	if err != nil || len(quotes["AAA"]) != 10 || len(quotes["BBB"]) != 10 || quotes["AAA"][9].AskPrice != now.AskPrice || !quotes["AAA"][9].Timestamp.Equal(morning) {
		t.Errorf("quotes %+v %v; now %+v", quotes, err, now)
	}
	trades, err := w.data().GetTrades("AAA", marketdata.GetTradesRequest{Start: morning.Add(-time.Minute), End: morning.Add(time.Hour), TotalLimit: 30, Sort: marketdata.SortDesc, Feed: "iex"})
	if err != nil || len(trades) != 30 || !trades[0].Timestamp.Equal(morning) || trades[0].Price <= 0 {
		t.Errorf("trades %+v %v", trades, err)
	}
	auctions, err := w.data().GetAuctions("AAA", marketdata.GetAuctionsRequest{Start: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 11, 23, 23, 0, 0, 0, time.UTC)})
	last, _ := bars(t, "2026-11-23", "AAA")["AAA"].Last()
	if err != nil || len(auctions) != 2 || auctions[1].Closing[0].Price != last.Close || auctions[1].Opening[0].Price != last.Open {
		t.Errorf("auctions %+v %v", auctions, err)
	}
}

func TestHistoryRefusals(t *testing.T) {
	w := newWorld(t, validReplies, nil)
	for query, want := range map[string]string{
		"timeframe=":                        "timeframe",
		"timeframe=60Min":                   "timeframe",
		"timeframe=2Day":                    "timeframe",
		"timeframe=5Month":                  "timeframe",
		"timeframe=1Day&feed=tape":          "feed",
		"timeframe=1Day&sort=up":            "sort",
		"timeframe=1Day&limit=10001":        "limit",
		"timeframe=1Day&start=yesterday":    "start",
		"timeframe=1Day&page_token=%21":     "page_token",
		"timeframe=1Day&adjustment=nothing": "adjustment",
	} {
		w.call(t, "GET", "/v2/stocks/bars?symbols=AAA&"+query, "", 400, want)
	}
}

// Nothing is served of a bar that is forming where the switch says so.
func TestAFormingBarMayBeWithheld(t *testing.T) {
	w := newWorld(t, validReplies, func(o *paperbroker.Options) {
		s := paperbroker.DefaultSwitches(paperbroker.Instant)
		s.FormingBar = false
		o.Switches = &s
	})
	for _, frame := range []string{"1Min", "1Day"} {
		var reply struct{ Bars []struct{ T time.Time } }
		raw := w.call(t, "GET", "/v2/stocks/AAA/bars?start=2026-11-20&limit=10000&timeframe="+frame, "", 200, "")
		if err := json.Unmarshal([]byte(raw), &reply); err != nil {
			t.Fatal(err)
		}
		if last := reply.Bars[len(reply.Bars)-1].T; !last.Before(morning.Truncate(time.Minute)) || strings.Contains(raw, "2026-11-24T05:00") {
			t.Errorf("%s: the last bar is of %s", frame, last)
		}
	}
}
