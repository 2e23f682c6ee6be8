// Sdkcalls makes every call of Alpaca's client for Go that the product makes,
// with nothing of the product around it: where the broker is and which keys it
// takes are in the variables that the client reads. It buys one and a half of
// the symbol it is given, far below the market, cancels that, and prints what
// it saw, a line a call. Anything unexpected ends it with an error.
package main

import (
	"fmt"
	"log"
	"os"
	"time"

	"github.com/alpacahq/alpaca-trade-api-go/v3/alpaca"
	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata"
	"github.com/shopspring/decimal"
)

const feed = marketdata.IEX

func main() {
	log.SetFlags(0)
	symbol := os.Args[1]
	trading := alpaca.NewClient(alpaca.ClientOpts{RetryLimit: -1})
	data := marketdata.NewClient(marketdata.ClientOpts{RetryLimit: -1})
	now := account(trading)
	history(data, symbol, now)
	order(trading, symbol, market(data, symbol))
}

func must[T any](name string, got T, err error) T {
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
	fmt.Println(name)
	return got
}

func expect(ok bool, format string, args ...any) {
	if !ok {
		log.Fatalf(format, args...)
	}
}

// account reads all about the account and returns the broker's time.
func account(trading *alpaca.Client) time.Time {
	a, err := trading.GetAccount()
	must("GetAccount", a, err)
	expect(a.Status == "ACTIVE" && a.Currency == "USD" && a.Cash.IsPositive(), "account %+v", a)
	clock, err := trading.GetClock()
	must("GetClock", clock, err)
	days, err := trading.GetCalendar(alpaca.GetCalendarRequest{Start: clock.Timestamp, End: clock.Timestamp.AddDate(0, 0, 7)})
	must("GetCalendar", days, err)
	expect(len(days) >= 3 && clock.IsOpen && clock.NextClose.Format(time.DateOnly+" 15:04") == days[0].Date+" "+days[0].Close, "clock %+v, calendar %+v", clock, days)
	positions, err := trading.GetPositions()
	for _, p := range must("GetPositions", positions, err) {
		expect(p.QtyAvailable.IsPositive() && p.QtyAvailable.LessThanOrEqual(p.Qty), "position %+v", p)
		asset, err := trading.GetAsset(p.Symbol)
		must("GetAsset", asset, err)
		expect(asset.Symbol == p.Symbol && asset.Status == alpaca.AssetActive && asset.Tradable, "asset %+v", asset)
	}
	return clock.Timestamp
}

// history reads the daily bars of a month, three to a page.
func history(data *marketdata.Client, symbol string, now time.Time) {
	bars, err := data.GetMultiBars([]string{symbol}, marketdata.GetBarsRequest{
		TimeFrame: marketdata.OneDay, Adjustment: marketdata.AdjustmentAll, Start: now.AddDate(0, -1, 0), End: now.AddDate(0, 0, -1), PageLimit: 3, Feed: feed,
	})
	must("GetMultiBars", bars, err)
	expect(len(bars[symbol]) > 15, "bars %+v", bars)
}

// market reads what the symbol costs and returns the bid.
func market(data *marketdata.Client, symbol string) decimal.Decimal {
	quotes, err := data.GetLatestQuotes([]string{symbol, "NOSUCH"}, marketdata.GetLatestQuoteRequest{Feed: feed})
	q := must("GetLatestQuotes", quotes, err)[symbol]
	expect(len(quotes) == 1 && q.BidPrice > 0 && q.BidPrice < q.AskPrice, "quotes %+v", quotes)
	snapshots, err := data.GetSnapshots([]string{symbol}, marketdata.GetSnapshotRequest{Feed: feed})
	s := must("GetSnapshots", snapshots, err)[symbol]
	expect(s != nil && s.LatestQuote != nil && s.LatestTrade != nil && s.DailyBar != nil && s.PrevDailyBar != nil, "snapshot %+v", s)
	return decimal.NewFromFloat(q.BidPrice)
}

// order places, finds in three ways, and cancels.
func order(trading *alpaca.Client, symbol string, bid decimal.Decimal) {
	qty, limit := decimal.RequireFromString("1.5"), bid.Mul(decimal.RequireFromString("0.8")).Round(2)
	placed, err := trading.PlaceOrder(alpaca.PlaceOrderRequest{
		Symbol: symbol, Qty: &qty, Side: alpaca.Buy, Type: alpaca.Limit, LimitPrice: &limit, TimeInForce: alpaca.Day, ClientOrderID: "sdkcalls",
	})
	must("PlaceOrder", placed, err)
	expect(placed.ID != "" && placed.ClientOrderID == "sdkcalls" && placed.Qty.Equal(qty) && placed.LimitPrice.Equal(limit), "order %+v", placed)
	found, err := trading.GetOrderByClientOrderID("sdkcalls")
	expect(must("GetOrderByClientOrderID", found, err).ID == placed.ID, "found %+v", found)
	open, err := trading.GetOrders(alpaca.GetOrdersRequest{Status: "open", Limit: 500, After: placed.SubmittedAt.Add(-2 * time.Second), Direction: "asc"})
	expect(len(must("GetOrders", open, err)) == 1 && open[0].ID == placed.ID, "open %+v", open)
	must("CancelOrder", "", trading.CancelOrder(placed.ID))
	after, err := trading.GetOrder(placed.ID)
	expect(must("GetOrder", after, err).Status == "canceled" && after.FilledQty.IsZero() && after.CanceledAt != nil, "after the cancel %+v", after)
}
