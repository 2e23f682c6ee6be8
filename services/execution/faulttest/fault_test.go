package faulttest

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/events"
)

// A world without faults completes, under every way in which orders fill.
func TestCleanWorlds(t *testing.T) {
	for _, profile := range []paperbroker.Profile{paperbroker.Instant, paperbroker.Paper, paperbroker.Realistic, paperbroker.Adversarial} {
		for seed := range uint64(8) {
			t.Run(fmt.Sprintf("%s %d", profile, seed), func(t *testing.T) {
				w := newWorld(t, setup{profile: profile, seed: seed})
				w.run()
				for _, wrong := range w.judge() {
					t.Error(wrong)
				}
				if w.final == nil || profile != paperbroker.Adversarial && profile != paperbroker.Realistic && w.final.Outcome != events.OutcomeCompleted {
					t.Error("the run did not complete")
				}
				t.Log(w.told())
			})
		}
	}
}

// faults are what can go wrong at the broker while a plan is executed.
func faults() []paperbroker.Fault {
	const orders = "/v2/orders"
	post := func(k paperbroker.FaultKind) paperbroker.Fault {
		return paperbroker.Fault{Kind: k, Method: http.MethodPost, Path: orders}
	}
	get := func(k paperbroker.FaultKind, path string) paperbroker.Fault {
		return paperbroker.Fault{Kind: k, Method: http.MethodGet, Path: path}
	}
	cancel := func(k paperbroker.FaultKind) paperbroker.Fault {
		return paperbroker.Fault{Kind: k, Method: http.MethodDelete, Path: orders}
	}
	with := func(f paperbroker.Fault, status int, delay time.Duration) paperbroker.Fault {
		f.Status, f.Delay = status, delay
		return f
	}
	out := []paperbroker.Fault{
		post(paperbroker.CutBefore), post(paperbroker.CutReply), post(paperbroker.TruncateReply), post(paperbroker.EmptyReply),
		post(paperbroker.ObjectReply), post(paperbroker.Twice), post(paperbroker.RejectLater), post(paperbroker.BlockAccount),
		post(paperbroker.MakeUntradable), post(paperbroker.MakeWholeShares), post(paperbroker.UnknownStatus), post(paperbroker.UnknownField),
		post(paperbroker.NullNumber),
		with(post(paperbroker.DelayReply), 0, 4*time.Second), with(post(paperbroker.Delay), 0, 4*time.Second),
		cancel(paperbroker.CancelFills), cancel(paperbroker.CancelLate), cancel(paperbroker.CancelIgnored), cancel(paperbroker.CancelSticks),
		cancel(paperbroker.CutBefore), cancel(paperbroker.CutReply),
		get(paperbroker.HideOrder, "/v2/orders:by_client_order_id"), get(paperbroker.UnknownStatus, orders), get(paperbroker.NullNumber, orders),
		get(paperbroker.CutReply, orders), with(get(paperbroker.StaleRead, orders), 0, 3*time.Second),
		with(get(paperbroker.StaleRead, "/v2/positions"), 0, 3*time.Second), with(get(paperbroker.StaleRead, "/v2/account"), 0, 3*time.Second),
		get(paperbroker.NoQuote, "/v2/stocks"), get(paperbroker.ZeroBid, "/v2/stocks"), get(paperbroker.CrossQuote, "/v2/stocks"), get(paperbroker.AgeQuote, "/v2/stocks"),
		with(get(paperbroker.ClockOffset, "/v2/clock"), 0, time.Hour), with(get(paperbroker.ClockOffset, "/v2/clock"), 0, -time.Hour), get(paperbroker.SayClosed, "/v2/clock"),
	}
	for _, status := range []int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout} {
		out = append(out, with(post(paperbroker.Refuse), status, 0), with(cancel(paperbroker.Refuse), status, 0), with(get(paperbroker.Refuse, "/v2/"), status, 0))
		if status != http.StatusTooManyRequests {
			out = append(out, with(post(paperbroker.FailReply), status, 0), with(cancel(paperbroker.FailReply), status, 0))
		}
	}
	return append(out, with(post(paperbroker.Refuse), http.StatusForbidden, 0), with(post(paperbroker.Refuse), http.StatusUnauthorized, 0))
}

func (w *world) inject(f paperbroker.Fault) {
	w.t.Helper()
	if err := w.server.Inject(f); err != nil {
		w.t.Fatal(err)
	}
}

// Every fault, at the first and at the fourth chance it has, once and without
// end: never traded twice, never late, and told truthfully.
func TestEveryFault(t *testing.T) {
	for _, f := range faults() {
		for _, skip := range []int{0, 3} {
			for _, times := range []int{1, -1} {
				f.Skip, f.Times = skip, times
				t.Run(fmt.Sprintf("%s %s%s %d %s skip %d times %d", f.Kind, f.Method, f.Path, f.Status, f.Delay, skip, times), func(t *testing.T) {
					w := newWorld(t, setup{profile: paperbroker.Paper, seed: 3, switches: func(s *paperbroker.Switches) {
						s.LookupLag, s.ReadLag, s.CancelDelay = time.Second, 500*time.Millisecond, 500*time.Millisecond
					}})
					var log bytes.Buffer
					w.log = &log
					w.inject(f)
					w.run()
					wrong := w.judge()
					for _, line := range wrong {
						t.Error(line)
					}
					t.Log(w.told())
					if len(wrong) > 0 {
						t.Log(log.String())
					}
				})
			}
		}
	}
}
