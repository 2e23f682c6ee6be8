package paperbroker

import (
	"net/http"
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
		"trading_blocked": false, "transfers_blocked": false, "account_blocked": a.Blocked, "trade_suspended_by_user": false,
		"shorting_enabled": false, "options_approved_level": 0, "options_trading_level": 0,
		"balance_asof": string(dateOf(e.now)), "created_at": wireTime(e.created),
	})
}

func getConfigurations(*engine, request) reply {
	return ok(map[string]any{
		"suspend_trade": false, "no_shorting": true, "fractional_trading": true, "max_margin_multiplier": "4", "max_options_trading_level": 0,
		"trade_confirm_email": "none", "ptp_no_exception_entry": false, "disable_overnight_trading": true,
	})
}

// getHistory is the account's worth at the closes it saw, and now.
func getHistory(e *engine, _ request) reply {
	closings := append(append([]closing{}, e.history...), closing{at: e.now, equity: e.equity()})
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

// positionBody is a holding as Alpaca writes it.
type positionBody struct {
	AssetID                string `json:"asset_id"`
	Symbol                 string `json:"symbol"`
	Exchange               string `json:"exchange"`
	AssetClass             string `json:"asset_class"`
	OnMargin               bool   `json:"asset_marginable"` //nolint:misspell // Alpaca's word
	Qty                    string `json:"qty"`
	QtyAvailable           string `json:"qty_available"`
	AvgEntryPrice          string `json:"avg_entry_price"`
	Side                   string `json:"side"`
	MarketValue            string `json:"market_value"`
	CostBasis              string `json:"cost_basis"`
	UnrealizedPL           string `json:"unrealized_pl"`
	UnrealizedPLPC         string `json:"unrealized_plpc"`
	UnrealizedIntradayPL   string `json:"unrealized_intraday_pl"`
	UnrealizedIntradayPLPC string `json:"unrealized_intraday_plpc"`
	CurrentPrice           string `json:"current_price"`
	LastdayPrice           string `json:"lastday_price"`
	ChangeToday            string `json:"change_today"`
}

func (e *engine) wirePosition(p Position) positionBody {
	lastDay := p.Price
	if bar, ok := e.previousBar(p.Symbol); ok {
		lastDay = decimal(bar.Close)
	}
	share := func(change, base money.Decimal) string {
		if base.IsZero() {
			return "0"
		}
		return text(change.Quo(base).Round(9))
	}
	gain, today := p.Value.Sub(p.Cost), p.Qty.Mul(p.Price.Sub(lastDay))
	side := "long"
	if p.Qty.Sign() < 0 {
		side = "short"
	}
	return positionBody{
		AssetID: e.assetID(p.Symbol), Symbol: p.Symbol, Exchange: "ARCA", AssetClass: "us_equity", OnMargin: true,
		Qty: text(p.Qty), QtyAvailable: text(p.Available), AvgEntryPrice: text(p.Cost.Quo(p.Qty).Round(9)), Side: side,
		MarketValue: text(p.Value.Round(9)), CostBasis: text(p.Cost.Round(9)), CurrentPrice: text(p.Price), LastdayPrice: text(lastDay),
		UnrealizedPL: text(gain.Round(9)), UnrealizedPLPC: share(gain, p.Cost),
		UnrealizedIntradayPL: text(today.Round(9)), UnrealizedIntradayPLPC: share(today, p.Qty.Mul(lastDay)),
		ChangeToday: share(p.Price.Sub(lastDay), lastDay),
	}
}

// previousBar is the bar of the last session before the one that prices are of.
func (e *engine) previousBar(symbol string) (market.Bar, bool) {
	s, _, ok := e.market.instant(e.now)
	if !ok {
		return market.Bar{}, false
	}
	return e.market.bars[symbol].Until(s.Date.AddDays(-1)).Last()
}

// seenPositions are the holdings as reads may see them now.
func (e *engine) seenPositions() []Position {
	return e.valued(e.asOf(e.now.Add(-e.switches.ReadLag)))
}

func getPositions(e *engine, _ request) reply {
	out := []positionBody{}
	for _, p := range e.seenPositions() {
		out = append(out, e.wirePosition(p))
	}
	return ok(out)
}

func getPosition(e *engine, q request) reply {
	for _, p := range e.seenPositions() {
		if p.Symbol == q.value("symbol") || e.assetID(p.Symbol) == q.value("symbol") {
			return ok(e.wirePosition(p))
		}
	}
	return refused(refuse(http.StatusNotFound, 40410000, "position does not exist"))
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
		if t, known := e.asset(symbol); known && q.query.Get("status") != "inactive" {
			out = append(out, e.wireAsset(symbol, t))
		}
	}
	return ok(out)
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
