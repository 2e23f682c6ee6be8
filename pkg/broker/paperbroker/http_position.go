package paperbroker

import (
	"net/http"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

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

func noPosition() reply {
	return refused(refuse(http.StatusNotFound, 40410000, "position does not exist"))
}

// asked is the one that a request names by symbol or by the asset's id.
func (e *engine) asked(q request, positions []Position) (Position, bool) {
	for _, p := range positions {
		if p.Symbol == q.value("symbol") || e.assetID(p.Symbol) == q.value("symbol") {
			return p, true
		}
	}
	return Position{}, false
}

func getPosition(e *engine, q request) reply {
	p, there := e.asked(q, e.seenPositions())
	if !there {
		return noPosition()
	}
	return ok(e.wirePosition(p))
}

// deletePosition closes a position, or a part of it, by a market order.
func deletePosition(e *engine, q request) reply {
	p, there := e.asked(q, e.holdings())
	if !there {
		return noPosition()
	}
	qty, share := q.query.Get("qty"), q.query.Get("percentage")
	wanted := p.Available.Abs()
	switch {
	case qty != "" && share != "":
		return refused(invalid("only one of qty or percentage is accepted"))
	case qty != "":
		d, err := money.Parse(qty)
		if err != nil {
			return refused(invalid("invalid qty: %q", qty))
		}
		wanted = d
	case share != "":
		d, err := money.Parse(share)
		if err != nil || d.Sign() <= 0 || d.Cmp(money.FromInt(100)) > 0 {
			return refused(invalid("percentage must be between 0 and 100"))
		}
		wanted = p.Qty.Abs().Mul(d).Shift(-2).Truncate(9)
		if !fractional(p.Qty) {
			wanted = wanted.Truncate(0)
		}
	}
	o, r := e.closing(p, wanted)
	if r != nil {
		return refused(r)
	}
	return ok(e.wireOrder(o.copy()))
}

// closing places the market order that sells, or buys back, some of a position.
func (e *engine) closing(p Position, qty money.Decimal) (*order, *refusal) {
	d := draft{symbol: p.Symbol, side: events.Sell, kind: broker.Market, tif: "day", qty: &qty}
	if p.Qty.Sign() < 0 {
		d.side = events.Buy
	}
	if r := e.check(&d); r != nil {
		return nil, r
	}
	return e.submit(d), nil
}

// deletePositions closes all positions, and cancels all orders before if asked to.
func deletePositions(e *engine, q request) reply {
	if q.query.Get("cancel_orders") == "true" {
		deleteOrders(e, q)
	}
	type result struct {
		Symbol string `json:"symbol"`
		Status int    `json:"status"`
		Body   any    `json:"body"`
	}
	results := []result{}
	for _, p := range e.holdings() {
		o, r := e.closing(p, p.Available.Abs())
		if r != nil {
			results = append(results, result{p.Symbol, r.status, refused(r).body})
			continue
		}
		results = append(results, result{p.Symbol, http.StatusOK, e.wireOrder(o.copy())})
	}
	return reply{status: http.StatusMultiStatus, body: results}
}
