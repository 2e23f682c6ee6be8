package paperbroker

import (
	"fmt"
	"time"

	"github.com/alchemiser/alchemiser/pkg/money"
)

// Switches decide what nobody outside of Alpaca knows for sure. The harsher
// choice is the default of the profiles realistic and adversarial; instant and
// paper answer without lag.
type Switches struct {
	ClientIDMemory       time.Duration // how long a client order id stays taken; 0: for ever
	DuplicateStatus      int           // of the refusal of a used client id: 422 or 409
	LookupLag            time.Duration // a new order cannot be found by client id for so long
	ReadLag              time.Duration // orders and positions are read as they were so long ago
	ShuffleChecks        bool          // neighbouring checks of an order change places by the seed
	NotionalLimit        bool          // a limit order may name an amount in place of a quantity
	ExtendedGTC          bool          // extended hours may be gtc
	PatchFractionalPrice bool          // the price of a fractional order may be replaced
	PatchRemainder       bool          // a replacement without quantity has the remainder, not the original
	DustSell             bool          // a fraction worth less than a dollar may be sold
	PriceAway            bool          // a limit far from the market is refused
	RetryAfter           bool          // a 429 says when to come back
	FormingBar           bool          // the bar of the running session is served
	CancelDelay          time.Duration // from DELETE to canceled
	CashPerFill          bool          // each fill is rounded to the cent, against the account
	RefuseExcessDigits   bool          // of a quantity; otherwise they are cut without a word
	MarketBuyMargin      money.Decimal // a market buy needs this multiple of the ask in buying power
	RateLimit            int           // requests a minute, for either API; 0: none
	Multiplier           int           // of the account's equity; 0: 1 below 2,000 USD, else 4
}

// DefaultSwitches are the switches of a profile.
func DefaultSwitches(p Profile) Switches {
	s := Switches{
		DuplicateStatus: 422, LookupLag: time.Second, ReadLag: 500 * time.Millisecond, ShuffleChecks: true, PriceAway: true,
		FormingBar: true, CancelDelay: 500 * time.Millisecond, CashPerFill: true, MarketBuyMargin: money.MustParse("1.04"), RateLimit: 200,
	}
	switch p {
	case Instant, Midpoint:
		s.LookupLag, s.ReadLag, s.CancelDelay, s.RateLimit = 0, 0, 0, 0
	case Paper:
		s.LookupLag, s.ReadLag, s.CancelDelay = 0, 0, 100*time.Millisecond
	}
	return s
}

func (s Switches) check() error {
	if s.DuplicateStatus != 409 && s.DuplicateStatus != 422 {
		return fmt.Errorf("DuplicateStatus is %d; it must be 409 or 422", s.DuplicateStatus)
	}
	if s.MarketBuyMargin.Less(money.One()) {
		return fmt.Errorf("MarketBuyMargin is %s; it must be at least 1", s.MarketBuyMargin)
	}
	if min(s.ClientIDMemory, s.LookupLag, s.ReadLag, s.CancelDelay) < 0 || min(s.RateLimit, s.Multiplier) < 0 {
		return fmt.Errorf("a switch is negative: %+v", s)
	}
	return nil
}
