package paperbroker

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/alchemiser/alchemiser/pkg/money"
)

// Admin is the operator's side of the broker, for a listener of its own:
//
//	GET  /_sim/state, /_sim/journal
//	POST /_sim/faults     a Fault; DELETE clears all
//	POST /_sim/clock      {"step": "30m"}, {"set": "2026-11-24T15:59:00-05:00"} or {"speed": 60}
//	POST /_sim/halt       {"symbol": …, "halted": true}
//	POST /_sim/assets     {"symbol": …, "untradable": true, "not_fractionable": false}
//	POST /_sim/account    {"cash": …, "blocked": …}
//	POST /_sim/positions  [{"symbol": …, "qty": …}]
//	POST /_sim/orders     an order as for POST /v2/orders, past all checks: somebody else's
func (s *Server) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sim/state", func(w http.ResponseWriter, _ *http.Request) { tell(w, s.State()) })
	mux.HandleFunc("GET /_sim/journal", func(w http.ResponseWriter, _ *http.Request) { tell(w, s.Journal()) })
	mux.HandleFunc("DELETE /_sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /_sim/faults", command(func(f Fault) error { return s.Inject(f) }))
	mux.HandleFunc("POST /_sim/clock", command(s.MoveClock))
	mux.HandleFunc("POST /_sim/halt", command(func(h struct {
		Symbol string
		Halted bool
	},
	) error {
		s.Halt(h.Symbol, h.Halted)
		return nil
	}))
	mux.HandleFunc("POST /_sim/assets", command(func(a struct {
		Symbol string
		Traits
	},
	) error {
		s.SetTraits(a.Symbol, a.Traits)
		return nil
	}))
	mux.HandleFunc("POST /_sim/account", command(func(a struct {
		Cash    *money.Decimal
		Blocked *bool
	},
	) error {
		s.at(func(e *engine) {
			if a.Cash != nil {
				e.cash = *a.Cash
			}
			if a.Blocked != nil {
				e.blocked = *a.Blocked
			}
			e.log("admin", "", fmt.Sprintf("cash %s, blocked %t", e.cash, e.blocked))
		})
		return nil
	}))
	mux.HandleFunc("POST /_sim/positions", command(func(holdings []Holding) error { return s.SetPositions(holdings) }))
	mux.HandleFunc("POST /_sim/orders", command(func(raw json.RawMessage) error {
		_, err := s.PlaceForeign(raw)
		return err
	}))
	return mux
}

// Halt stops or resumes trading in a symbol: orders rest, quotes freeze.
func (s *Server) Halt(symbol string, halted bool) {
	s.at(func(e *engine) {
		e.halt(symbol, halted)
		e.log("admin", "", fmt.Sprintf("%s halted: %t", symbol, halted))
	})
}

// SetTraits changes how a symbol may be traded from now on.
func (s *Server) SetTraits(symbol string, t Traits) {
	s.at(func(e *engine) {
		e.traits[symbol] = t
		e.log("admin", "", fmt.Sprintf("%s: %+v", symbol, t))
	})
}

// PlaceForeign places an order, in the form of POST /v2/orders, past all
// checks, as somebody else with access to the account might have done before.
func (s *Server) PlaceForeign(body []byte) (placed Order, err error) {
	s.at(func(e *engine) {
		d, r := readOrder(body)
		if r == nil {
			r = checkFields(e, &d)
		}
		if r == nil {
			r = checkAsset(e, &d)
		}
		if r != nil {
			err = fmt.Errorf("paperbroker: foreign order: %s", r.message)
			return
		}
		placed = e.submit(d).copy()
	})
	return placed, err
}

// command reads a body and carries it out.
func command[T any](do func(T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var v T
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
		dec.DisallowUnknownFields()
		err := dec.Decode(&v)
		if err == nil {
			err = do(v)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func tell(w http.ResponseWriter, v any) {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(raw) // nobody is left to tell when this fails
}
