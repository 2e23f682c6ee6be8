package paperbroker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/market/seeded"
)

// Fault is something that goes wrong with chosen requests. Each hit is in the
// journal.
type Fault struct {
	Kind   FaultKind `json:"kind"`
	Method string    `json:"method,omitempty"` // empty: any
	Path   string    `json:"path,omitempty"`   // what the path begins with; empty: any
	Symbol string    `json:"symbol,omitempty"` // in the path, the query, the body or the order; empty: any

	Skip   int     `json:"skip,omitempty"`   // so many matching requests first
	Times  int     `json:"times,omitempty"`  // so many hits; 0: one, -1: no end
	Chance float64 `json:"chance,omitempty"` // of a hit, drawn from the seed; 0: certain

	Status     int           `json:"status,omitempty"`      // of Refuse and FailReply
	RetryAfter int           `json:"retry_after,omitempty"` // seconds, with Refuse
	Delay      time.Duration `json:"delay,omitempty"`       // of Delay, DelayReply, StaleRead and ClockOffset
}

// UnmarshalJSON takes a delay as people write it, such as "1.5s", or in
// nanoseconds. A field that no fault has is an error.
func (f *Fault) UnmarshalJSON(raw []byte) error {
	type plain Fault
	read := struct {
		*plain
		Delay json.RawMessage `json:"delay"`
	}{plain: (*plain)(f)}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&read); err != nil || read.Delay == nil {
		return err
	}
	var text string
	if json.Unmarshal(read.Delay, &text) != nil {
		return json.Unmarshal(read.Delay, &f.Delay)
	}
	var err error
	f.Delay, err = time.ParseDuration(text)
	return err
}

// FaultKind is what goes wrong.
type FaultKind string

// The kinds of faults, by when they strike.
const (
	// Before anything is accepted.
	Refuse    FaultKind = "refuse" // Status: JSON for 403, 429 and 500, HTML for the others
	Delay     FaultKind = "delay"
	CutBefore FaultKind = "cut_before" // the connection ends

	// After everything was accepted.
	DelayReply    FaultKind = "delay_reply"
	CutReply      FaultKind = "cut_reply"
	FailReply     FaultKind = "fail_reply" // Status, as HTML
	TruncateReply FaultKind = "truncate_reply"
	EmptyReply    FaultKind = "empty_reply"
	ObjectReply   FaultKind = "object_reply" // {}
	Twice         FaultKind = "twice"        // the request arrives two times

	// Reads that are not up to date.
	HideOrder FaultKind = "hide_order" // 404
	StaleRead FaultKind = "stale_read" // as of Delay ago

	// Cancels.
	CancelFills   FaultKind = "cancel_fills"   // 204, then the order fills
	CancelLate    FaultKind = "cancel_late"    // the order fills first: 422
	CancelIgnored FaultKind = "cancel_ignored" // the order fills first, 204 all the same
	CancelSticks  FaultKind = "cancel_sticks"  // pending_cancel until the close

	// Refusals that come late.
	RejectLater     FaultKind = "reject_later" // 200, then rejected
	BlockAccount    FaultKind = "block_account"
	MakeUntradable  FaultKind = "make_untradable"
	MakeWholeShares FaultKind = "make_whole_shares"

	// Market data.
	NoQuote     FaultKind = "no_quote"
	ZeroBid     FaultKind = "zero_bid"
	CrossQuote  FaultKind = "cross_quote"
	AgeQuote    FaultKind = "age_quote" // an hour old
	DropLastBar FaultKind = "drop_last_bar"
	BreakBar    FaultKind = "break_bar" // the last low is a tenth

	// The shape of replies.
	UnknownStatus FaultKind = "unknown_status"
	UnknownField  FaultKind = "unknown_field"
	FloatVolume   FaultKind = "float_volume"
	NullNumber    FaultKind = "null_number"
	NoAverage     FaultKind = "no_average" // a filled order without its price

	// The clock.
	ClockOffset FaultKind = "clock_offset" // Delay, may be negative
	SayClosed   FaultKind = "say_closed"
)

// Inject arms a fault.
func (s *Server) Inject(f Fault) error {
	if !slices.Contains(faultKinds(), f.Kind) {
		return fmt.Errorf("paperbroker: there is no fault %q; there are %v", f.Kind, faultKinds())
	}
	if (f.Kind == Refuse || f.Kind == FailReply) && (f.Status < 300 || f.Status > 599) {
		return fmt.Errorf("paperbroker: fault %s with status %d; it must be 300 to 599", f.Kind, f.Status)
	}
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.armed = append(s.faults.armed, &f)
	return nil
}

// ClearFaults disarms all faults. What they did to orders, assets and the
// account stays.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.armed = nil
}

// FaultGroup is the kinds of faults that strike at the same point of an
// exchange.
type FaultGroup struct {
	When  string
	Kinds []FaultKind
}

// FaultGroups is the whole catalogue.
func FaultGroups() []FaultGroup {
	return []FaultGroup{
		{"before anything is accepted", []FaultKind{Refuse, Delay, CutBefore}},
		{"after everything was accepted", []FaultKind{DelayReply, CutReply, FailReply, TruncateReply, EmptyReply, ObjectReply, Twice}},
		{"reads that are not up to date", []FaultKind{HideOrder, StaleRead}},
		{"cancels", []FaultKind{CancelFills, CancelLate, CancelIgnored, CancelSticks}},
		{"refusals that come late", []FaultKind{RejectLater, BlockAccount, MakeUntradable, MakeWholeShares}},
		{"market data", []FaultKind{NoQuote, ZeroBid, CrossQuote, AgeQuote, DropLastBar, BreakBar}},
		{"the shape of replies", []FaultKind{UnknownStatus, UnknownField, FloatVolume, NullNumber, NoAverage}},
		{"the clock", []FaultKind{ClockOffset, SayClosed}},
	}
}

func faultKinds() []FaultKind {
	var out []FaultKind
	for _, g := range FaultGroups() {
		out = append(out, g.Kinds...)
	}
	return out
}

// faults are those that are armed.
type faults struct {
	armed []*Fault
	dice  *seeded.Dice
}

func newFaults(seed uint64) *faults { return &faults{dice: seeded.New(seed, "faults")} }

// hits are the faults that strike a request.
func (f *faults) hits(q request, symbols []string) []Fault {
	var out []Fault
	for _, a := range f.armed {
		switch {
		case a.Times == 0:
			continue
		case a.Method != "" && a.Method != q.method, !strings.HasPrefix(q.path, a.Path):
			continue
		case a.Symbol != "" && !slices.Contains(symbols, a.Symbol):
			continue
		case a.Chance > 0 && f.dice.Float64() >= a.Chance:
			continue
		case a.Skip > 0:
			a.Skip--
			continue
		}
		if a.Times > 0 {
			a.Times--
		}
		out = append(out, *a)
	}
	return out
}

// symbols are those that a request is about.
func (e *engine) symbols(q request) []string {
	out := split(q.query.Get("symbols"))
	if s := q.value("symbol"); s != "" {
		out = append(out, s)
	}
	if o := e.byID[q.value("id")]; o != nil {
		out = append(out, o.Symbol)
	}
	if o := e.byClient[q.query.Get("client_order_id")]; o != nil {
		out = append(out, o.Symbol)
	}
	var body struct {
		Symbol string `json:"symbol"`
	}
	if json.Unmarshal(q.body, &body) == nil && body.Symbol != "" {
		out = append(out, body.Symbol)
	}
	return out
}

type cut int

const (
	uncut cut = iota
	cutBefore
	cutAfter
)

// faultPlan is what the faults of one request amount to.
type faultPlan struct {
	delayBefore, delayAfter time.Duration
	cut                     cut
	instead                 *reply // nothing is accepted, this is the answer
	headers                 map[string]string
	twice                   bool
	before, after           []func(*engine)
	reshape                 []func(any) any
	rewrite                 []func([]byte) []byte
	status                  int // of the reply in place of its own; 0: its own
}

func (p *faultPlan) prepare(e *engine) {
	for _, f := range p.before {
		f(e)
	}
}

func (p *faultPlan) finish(e *engine) {
	for _, f := range p.after {
		f(e)
	}
}

// planFaults asks which faults strike and writes them down.
func (s *Server) planFaults(q request) faultPlan {
	s.mu.Lock()
	defer s.mu.Unlock()
	var p faultPlan
	if len(s.faults.armed) == 0 {
		return p
	}
	s.engine.advance(s.clock.Now())
	symbols := s.engine.symbols(q)
	for _, f := range s.faults.hits(q, symbols) {
		s.engine.log("fault", q.value("id"), fmt.Sprintf("%s %s %s", f.Kind, q.method, q.path))
		p.add(f, q, symbols)
	}
	return p
}

func (p *faultPlan) add(f Fault, q request, symbols []string) {
	working := func(do func(*engine, *order)) {
		p.before = append(p.before, func(e *engine) {
			if o := e.byID[q.value("id")]; o != nil && o.working() {
				do(e, o)
			}
		})
	}
	fillAll := func(e *engine, o *order) {
		if q, ok := e.market.quote(o.Symbol, e.now); ok {
			e.fill(o, e.shares(o, q), e.farSide(o, q))
		}
	}
	asset := func(change func(*Traits)) {
		p.before = append(p.before, func(e *engine) {
			for _, s := range symbols {
				t := e.traits[s]
				change(&t)
				e.traits[s] = t
			}
		})
	}
	switch f.Kind {
	case Refuse:
		r := refusalOf(f.Status)
		p.instead = &r
		if f.RetryAfter > 0 {
			p.headers = map[string]string{"Retry-After": strconv.Itoa(f.RetryAfter)}
		}
	case HideOrder:
		r := noOrder(q.query.Get("client_order_id"))
		p.instead = &r
	case Delay:
		p.delayBefore += f.Delay
	case DelayReply:
		p.delayAfter += f.Delay
	case CutBefore:
		p.cut = cutBefore
	case CutReply:
		p.cut = cutAfter
	case FailReply:
		p.status = f.Status
		p.rewrite = append(p.rewrite, func([]byte) []byte { return []byte(gatewayPage(f.Status)) })
	case TruncateReply:
		p.rewrite = append(p.rewrite, func(raw []byte) []byte { return raw[:len(raw)/2] })
	case EmptyReply:
		p.rewrite = append(p.rewrite, func([]byte) []byte { return nil })
	case ObjectReply:
		p.rewrite = append(p.rewrite, func([]byte) []byte { return []byte("{}") })
	case Twice:
		p.twice = true
	case StaleRead:
		var lag time.Duration
		p.before = append(p.before, func(e *engine) { lag, e.switches.ReadLag = e.switches.ReadLag, f.Delay })
		p.after = append(p.after, func(e *engine) { e.switches.ReadLag = lag })
	case CancelFills:
		working(func(_ *engine, o *order) { o.fillCancel = true })
	case CancelSticks:
		working(func(_ *engine, o *order) { o.stuck = true })
	case CancelLate:
		working(fillAll)
	case CancelIgnored:
		working(fillAll)
		p.status = http.StatusNoContent
		p.rewrite = append(p.rewrite, func([]byte) []byte { return nil })
	case RejectLater:
		p.before = append(p.before, func(e *engine) { e.rejectNext = true })
		p.after = append(p.after, func(e *engine) { e.rejectNext = false })
	case BlockAccount:
		p.before = append(p.before, func(e *engine) { e.blocked = true })
	case MakeUntradable:
		asset(func(t *Traits) { t.Untradable = true })
	case MakeWholeShares:
		asset(func(t *Traits) { t.NotFractionable = true })
	case ClockOffset:
		p.before = append(p.before, func(e *engine) { e.clockOffset = f.Delay })
		p.after = append(p.after, func(e *engine) { e.clockOffset = 0 })
	default:
		p.reshape = append(p.reshape, func(v any) any { return reshape(v, f) })
	}
}

func refusalOf(status int) reply {
	switch status {
	case http.StatusTooManyRequests:
		return refused(refuse(status, 42910000, "rate limit exceeded"))
	case http.StatusInternalServerError:
		return refused(refuse(status, 50010000, "internal server error occurred"))
	case http.StatusForbidden:
		return reply{status: status, body: map[string]string{"message": "forbidden."}}
	}
	return reply{status: status, kind: "text/html", raw: []byte(gatewayPage(status))}
}

func gatewayPage(status int) string {
	return fmt.Sprintf("<html><head><title>%d %s</title></head></html>\n", status, http.StatusText(status))
}
