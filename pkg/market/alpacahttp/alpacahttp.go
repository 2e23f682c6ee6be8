// Package alpacahttp is one HTTP exchange with Alpaca, for both of its APIs.
// The official SDK knows no contexts, drops reply headers from its errors,
// follows redirects with the keys, and reads bodies without a bound; a client
// of this package around one call gives it all four.
//
//	c := alpaca.NewClient(alpaca.ClientOpts{…, RetryLimit: -1, HTTPClient: call.Client()})
//	_, err := c.GetAccount()
//	var reply *alpacahttp.Error
//	if errors.As(err, &reply) { … } // any status from 300 on
package alpacahttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	errorBody = 64 << 10 // of a refusal, all that is kept
	replyBody = 32 << 20 // ten thousand bars are 1.2 MB
)

// Error is a reply with a status of 300 or more.
type Error struct {
	Status    int
	Code      int    // 0 when the body has none
	Message   string // the body's message, or the beginning of a body without one
	Body      string
	RequestID string        // Alpaca's X-Request-ID
	After     time.Duration // until the request may be repeated; 0 when the reply does not say
}

func (e *Error) Error() string {
	return fmt.Sprintf("alpaca answered %d/%d: %s (request %s)", e.Status, e.Code, e.Message, e.RequestID)
}

// ErrUndecodable is a reply of status 200 that the SDK could not read, though
// it arrived whole.
var ErrUndecodable = errors.New("undecodable reply")

// Call is one call of the SDK.
type Call struct {
	ctx  context.Context
	base http.RoundTripper

	mu        sync.Mutex
	broken    error // why a body could not be read to its end
	replied   bool
	requestID string
}

// NewCall is a call that ends with ctx.
func NewCall(ctx context.Context, base http.RoundTripper) *Call { return &Call{ctx: ctx, base: base} }

// Client is the HTTP client for the SDK. It has no timeout of its own: the
// deadline is the context's, so there is one kind of error for it.
func (c *Call) Client() *http.Client { return &http.Client{Transport: c} }

// RoundTrip implements http.RoundTripper.
func (c *Call) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.base.RoundTrip(r.WithContext(c.ctx))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		raw, _ := io.ReadAll(io.LimitReader(resp.Body, errorBody)) // what arrived is all there is to know
		return nil, newError(resp, raw)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replied, c.requestID = true, resp.Header.Get("X-Request-ID")
	resp.Body = &body{ReadCloser: resp.Body, call: c, left: replyBody}
	return resp, nil
}

// Explain turns an error of the SDK into one that says what happened: an
// *Error, the context's end, a transport error, or ErrUndecodable.
func (c *Call) Explain(err error) error {
	var reply *Error
	if err == nil || errors.As(err, &reply) {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.broken != nil:
		return fmt.Errorf("reading the reply (request %s): %w", c.requestID, c.broken)
	case c.replied:
		return fmt.Errorf("%w (request %s): %w", ErrUndecodable, c.requestID, err)
	}
	return err
}

// body bounds a reply and remembers why it broke off.
type body struct {
	io.ReadCloser
	call *Call
	left int64
}

func (b *body) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, b.fail(fmt.Errorf("the reply is longer than %d bytes", replyBody))
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, b.fail(err)
	}
	return n, err
}

func (b *body) fail(err error) error {
	b.call.mu.Lock()
	defer b.call.mu.Unlock()
	if b.call.broken == nil {
		b.call.broken = err
	}
	return err
}

func newError(resp *http.Response, raw []byte) *Error {
	e := &Error{
		Status:    resp.StatusCode,
		Body:      string(raw),
		RequestID: resp.Header.Get("X-Request-ID"),
		After:     after(resp.StatusCode, resp.Header),
	}
	var said struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &said) == nil {
		e.Code, e.Message = said.Code, said.Message
	}
	if e.Message == "" {
		e.Message = strings.ToValidUTF8(strings.Join(strings.Fields(string(raw[:min(len(raw), 200)])), " "), "")
	}
	return e
}

// longest bounds what a reply may ask us to wait: limits are per minute.
const longest = time.Minute

// after reads Retry-After, else X-RateLimit-Reset against the reply's own
// Date, so that no clock of ours takes part. The latter is on every reply, and
// says something only where the limit was met.
func after(status int, h http.Header) time.Duration {
	sent, err := http.ParseTime(h.Get("Date"))
	known := err == nil
	if text := h.Get("Retry-After"); text != "" {
		if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 {
			return time.Duration(min(seconds, longest.Seconds()) * float64(time.Second))
		}
		if at, err := http.ParseTime(text); err == nil && known {
			return min(max(at.Sub(sent), 0), longest)
		}
	}
	reset, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil || !known || status != http.StatusTooManyRequests {
		return 0
	}
	return min(max(time.Unix(reset, 0).Sub(sent), 0), longest)
}

// LiveHost is Alpaca's host for trading with real money.
const LiveHost = "api.alpaca.markets"

// Endpoint is where and as whom to call.
type Endpoint struct {
	BaseURL       string
	KeyID, Secret string
	AllowLive     bool // BaseURL may be LiveHost
	// Environment is the process environment. APCA_API_OAUTH in it is refused:
	// the SDK reads it by itself and prefers it to the keys.
	Environment map[string]string
}

// Check refuses an endpoint that the SDK would silently turn into another one.
// It returns the base URL without a trailing slash.
func (e Endpoint) Check() (string, error) {
	u, err := url.Parse(e.BaseURL)
	switch {
	case e.BaseURL == "":
		return "", errors.New("no base URL: the SDK would use the live host; set it explicitly")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil:
		return "", fmt.Errorf("base URL %q is not a plain http(s) address", e.BaseURL)
	case !e.AllowLive && strings.EqualFold(strings.TrimSuffix(u.Hostname(), "."), LiveHost):
		return "", fmt.Errorf("%s trades real money and live trading is not allowed; use the paper host or allow live trading", u.Hostname())
	case e.KeyID == "" || e.Secret == "":
		return "", errors.New("no API key: set the key id and the secret")
	case e.Environment["APCA_API_OAUTH"] != "":
		return "", errors.New("the environment variable APCA_API_OAUTH is set and would be used in place of the keys; remove it")
	}
	return strings.TrimRight(e.BaseURL, "/"), nil
}

// Transport is a connection pool for the few hosts and parallel calls of a
// function. It belongs to its caller.
func Transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 8
	t.DisableCompression = true // the SDK asks for gzip itself where it can read it
	return t
}
