package paperbroker

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// orderBody is an order as Alpaca writes it.
type orderBody struct {
	ID             string  `json:"id"`
	ClientOrderID  string  `json:"client_order_id"`
	CreatedAt      string  `json:"created_at"`
	UpdatedAt      string  `json:"updated_at"`
	SubmittedAt    string  `json:"submitted_at"`
	FilledAt       *string `json:"filled_at"`
	ExpiredAt      *string `json:"expired_at"`
	CanceledAt     *string `json:"canceled_at"`
	FailedAt       *string `json:"failed_at"`
	ReplacedAt     *string `json:"replaced_at"`
	ReplacedBy     *string `json:"replaced_by"`
	Replaces       *string `json:"replaces"`
	AssetID        string  `json:"asset_id"`
	Symbol         string  `json:"symbol"`
	AssetClass     string  `json:"asset_class"`
	Notional       *string `json:"notional"`
	Qty            *string `json:"qty"`
	FilledQty      string  `json:"filled_qty"`
	FilledAvgPrice *string `json:"filled_avg_price"`
	OrderClass     string  `json:"order_class"`
	OrderType      string  `json:"order_type"`
	Type           string  `json:"type"`
	Side           string  `json:"side"`
	PositionIntent string  `json:"position_intent"`
	TimeInForce    string  `json:"time_in_force"`
	LimitPrice     *string `json:"limit_price"`
	StopPrice      *string `json:"stop_price"`
	Status         string  `json:"status"`
	ExtendedHours  bool    `json:"extended_hours"`
	Legs           *string `json:"legs"`
	TrailPercent   *string `json:"trail_percent"`
	TrailPrice     *string `json:"trail_price"`
	HWM            *string `json:"hwm"`
	Subtag         *string `json:"subtag"`
	Source         *string `json:"source"`
	ExpiresAt      string  `json:"expires_at"`
}

func (e *engine) wireOrder(o Order) orderBody {
	b := orderBody{
		ID: o.ID, ClientOrderID: o.ClientID,
		CreatedAt: wireTime(o.SubmittedAt), UpdatedAt: wireTime(o.UpdatedAt), SubmittedAt: wireTime(o.SubmittedAt),
		ReplacedBy: stringOrNull(o.ReplacedBy), Replaces: stringOrNull(o.Replaces),
		AssetID: e.assetID(o.Symbol), Symbol: o.Symbol, AssetClass: "us_equity",
		Notional: textOrNull(o.Notional), Qty: textOrNull(o.Qty), FilledQty: text(o.Filled), FilledAvgPrice: textOrNull(o.AvgPrice),
		OrderType: string(o.Type), Type: string(o.Type), Side: "buy", PositionIntent: "buy_to_open",
		TimeInForce: o.TimeInForce, LimitPrice: textOrNull(o.Limit), StopPrice: textOrNull(o.Stop), Status: string(o.Status), ExtendedHours: o.Extended,
		ExpiresAt: wireTime(e.expiry(o)),
	}
	if o.Side == events.Sell {
		b.Side, b.PositionIntent = "sell", "sell_to_close"
	}
	if o.EndedAt != nil {
		at := wireTime(*o.EndedAt)
		switch o.Status {
		case "filled":
			b.FilledAt = &at
		case "expired":
			b.ExpiredAt = &at
		case "canceled":
			b.CanceledAt = &at
		case "rejected":
			b.FailedAt = &at
		case "replaced":
			b.ReplacedAt = &at
		}
	}
	return b
}

// expiry is when a day order ends, or the longest life of a gtc order.
func (e *engine) expiry(o Order) time.Time {
	if o.TimeInForce == "gtc" {
		return o.SubmittedAt.Add(longestGTC)
	}
	s, ok := e.market.day(o.SubmittedAt)
	if !ok || !o.SubmittedAt.Before(s.Close) {
		s, _ = e.market.calendar.Next(dateOf(o.SubmittedAt))
	}
	return s.Close
}

// visible is the order as reads may see it now.
func (e *engine) visible(o *order) (Order, bool) { return o.asOf(e.now.Add(-e.switches.ReadLag)) }

func postOrder(e *engine, q request) reply {
	d, r := readOrder(q.body)
	if r == nil {
		r = e.check(&d)
	}
	if r != nil {
		return refused(r)
	}
	return ok(e.wireOrder(e.submit(d).copy()))
}

// readOrder reads the body of POST /v2/orders, as leniently as Alpaca does.
func readOrder(body []byte) (draft, *refusal) {
	var asked struct {
		Symbol      word   `json:"symbol"`
		Qty         number `json:"qty"`
		Notional    number `json:"notional"`
		Side        word   `json:"side"`
		Type        word   `json:"type"`
		TimeInForce word   `json:"time_in_force"`
		LimitPrice  number `json:"limit_price"`
		StopPrice   number `json:"stop_price"`
		ClientID    word   `json:"client_order_id"`
		Class       word   `json:"order_class"`
		Extended    *bool  `json:"extended_hours"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		return draft{}, invalid("request body format is invalid: %v", err)
	}
	return draft{
		clientID: string(asked.ClientID), symbol: string(asked.Symbol), side: side(string(asked.Side)), kind: broker.OrderType(asked.Type),
		tif: string(asked.TimeInForce), class: string(asked.Class), qty: asked.Qty.value, notional: asked.Notional.value,
		limit: asked.LimitPrice.value, stop: asked.StopPrice.value, extended: asked.Extended != nil && *asked.Extended,
	}, nil
}

func side(s string) events.Side {
	switch s {
	case "buy":
		return events.Buy
	case "sell":
		return events.Sell
	}
	return ""
}

func noOrder(id string) reply {
	return refused(refuse(http.StatusNotFound, 40410000, "order not found for %s", id))
}

func getOrder(e *engine, q request) reply {
	o := e.byID[q.value("id")]
	if o == nil {
		return noOrder(q.value("id"))
	}
	seen, _ := e.visible(o)
	return ok(e.wireOrder(seen))
}

func getOrderByClientID(e *engine, q request) reply {
	id := q.query.Get("client_order_id")
	o := e.byClient[id]
	if o == nil || e.now.Sub(o.SubmittedAt) < e.switches.LookupLag {
		return noOrder(id)
	}
	seen, _ := e.visible(o)
	return ok(e.wireOrder(seen))
}

func deleteOrder(e *engine, q request) reply {
	o := e.byID[q.value("id")]
	if o == nil {
		return noOrder(q.value("id"))
	}
	if r := e.cancel(o); r != nil {
		return refused(r)
	}
	return reply{status: http.StatusNoContent}
}

func deleteOrders(e *engine, _ request) reply {
	type result struct {
		ID     string `json:"id"`
		Status int    `json:"status"`
	}
	results := []result{}
	for _, o := range slices.Clone(e.orders) {
		if !o.working() {
			continue
		}
		status := http.StatusOK
		if r := e.cancel(o); r != nil {
			status = r.status
		}
		results = append(results, result{o.ID, status})
	}
	return reply{status: http.StatusMultiStatus, body: results}
}

func patchOrder(e *engine, q request) reply {
	o := e.byID[q.value("id")]
	if o == nil {
		return noOrder(q.value("id"))
	}
	var asked struct {
		Qty        number `json:"qty"`
		LimitPrice number `json:"limit_price"`
		StopPrice  number `json:"stop_price"`
		ClientID   word   `json:"client_order_id"`
	}
	if err := json.Unmarshal(q.body, &asked); err != nil {
		return refused(invalid("request body format is invalid: %v", err))
	}
	fresh, r := e.replace(o, asked.Qty.value, asked.LimitPrice.value, asked.StopPrice.value, string(asked.ClientID))
	if r != nil {
		return refused(r)
	}
	return ok(e.wireOrder(fresh.copy()))
}

// activityBody is a fill as Alpaca writes it.
type activityBody struct {
	ID              string `json:"id"`
	ActivityType    string `json:"activity_type"`
	TransactionTime string `json:"transaction_time"`
	Type            string `json:"type"`
	Price           string `json:"price"`
	Qty             string `json:"qty"`
	Side            string `json:"side"`
	Symbol          string `json:"symbol"`
	LeavesQty       string `json:"leaves_qty"`
	OrderID         string `json:"order_id"`
	CumQty          string `json:"cum_qty"`
	OrderStatus     string `json:"order_status"`
}

func getActivities(e *engine, q request) reply {
	if kind := q.value("type"); kind != "" && kind != "FILL" {
		return ok([]activityBody{})
	}
	if kinds := split(q.query.Get("activity_types")); len(kinds) > 0 && !slices.Contains(kinds, "FILL") {
		return ok([]activityBody{})
	}
	size := 100
	if s := q.query.Get("page_size"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 100 {
			return refused(invalid("page_size must be between 1 and 100"))
		}
		size = n
	}
	after, until := time.Time{}, e.now.AddDate(1, 0, 0)
	for name, bound := range map[string]*time.Time{"after": &after, "until": &until} {
		if t, ok := readInstant(q.query.Get(name), market.NewYork()); ok {
			*bound = t
		}
	}
	if day, ok := readInstant(q.query.Get("date"), market.NewYork()); ok {
		after, until = day.Add(-time.Nanosecond), day.AddDate(0, 0, 1)
	}
	var all []activityBody
	for i, a := range e.activities {
		if a.fill.At.After(after) && a.fill.At.Before(until) {
			all = append(all, e.wireActivity(i, a))
		}
	}
	if q.query.Get("direction") != "asc" {
		slices.Reverse(all)
	}
	if token := q.query.Get("page_token"); token != "" {
		at := slices.IndexFunc(all, func(a activityBody) bool { return a.ID == token })
		all = all[at+1:]
	}
	page := make([]activityBody, 0, size)
	return ok(append(page, all[:min(size, len(all))]...))
}

func (e *engine) wireActivity(n int, a activity) activityBody {
	b := activityBody{
		ID:           a.fill.At.In(market.NewYork()).Format("20060102150405") + "000::" + e.id("activity", n),
		ActivityType: "FILL", TransactionTime: wireTime(a.fill.At), Type: "partial_fill", Price: text(a.fill.Price), Qty: text(a.fill.Qty),
		Side: strings.ToLower(string(a.order.Side)), Symbol: a.order.Symbol, LeavesQty: text(money.Max(a.left, money.Zero())),
		OrderID: a.order.ID, CumQty: text(a.filled), OrderStatus: "partially_filled",
	}
	if a.left.Sign() <= 0 {
		b.Type, b.OrderStatus = "fill", "filled"
	}
	return b
}

// split reads a list whose elements are parted by commas.
func split(s string) []string {
	var out []string
	for _, part := range strings.Split(s, ",") {
		if part != "" {
			out = append(out, part)
		}
	}
	return out
}
