package execution

import (
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/envelope"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// Fallback says which legs may end with a market order when the price walk
// did not fill them.
type Fallback string

const (
	FallbackOff   Fallback = "off"
	FallbackExits Fallback = "exits"
	FallbackAll   Fallback = "all"
)

// Config is what execution reads from its environment beside what every
// function reads.
type Config struct {
	// Cap is how far from the first mid a limit may go, as a fraction.
	Cap money.Decimal
	// MaxSpread is (ask − bid) / mid above which a quote is not used.
	MaxSpread        money.Decimal
	QuoteMaxAge      time.Duration
	MarketFallback   Fallback
	MaxContinuations int
	Limits           envelope.Limits
	Guard            broker.AccountGuard
}

// ReadConfig reads CAP_BPS, MAX_SPREAD_BPS, QUOTE_MAX_AGE, MARKET_FALLBACK,
// MAX_CONTINUATIONS and the safety envelope; mistakes are collected in v.
func ReadConfig(v *env.Vars, mode events.Mode, guard broker.AccountGuard) Config {
	fallback := Fallback(v.Optional("MARKET_FALLBACK", string(FallbackOff)))
	switch fallback {
	case FallbackOff, FallbackExits, FallbackAll:
	default:
		v.Fail("MARKET_FALLBACK", "is %q; allowed: off, exits, all", fallback)
	}
	continuations := v.Int("MAX_CONTINUATIONS", 10)
	if continuations < 1 || continuations > 10 {
		v.Fail("MAX_CONTINUATIONS", "is %d; 1 to 10 are allowed", continuations)
	}
	age := v.Duration("QUOTE_MAX_AGE", time.Minute)
	if age <= 0 {
		v.Fail("QUOTE_MAX_AGE", "is %s; it must be positive", age)
	}
	return Config{
		Cap: basisPoints(v, "CAP_BPS", 50), MaxSpread: basisPoints(v, "MAX_SPREAD_BPS", 100), QuoteMaxAge: age,
		MarketFallback: fallback, MaxContinuations: continuations, Limits: envelope.FromVars(v, mode), Guard: guard,
	}
}

func basisPoints(v *env.Vars, name string, fallback int) money.Decimal {
	n := v.Int(name, fallback)
	if n < 1 || n > 500 {
		v.Fail(name, "is %d; 1 to 500 basis points are allowed", n)
	}
	return money.FromInt(int64(n)).Shift(-4)
}
