// The scenario of interop_test.go in Alpaca's client for Node, version 4.
const { trading, marketData, orders } = require("@alpacahq/alpaca-trade-api");

const settings = { basePath: process.env.BROKER, keyId: "id", secret: "secret" };
const t = new trading.Configuration(settings);
const d = new marketData.Configuration(settings);
const day = (date) => date.toISOString().slice(0, 10);

async function main() {
  const account = await new trading.AccountsApi(t).getAccount();
  const clock = await new trading.ClockApi(t).legacyClock();
  const calendar = await new trading.CalendarApi(t).legacyCalendar({ start: new Date("2026-11-25"), end: new Date("2026-11-27") });
  const assets = new trading.AssetsApi(t);
  const positions = new trading.PositionsApi(t);
  const book = new trading.OrdersApi(t);
  const stocks = new marketData.StockApi(d);

  const listed = await assets.getV2Assets({ status: "active" });
  const held = await positions.getAllOpenPositions();
  const postOrderRequest = orders.buildLimitOrder({ symbol: "BBB", side: "buy", qty: 2, limitPrice: process.env.LIMIT, clientOrderId: "node" });
  const placed = await book.postOrder({ postOrderRequest });
  const found = await book.getOrderByClientOrderId({ clientOrderId: "node" });
  const open = await book.getAllOrders({ status: "open" });
  await book.deleteOrderByOrderID({ orderId: placed.id });
  const after = await book.getOrderByOrderID({ orderId: placed.id });
  const refused = await book.postOrder({ postOrderRequest }).then(() => 0, (e) => e.status);

  const span = { timeframe: "1Day", start: new Date("2026-11-18"), end: new Date("2026-11-23T23:00:00Z"), feed: "iex" };
  const bars = await stocks.stockBars({ symbols: "AAA,BBB", limit: 3, ...span });
  const rest = await stocks.stockBars({ symbols: "AAA,BBB", limit: 100, pageToken: bars.nextPageToken, ...span });
  const quote = (await stocks.stockLatestQuoteSingle({ symbol: "BBB" })).quote;
  const quotes = (await stocks.stockLatestQuotes({ symbols: "AAA,BBB" })).quotes;
  const snapshots = await stocks.stockSnapshots({ symbols: "AAA,BBB" });
  const snapshot = await stocks.stockSnapshotSingle({ symbol: "AAA" });
  const minute = (await stocks.stockLatestBarSingle({ symbol: "AAA" })).bar;
  const history = await new trading.PortfolioHistoryApi(t).getAccountPortfolioHistory({ period: "1M", timeframe: "1D" });

  console.log(JSON.stringify({
    account: account.status, cash: account.cash,
    open: clock.isOpen, next_close: clock.nextClose.toISOString(),
    calendar: calendar.map((c) => `${day(c.date)} ${c.open} ${c.close}`),
    assets: listed.map((a) => a.symbol), fractionable: (await assets.getV2AssetsSymbolOrAssetId({ symbolOrAssetId: listed[0].id })).fractionable,
    positions: held.map((p) => `${p.symbol} ${p.qty}`), position: (await positions.getOpenPosition({ symbolOrAssetId: "AAA" })).qtyAvailable,
    placed: placed.status, found: found.id === placed.id, listed: open.map((o) => o.clientOrderId), after: after.status, refused,
    bars: bars.bars.AAA.length + rest.bars.AAA.length + rest.bars.BBB.length, last: rest.bars.BBB.at(-1).c,
    bid: quote.bp, ask: quotes.BBB.ap, snapshots: Object.keys(snapshots).sort(), previous: snapshots.BBB.prevDailyBar.c,
    single: snapshot.latestQuote.bp === snapshots.AAA.latestQuote.bp && minute.c > 0,
    equity: history.equity.at(-1), base: history.baseValue,
  }));
}

main().catch((e) => { console.error(e); process.exit(1); });
