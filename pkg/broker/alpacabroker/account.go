package alpacabroker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alpacahq/alpaca-trade-api-go/v3/alpaca"
	"github.com/shopspring/decimal"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// errWrongReply is a reply that decodes and yet cannot be the answer.
var errWrongReply = errors.New("the reply is not an answer to the request")

func wrongReply(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errWrongReply, fmt.Sprintf(format, args...))
}

// Account reads the account.
func (c *Client) Account(ctx context.Context) (broker.Account, error) {
	return read(ctx, c, "account", func() (broker.Account, error) {
		a, err := trade(ctx, c, reading, (*alpaca.Client).GetAccount)
		if err != nil {
			return broker.Account{}, err
		}
		if a.ID == "" || a.Status == "" || a.Currency == "" {
			return broker.Account{}, wrongReply("an account without id, status or currency")
		}
		x := exact{}
		out := broker.Account{
			ID: a.ID, Number: a.AccountNumber, Status: a.Status, Currency: a.Currency,
			Cash: x.number(a.Cash), Equity: x.number(a.Equity), LastEquity: x.number(a.LastEquity), BuyingPower: x.number(a.BuyingPower),
			TradingBlocked: a.TradingBlocked, AccountBlocked: a.AccountBlocked, SuspendedByUser: a.TradeSuspendedByUser,
		}
		return out, x.err
	})
}

// Positions reads all holdings.
func (c *Client) Positions(ctx context.Context) ([]broker.Position, error) {
	return read(ctx, c, "positions", func() ([]broker.Position, error) {
		all, err := trade(ctx, c, reading, (*alpaca.Client).GetPositions)
		if err != nil {
			return nil, err
		}
		x := exact{}
		out := make([]broker.Position, 0, len(all))
		for _, p := range all {
			if p.Symbol == "" {
				return nil, wrongReply("a position without a symbol")
			}
			qty, available := x.number(p.Qty), x.number(p.QtyAvailable)
			if p.Side == "short" && qty.Sign() > 0 {
				qty = qty.Neg()
			}
			out = append(out, broker.Position{Symbol: p.Symbol, Qty: qty, Available: available})
		}
		return out, x.err
	})
}

// Clock reads the broker's time.
func (c *Client) Clock(ctx context.Context) (broker.Clock, error) {
	return read(ctx, c, "clock", func() (broker.Clock, error) {
		k, err := trade(ctx, c, reading, (*alpaca.Client).GetClock)
		if err != nil {
			return broker.Clock{}, err
		}
		if k.Timestamp.IsZero() {
			return broker.Clock{}, wrongReply("a clock without a time")
		}
		return broker.Clock{Now: k.Timestamp.UTC(), IsOpen: k.IsOpen}, nil
	})
}

// Sessions reads the broker's calendar.
func (c *Client) Sessions(ctx context.Context, from, to events.Date) ([]market.Session, error) {
	return read(ctx, c, "calendar", func() ([]market.Session, error) {
		days, err := trade(ctx, c, reading, func(api *alpaca.Client) ([]alpaca.CalendarDay, error) {
			return api.GetCalendar(alpaca.GetCalendarRequest{Start: from.In(time.UTC), End: to.In(time.UTC)})
		})
		if err != nil {
			return nil, err
		}
		out := make([]market.Session, 0, len(days))
		for _, d := range days {
			s, err := session(d)
			if err != nil {
				return nil, err
			}
			if s.Date >= from && s.Date <= to {
				out = append(out, s)
			}
		}
		return out, nil
	})
}

func session(d alpaca.CalendarDay) (market.Session, error) {
	at := func(clock string) (time.Time, error) {
		return time.ParseInLocation("2006-01-02 15:04", d.Date+" "+clock, market.NewYork())
	}
	open, err1 := at(d.Open)
	end, err2 := at(d.Close)
	if err := errors.Join(err1, err2); err != nil {
		return market.Session{}, wrongReply("calendar day %+v: %v", d, err)
	}
	return market.Session{
		Date: events.Date(d.Date), Open: open.UTC(), Close: end.UTC(), EarlyClose: strings.Compare(d.Close, "16:00") < 0,
	}, nil
}

// exact converts the SDK's numbers by their decimal text and remembers the
// first that does not fit.
type exact struct{ err error }

func (x *exact) number(d decimal.Decimal) money.Decimal {
	if d.IsZero() { // also the form of a number that was absent
		return money.Zero()
	}
	m, err := money.Parse(d.String())
	if err != nil && x.err == nil {
		x.err = wrongReply("%v", err)
	}
	return m
}

func (x *exact) optional(d *decimal.Decimal) *money.Decimal {
	if d == nil {
		return nil
	}
	m := x.number(*d)
	return &m
}
