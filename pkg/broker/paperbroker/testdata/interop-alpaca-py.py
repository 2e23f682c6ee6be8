"""The scenario of interop_test.go in Alpaca's client for Python, alpaca-py."""

import json
import os
from datetime import date, datetime, timezone

from alpaca.common.exceptions import APIError
from alpaca.data.enums import Adjustment, DataFeed
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.requests import StockBarsRequest, StockLatestBarRequest, StockLatestQuoteRequest, StockQuotesRequest, StockSnapshotRequest, StockTradesRequest
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import AssetStatus, OrderSide, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetAssetsRequest,
    GetCalendarRequest,
    GetOrdersRequest,
    GetPortfolioHistoryRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLimitOrderRequest,
)

url = os.environ["BROKER"]
trading = TradingClient("id", "secret", paper=True, url_override=url)
data = StockHistoricalDataClient("id", "secret", url_override=url)

account = trading.get_account()
clock = trading.get_clock()
calendar = trading.get_calendar(GetCalendarRequest(start=date(2026, 11, 25), end=date(2026, 11, 27)))
assets = trading.get_all_assets(GetAssetsRequest(status=AssetStatus.ACTIVE))
held = trading.get_all_positions()

order = LimitOrderRequest(symbol="BBB", qty=2, side=OrderSide.BUY, limit_price=float(os.environ["LIMIT"]), time_in_force=TimeInForce.DAY, client_order_id="python")
placed = trading.submit_order(order)
found = trading.get_order_by_client_id("python")
listed = trading.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN, limit=100, nested=True, symbols=["BBB"], side=OrderSide.BUY))
replaced = trading.replace_order_by_id(placed.id, ReplaceOrderRequest(qty=3, client_order_id="python-2"))
trading.cancel_order_by_id(replaced.id)
after = trading.get_order_by_id(replaced.id)
try:
    trading.submit_order(order)
    refused = 0
except APIError as e:
    refused = e.status_code, e.code

bought = trading.submit_order(MarketOrderRequest(symbol="AAA", notional=100.5, side=OrderSide.BUY, time_in_force=TimeInForce.DAY))
bid = data.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="AAA", feed=DataFeed.IEX))["AAA"].bid_price
stop = trading.submit_order(StopLimitOrderRequest(symbol="AAA", qty=1, side=OrderSide.SELL, stop_price=round(bid * 0.8, 2), limit_price=round(bid * 0.7, 2), time_in_force=TimeInForce.GTC))
cancelled = trading.cancel_orders()
closed = trading.close_position("AAA", ClosePositionRequest(qty="1"))
all_closed = trading.close_all_positions(cancel_orders=True)

span = dict(start=datetime(2026, 11, 18), end=datetime(2026, 11, 23, 23), feed=DataFeed.IEX)
bars = data.get_stock_bars(StockBarsRequest(symbol_or_symbols=["AAA", "BBB"], timeframe=TimeFrame.Day, adjustment=Adjustment.ALL, **span))
minutes = data.get_stock_bars(StockBarsRequest(symbol_or_symbols="AAA", timeframe=TimeFrame.Minute, start=datetime(2026, 11, 23), end=datetime(2026, 11, 24), feed=DataFeed.IEX))
second = dict(symbol_or_symbols="AAA", start=datetime(2026, 11, 23, 15, tzinfo=timezone.utc), end=datetime(2026, 11, 23, 15, 0, 9, tzinfo=timezone.utc))
trades = data.get_stock_trades(StockTradesRequest(**second))
quotes = data.get_stock_quotes(StockQuotesRequest(**second))
quote = data.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols=["AAA", "BBB"]))
latest = data.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols="AAA"))
snapshots = data.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols=["AAA", "BBB"]))
history = trading.get_portfolio_history(GetPortfolioHistoryRequest(period="1M", timeframe="1D"))
configuration = trading.get_account_configurations()
configuration.suspend_trade = True
suspended = trading.set_account_configurations(configuration)

print(json.dumps({
    "account": account.status.value, "cash": account.cash, "open": clock.is_open, "next_close": clock.next_close.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    "calendar": [f"{c.date} {c.open:%H:%M} {c.close:%H:%M}" for c in calendar], "assets": [a.symbol for a in assets],
    "fractionable": trading.get_asset("AAA").fractionable, "positions": [f"{p.symbol} {p.qty}" for p in held],
    "placed": placed.status.value, "found": found.id == placed.id, "listed": [o.client_order_id for o in listed],
    "replaced": f"{replaced.client_order_id} {replaced.qty}", "after": after.status.value, "refused": list(refused),
    "bought": f"{bought.status.value} {bought.notional} {bought.qty}", "stop": f"{stop.type.value} {stop.status.value}",
    "cancelled": [c.status for c in cancelled], "closed": f"{closed.side.value} {closed.filled_qty}", "all_closed": [f"{c.symbol} {c.status}" for c in all_closed],
    "bars": len(bars["AAA"]) + len(bars["BBB"]), "last": bars["BBB"][-1].close, "minutes": len(minutes["AAA"]), "ticks": len(trades["AAA"]) + len(quotes["AAA"]),
    "bid": quote["BBB"].bid_price, "ask": quote["BBB"].ask_price, "snapshots": sorted(snapshots), "previous": snapshots["BBB"].previous_daily_bar.close,
    "single": latest["AAA"].close > 0, "base": history.base_value, "suspended": suspended.suspend_trade,
}))
