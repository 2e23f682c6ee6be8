package paperbroker

import (
	"slices"
	"strconv"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// orderQuery is which orders a list shows.
type orderQuery struct {
	status       string // open, closed or all
	limit        int
	after, until time.Time // both excluded
	ascending    bool
	symbols      []string
	side         events.Side // empty: both
	others       bool        // only other asset classes than equities: none
	beyond       *order      // list what was submitted before, or with past after, this order
	past         bool
}

func readOrderQuery(e *engine, q request) (orderQuery, *refusal) {
	get := q.query.Get
	out := orderQuery{status: get("status"), limit: 50, until: e.now.AddDate(1, 0, 0), symbols: split(get("symbols"))}
	switch out.status {
	case "open", "closed", "all":
	case "":
		out.status = "open"
	default:
		return out, invalid("invalid status: %q", out.status)
	}
	if s := get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 500 {
			return out, invalid("limit must be between 1 and 500")
		}
		out.limit = n
	}
	for name, bound := range map[string]*time.Time{"after": &out.after, "until": &out.until} {
		if s := get(name); s != "" {
			t, ok := readInstant(s, time.UTC)
			if !ok {
				return out, invalid("invalid %s: %q", name, s)
			}
			*bound = t
		}
	}
	switch direction := get("direction"); direction {
	case "", "desc":
	case "asc":
		out.ascending = true
	default:
		return out, invalid("invalid direction: %q", direction)
	}
	if s := get("side"); s != "" {
		if out.side = side(s); out.side == "" {
			return out, invalid("invalid side: %q", s)
		}
	}
	if s := get("nested"); s != "" { // there are no orders with legs to nest
		if _, err := strconv.ParseBool(s); err != nil {
			return out, invalid("invalid nested: %q", s)
		}
	}
	classes := split(get("asset_class"))
	out.others = len(classes) > 0 && !slices.Contains(classes, "us_equity") && !slices.Contains(classes, "all")
	return out, out.readBeyond(e, get("before_order_id"), get("after_order_id"))
}

func (oq *orderQuery) readBeyond(e *engine, before, after string) *refusal {
	id := before
	switch {
	case before == "" && after == "":
		return nil
	case before != "" && after != "":
		return invalid("only one of before_order_id or after_order_id is accepted")
	case after != "":
		id, oq.past = after, true
	}
	if oq.beyond = e.byID[id]; oq.beyond == nil {
		return invalid("order not found for %s", id)
	}
	return nil
}

// shows reports whether an order, as reads see it now, is on the list.
func (oq orderQuery) shows(o Order) bool {
	switch {
	case oq.status == "open" && o.Status.Terminal(), oq.status == "closed" && !o.Status.Terminal(), oq.others:
		return false
	case len(oq.symbols) > 0 && !slices.Contains(oq.symbols, o.Symbol), oq.side != "" && oq.side != o.Side:
		return false
	}
	return o.SubmittedAt.After(oq.after) && o.SubmittedAt.Before(oq.until)
}

func getOrders(e *engine, q request) reply {
	asked, r := readOrderQuery(e, q)
	if r != nil {
		return refused(r)
	}
	orders := slices.Clone(e.orders)
	if at := slices.Index(orders, asked.beyond); at >= 0 && asked.past {
		orders = orders[at+1:]
	} else if at >= 0 {
		orders = orders[:at]
	}
	if !asked.ascending {
		slices.Reverse(orders)
	}
	page := make([]orderBody, 0, min(asked.limit, len(orders)))
	for _, o := range orders {
		if seen, there := e.visible(o); there && len(page) < asked.limit && asked.shows(seen) {
			page = append(page, e.wireOrder(seen))
		}
	}
	return ok(page)
}
