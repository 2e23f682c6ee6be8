package lambda

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"github.com/alchemiser/alchemiser/infra/local/fault"
)

// routes is the Runtime API of one environment.
func (e *environment) routes() http.Handler {
	const prefix = "/2018-06-01/runtime"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+prefix+"/invocation/next", e.next)
	mux.HandleFunc("POST "+prefix+"/invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) { e.answer(w, r, false) })
	mux.HandleFunc("POST "+prefix+"/invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) { e.answer(w, r, true) })
	mux.HandleFunc("POST "+prefix+"/init/error", e.initFailed)
	return mux
}

// next blocks until there is work: that is how an environment is frozen.
func (e *environment) next(w http.ResponseWriter, r *http.Request) {
	select {
	case e.ready <- struct{}{}:
	default:
	}
	select {
	case work := <-e.work:
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", work.RequestID)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(work.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", work.ARN)
		h.Set("Lambda-Runtime-Trace-Id", traceID(work.RequestID))
		// A child that vanished while we write is noticed by its exit.
		_, _ = w.Write(work.Payload)
	case <-e.dead:
	case <-r.Context().Done():
	}
}

// traceID derives a trace header in X-Ray's form from the request id.
func traceID(requestID string) string {
	hex := ""
	for _, c := range requestID {
		if c != '-' {
			hex += string(c)
		}
	}
	if len(hex) < 32 {
		return ""
	}
	return "Root=1-" + hex[:8] + "-" + hex[8:32] + ";Sampled=0"
}

// answer takes the result of an invocation. One that is no longer current is accepted and dropped, as Lambda does.
func (e *environment) answer(w http.ResponseWriter, r *http.Request, failed bool) {
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxSync+1))
	e.mu.Lock()
	current := e.current
	if current == nil || current.RequestID != r.PathValue("id") {
		current = nil
	}
	e.mu.Unlock()
	if current != nil {
		if err != nil {
			payload, failed = errorPayload("Function.ResponseSizeTooLarge", "the response exceeds 6 MB"), true
		}
		occurrence := fault.Occurrence{Function: e.function.Service, EventType: current.EventType}
		faults := e.function.host.options.Faults
		occurrence.Do = fault.KillBeforeResponse
		if _, ok := faults.Take(occurrence); ok {
			e.kill()
			return
		}
		occurrence.Do = fault.DropResponse
		if _, ok := faults.Take(occurrence); ok {
			current.reply <- reply{timeoutPayload(current.RequestID, e.function.Timeout), true}
			e.kill()
			return
		}
		occurrence.Do = fault.DelayResponse
		if f, ok := faults.Take(occurrence); ok && e.function.host.options.Clock.Sleep(r.Context(), f.Delay) != nil {
			return
		}
		current.reply <- reply{payload, failed}
	}
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func (e *environment) initFailed(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxAsync))
	if err != nil {
		payload = errorPayload("Runtime.InitError", err.Error())
	}
	e.mu.Lock()
	e.initError = payload
	e.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
	e.kill()
}

// errorPayload is the JSON of a failed invocation.
func errorPayload(kind, message string) []byte {
	text, err := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{kind, message})
	if err != nil {
		return []byte(`{"errorType":"` + kind + `"}`)
	}
	return text
}
