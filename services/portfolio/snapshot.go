package portfolio

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/amount"
	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/stage"
)

// ownOrder begins the client id of every order of ours.
const ownOrder = "alc-"

const (
	tradeMaxAge  = 15 * time.Minute // of a last trade that stands in for a quote
	readAttempts = 3                // before a book that keeps changing is given up
	clockSlack   = 30 * time.Second // that a price's time may lie ahead of our clock
)

// snapshot is the broker's state that a plan is made from.
type snapshot struct {
	takenAt time.Time
	account broker.Account
	held    map[string]broker.Position
	assets  map[string]broker.Asset
	market  map[string]broker.Snapshot
	own     []string // open orders of ours, from an older run
	// free are the shares that these orders hold: execution cancels them first,
	// and does not begin when one of them is filled meanwhile, or does not end.
	free map[string]money.Decimal
}

// holdings are a first read of account and positions.
type holdings struct {
	*snapshot
	err error
}

// read takes the snapshot. Account and positions are read before and after
// everything else, the first time perhaps by the caller: a book that changed in
// between is read again. What changes while the two are read side by side shows
// in the second read as well.
func (p *Portfolio) read(ctx context.Context, first *holdings, wanted []string) (*snapshot, error) {
	for range readAttempts {
		if first == nil {
			first = &holdings{}
			first.snapshot, first.err = p.holdings(ctx)
		}
		before, err := first.snapshot, first.err
		first = nil
		if err != nil {
			return nil, err
		}
		if err := p.others(ctx, before, wanted); err != nil {
			return nil, err
		}
		after, err := p.holdings(ctx)
		if err != nil {
			return nil, err
		}
		if same(before, after) {
			before.takenAt = p.Clock.Now()
			return before, nil
		}
	}
	return nil, stage.Transient("torn_snapshot", errors.New("cash or positions kept changing while they were read"))
}

func (p *Portfolio) holdings(ctx context.Context) (*snapshot, error) {
	var positions []broker.Position
	s := &snapshot{held: make(map[string]broker.Position)}
	err := env.Together(ctx, p.Tasks,
		func(ctx context.Context) (err error) {
			if s.account, err = p.Broker.Account(ctx); err != nil {
				return stage.Transient("broker_unavailable", err)
			}
			if err := broker.GuardAccount(s.account, p.Config.Guard); err != nil {
				return stage.Permanent("account_guard", "check ACCOUNT_NUMBER, TRADING_MODE and the account at the broker", "%v", err)
			}
			return nil
		},
		func(ctx context.Context) (err error) {
			if positions, err = p.Broker.Positions(ctx); err != nil {
				return stage.Transient("broker_unavailable", err)
			}
			return nil
		},
	)
	if err != nil {
		return nil, err
	}
	for _, h := range positions {
		if !slices.Contains(p.Config.Ignore, h.Symbol) {
			s.held[h.Symbol] = h
		}
	}
	return s, nil
}

func same(a, b *snapshot) bool {
	return a.account.Cash.Equal(b.account.Cash) && maps.EqualFunc(a.held, b.held, func(x, y broker.Position) bool {
		return x.Qty.Equal(y.Qty) && x.Available.Equal(y.Available)
	})
}

// others reads open orders, assets and prices of every symbol concerned.
func (p *Portfolio) others(ctx context.Context, s *snapshot, wanted []string) error {
	symbols := slices.Sorted(maps.Keys(s.held))
	for _, w := range wanted {
		if _, held := s.held[w]; !held {
			symbols = append(symbols, w)
		}
	}
	// A foreign order ends the run whatever else could not be read.
	var orders []broker.Order
	var assetsErr, marketErr error
	err := env.Together(ctx, p.Tasks,
		func(ctx context.Context) (err error) { orders, err = p.Broker.OpenOrders(ctx); return err },
		func(ctx context.Context) error { s.assets, assetsErr = p.assets(ctx, symbols); return nil },
		func(ctx context.Context) error {
			if len(symbols) > 0 {
				s.market, marketErr = p.Broker.Snapshots(ctx, symbols)
			}
			return nil
		},
	)
	if err != nil {
		return stage.Transient("broker_unavailable", err)
	}
	s.free = make(map[string]money.Decimal)
	for _, o := range orders {
		switch {
		case strings.HasPrefix(o.ClientID, ownOrder):
			s.own = append(s.own, o.ClientID)
			if o.Side == events.Sell {
				s.free[o.Symbol] = s.free[o.Symbol].Add(o.Qty.Sub(o.Filled))
			}
		case slices.Contains(symbols, o.Symbol):
			return stage.Permanent("foreign_open_order", "cancel it at the broker, or set IGNORE_SYMBOLS",
				"there is an open order for %s that is not ours (%s)", o.Symbol, o.ClientID)
		}
	}
	slices.Sort(s.own)
	if assetsErr != nil {
		return assetsErr
	}
	if marketErr != nil {
		return stage.Transient("broker_unavailable", marketErr)
	}
	return nil
}

// assets reads every asset, a few at a time.
func (p *Portfolio) assets(ctx context.Context, symbols []string) (map[string]broker.Asset, error) {
	const atOnce = 8
	read := make([]broker.Asset, len(symbols))
	err := env.Each(ctx, p.Tasks, len(symbols), atOnce, func(ctx context.Context, k int) (err error) {
		read[k], err = p.Broker.Asset(ctx, symbols[k])
		if errors.Is(err, broker.ErrNotFound) {
			read[k], err = broker.Asset{Symbol: symbols[k]}, nil // not tradable
		}
		return err
	})
	if err != nil {
		return nil, stage.Transient("broker_unavailable", err)
	}
	found := make(map[string]broker.Asset, len(symbols))
	for k, symbol := range symbols {
		found[symbol] = read[k]
	}
	return found, nil
}

// priced is a price with where it comes from.
type priced struct {
	price  money.Decimal
	source string // quote or trade
	at     time.Time
}

// priceOf is the middle of a sane quote, else a recent trade: never anything
// else (F56). stale accepts any age, for a dry run.
func (p *Portfolio) priceOf(m broker.Snapshot, now time.Time, stale bool) (priced, bool) {
	fresh := func(at time.Time, most time.Duration) bool {
		return stale || now.Sub(at) <= most && at.Sub(now) <= clockSlack
	}
	if q := m.Quote; q != nil && sane(*q) && fresh(q.At, p.Config.QuoteMaxAge) {
		mid := q.Bid.Add(q.Ask).Quo(money.FromInt(2)).Round(6)
		return priced{mid, "quote", q.At}, true
	}
	if t := m.Trade; t != nil && t.Price.Sign() > 0 && fresh(t.At, tradeMaxAge) {
		return priced{t.Price, "trade", t.At}, true
	}
	return priced{}, false
}

// sane refuses quotes that no order may rest on: one-sided, crossed, or with a
// spread above 1 %.
func sane(q broker.Quote) bool {
	if q.Bid.Sign() <= 0 || q.Ask.Sign() <= 0 || q.Ask.Less(q.Bid) {
		return false
	}
	return !q.Bid.Mul(money.MustParse("1.01")).Less(q.Ask)
}

// book joins the snapshot to what the planner needs.
func (p *Portfolio) book(s *snapshot, dryRun bool) (Book, map[string]priced, error) {
	b := Book{Cash: s.account.Cash, Holdings: make(map[string]Holding)}
	prices := make(map[string]priced)
	var without []string
	for _, symbol := range slices.Sorted(maps.Keys(s.assets)) {
		asset := s.assets[symbol]
		position := s.held[symbol]
		h := Holding{Qty: position.Qty, Available: money.Min(position.Qty, position.Available.Add(s.free[symbol])), Tradable: asset.Tradable, Fractionable: asset.Fractionable}
		m := s.market[symbol]
		h.PreviousClose = m.PreviousClose
		if found, ok := p.priceOf(m, s.takenAt, dryRun); ok {
			h.Price, prices[symbol] = &found.price, found
		} else if asset.Tradable {
			without = append(without, symbol)
		}
		b.Holdings[symbol] = h
	}
	if len(without) > 0 {
		return b, nil, stage.Transient("no_price", fmt.Errorf("%s: neither a sane quote of the last %s nor a trade of the last %s", strings.Join(without, ", "), p.Config.QuoteMaxAge, tradeMaxAge))
	}
	return b, prices, nil
}

// errMismatch means that the broker values the account otherwise.
var errMismatch = errors.New("portfolio: the account cannot be valued")

// matches compares our valuation with the broker's: a book worth something
// else was read wrongly.
func matches(plan *Plan, b Book, s *snapshot, ignored []string) error {
	if len(ignored) > 0 || s.account.Equity.Sign() <= 0 {
		return nil
	}
	for _, h := range b.Holdings {
		if h.Price == nil && h.Qty.Sign() != 0 {
			return nil // frozen at 0 here, not at the broker
		}
	}
	off := plan.Equity.Sub(s.account.Equity).Abs().Quo(s.account.Equity)
	if money.MustParse("0.02").Less(off) {
		return fmt.Errorf("%w: cash and positions are worth %s here and %s at the broker", errMismatch, plan.Equity.Fixed(2), s.account.Equity.Fixed(2))
	}
	return nil
}

// wire is the snapshot as the event carries it.
func (s *snapshot) wire(prices map[string]priced) (events.Snapshot, error) {
	out := events.Snapshot{
		TakenAt: events.At(s.takenAt), OpenOwnOrders: s.own,
		Account: events.SnapshotAccount{
			Equity: amount.USD(s.account.Equity), LastEquity: amount.USD(s.account.LastEquity), Cash: amount.USD(s.account.Cash), BuyingPower: amount.USD(s.account.BuyingPower),
		},
	}
	for _, symbol := range slices.Sorted(maps.Keys(s.held)) {
		h := s.held[symbol]
		position := events.SnapshotPosition{Symbol: symbol, Qty: amount.Quantity(h.Qty), QtyAvailable: amount.Quantity(h.Available), PriceSource: "none"}
		if found, ok := prices[symbol]; ok {
			value, at := amount.Price(found.price), events.At(found.at)
			position.Price, position.PriceSource, position.PriceAt = &value, found.source, &at
		}
		out.Positions = append(out.Positions, position)
	}
	b, err := json.Marshal(out)
	if err != nil {
		return out, fmt.Errorf("portfolio: encode the snapshot: %w", err)
	}
	sum := sha256.Sum256(b)
	out.Digest = hex.EncodeToString(sum[:])
	return out, nil
}
