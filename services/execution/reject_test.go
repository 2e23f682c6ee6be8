package execution

import (
	"testing"

	"github.com/alchemiser/alchemiser/pkg/broker"
)

// Recorded and documented refusals by what they mean. Every row of the table
// of words decides at least one of them: a row that is lost is missed.
func TestF86EveryWordOfTheBrokerHasItsMeaning(t *testing.T) {
	decided := make(map[string]bool)
	for _, c := range []struct{ row, message, want string }{
		{"insufficient qty", "insufficient qty available for order (requested: 10, available: 0)", reasonInsufficientQty},
		{"cannot be sold short", `asset "OLD" cannot be sold short`, reasonInsufficientQty},
		{"not allowed to short", "account is not allowed to short", reasonInsufficientQty},
		{"insufficient buying power", "insufficient buying power", reasonBuyingPower},
		{"insufficient day trading buying power", "insufficient day trading buying power", reasonBuyingPower},
		{"wash trade", "potential wash trade detected. use complex orders", reasonWashTrade},
		{"opposite side", "opposite side market/stop order exists", reasonWashTrade},
		{"sub-penny", "invalid limit_price 100.001. sub-penny increment does not fulfill minimum pricing criteria", reasonBadOrder},
		{"not fractionable", `asset "NEW" is not fractionable`, reasonNotFractionable},
		{"fractional", "fractional orders must be DAY orders", reasonNotFractionable},
		{"minimal amount of order", "cost basis must be >= minimal amount of order 1", reasonBelowMinimum},
		{"minimum", "notional is below the minimum", reasonBelowMinimum},
		{"not tradable", `asset "OLD" is not tradable`, reasonNotTradable},
		{"not active", `asset "OLD" is not active`, reasonNotTradable},
		{"not found", `asset "OLD" not found`, reasonNotTradable},
		{"halted", "OLD is halted", reasonNotTradable},
		{"account", "new orders are rejected by account restrictions", reasonBlocked},
		{"trading suspended", "trading suspended by user request", reasonBlocked},
		{"not authorized", "the request is not authorized", reasonBlocked},
		{"increment", "the price breaks the increment", reasonBadOrder},
		{"too far away from the market", "limit price 300 is too far away from the market", reasonOther},
		{"limit price", "limit orders require a limit price", reasonBadOrder},
		{"client_order_id", "client_order_id must be no more than 128 characters", reasonBadOrder},
		{"qty must", "qty must be > 0", reasonBadOrder},
	} {
		if got := reasonOf(&broker.Rejected{Status: 403, Code: 40310000, Message: c.message}); got != c.want {
			t.Errorf("%q means %s, not %s", c.message, got, c.want)
		}
		decided[c.row] = true
	}
	for _, w := range words {
		if !decided[w.part] {
			t.Errorf("no refusal is recorded for %q", w.part)
		}
	}
	if len(words) != len(decided) {
		t.Errorf("%d rows, %d of them recorded", len(words), len(decided))
	}
}
