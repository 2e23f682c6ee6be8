package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/bus"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/services/notifier"
)

// wire is the bus as a process sees it.
type wire struct{ of *invocation }

const wireWay = int64(10 * time.Millisecond)

var errBus = errors.New("InternalException (simulated)")

// Put implements bus.Driver.
func (b wire) Put(ctx context.Context, entries []bus.Entry) (results []error, err error) {
	w := b.of.world
	refused, lost, partly := w.strikes(4), w.strikes(6), len(entries) > 1 && w.strikesAt(5, 3)
	err = b.of.call(ctx, "bus.put", string(entries[0].DetailType), wireWay, func() (string, error) {
		if refused {
			return "", errBus
		}
		results = make([]error, len(entries))
		skip := -1
		if partly {
			skip = w.how(5).IntN(len(entries))
		}
		for k, e := range entries {
			if k == skip {
				results[k] = errBus
				continue
			}
			w.publish(e, b.of)
		}
		if lost {
			return "", context.DeadlineExceeded
		}
		return strconv.Itoa(len(entries)), nil
	})
	return results, err
}

// feed is the market data as a process sees it.
type feed struct{ of *invocation }

const feedWay = int64(200 * time.Millisecond)

// DailyBars implements market.Source.
func (f feed) DailyBars(ctx context.Context, r market.Request) (out market.Bars, err error) {
	w := f.of.world
	err = f.of.call(ctx, "data.bars", string(r.To), feedWay, func() (string, error) {
		out = make(market.Bars, len(r.Symbols))
		for _, symbol := range r.Symbols {
			if cut := w.bars[symbol].Until(r.To).From(r.From); len(cut) > 0 {
				out[symbol] = cut
			}
		}
		if w.strikesAt(30, 2) {
			return "", w.damage(f.of.run(), out, r)
		}
		return out.Digest()[:12], nil
	})
	return out, err
}

// post is the mail server as a process sees it.
type post struct{ of *invocation }

const postWay = int64(300 * time.Millisecond)

// Send implements notifier.Mailer.
func (p post) Send(ctx context.Context, m notifier.Mail) error {
	w := p.of.world
	how := ""
	if w.strikesAt(35, 2) {
		how = pick(w.how(35), "deferred", "refused", "silent before", "silent after")
	}
	w.sends++
	var scripted error
	if w.script.mail != nil {
		scripted = w.script.mail(w, w.sends)
	}
	return p.of.call(ctx, "mail.send", m.MessageID, postWay, func() (string, error) {
		if scripted != nil {
			return "", scripted
		}
		switch how {
		case "deferred":
			return "", &notifier.SendError{Temporary: true, Err: errors.New("451 try again later (simulated)")}
		case "refused":
			return "", &notifier.SendError{Err: errors.New("550 no such mailbox (simulated)")}
		case "silent before":
			return "", &notifier.SendError{Temporary: true, Err: context.DeadlineExceeded}
		}
		w.mails = append(w.mails, letter{at: w.loop.now, message: m.MessageID, run: m.RunID, subject: m.Subject, to: m.To, text: m.Text, html: m.HTML})
		p.of.mailed = append(p.of.mailed, len(w.mails)-1)
		if how == "silent after" {
			return "", &notifier.SendError{Temporary: true, Err: context.DeadlineExceeded}
		}
		return m.Subject, nil
	})
}

// logs takes the functions' log lines. Only counts for the alarms matter to a
// world; the other lines are made when somebody wants to see or to scan them.
type logs struct{ world *world }

// Enabled implements slog.Handler.
func (h logs) Enabled(context.Context, slog.Level) bool {
	return h.world.options.Trace || h.world.secrets
}

// Handle implements slog.Handler.
func (h logs) Handle(_ context.Context, r slog.Record) error {
	w := h.world
	if r.Message == "metric" {
		r.Attrs(func(a slog.Attr) bool {
			if a.Value.Kind() == slog.KindInt64 && a.Value.Int64() > 0 {
				w.metrics[a.Key] += int(a.Value.Int64())
			}
			return true
		})
		return nil
	}
	if !h.Enabled(context.Background(), r.Level) {
		return nil
	}
	var b strings.Builder
	b.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "stack" {
			fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		}
		return true
	})
	w.scan("a log line", b.String())
	if w.options.Trace {
		w.trace.lines = append(w.trace.lines, "    log "+b.String())
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (h logs) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup implements slog.Handler.
func (h logs) WithGroup(string) slog.Handler { return h }
