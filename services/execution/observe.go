package execution

import (
	"context"
	"slices"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/record"
)

// freshPositions is how long a read of the positions holds for a sell whose
// own orders did not change meanwhile.
const freshPositions = 5 * time.Second

// A run sends at most submitsPerLine orders a line and submitsBeside more.
const (
	submitsPerLine = 4
	submitsBeside  = 10
)

// observe reads what the decisions of the given legs need, and not more.
func (t *trade) observe(ctx context.Context, which []int) map[int]Observation {
	var symbols []string
	orders, due, submits, sends, sells, power := 0, false, 0, false, false, false
	for i := range t.legs {
		submits += t.legs[i].Value.Submissions()
	}
	if submits >= submitsPerLine*len(t.legs)+submitsBeside {
		t.stop(reasonMaxSubmits)
	}
	for _, i := range which {
		l, now := &t.legs[i].Value, t.Clock.Now()
		a := l.open()
		switch {
		case a == nil:
			sends = true
			symbols = append(symbols, l.Symbol)
			sells = sells || l.Side == events.Sell && (len(l.Attempts) > 0 || now.Sub(t.availableAt) > freshPositions)
			power = power || l.Side == events.Buy && l.count(reasonBuyingPower) > 0
		case a.State == record.Intended || a.State == record.Unknown:
			sends = true
		default:
			orders++
			due = due || !now.Before(a.NextAt)
			if !a.CancelAt.IsZero() || !now.Before(a.StepUntil) {
				sends = true // once it has ended
				symbols = append(symbols, l.Symbol)
			}
		}
	}
	base := Observation{Wait: t.Remaining(ctx) < postBefore, Hurry: t.hurry(ctx)}
	if sends && t.exec.Value.Stop == "" {
		stop, wait := t.checkGate(ctx, &t.gate)
		if stop != "" {
			t.stop(stop)
		}
		base.Wait = base.Wait || wait
	}
	base.Stop = t.exec.Value.Stop
	quotes := t.quotesAgain(ctx, symbols)
	if sells && base.Stop == "" {
		if err := t.readPositions(ctx); err != nil {
			t.Log.WarnContext(ctx, "positions could not be read", "error", err.Error())
			t.available, base.Wait = nil, true
		}
	}
	t.waiting = base.Wait
	if power && base.Stop == "" {
		base.Power = t.power(ctx)
	}
	var listed map[string]broker.Order
	if due && orders > 1 {
		listed = t.orders(ctx, which)
	}
	out := make(map[int]Observation, len(which))
	for _, i := range which {
		l := &t.legs[i].Value
		o := base
		o.Now = t.Clock.Now()
		if o.Stop == "" && l.adds() && t.gate.reducing {
			o.Stop = reasonReducing
		}
		if q, ok := quotes[l.Symbol]; ok {
			sane, reason := t.Config.Sane(q, l.Price, o.Now)
			if reason == "" {
				o.Quote = &sane
			} else {
				t.Log.InfoContext(ctx, "quote not used", "symbol", l.Symbol, "reason", reason, "bid", q.Bid.String(), "ask", q.Ask.String())
			}
		}
		if t.available != nil && l.open() == nil {
			available := money.Max(money.Zero(), t.available[l.Symbol].Available)
			o.Available = &available
		}
		if a := l.open(); a != nil {
			if order, ok := listed[a.BrokerOrderID]; ok {
				o.look(a, order)
			}
			t.miss(ctx, a, &o)
		}
		out[i] = o
	}
	return out
}

// look is a read of quotes.
type look struct {
	quotes map[string]broker.Quote
	at     time.Time
}

// sameLook is how long the quotes that the budget was made with do for the
// first orders of the buys as well.
const sameLook = time.Second

// quotesAgain takes the quotes that were read a moment ago, once and if none is
// missing; otherwise it reads them.
func (t *trade) quotesAgain(ctx context.Context, symbols []string) map[string]broker.Quote {
	last := t.justRead
	t.justRead = look{}
	missing := slices.ContainsFunc(symbols, func(s string) bool { _, ok := last.quotes[s]; return !ok })
	if t.exec.Value.Stop != "" || missing || len(last.quotes) == 0 || t.Clock.Now().Sub(last.at) > sameLook {
		return t.quotes(ctx, symbols)
	}
	return last.quotes
}

// quotes reads quotes; a failure is a lack of quotes, which every decision
// can live with.
func (t *trade) quotes(ctx context.Context, symbols []string) map[string]broker.Quote {
	if len(symbols) == 0 || t.exec.Value.Stop != "" {
		return nil
	}
	call, cancel := t.limit(ctx)
	defer cancel()
	quotes, err := t.Broker.Quotes(call, symbols)
	if err != nil {
		t.Log.WarnContext(ctx, "quotes could not be read", "error", err.Error())
	}
	return quotes
}

func (t *trade) readPositions(ctx context.Context) error {
	call, cancel := t.limit(ctx)
	defer cancel()
	positions, err := t.Broker.Positions(call)
	if err != nil {
		return err
	}
	t.available = make(map[string]broker.Position, len(positions))
	for _, p := range positions {
		t.available[p.Symbol] = p
	}
	t.availableAt = t.Clock.Now()
	return nil
}

// power is what may be spent now: nil when it cannot be read.
func (t *trade) power(ctx context.Context) *money.Decimal {
	account, err := t.account(ctx)
	if err != nil {
		t.Log.WarnContext(ctx, "the account could not be read", "error", err.Error())
		return nil
	}
	power := money.Max(money.Zero(), money.Min(account.Cash, account.BuyingPower))
	return &power
}

func (t *trade) account(ctx context.Context) (broker.Account, error) {
	call, cancel := t.limit(ctx)
	defer cancel()
	return t.Broker.Account(call)
}

// orders reads the orders of the given legs by the broker's id, with as few
// requests as there are pages of them. One that is not among them, although
// the broker has told us of it, is read singly.
func (t *trade) orders(ctx context.Context, which []int) map[string]broker.Order {
	since := t.Clock.Now()
	for _, i := range which {
		if a := t.legs[i].Value.open(); a != nil && a.BrokerOrderID != "" && a.IntendedAt.Before(since) {
			since = a.IntendedAt
		}
	}
	call, cancel := t.limit(ctx)
	defer cancel()
	orders, err := t.Broker.OrdersSince(call, since.Add(-maxSkew))
	if err != nil {
		t.Log.WarnContext(ctx, "orders could not be read", "error", err.Error())
		return nil
	}
	byID := make(map[string]broker.Order, len(orders))
	for _, o := range orders {
		byID[o.ID] = o
	}
	return byID
}

// look takes over what a list said of an order. That it has ended is acted on
// only when the order itself says so, too, unless nothing can follow from it:
// after a whole fill no order is sent, nor when all sending has stopped.
func (o *Observation) look(a *record.Attempt, order broker.Order) {
	whole := order.Status == "filled" && order.AvgPrice != nil && !a.Replacement && !order.Filled.Less(a.Qty)
	if order.Status.Terminal() && !whole && o.Stop == "" {
		o.Ended = true
		return
	}
	o.Order = &order
}
