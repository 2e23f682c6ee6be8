"""The scenario of interop_test.go in Alpaca's older client for Python, alpaca-trade-api."""

import json
import os
from datetime import timezone

import alpaca_trade_api as tradeapi
from alpaca_trade_api.rest import APIError, TimeFrame

url = os.environ["BROKER"]  # the data API's address is in APCA_API_DATA_URL
api = tradeapi.REST("id", "secret", base_url=url, api_version="v2")

account = api.get_account()
clock = api.get_clock()
calendar = api.get_calendar(start="2026-11-25", end="2026-11-27")
assets = api.list_assets(status="active")
held = api.list_positions()

order = dict(symbol="BBB", qty=2, side="buy", type="limit", limit_price=float(os.environ["LIMIT"]), time_in_force="day", client_order_id="python")
placed = api.submit_order(**order)
found = api.get_order_by_client_order_id("python")
listed = api.list_orders(status="open", limit=100, nested=True, symbols=["BBB"], side="buy")
replaced = api.replace_order(placed.id, qty=3, client_order_id="python-2")
api.cancel_order(replaced.id)
after = api.get_order(replaced.id)
try:
    api.submit_order(**order)
    refused = 0
except APIError as e:
    refused = e.status_code, e.code

bought = api.submit_order(symbol="AAA", notional=100.5, side="buy", type="market", time_in_force="day")
bid = api.get_latest_quote("AAA").bp
stop = api.submit_order(symbol="AAA", qty=1, side="sell", type="stop_limit", stop_price=round(bid * 0.8, 2), limit_price=round(bid * 0.7, 2), time_in_force="gtc")
api.cancel_all_orders()  # returns nothing
cancelled = [] if api.list_orders(status="open") else [200]
closed = api.close_position("AAA", qty=1)
all_closed = api.close_all_positions()

bars = api.get_bars(["AAA", "BBB"], TimeFrame.Day, "2026-11-18", "2026-11-23T23:00:00Z", adjustment="all", feed="iex")
minutes = api.get_bars("AAA", TimeFrame.Minute, "2026-11-23", "2026-11-24", feed="iex")
second = ("AAA", "2026-11-23T15:00:00Z", "2026-11-23T15:00:09Z")
trades, quotes = api.get_trades(*second), api.get_quotes(*second)
quote = api.get_latest_quotes(["AAA", "BBB"])
latest = api.get_latest_bar("AAA")
snapshots = api.get_snapshots(["AAA", "BBB"])
snapshot = api.get_snapshot("AAA")
history = api.get_portfolio_history(period="1M", timeframe="1D")
activities = api.get_activities("FILL")

print(json.dumps({
    "account": account.status, "cash": account.cash, "open": clock.is_open, "next_close": clock.next_close.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    "calendar": [f"{c.date:%Y-%m-%d} {c.open:%H:%M} {c.close:%H:%M}" for c in calendar], "assets": [a.symbol for a in assets],
    "fractionable": api.get_asset("AAA").fractionable, "positions": [f"{p.symbol} {p.qty}" for p in held],
    "placed": placed.status, "found": found.id == placed.id, "listed": [o.client_order_id for o in listed],
    "replaced": f"{replaced.client_order_id} {replaced.qty}", "after": after.status, "refused": list(refused),
    "bought": f"{bought.status} {bought.notional} {bought.qty}", "stop": f"{stop.type} {stop.status}",
    "cancelled": cancelled, "closed": f"{closed.side} {closed.filled_qty}", "all_closed": [f"{c.symbol} {c.status}" for c in all_closed],
    "bars": len(bars), "last": bars[-1].c, "minutes": len(minutes), "ticks": len(trades) + len(quotes),
    "bid": quote["BBB"].bp, "ask": quote["BBB"].ap, "snapshots": sorted(snapshots), "previous": snapshots["BBB"].prev_daily_bar.c,
    "single": latest.c > 0 and snapshot.latest_quote.bp > 0, "base": history.base_value, "fills": len(activities),
}))
