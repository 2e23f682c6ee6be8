// The scenario of interop_test.go in Alpaca's client for Node, version 3. It
// sends quantities and prices as JSON numbers.
const Alpaca = require("@alpacahq/alpaca-trade-api");

const alpaca = new Alpaca({ baseUrl: process.env.BROKER, dataBaseUrl: process.env.BROKER, keyId: "id", secretKey: "secret" });

async function main() {
  const account = await alpaca.getAccount();
  const clock = await alpaca.getClock();
  const calendar = await alpaca.getCalendar({ start: new Date("2026-11-25T12:00:00Z"), end: new Date("2026-11-27T12:00:00Z") });
  const listed = await alpaca.getAssets({ status: "active" });
  const held = await alpaca.getPositions();
  const order = {
    symbol: "BBB", side: "buy", qty: 2, type: "limit", limit_price: Number(process.env.LIMIT), time_in_force: "day", client_order_id: "node",
  };
  const placed = await alpaca.createOrder(order);
  const found = await alpaca.getOrderByClientId("node");
  const open = await alpaca.getOrders({ status: "open", limit: 100 });
  await alpaca.cancelOrder(placed.id);
  const after = await alpaca.getOrder(placed.id);
  const refused = await alpaca.createOrder(order).then(() => 0, (e) => e.response.status);

  const span = { timeframe: alpaca.newTimeframe(1, alpaca.timeframeUnit.DAY), start: "2026-11-18", end: "2026-11-23T23:00:00Z" };
  const single = [];
  for await (const bar of alpaca.getBarsV2("AAA", { ...span, limit: 3 })) single.push(bar);
  for await (const bar of alpaca.getBarsV2("AAA", { ...span, start: "2026-11-23" })) single.push(bar);
  const bars = await alpaca.getMultiBarsV2(["BBB"], span);
  const quote = await alpaca.getLatestQuote("BBB");
  const quotes = await alpaca.getLatestQuotes(["AAA", "BBB"]);
  const snapshots = await alpaca.getSnapshots(["AAA", "BBB"]);
  const by = Object.fromEntries(snapshots.map((s) => [s.symbol, s]));
  const snapshot = await alpaca.getSnapshot("AAA");
  const minute = await alpaca.getLatestBar("AAA");
  const history = await alpaca.getPortfolioHistory({ period: "1M", timeframe: "1D" });

  console.log(JSON.stringify({
    account: account.status, cash: account.cash,
    open: clock.is_open, next_close: new Date(clock.next_close).toISOString(),
    calendar: calendar.map((c) => `${c.date} ${c.open} ${c.close}`),
    assets: listed.map((a) => a.symbol), fractionable: (await alpaca.getAsset("AAA")).fractionable,
    positions: held.map((p) => `${p.symbol} ${p.qty}`), position: (await alpaca.getPosition("AAA")).qty_available,
    placed: placed.status, found: found.id === placed.id, listed: open.map((o) => o.client_order_id), after: after.status, refused,
    bars: single.length + bars.get("BBB").length, last: bars.get("BBB").at(-1).ClosePrice,
    bid: quote.BidPrice, ask: quotes.get("BBB").AskPrice, snapshots: Object.keys(by).sort(), previous: by.BBB.PrevDailyBar.ClosePrice,
    single: snapshot.LatestQuote.BidPrice === by.AAA.LatestQuote.BidPrice && minute.ClosePrice > 0,
    equity: history.equity.at(-1), base: history.base_value,
  }));
}

main().catch((e) => { console.error(e); process.exit(1); });
