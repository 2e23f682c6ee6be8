package paperbroker

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

func getAccount(e *engine, _ request) reply {
	a := e.account()
	long, short := e.marketValues()
	cents := func(d money.Decimal) string { return text(d.Floor(2)) }
	return ok(map[string]any{
		"id": a.ID, "account_number": a.Number, "status": "ACTIVE", "crypto_status": "INACTIVE", "currency": "USD",
		"cash": text(a.Cash), "equity": cents(a.Equity), "portfolio_value": cents(a.Equity), "last_equity": cents(a.LastEquity),
		"long_market_value": cents(long), "short_market_value": cents(short), "position_market_value": cents(a.MarketValue),
		"buying_power": cents(a.BuyingPower), "regt_buying_power": cents(a.BuyingPower), "effective_buying_power": cents(a.BuyingPower),
		"non_marginable_buying_power": cents(money.Max(a.Cash, money.Zero())), //nolint:misspell // Alpaca's word
		"options_buying_power":        cents(money.Max(a.Cash, money.Zero())),
		"multiplier":                  text(e.multiplier(a.Equity)), "initial_margin": "0", "maintenance_margin": "0", "last_maintenance_margin": "0",
		"sma": "0", "accrued_fees": "0", "pending_reg_taf_fees": "0", "intraday_adjustments": "0",
		"trading_blocked": false, "transfers_blocked": false, "account_blocked": a.Blocked, "trade_suspended_by_user": e.SuspendTrade,
		"shorting_enabled": false, "options_approved_level": 0, "options_trading_level": 0,
		"balance_asof": string(dateOf(e.now)), "created_at": wireTime(e.created),
	})
}

// getHistory is the account's worth at its beginning, at the closes it saw, and now.
func getHistory(e *engine, q request) reply {
	if tf := q.query.Get("timeframe"); tf != "" && tf != "1D" {
		return refused(invalid("invalid timeframe: %q; this broker on paper keeps 1D", tf))
	}
	from, r := historyFrom(e, q)
	if r != nil {
		return refused(r)
	}
	closings := slices.DeleteFunc(slices.Clone(e.history), func(c closing) bool { return c.at.Before(from) })
	closings = append(closings, closing{at: e.now, equity: e.equity()})
	base := closings[0].equity.Round(2).Float64()
	timestamps, equity, profit, share := []int64{}, []float64{}, []float64{}, []float64{}
	for _, c := range closings {
		worth := c.equity.Round(2).Float64()
		timestamps = append(timestamps, c.at.Unix())
		equity = append(equity, worth)
		profit = append(profit, c.equity.Sub(closings[0].equity).Round(2).Float64())
		if base > 0 {
			share = append(share, worth/base-1)
		} else {
			share = append(share, 0)
		}
	}
	return ok(map[string]any{
		"timestamp": timestamps, "equity": equity, "profit_loss": profit, "profit_loss_pct": share,
		"base_value": base, "base_value_asof": string(dateOf(closings[0].at)), "timeframe": "1D",
	})
}

// historyFrom is where a history begins: with start, or a period ago.
func historyFrom(e *engine, q request) (time.Time, *refusal) {
	if s := q.query.Get("start"); s != "" {
		t, ok := readInstant(s, market.NewYork())
		if !ok {
			return t, invalid("invalid start: %q", s)
		}
		return t, nil
	}
	period := q.query.Get("period")
	if period == "" {
		period = "1M"
	}
	n, err := strconv.Atoi(period[:len(period)-1])
	if err != nil || n < 1 {
		return time.Time{}, invalid("invalid period: %q", period)
	}
	switch period[len(period)-1] {
	case 'D':
		return e.now.AddDate(0, 0, -n), nil
	case 'W':
		return e.now.AddDate(0, 0, -7*n), nil
	case 'M':
		return e.now.AddDate(0, -n, 0), nil
	case 'A':
		return e.now.AddDate(-n, 0, 0), nil
	}
	return time.Time{}, invalid("invalid period: %q", period)
}

// assetBody is an asset as Alpaca writes it.
type assetBody struct {
	ID                string   `json:"id"`
	Class             string   `json:"class"`
	Exchange          string   `json:"exchange"`
	Symbol            string   `json:"symbol"`
	Name              string   `json:"name"`
	Status            string   `json:"status"`
	Tradable          bool     `json:"tradable"`
	OnMargin          bool     `json:"marginable"` //nolint:misspell // Alpaca's word
	MaintenanceMargin int      `json:"maintenance_margin_requirement"`
	MarginLong        string   `json:"margin_requirement_long"`
	MarginShort       string   `json:"margin_requirement_short"`
	Shortable         bool     `json:"shortable"`
	EasyToBorrow      bool     `json:"easy_to_borrow"`
	Fractionable      bool     `json:"fractionable"`
	Attributes        []string `json:"attributes"`
}

func (e *engine) assetID(symbol string) string { return e.id("asset "+symbol, 0) }

func (e *engine) wireAsset(symbol string, t Traits) assetBody {
	return assetBody{
		ID: e.assetID(symbol), Class: "us_equity", Exchange: "ARCA", Symbol: symbol, Name: symbol, Status: "active",
		Tradable: !t.Untradable, OnMargin: true, MaintenanceMargin: 30, MarginLong: "30", MarginShort: "100",
		Fractionable: !t.NotFractionable, Attributes: []string{},
	}
}

func getAssets(e *engine, q request) reply {
	out := []assetBody{}
	for _, symbol := range e.market.bars.Symbols() {
		t, known := e.asset(symbol)
		if !known {
			continue
		}
		if a := e.wireAsset(symbol, t); a.matches(q) {
			out = append(out, a)
		}
	}
	return ok(out)
}

// matches reports whether the asset is one of those that a request wants.
func (a assetBody) matches(q request) bool {
	for name, value := range map[string]string{"status": a.Status, "asset_class": a.Class, "exchange": a.Exchange} {
		if wanted := q.query.Get(name); wanted != "" && wanted != "all" && wanted != value {
			return false
		}
	}
	return q.query.Get("attributes") == "" // none of these assets has one
}

func getAsset(e *engine, q request) reply {
	asked := q.value("symbol")
	if t, known := e.asset(asked); known {
		return ok(e.wireAsset(asked, t))
	}
	for _, symbol := range e.market.bars.Symbols() {
		if t, known := e.asset(symbol); known && e.assetID(symbol) == asked {
			return ok(e.wireAsset(symbol, t))
		}
	}
	return refused(refuse(http.StatusNotFound, 40410000, "asset not found for %s", asked))
}

func getClock(e *engine, _ request) reply {
	now := e.now.Add(e.clockOffset)
	newYork := func(t time.Time) string { return t.In(market.NewYork()).Format(time.RFC3339Nano) }
	today, ok1 := e.market.day(now)
	next, _ := e.market.calendar.Next(dateOf(now))
	opens, closes := next, next
	if ok1 && now.Before(today.Open) {
		opens = today
	}
	if ok1 && now.Before(today.Close) {
		closes = today
	}
	return ok(map[string]any{
		"timestamp": newYork(now), "is_open": e.market.open(now), "next_open": newYork(opens.Open), "next_close": newYork(closes.Close),
	})
}

func getCalendar(e *engine, q request) reply {
	from, to := events.Date("1970-01-01"), events.Date("2029-12-31")
	for name, bound := range map[string]*events.Date{"start": &from, "end": &to} {
		if s := q.query.Get(name); s != "" {
			if _, ok := readInstant(s, market.NewYork()); !ok {
				return refused(refuse(http.StatusBadRequest, 40010000, "invalid %s: %q", name, s))
			}
			*bound = events.Date(s[:len(time.DateOnly)]) // as it was written: clients send a date as midnight UTC
		}
	}
	type day struct {
		Date           events.Date `json:"date"`
		Open           string      `json:"open"`
		Close          string      `json:"close"`
		SessionOpen    string      `json:"session_open"`
		SessionClose   string      `json:"session_close"`
		SettlementDate events.Date `json:"settlement_date"`
	}
	out := []day{}
	for _, s := range e.market.calendar.Sessions(from, to) {
		settled, _ := e.market.calendar.Next(s.Date)
		d := day{
			Date: s.Date, Open: s.Open.In(market.NewYork()).Format("15:04"), Close: s.Close.In(market.NewYork()).Format("15:04"),
			SessionOpen: "0400", SessionClose: "2000", SettlementDate: settled.Date,
		}
		if s.EarlyClose {
			d.SessionClose = "1700"
		}
		out = append(out, d)
	}
	return ok(out)
}
