package paperbroker

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// Transport reaches the broker without a network: the same requests, replies
// and faults, a tenth of the time. A simulation gives it to the adapter.
//
//	client, err := alpacabroker.New(alpacabroker.Options{BaseURL: "http://paper", HTTP: server.Transport(), …})
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ server *Server }

// RoundTrip implements http.RoundTripper. A reply that is cut off is an error,
// as on a real connection.
func (t transport) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	inner := r.Clone(r.Context())
	if inner.Body == nil {
		inner.Body = http.NoBody
	}
	defer inner.Body.Close()
	w := &recorder{header: make(http.Header), status: http.StatusOK}
	defer func() {
		p := recover()
		if cause, ok := p.(error); ok && errors.Is(cause, http.ErrAbortHandler) {
			resp, err = nil, io.ErrUnexpectedEOF
		} else if p != nil {
			panic(p)
		}
	}()
	t.server.ServeHTTP(w, inner)
	if err := r.Context().Err(); err != nil {
		return nil, err // the client did not wait
	}
	if !w.answered {
		return nil, errors.New("paperbroker: no reply")
	}
	return &http.Response{
		Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(bytes.NewReader(w.body.Bytes())), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

type recorder struct {
	header   http.Header
	status   int
	answered bool
	body     bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) { w.status, w.answered = status, true }

func (w *recorder) Write(p []byte) (int, error) {
	w.answered = true
	return w.body.Write(p)
}
