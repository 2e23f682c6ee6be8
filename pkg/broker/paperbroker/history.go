package paperbroker

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
)

// list is the history of one symbol, in the order in which it was asked for.
type list interface {
	len() int
	// write appends the elements of a range, with commas between them.
	write(out []byte, from, to int) []byte
}

// stretch is the stretch of history that a request asks for.
type stretch struct {
	from, to   time.Time // both included
	limit      int       // of elements, over all symbols
	after      pageToken
	descending bool
}

// most is how many elements of a list the reply can need.
func (s stretch) most() int { return s.after.index + s.limit + 1 }

func readStretch(e *engine, q request) (stretch, *reply) {
	refuse := func(format string, args ...any) (stretch, *reply) {
		r := dataRefusal(http.StatusBadRequest, format, args...)
		return stretch{}, &r
	}
	s := stretch{to: e.now, limit: 1000}
	for name, bound := range map[string]*time.Time{"start": &s.from, "end": &s.to} {
		if text := q.query.Get(name); text != "" {
			t, ok := readInstant(text, time.UTC)
			if !ok {
				return refuse("invalid %s: %q", name, text)
			}
			*bound = t
		}
	}
	if text := q.query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 10_000 {
			return refuse("limit must be between 1 and 10000")
		}
		s.limit = n
	}
	switch q.query.Get("sort") {
	case "", "asc":
	case "desc":
		s.descending = true
	default:
		return refuse("invalid sort: %q", q.query.Get("sort"))
	}
	var err error
	if s.after, err = readToken(q.query.Get("page_token")); err != nil {
		return refuse("invalid page_token")
	}
	return s, nil
}

// history answers with the lists of one symbol or of many, page by page: by
// symbol, then by time, with a limit over all of them.
func (e *engine) lists(q request, name string, of func(symbol string, s stretch) list) reply {
	symbols, single := symbolsOf(q)
	if len(symbols) == 0 {
		return dataRefusal(http.StatusBadRequest, "symbols is required")
	}
	if r := checkFeed(q); r != nil {
		return *r
	}
	s, refused := readStretch(e, q)
	if refused != nil {
		return *refused
	}
	out := make([]byte, 0, min(s.limit, 500*len(symbols))*barBytes)
	written, token := 0, ""
	for _, symbol := range symbols {
		if symbol < s.after.symbol {
			continue
		}
		if symbol != s.after.symbol {
			s.after.index = 0
		}
		all := of(symbol, s)
		first := min(s.after.index, all.len())
		if first == all.len() {
			continue
		}
		if written == s.limit {
			token = pageToken{symbol, 0}.String()
			break
		}
		end := min(first+s.limit-written, all.len())
		if !single {
			if written > 0 {
				out = append(out, ',')
			}
			out = append(strconv.AppendQuote(out, symbol), `:[`...)
		}
		if out = all.write(out, first, end); !single {
			out = append(out, ']')
		}
		if written += end - first; end < all.len() {
			token = pageToken{symbol, end}.String()
			break
		}
	}
	return reply{status: http.StatusOK, kind: "application/json; charset=UTF-8", raw: envelope(out, name, symbols[0], token, single)}
}

func symbolsOf(q request) ([]string, bool) {
	if s := q.value("symbol"); s != "" {
		return []string{s}, true
	}
	symbols := split(q.query.Get("symbols"))
	slices.Sort(symbols)
	return slices.Compact(symbols), false
}

func envelope(lists []byte, name, symbol, token string, single bool) []byte {
	next := "null"
	if token != "" {
		next = strconv.Quote(token)
	}
	var b bytes.Buffer
	b.Grow(len(lists) + 100)
	if single {
		fmt.Fprintf(&b, `{%q:[%s],"symbol":%q,"next_page_token":%s}`, name, lists, symbol, next)
	} else {
		fmt.Fprintf(&b, `{%q:{%s},"next_page_token":%s}`, name, lists, next)
	}
	return b.Bytes()
}

// pageToken is where the next page begins.
type pageToken struct {
	symbol string
	index  int
}

func (t pageToken) String() string {
	return base64.URLEncoding.EncodeToString(fmt.Appendf(nil, "%s|%d", t.symbol, t.index))
}

func readToken(s string) (pageToken, error) {
	if s == "" {
		return pageToken{}, nil
	}
	raw, err := base64.URLEncoding.DecodeString(s)
	if err != nil {
		return pageToken{}, err
	}
	symbol, index, _ := strings.Cut(string(raw), "|")
	n, err := strconv.Atoi(index)
	if err == nil && n < 0 {
		err = fmt.Errorf("index %d", n)
	}
	return pageToken{symbol, n}, err
}

// moments is a list of what was seen at instants.
type moments struct {
	at  []time.Time
	put func(out []byte, t time.Time) []byte
}

func (m moments) len() int { return len(m.at) }

func (m moments) write(out []byte, from, to int) []byte {
	for i, t := range m.at[from:to] {
		if i > 0 {
			out = append(out, ',')
		}
		out = m.put(out, t)
	}
	return out
}

// ticks are the instants of a symbol's sessions at whole steps since midnight
// in New York, the one before the open included where the open is not at one;
// not more than the stretch can need. Without a beginning it is today's.
func (e *engine) ticks(symbol string, s stretch, step time.Duration) []time.Time {
	from, to := s.from, s.to
	if from.IsZero() {
		from = dateOf(e.now).In(market.NewYork())
	}
	if to.After(e.now) {
		to = e.now
	}
	bars := e.market.bars[symbol]
	if len(bars) == 0 || to.Before(from) {
		return nil
	}
	sessions := e.market.calendar.Sessions(max(dateOf(from), bars[0].Date), dateOf(to))
	if s.descending {
		slices.Reverse(sessions)
	}
	var out []time.Time
	for _, session := range sessions {
		if _, traded := bars.On(session.Date); !traded {
			continue
		}
		day := sessionTicks(session, step, from, to)
		if s.descending {
			slices.Reverse(day)
		}
		if out = append(out, day...); len(out) >= s.most() {
			return out[:s.most()]
		}
	}
	return out
}

func sessionTicks(s market.Session, step time.Duration, from, to time.Time) []time.Time {
	midnight := s.Date.In(market.NewYork())
	var out []time.Time
	for t := midnight.Add(s.Open.Sub(midnight).Truncate(step)); t.Before(s.Close) && !t.After(to); t = t.Add(step) {
		if !t.Before(from) {
			out = append(out, t)
		}
	}
	return out
}

// getQuotes and getTrades serve one of each for every second of a session: the
// market as a client would have seen it then.
func getQuotes(e *engine, q request) reply {
	return e.lists(q, "quotes", func(symbol string, s stretch) list {
		return moments{e.ticks(symbol, s, time.Second), func(out []byte, t time.Time) []byte {
			return appendJSON(out, e.quoteAt(symbol, t))
		}}
	})
}

func getTrades(e *engine, q request) reply {
	return e.lists(q, "trades", func(symbol string, s stretch) list {
		return moments{e.ticks(symbol, s, time.Second), func(out []byte, t time.Time) []byte {
			return appendJSON(out, e.tradeAt(symbol, t))
		}}
	})
}

// getAuctions serves the first and the last price of each session.
func getAuctions(e *engine, q request) reply {
	return e.lists(q, "auctions", func(symbol string, s stretch) list {
		return auctions{e.days(symbol, s), e.market.calendar}
	})
}

type auctions struct {
	bars     market.Series
	calendar market.Calendar
}

func (a auctions) len() int { return len(a.bars) }

func (a auctions) write(out []byte, from, to int) []byte {
	type auction struct {
		T string  `json:"t"`
		X string  `json:"x"`
		P float64 `json:"p"`
		C string  `json:"c"`
	}
	type daily struct {
		D events.Date `json:"d"`
		O []auction   `json:"o"`
		C []auction   `json:"c"`
	}
	for i, b := range a.bars[from:to] {
		if i > 0 {
			out = append(out, ',')
		}
		s, _ := a.calendar.Session(b.Date)
		out = appendJSON(out, daily{
			D: b.Date, O: []auction{{T: wireTime(s.Open), X: "P", P: b.Open, C: "Q"}}, C: []auction{{T: wireTime(s.Close), X: "P", P: b.Close, C: "M"}},
		})
	}
	return out
}
