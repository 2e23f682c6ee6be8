// Package paperbroker is a broker on paper: a server that speaks Alpaca's HTTP
// API, for trading and for market data on one address, over daily bars and a
// clock that its caller chooses. The same functions trade against it that
// trade against Alpaca; it refuses what Alpaca refuses, and on demand it
// answers late, wrongly, twice or not at all.
//
// The book behind it is a deterministic state machine: the same seed and the
// same requests at the same times of its clock give the same journal.
//
//	server, err := paperbroker.New(paperbroker.Options{
//		Bars: bars, Clock: clock, Cash: money.MustParse("100000"), KeyID: id, Secret: secret,
//	})
//	listener, err := net.Listen("tcp", "127.0.0.1:0")
//	go server.Serve(ctx, listener)           // or http.Handle("/", server)
//	go http.Serve(admin, server.Admin())     // /_sim/…, on a port of its own
//	…
//	for _, o := range server.Orders() { fmt.Println(o.Symbol, o.Side, o.Filled, o.Fills) }
package paperbroker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// Options describe the market and the account. Clock is required; Bars are
// what can be traded.
type Options struct {
	// Bars are the daily bars of every tradable symbol. Prices of a session come
	// from its bar where there is one, else from the last close before it. What
	// lies behind the clock's time is never shown.
	Bars     market.Bars
	Calendar market.Calendar
	Clock    env.Clock
	Seed     uint64

	Cash          money.Decimal
	Positions     []Holding
	AccountNumber string // default PA0SIMULATED
	KeyID, Secret string // what clients must send; both empty: anything

	Profile  Profile           // how orders fill; default Instant
	Switches *Switches         // nil: DefaultSwitches(Profile)
	Assets   map[string]Traits // symbols that are not tradable and fractionable

	// Keep is given every change of the account before any answer shows it; when
	// it fails, so does the answer. Kept is an account to go on with, in place of
	// Cash and Positions.
	Keep func(Change) error
	Kept *Change
}

// Holding is a position that the account begins with; a negative quantity is a
// short one, which this broker never lets come about by itself. AvgPrice is
// what was paid per share; zero means the present price.
type Holding struct {
	Symbol   string
	Qty      money.Decimal
	AvgPrice money.Decimal
}

// Traits say how a symbol may be traded.
type Traits struct {
	Untradable      bool `json:"untradable"`
	NotFractionable bool `json:"not_fractionable"`
}

// Server is the broker. It implements http.Handler with Alpaca's API and is
// safe for concurrent use.
type Server struct {
	clock   *pacedClock
	keyID   string
	secret  string
	handler func() http.Handler

	mu       sync.Mutex // guards everything below
	engine   *engine
	faults   *faults
	calls    meter
	requests int // numbers X-Request-ID
}

// New returns a server that is ready to be served.
func New(o Options) (*Server, error) {
	if o.Clock == nil {
		return nil, errors.New("paperbroker: no clock")
	}
	if o.Cash.Sign() < 0 {
		return nil, fmt.Errorf("paperbroker: the account cannot begin with %s in cash", o.Cash)
	}
	if o.Profile == "" {
		o.Profile = Instant
	}
	behaviour, ok := behaviours()[o.Profile]
	if !ok {
		return nil, fmt.Errorf("paperbroker: there is no fill profile %q; there are instant, midpoint, paper, realistic and adversarial", o.Profile)
	}
	switches := DefaultSwitches(o.Profile)
	if o.Switches != nil {
		switches = *o.Switches
	}
	if err := switches.check(); err != nil {
		return nil, fmt.Errorf("paperbroker: %w", err)
	}
	e := newEngine(o, behaviour, switches)
	e.write = o.Keep
	if o.Kept != nil {
		if err := e.restore(*o.Kept); err != nil {
			return nil, fmt.Errorf("paperbroker: %w", err)
		}
	} else {
		if err := e.setPositions(o.Positions); err != nil {
			return nil, fmt.Errorf("paperbroker: %w", err)
		}
		e.lastEquity = e.equity()
		e.history = []closing{{at: e.now, equity: e.lastEquity}}
	}
	s := &Server{clock: newPacedClock(o.Clock), keyID: o.KeyID, secret: o.Secret, engine: e, faults: newFaults(o.Seed), calls: meter{total: make(map[string]int)}}
	s.handler = sync.OnceValue(s.routes) // behind the port nobody asks for it
	return s, nil
}

// Serve answers on a listener until ctx ends, then closes it.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("paperbroker: serve on %s: %w", l.Addr(), err)
	}
	return nil
}

// at runs f on the engine brought to the present.
func (s *Server) at(f func(*engine)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine.advance(s.clock.Now())
	f(s.engine)
	_ = s.engine.flush() // what cannot be kept now fails the next answer to a client
}

// Account is the account now.
func (s *Server) Account() (a Account) {
	s.at(func(e *engine) { a = e.account() })
	return a
}

// Positions are the holdings now, by symbol.
func (s *Server) Positions() (p []Position) {
	s.at(func(e *engine) { p = e.holdings() })
	return p
}

// Orders are all orders with their fills, oldest first.
func (s *Server) Orders() (out []Order) {
	s.at(func(e *engine) {
		for _, o := range e.orders {
			out = append(out, o.copy())
		}
	})
	return out
}

// Journal is what happened, oldest first.
func (s *Server) Journal() (j []Entry) {
	s.at(func(e *engine) { j = append(j, e.journal...) })
	return j
}

// State is everything of the above at one instant.
func (s *Server) State() (st State) {
	s.at(func(e *engine) {
		st = State{Now: e.now, Account: e.account(), Positions: e.holdings(), Requests: maps.Clone(s.calls.total)}
		for _, o := range e.orders {
			st.Orders = append(st.Orders, o.copy())
		}
	})
	return st
}

// State is the broker at one instant.
type State struct {
	Now       time.Time      `json:"now"`
	Account   Account        `json:"account"`
	Positions []Position     `json:"positions"`
	Orders    []Order        `json:"orders"`
	Requests  map[string]int `json:"requests"` // by method and route
}

// SetPositions replaces all holdings and leaves the cash as it is. Symbols
// without bars are refused.
func (s *Server) SetPositions(holdings []Holding) (err error) {
	s.at(func(e *engine) { err = e.setPositions(holdings) })
	return err
}
