package local

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/fault"
)

// Admin returns the handler of the admin listener. It has no authentication: serve it on a loopback port of its own.
//
//	GET    /_local/snapshot                              Snapshot as JSON
//	POST   /_local/faults                                arms a fault.Fault
//	DELETE /_local/faults                                disarms all
//	POST   /_local/schedules/{name}?planned=<RFC 3339>   fires a schedule; planned defaults to the rehearsal clock's now
//	POST   /_local/quiesce                               answers when nothing is under way
func (c *Cloud) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_local/snapshot", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(c.Snapshot()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("POST /_local/faults", func(w http.ResponseWriter, r *http.Request) {
		var f fault.Fault
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		err := d.Decode(&f)
		if err == nil {
			err = c.options.Faults.Add(f)
		}
		reply(w, err, http.StatusBadRequest)
	})
	mux.HandleFunc("DELETE /_local/faults", func(w http.ResponseWriter, _ *http.Request) {
		c.options.Faults.Clear()
		reply(w, nil, 0)
	})
	mux.HandleFunc("POST /_local/schedules/{name}", func(w http.ResponseWriter, r *http.Request) {
		planned := c.rehearse.Now()
		if text := r.URL.Query().Get("planned"); text != "" {
			var err error
			if planned, err = time.Parse(time.RFC3339, text); err != nil {
				reply(w, err, http.StatusBadRequest)
				return
			}
		}
		reply(w, c.FireSchedule(r.Context(), r.PathValue("name"), planned), http.StatusNotFound)
	})
	mux.HandleFunc("POST /_local/quiesce", func(w http.ResponseWriter, r *http.Request) {
		reply(w, c.Quiesce(r.Context()), http.StatusServiceUnavailable)
	})
	return mux
}

// reply answers 204, or the error.
func reply(w http.ResponseWriter, err error, status int) {
	if err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
