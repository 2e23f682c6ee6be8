package paperbroker

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// barBody is a bar as Alpaca writes it.
type barBody struct {
	T  string  `json:"t"`
	O  float64 `json:"o"`
	H  float64 `json:"h"`
	L  float64 `json:"l"`
	C  float64 `json:"c"`
	V  int64   `json:"v"`
	N  int64   `json:"n"`
	VW float64 `json:"vw"`
}

func wireBar(b market.Bar) *barBody {
	return &barBody{
		T: barTime(b).Format(time.RFC3339), O: b.Open, H: b.High, L: b.Low, C: b.Close, V: b.Volume, N: b.Volume/100 + 1, VW: average(b),
	}
}

// barTime dates a daily bar: midnight in New York.
func barTime(b market.Bar) time.Time { return b.Date.In(market.NewYork()).UTC() }

// average stands for the volume-weighted price, which daily bars do not have.
func average(b market.Bar) float64 { return round4((b.High + b.Low + 2*b.Close) / 4) }

// barBytes is what a bar takes in a reply, roughly.
const barBytes = 110

// appendBar writes a bar; a reply has thousands.
func appendBar(out []byte, b market.Bar) []byte {
	out = append(out, `{"t":"`...)
	out = barTime(b).AppendFormat(out, time.RFC3339)
	out = append(out, '"')
	for _, f := range [...]struct {
		name  string
		value float64
	}{{"o", b.Open}, {"h", b.High}, {"l", b.Low}, {"c", b.Close}, {"vw", average(b)}} {
		out = append(append(append(out, `,"`...), f.name...), `":`...)
		out = strconv.AppendFloat(out, f.value, 'f', -1, 64)
	}
	out = strconv.AppendInt(append(out, `,"v":`...), b.Volume, 10)
	out = strconv.AppendInt(append(out, `,"n":`...), b.Volume/100+1, 10)
	return append(out, '}')
}

// served are the bars of a symbol that may be seen now.
func (e *engine) served(symbol string) market.Series {
	s, _, ok := e.market.instant(e.now)
	if !ok {
		return nil
	}
	bars := e.market.bars[symbol].Until(s.Date)
	last, ok := bars.Last()
	if !ok || last.Date != s.Date || !e.now.Before(s.Close) {
		return bars
	}
	bars = bars[: len(bars)-1 : len(bars)-1]
	if now, ok := e.market.forming(symbol, s, e.now); ok && e.switches.FormingBar {
		bars = append(bars, now)
	}
	return bars
}

func dataRefusal(status int, format string, args ...any) reply {
	return reply{status: status, body: map[string]string{"message": fmt.Sprintf(format, args...)}}
}

// checkFeed refuses a feed that Alpaca does not have.
func checkFeed(q request) *reply {
	switch feed := q.query.Get("feed"); feed {
	case "", "sip", "iex", "delayed_sip", "boats", "overnight", "otc":
		return nil
	default:
		r := dataRefusal(http.StatusBadRequest, "invalid feed: %q", feed)
		return &r
	}
}

// appendJSON writes one element of a list.
func appendJSON(out []byte, v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("paperbroker: %w", err)) // a struct of strings and finite numbers
	}
	return append(out, raw...)
}

// quoteBody is a quote as Alpaca writes it.
type quoteBody struct {
	T  string   `json:"t"`
	AX string   `json:"ax"`
	AP float64  `json:"ap"`
	AS int64    `json:"as"`
	BX string   `json:"bx"`
	BP float64  `json:"bp"`
	BS int64    `json:"bs"`
	C  []string `json:"c"`
	Z  string   `json:"z"`
}

// tradeBody is a trade as Alpaca writes it.
type tradeBody struct {
	T string   `json:"t"`
	X string   `json:"x"`
	P float64  `json:"p"`
	S int64    `json:"s"`
	C []string `json:"c"`
	I int64    `json:"i"`
	Z string   `json:"z"`
}

func (e *engine) wireQuote(symbol string) (*quoteBody, bool) {
	q := e.quoteAt(symbol, e.now)
	return q, q != nil
}

// quoteAt is nil for a symbol without a price at t.
func (e *engine) quoteAt(symbol string, t time.Time) *quoteBody {
	q, ok := e.market.quote(symbol, t)
	if !ok {
		return nil
	}
	return &quoteBody{
		T: wireTime(q.at), AX: "V", AP: q.ask.Float64(), AS: q.size, BX: "V", BP: q.bid.Float64(), BS: q.size, C: []string{"R"}, Z: "B",
	}
}

func (e *engine) wireTrade(symbol string) (*tradeBody, bool) {
	q := e.tradeAt(symbol, e.now)
	return q, q != nil
}

// tradeAt is nil for a symbol without a price at t.
func (e *engine) tradeAt(symbol string, t time.Time) *tradeBody {
	q, ok := e.market.quote(symbol, t)
	if !ok {
		return nil
	}
	return &tradeBody{T: wireTime(q.at), X: "V", P: money.FloorTick(q.mid).Float64(), S: q.size, C: []string{"@"}, I: q.at.UnixMilli(), Z: "B"}
}

// bySymbol collects what there is of each symbol; what there is not is absent.
func bySymbol[T any](q request, get func(string) (T, bool)) map[string]T {
	symbols, _ := symbolsOf(q)
	out := make(map[string]T, len(symbols))
	for _, symbol := range symbols {
		if v, ok := get(symbol); ok {
			out[symbol] = v
		}
	}
	return out
}

func getLatestQuotes(e *engine, q request) reply {
	return ok(map[string]any{"quotes": bySymbol(q, e.wireQuote)})
}

func getLatestTrades(e *engine, q request) reply {
	return ok(map[string]any{"trades": bySymbol(q, e.wireTrade)})
}

func getLatestQuote(e *engine, q request) reply { return one(e.wireQuote, q, "quote") }

func getLatestTrade(e *engine, q request) reply { return one(e.wireTrade, q, "trade") }

func one[T any](get func(string) (T, bool), q request, name string) reply {
	v, there := get(q.value("symbol"))
	if !there {
		return dataRefusal(http.StatusNotFound, "no %s found for %s", name, q.value("symbol"))
	}
	return ok(map[string]any{"symbol": q.value("symbol"), name: v})
}

func getLatestBars(e *engine, q request) reply {
	return ok(map[string]any{"bars": bySymbol(q, e.minuteBar)})
}

// minuteBar is a bar of the minute that prices are of.
func (e *engine) minuteBar(symbol string) (*barBody, bool) {
	q, ok := e.market.quote(symbol, e.now)
	if !ok {
		return nil, false
	}
	p := q.mid.Float64()
	return &barBody{T: wireTime(q.at.Truncate(time.Minute)), O: p, H: p, L: p, C: p, V: q.size * 10, N: q.size/10 + 1, VW: p}, true
}

func getLatestBar(e *engine, q request) reply { return one(e.minuteBar, q, "bar") }

// snapshotBody is everything about a symbol at once.
type snapshotBody struct {
	Symbol       string     `json:"symbol,omitempty"` // when it was asked for alone
	LatestTrade  *tradeBody `json:"latestTrade,omitempty"`
	LatestQuote  *quoteBody `json:"latestQuote,omitempty"`
	MinuteBar    *barBody   `json:"minuteBar,omitempty"`
	DailyBar     *barBody   `json:"dailyBar,omitempty"`
	PrevDailyBar *barBody   `json:"prevDailyBar,omitempty"`
}

func (e *engine) wireSnapshot(symbol string) (snapshotBody, bool) {
	var s snapshotBody
	s.LatestTrade, _ = e.wireTrade(symbol)
	s.LatestQuote, _ = e.wireQuote(symbol)
	s.MinuteBar, _ = e.minuteBar(symbol)
	bars := e.served(symbol)
	if n := len(bars); n > 0 {
		s.DailyBar = wireBar(bars[n-1])
		if n > 1 {
			s.PrevDailyBar = wireBar(bars[n-2])
		}
	}
	return s, len(bars) > 0
}

func getSnapshots(e *engine, q request) reply { return ok(bySymbol(q, e.wireSnapshot)) }

func getSnapshot(e *engine, q request) reply {
	s, there := e.wireSnapshot(q.value("symbol"))
	if !there {
		return dataRefusal(http.StatusNotFound, "no snapshot found for %s", q.value("symbol"))
	}
	s.Symbol = q.value("symbol")
	return ok(s)
}
