package paperbroker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// disfigure applies what goes wrong with a reply's bytes.
func (p *faultPlan) disfigure(raw []byte, status int) ([]byte, int) {
	if len(p.reshape) > 0 && status < 300 {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		var v any
		if dec.Decode(&v) == nil {
			for _, f := range p.reshape {
				v = f(v)
			}
			if changed, err := json.Marshal(v); err == nil {
				raw = changed
			}
		}
	}
	if len(p.rewrite) > 0 && (status < 300 || p.status != 0) {
		for _, f := range p.rewrite {
			raw = f(raw)
		}
	}
	if p.status != 0 {
		status = p.status
	}
	return raw, status
}

// reshape changes every object of a reply that the fault is about. Objects are
// told apart by their fields: quotes have bp, bars have o and l, orders have a
// client_order_id.
func reshape(v any, f Fault) any {
	switch v := v.(type) {
	case []any:
		bars := len(v) > 0 && has(v[len(v)-1], "o")
		if f.Kind == DropLastBar && bars {
			v = v[:len(v)-1]
		}
		if f.Kind == BreakBar && bars {
			last := v[len(v)-1].(map[string]any)
			last["l"] = json.Number(last["l"].(json.Number).String() + "e-1")
		}
		for i := range v {
			v[i] = reshape(v[i], f)
		}
		return v
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if f.Kind == NoQuote && has(v[k], "bp") && (f.Symbol == "" || k == f.Symbol || k == "latestQuote") {
				delete(v, k)
				continue
			}
			if f.Symbol != "" && k != f.Symbol && has(v[k], "bp") && k != "latestQuote" && k != "quote" {
				continue // a quote of another symbol
			}
			v[k] = reshape(v[k], f)
		}
		reshapeObject(v, f)
		return v
	}
	return v
}

func has(v any, field string) bool {
	m, ok := v.(map[string]any)
	if !ok {
		return false
	}
	_, ok = m[field]
	return ok
}

func reshapeObject(v map[string]any, f Fault) {
	switch {
	case f.Kind == UnknownField:
		v["a_field_of_tomorrow"] = map[string]any{"nested": []any{1, nil}}
	case f.Kind == ZeroBid && has(v, "bp"):
		v["bp"], v["bs"] = 0, 0
	case f.Kind == CrossQuote && has(v, "bp"):
		v["bp"], v["ap"] = v["ap"], v["bp"]
	case f.Kind == AgeQuote && has(v, "bp"):
		if t, err := time.Parse(time.RFC3339Nano, fmt.Sprint(v["t"])); err == nil {
			v["t"] = wireTime(t.Add(-time.Hour))
		}
	case f.Kind == FloatVolume && has(v, "vw"):
		v["v"] = json.Number(fmt.Sprint(v["v"], ".5"))
	case f.Kind == UnknownStatus && has(v, "client_order_id"):
		v["status"] = "pending_review"
	case f.Kind == NoAverage && has(v, "client_order_id"):
		v["filled_avg_price"] = nil
	case f.Kind == NullNumber && has(v, "client_order_id"):
		v["filled_qty"] = nil
	case f.Kind == NullNumber && has(v, "qty_available"):
		v["qty_available"], v["market_value"], v["current_price"] = nil, nil, nil
	case f.Kind == SayClosed && has(v, "is_open"):
		v["is_open"] = false
	}
}
