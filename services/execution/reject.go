package execution

import (
	"fmt"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/broker"
)

// Reasons why a leg ended without being complete, or an attempt was refused.
const (
	reasonInsufficientQty = "insufficient_qty"
	reasonBuyingPower     = "buying_power"
	reasonNotFractionable = "not_fractionable"
	reasonBelowMinimum    = "below_minimum"
	reasonWashTrade       = "wash_trade"
	reasonNotTradable     = "not_tradable"
	reasonBadOrder        = "bad_order"
	reasonBlocked         = "account_blocked"
	reasonRejectedLater   = "rejected_later"
	reasonOther           = "other"

	reasonUnfilled      = "unfilled" // the price walk is over
	reasonNoQuote       = "no_quote"
	reasonHeld          = "held_quantity"
	reasonMaxSubmits    = "max_submissions"
	reasonEnvelope      = "envelope_refused"
	reasonReplaced      = "replaced"
	reasonIDConflict    = "id_conflict"
	reasonUnknown       = "outcome_unknown"
	reasonNeverArrived  = "never_arrived"
	reasonChanged       = "position_changed"
	reasonSellOpen      = "sell_unresolved"
	reasonNoCash        = "no_cash"
	reasonReducing      = "reducing"
	reasonStateChanged  = "state_changed"
	reasonHalted        = "halted"
	reasonClosed        = "market_closed"
	reasonNotAfter      = "not_after"
	reasonClockSkew     = "clock_skew"
	reasonContinuations = "max_continuations"
	reasonCloseOut      = "close_out"
	reasonLeaseLost     = "lease_lost"
	reasonGuard         = "account_guard"
	reasonDryRun        = "dry_run"
	reasonDone          = "done" // every leg has ended by itself
)

// words maps the broker's words to reasons, first match. One code of the
// broker covers six reasons, so its text must decide; the status comes first.
var words = [...]struct{ part, reason string }{
	{"insufficient qty", reasonInsufficientQty},
	{"cannot be sold short", reasonInsufficientQty}, // a sell of more than is held
	{"not allowed to short", reasonInsufficientQty},
	{"insufficient buying power", reasonBuyingPower},
	{"insufficient day trading buying power", reasonBuyingPower},
	{"wash trade", reasonWashTrade},
	{"opposite side", reasonWashTrade},
	{"sub-penny", reasonBadOrder}, // "… does not fulfill minimum pricing criteria"
	{"not fractionable", reasonNotFractionable},
	{"fractional", reasonNotFractionable},
	{"minimal amount of order", reasonBelowMinimum},
	{"minimum", reasonBelowMinimum},
	{"not tradable", reasonNotTradable},
	{"not active", reasonNotTradable},
	{"not found", reasonNotTradable},
	{"halted", reasonNotTradable},
	{"account", reasonBlocked},
	{"trading suspended", reasonBlocked},
	{"not authorized", reasonBlocked},
	{"increment", reasonBadOrder},
	{"too far away from the market", reasonOther},
	{"limit price", reasonBadOrder},
	{"client_order_id", reasonBadOrder},
	{"qty must", reasonBadOrder},
}

// reasonOf says what a refusal means.
func reasonOf(r *broker.Rejected) string {
	if r.Status == 401 || r.Status == 403 && r.Code == 0 {
		return reasonBlocked
	}
	if r.Status == 0 { // refused by the adapter: nothing left the machine
		return reasonBadOrder
	}
	message := strings.ToLower(r.Message)
	for _, w := range words {
		if strings.Contains(message, w.part) {
			return w.reason
		}
	}
	return reasonOther
}

// skips are reasons that mean "there was nothing to trade", not "the broker
// refused our order".
func skips(reason string) bool {
	switch reason {
	case reasonNotFractionable, reasonBelowMinimum, reasonNotTradable:
		return true
	}
	return false
}

// brokerCode is the refusal in figures, for the report.
func brokerCode(r *broker.Rejected) string { return fmt.Sprintf("%d/%d", r.Status, r.Code) }

// maxMessage bounds what the report quotes of the broker, in bytes.
const maxMessage = 200

// quoted cuts the broker's words to what a report may hold.
func quoted(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "")
	}
	return s
}
