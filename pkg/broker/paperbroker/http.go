package paperbroker

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const maxRequest = 1 << 20

// request is a request with everything read.
type request struct {
	method string
	route  string // the pattern that matched
	path   string
	query  url.Values
	body   []byte
	value  func(name string) string // of a path parameter
}

// reply is an answer in the making.
type reply struct {
	status int
	body   any    // JSON
	raw    []byte // instead of body, with its content type
	kind   string
}

func ok(body any) reply { return reply{status: http.StatusOK, body: body} }

// route is one operation of Alpaca's API.
type route struct {
	pattern string
	answer  func(*engine, request) reply
}

func operations() []route {
	return []route{
		{"GET /v2/account", getAccount},
		{"GET /v2/account/configurations", getConfigurations},
		{"PATCH /v2/account/configurations", patchConfigurations},
		{"GET /v2/account/portfolio/history", getHistory},
		{"GET /v2/account/activities", getActivities},
		{"GET /v2/account/activities/{type}", getActivities},
		{"GET /v2/positions", getPositions},
		{"DELETE /v2/positions", deletePositions},
		{"GET /v2/positions/{symbol}", getPosition},
		{"DELETE /v2/positions/{symbol}", deletePosition},
		{"GET /v2/orders", getOrders},
		{"POST /v2/orders", postOrder},
		{"DELETE /v2/orders", deleteOrders},
		{"GET /v2/orders/{id}", getOrder},
		{"PATCH /v2/orders/{id}", patchOrder},
		{"DELETE /v2/orders/{id}", deleteOrder},
		{"GET /v2/orders:by_client_order_id", getOrderByClientID},
		{"GET /v2/assets", getAssets},
		{"GET /v2/assets/{symbol}", getAsset},
		{"GET /v2/clock", getClock},
		{"GET /v2/calendar", getCalendar},
		{"GET /v2/stocks/bars", getBars},
		{"GET /v2/stocks/{symbol}/bars", getBars},
		{"GET /v2/stocks/quotes", getQuotes},
		{"GET /v2/stocks/{symbol}/quotes", getQuotes},
		{"GET /v2/stocks/trades", getTrades},
		{"GET /v2/stocks/{symbol}/trades", getTrades},
		{"GET /v2/stocks/auctions", getAuctions},
		{"GET /v2/stocks/{symbol}/auctions", getAuctions},
		{"GET /v2/stocks/bars/latest", getLatestBars},
		{"GET /v2/stocks/quotes/latest", getLatestQuotes},
		{"GET /v2/stocks/trades/latest", getLatestTrades},
		{"GET /v2/stocks/{symbol}/quotes/latest", getLatestQuote},
		{"GET /v2/stocks/{symbol}/trades/latest", getLatestTrade},
		{"GET /v2/stocks/{symbol}/bars/latest", getLatestBar},
		{"GET /v2/stocks/snapshots", getSnapshots},
		{"GET /v2/stocks/{symbol}/snapshot", getSnapshot},
	}
}

// ServeHTTP answers one request of Alpaca's API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler().ServeHTTP(w, r) }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for _, op := range operations() {
		mux.HandleFunc(op.pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, op) })
	}
	nowhere := route{"/", func(*engine, request) reply {
		return refused(refuse(http.StatusNotFound, 40410000, "endpoint not found"))
	}}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, nowhere) })
	return mux
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, op route) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		return // the client went away, or sent what no order is
	}
	q := request{method: r.Method, route: op.pattern, path: r.URL.Path, query: r.URL.Query(), body: body, value: r.PathValue}
	plan := s.planFaults(q)
	if plan.delayBefore > 0 && s.clock.Sleep(r.Context(), plan.delayBefore) != nil {
		return
	}
	if plan.cut == cutBefore {
		hangUp(w)
		return
	}
	answer := s.answer(w, r.Header, op, q, plan)
	if plan.delayAfter > 0 && s.clock.Sleep(r.Context(), plan.delayAfter) != nil {
		return
	}
	if plan.cut == cutAfter {
		hangUp(w)
		return
	}
	s.write(w, answer, plan)
}

// answer does everything that needs the book.
func (s *Server) answer(w http.ResponseWriter, sent http.Header, op route, q request, plan faultPlan) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	e := s.engine
	e.advance(s.clock.Now())
	left := s.calls.count(q, e.now, e.switches.RateLimit)
	h := w.Header()
	h.Set("X-Request-ID", e.id("request", s.requests))
	h.Set("Date", e.now.Format(http.TimeFormat))
	h.Set("X-RateLimit-Limit", strconv.Itoa(max(e.switches.RateLimit, 200)))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(left, 0)))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(e.now.Truncate(time.Minute).Add(time.Minute).Unix(), 10))
	if q.method != http.MethodGet {
		e.log("request", "", q.method+" "+q.path)
	}
	if plan.instead != nil {
		for name, value := range plan.headers {
			h.Set(name, value)
		}
		return *plan.instead
	}
	if denied := s.authenticate(sent); denied != nil {
		return *denied
	}
	if left < 0 {
		if e.switches.RetryAfter {
			h.Set("Retry-After", strconv.Itoa(60-e.now.Second()))
		}
		return refused(refuse(http.StatusTooManyRequests, 42910000, "rate limit exceeded"))
	}
	plan.prepare(e)
	got := op.answer(e, q)
	if plan.twice {
		op.answer(e, q)
	}
	plan.finish(e)
	if err := e.flush(); err != nil {
		// Done and not kept: to the client the outcome is unknown, as after a crash.
		return refused(refuse(http.StatusInternalServerError, 50010000, "%v", err))
	}
	return got
}

func (s *Server) authenticate(h http.Header) *reply {
	id, secret := h.Get("APCA-API-KEY-ID"), h.Get("APCA-API-SECRET-KEY")
	switch {
	case s.keyID == "" && s.secret == "":
		return nil
	case id == "" || secret == "":
		return &reply{status: http.StatusUnauthorized, kind: "text/html", raw: []byte("<html><head><title>401 Authorization Required</title></head></html>\n")}
	case id != s.keyID || secret != s.secret:
		return &reply{status: http.StatusUnauthorized, body: map[string]string{"message": "unauthorized."}}
	}
	return nil
}

func (s *Server) write(w http.ResponseWriter, a reply, plan faultPlan) {
	raw, kind := a.raw, a.kind
	if a.body != nil {
		kind = "application/json; charset=UTF-8"
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(a.body); err != nil { // a number that JSON does not have
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		raw = b.Bytes()
	}
	raw, status := plan.disfigure(raw, a.status)
	if kind != "" {
		w.Header().Set("Content-Type", kind)
	}
	w.WriteHeader(status)
	if status == http.StatusNoContent {
		return
	}
	_, _ = w.Write(raw) // a client that is gone has lost its reply: that is its case to handle
}

// refused is Alpaca's error body.
func refused(r *refusal) reply {
	body := map[string]any{"code": r.code, "message": r.message}
	for k, v := range r.extra {
		body[k] = v
	}
	return reply{status: r.status, body: body}
}

// hangUp closes the connection in the middle of the exchange.
func hangUp(http.ResponseWriter) { panic(http.ErrAbortHandler) }

// isData tells the market data API from the trading API.
func (q request) isData() bool { return strings.HasPrefix(q.path, "/v2/stocks/") }

// meter counts requests, all together and those of either API within the
// present minute.
type meter struct {
	total  map[string]int
	minute time.Time
	inside map[bool]int // by isData
}

// count returns how many requests the minute has left for the request's API;
// below 0 this one is too many.
func (m *meter) count(q request, now time.Time, limit int) int {
	m.total[q.route]++
	if minute := now.Truncate(time.Minute); !minute.Equal(m.minute) {
		m.minute, m.inside = minute, make(map[bool]int)
	}
	m.inside[q.isData()]++
	if limit == 0 {
		return 200
	}
	return limit - m.inside[q.isData()]
}
