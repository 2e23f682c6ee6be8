package paperbroker

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
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

// Set turns one switch by its name, as a command line gives it.
func (s *Switches) Set(name, value string) error {
	set, ok := switchNames()[name]
	if !ok {
		return fmt.Errorf("there is no switch %q; there are %s", name, strings.Join(SwitchNames(), ", "))
	}
	changed := *s
	if err := set(&changed, value); err != nil {
		return fmt.Errorf("switch %s: %w", name, err)
	}
	if err := changed.check(); err != nil {
		return fmt.Errorf("switch %s: %w", name, err)
	}
	*s = changed
	return nil
}

// SwitchNames are the names that Set knows.
func SwitchNames() []string { return slices.Sorted(maps.Keys(switchNames())) }

func switchNames() map[string]func(*Switches, string) error {
	duration := func(field func(*Switches) *time.Duration) func(*Switches, string) error {
		return func(s *Switches, text string) (err error) {
			if *field(s), err = time.ParseDuration(text); err != nil {
				return fmt.Errorf("%q is not a duration such as 500ms", text)
			}
			return nil
		}
	}
	number := func(field func(*Switches) *int) func(*Switches, string) error {
		return func(s *Switches, text string) (err error) {
			if *field(s), err = strconv.Atoi(text); err != nil {
				return fmt.Errorf("%q is not a whole number", text)
			}
			return nil
		}
	}
	onOff := func(field func(*Switches) *bool) func(*Switches, string) error {
		return func(s *Switches, text string) (err error) {
			if *field(s), err = strconv.ParseBool(text); err != nil {
				return fmt.Errorf("%q is neither true nor false", text)
			}
			return nil
		}
	}
	return map[string]func(*Switches, string) error{
		"client_id_memory":       duration(func(s *Switches) *time.Duration { return &s.ClientIDMemory }),
		"duplicate_status":       number(func(s *Switches) *int { return &s.DuplicateStatus }),
		"lookup_lag":             duration(func(s *Switches) *time.Duration { return &s.LookupLag }),
		"read_lag":               duration(func(s *Switches) *time.Duration { return &s.ReadLag }),
		"shuffle_checks":         onOff(func(s *Switches) *bool { return &s.ShuffleChecks }),
		"notional_limit":         onOff(func(s *Switches) *bool { return &s.NotionalLimit }),
		"extended_gtc":           onOff(func(s *Switches) *bool { return &s.ExtendedGTC }),
		"patch_fractional_price": onOff(func(s *Switches) *bool { return &s.PatchFractionalPrice }),
		"patch_remainder":        onOff(func(s *Switches) *bool { return &s.PatchRemainder }),
		"dust_sell":              onOff(func(s *Switches) *bool { return &s.DustSell }),
		"price_away":             onOff(func(s *Switches) *bool { return &s.PriceAway }),
		"retry_after":            onOff(func(s *Switches) *bool { return &s.RetryAfter }),
		"forming_bar":            onOff(func(s *Switches) *bool { return &s.FormingBar }),
		"cancel_delay":           duration(func(s *Switches) *time.Duration { return &s.CancelDelay }),
		"cash_per_fill":          onOff(func(s *Switches) *bool { return &s.CashPerFill }),
		"refuse_excess_digits":   onOff(func(s *Switches) *bool { return &s.RefuseExcessDigits }),
		"rate_limit":             number(func(s *Switches) *int { return &s.RateLimit }),
		"multiplier":             number(func(s *Switches) *int { return &s.Multiplier }),
		"market_buy_margin": func(s *Switches, text string) (err error) {
			s.MarketBuyMargin, err = money.Parse(text)
			return err
		},
	}
}
