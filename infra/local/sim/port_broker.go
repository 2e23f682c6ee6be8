package sim

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// desk is the broker as a process sees it: the book behind the port, with the
// network in between. Reads are repeated as the adapter for Alpaca repeats
// them.
type desk struct{ of *invocation }

var _ broker.Broker = desk{}

const deskWay = int64(40 * time.Millisecond)

var errGateway = errors.New("502 Bad Gateway (simulated)")

const readTries = 5

// read makes one read, repeated while its failure may pass and ctx lasts.
func (d desk) read(ctx context.Context, op, args string, f func() (string, error)) error {
	clock := machineClock(d)
	pause := 250 * time.Millisecond
	for try := 1; ; try++ {
		err := d.once(ctx, op, args, f)
		var later *broker.TryLater
		var unknown *broker.Unknown
		switch {
		case err == nil || !errors.As(err, &later) && !errors.As(err, &unknown) || try == readTries:
			return err
		case later != nil:
			pause = max(pause, later.After)
		}
		if end, ok := deadlineOf(ctx); ok && d.of.world.loop.now >= end || clock.Sleep(ctx, pause) != nil {
			return err
		}
		pause *= 2
	}
}

// once makes one request, which can fail on the way or at the broker's gate.
func (d desk) once(ctx context.Context, op, args string, f func() (string, error)) error {
	w := d.of.world
	var ill error
	if w.strikesAt(18, 0.3) {
		ill = &broker.TryLater{Op: op, After: pick(w.how(18), 0, time.Second, 3*time.Second)}
	} else if w.strikesAt(19, 0.3) {
		ill = &broker.Unknown{Op: op, Cause: errGateway}
	}
	err := d.of.call(ctx, "broker."+op, args, deskWay, func() (string, error) {
		if ill != nil {
			return "", ill
		}
		return f()
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return &broker.Unknown{Op: op, Cause: err}
	}
	return err
}

// Account implements broker.Broker.
func (d desk) Account(ctx context.Context) (out broker.Account, err error) {
	err = d.read(ctx, "account", "", func() (string, error) {
		out, err = d.of.book().Account(context.Background())
		return out.Cash.String(), err
	})
	return out, err
}

// Positions implements broker.Broker.
func (d desk) Positions(ctx context.Context) (out []broker.Position, err error) {
	err = d.read(ctx, "positions", "", func() (string, error) {
		defer d.behind()()
		out, err = d.of.book().Positions(context.Background())
		b := make([]byte, 0, 64)
		for _, p := range out {
			b = append(append(append(append(b, p.Symbol...), '='), p.Qty.String()...), ' ')
		}
		return string(b), err
	})
	return out, err
}

// behind lets one read be answered by a replica that is behind.
func (d desk) behind() func() {
	w := d.of.world
	if !w.strikesAt(15, 0.5) {
		return func() {}
	}
	lag := time.Duration(between(w.how(15), 200*time.Millisecond, 4*time.Second))
	var before time.Duration
	w.broker.Steer().SetLags(func(s *paperbroker.Switches) { before, s.ReadLag = s.ReadLag, s.ReadLag+lag })
	return func() { w.broker.Steer().SetLags(func(s *paperbroker.Switches) { s.ReadLag = before }) }
}

// Asset implements broker.Broker.
func (d desk) Asset(ctx context.Context, symbol string) (out broker.Asset, err error) {
	err = d.read(ctx, "asset", symbol, func() (string, error) {
		out, err = d.of.book().Asset(context.Background(), symbol)
		return "", err
	})
	return out, err
}

// Clock implements broker.Broker.
func (d desk) Clock(ctx context.Context) (out broker.Clock, err error) {
	w := d.of.world
	err = d.read(ctx, "clock", "", func() (string, error) {
		out, err = d.of.book().Clock(context.Background())
		if w.strikesAt(22, 0.5) {
			r := w.how(22)
			if chance(r, 0.5) {
				return "", &broker.Unknown{Op: "clock", Cause: errGateway}
			}
			out.Now = out.Now.Add(time.Duration(between(r, -5*time.Hour, 5*time.Hour)))
			_, out.IsOpen = w.calendar.At(out.Now)
		}
		return strconv.FormatBool(out.IsOpen), err
	})
	return out, err
}

// Sessions implements broker.Broker.
func (d desk) Sessions(ctx context.Context, from, to events.Date) (out []market.Session, err error) {
	w := d.of.world
	err = d.read(ctx, "calendar", string(from), func() (string, error) {
		out, err = d.of.book().Sessions(context.Background(), from, to)
		if w.strikesAt(22, 0.5) {
			r := w.how(22)
			if chance(r, 0.5) {
				return "", &broker.Unknown{Op: "calendar", Cause: errGateway}
			}
			wrong := make([]market.Session, 0, len(out))
			for _, s := range out {
				s.Open, s.Close = s.Open.Add(time.Duration(between(r, -3*time.Hour, 3*time.Hour))), s.Close.Add(time.Duration(between(r, -3*time.Hour, 3*time.Hour)))
				wrong = append(wrong, s)
			}
			out = wrong
		}
		return strconv.Itoa(len(out)), err
	})
	return out, err
}

// run is the run that the process works for.
func (i *invocation) run() string { return i.job.event.CorrelationID }

// Quotes implements broker.Broker.
func (d desk) Quotes(ctx context.Context, symbols []string) (out map[string]broker.Quote, err error) {
	w := d.of.world
	if len(symbols) == 0 {
		return map[string]broker.Quote{}, nil
	}
	err = d.read(ctx, "quotes", symbols[0], func() (string, error) {
		out, err = d.of.book().Quotes(context.Background(), symbols)
		if w.strikesAt(23, 0.5) {
			w.damageQuote(out, symbols)
		}
		for _, symbol := range symbols {
			if q, ok := out[symbol]; ok {
				key := shownKey{d.of.run(), symbol}
				w.shown[key] = append(w.shown[key], shown{at: w.loop.now, quote: &q})
			}
		}
		return quoteText(out, symbols), err
	})
	return out, err
}

func quoteText(quotes map[string]broker.Quote, symbols []string) string {
	b := make([]byte, 0, 64)
	for _, s := range symbols {
		if q, ok := quotes[s]; ok {
			b = append(append(append(append(b, q.Bid.String()...), '/'), q.Ask.String()...), ' ')
		}
	}
	return string(b)
}

// Snapshots implements broker.Broker.
func (d desk) Snapshots(ctx context.Context, symbols []string) (out map[string]broker.Snapshot, err error) {
	w := d.of.world
	err = d.read(ctx, "snapshots", strconv.Itoa(len(symbols)), func() (string, error) {
		out, err = d.of.book().Snapshots(context.Background(), symbols)
		if w.strikesAt(23, 0.5) {
			w.damageSnapshot(out, symbols)
		}
		for _, symbol := range symbols {
			if s, ok := out[symbol]; ok {
				key := shownKey{d.of.run(), symbol}
				w.shown[key] = append(w.shown[key], shown{at: w.loop.now, snapshot: true, quote: s.Quote, trade: s.Trade})
			}
		}
		return strconv.Itoa(len(out)), err
	})
	return out, err
}

// OpenOrders implements broker.Broker.
func (d desk) OpenOrders(ctx context.Context) (out []broker.Order, err error) {
	w := d.of.world
	err = d.read(ctx, "orders", "", func() (string, error) {
		defer d.behind()()
		all, err := d.of.book().OpenOrders(context.Background())
		out = w.listed(all)
		return strconv.Itoa(len(out)), err
	})
	return out, err
}

// listed are the orders that a list shows, with the prices that are known.
func (w *world) listed(all []broker.Order) []broker.Order {
	out := make([]broker.Order, 0, len(all))
	for _, o := range all {
		if w.loop.now >= w.blind[o.ID].list {
			out = append(out, w.priced(o))
		}
	}
	return out
}

// OrdersSince implements broker.Broker.
func (d desk) OrdersSince(ctx context.Context, t time.Time) (out []broker.Order, err error) {
	err = d.read(ctx, "orders since", "", func() (string, error) {
		out, err = d.of.book().OrdersSince(context.Background(), t)
		return strconv.Itoa(len(out)), err
	})
	return out, err
}

// priced hides the average price of an order for a while.
func (w *world) priced(o broker.Order) broker.Order {
	if o.AvgPrice == nil {
		return o
	}
	b := w.blind[o.ID]
	if b.filled.Less(o.Filled) {
		times := 1.0
		if b.filled.Sign() > 0 { // it has one, of fewer shares
			times = 4
		}
		b.price, b.filled = 0, o.Filled
		if w.strikesAt(20, times, topology.Execution) { // nobody else looks at it
			b.price = w.loop.now + between(w.how(20), 0, 10*time.Second)
		}
		w.blind[o.ID] = b
	}
	if w.loop.now < b.price {
		o.AvgPrice = nil
	}
	return o
}

// OrderByClientID implements broker.Broker.
func (d desk) OrderByClientID(ctx context.Context, id string) (out broker.Order, err error) {
	w := d.of.world
	err = d.read(ctx, "lookup", id, func() (string, error) {
		out, err = d.of.book().OrderByClientID(context.Background(), id)
		if err == nil && w.loop.now < w.blind[out.ID].lookup {
			out, err = broker.Order{}, broker.ErrNotFound
		}
		if err == nil {
			out = w.priced(out)
		}
		return string(out.Status) + " " + out.Filled.String(), err
	})
	return out, err
}

// Order implements broker.Broker.
func (d desk) Order(ctx context.Context, id string) (out broker.Order, err error) {
	w := d.of.world
	err = d.read(ctx, "order", id, func() (string, error) {
		defer d.behind()()
		out, err = d.of.book().Order(context.Background(), id)
		if err == nil {
			out = w.priced(out)
		}
		return string(out.Status) + " " + out.Filled.String(), err
	})
	return out, err
}

// Submit implements broker.Broker.
func (d desk) Submit(ctx context.Context, r broker.OrderRequest) (broker.Order, error) {
	order, err := d.place(ctx, r)
	var taken *paperbroker.Taken
	if !errors.As(err, &taken) {
		return order, err
	}
	return paperbroker.Existing(ctx, machineClock(d), taken, func() (broker.Order, error) { return d.OrderByClientID(ctx, r.ClientID) })
}

func (d desk) place(ctx context.Context, r broker.OrderRequest) (out broker.Order, err error) {
	w := d.of.world
	w.requests = append(w.requests, request{
		run: d.of.run(), function: string(d.of.job.function.Name), dryRun: d.of.job.event.DryRun, sent: w.loop.now, order: r,
	})
	at := len(w.requests) - 1
	ill := w.afflictPost(r)
	if w.script.post != nil {
		if a := w.script.post(w, len(w.requests), r); a != nil {
			ill = *a
		}
	}
	if w.point.post == len(w.requests) {
		slow, portion := ill.slow, ill.portion
		ill = postAnswers()[w.point.answer]
		ill.slow, ill.portion = slow, portion
	}
	if ill.hide {
		h := w.how(14)
		ill.unseen, ill.unlisted = between(h, 0, 3*time.Second), between(h, 0, 5*time.Second)
	}
	args := r.ClientID + " " + string(r.Side) + " " + r.Qty.String()
	if r.Limit != nil {
		args += " @ " + r.Limit.String()
	}
	hang := false
	end, ok := deadlineOf(ctx)
	if !ok {
		end = w.loop.now + int64(5*time.Second)
	}
	err = d.once(ctx, "submit", args, func() (string, error) {
		if ill.before != nil {
			return "", ill.before
		}
		if ill.late > 0 {
			hang = true
			w.postLater(end+ill.late, at, args, ill)
			return "on its way", nil
		}
		if out, err = w.post(d.of.book(), at, ill); err != nil {
			return "", err
		}
		hang = ill.hang
		if ill.after != nil {
			return "", ill.after
		}
		return string(out.Status), nil
	})
	if hang {
		w.loop.current.sleep(max(end, w.loop.now))
		return broker.Order{}, &broker.Unknown{Op: "submit", Cause: context.DeadlineExceeded}
	}
	if err == nil {
		out = w.priced(out)
	}
	return out, err
}

// Cancel implements broker.Broker.
func (d desk) Cancel(ctx context.Context, id string) error {
	w := d.of.world
	known, _ := w.broker.Steer().Order(id)
	w.cancels = append(w.cancels, cancellation{run: d.of.run(), dryRun: d.of.job.event.DryRun, client: known.ClientID})
	if w.strikes(16) {
		if chance(w.how(16), 0.5) {
			w.broker.Steer().FillOnCancel(id)
		} else {
			w.broker.Steer().FillNow(id)
		}
	}
	ill := w.afflictCancel(id)
	if w.script.cancel != nil {
		if a := w.script.cancel(w, len(w.cancels), id); a != nil {
			ill = *a
		}
	}
	if w.point.cancel == len(w.cancels) {
		ill = cancelAnswers()[w.point.answer]
	}
	return d.once(ctx, "cancel", known.ClientID, func() (string, error) {
		if ill.before != nil {
			return "", ill.before
		}
		if err := d.of.book().Cancel(context.Background(), id); err != nil {
			return "", err
		}
		if ill.after != nil {
			return "", ill.after
		}
		return "", nil
	})
}
