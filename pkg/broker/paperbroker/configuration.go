package paperbroker

import (
	"encoding/json"
)

// configuration is what the account's owner may switch.
type configuration struct {
	SuspendTrade        bool   `json:"suspend_trade"`
	NoShorting          bool   `json:"no_shorting"`
	FractionalTrading   bool   `json:"fractional_trading"`
	MaxMarginMultiplier string `json:"max_margin_multiplier"`
	MaxOptionsLevel     int    `json:"max_options_trading_level"`
	TradeConfirmEmail   string `json:"trade_confirm_email"`
	PTPNoExceptionEntry bool   `json:"ptp_no_exception_entry"`
	DisableOvernight    bool   `json:"disable_overnight_trading"`
	// Alpaca dropped these with the rules for pattern day traders; its client for
	// Python cannot do without them.
	DTBPCheck string `json:"dtbp_check"`
	PDTCheck  string `json:"pdt_check"`
}

func defaultConfiguration() configuration {
	return configuration{NoShorting: true, FractionalTrading: true, MaxMarginMultiplier: "4", TradeConfirmEmail: "none", DisableOvernight: true, DTBPCheck: "entry", PDTCheck: "entry"}
}

func getConfigurations(e *engine, _ request) reply { return ok(e.configuration) }

// patchConfigurations takes over the fields that are there. Options and short
// positions stay off: this broker has neither.
func patchConfigurations(e *engine, q request) reply {
	changed := e.configuration
	if err := json.Unmarshal(q.body, &changed); err != nil {
		return refused(invalid("request body format is invalid: %v", err))
	}
	switch changed.MaxMarginMultiplier {
	case "1", "2", "4":
	default:
		return refused(invalid("max_margin_multiplier must be 1, 2 or 4"))
	}
	changed.NoShorting, changed.MaxOptionsLevel = true, 0
	e.configuration = changed
	return ok(e.configuration)
}
