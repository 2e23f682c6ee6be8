package portfolio

import (
	"errors"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/envelope"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// Config is what portfolio reads from its environment beside what every
// function reads.
type Config struct {
	Policy
	Limits      envelope.Limits
	Guard       broker.AccountGuard
	QuoteMaxAge time.Duration
	Ignore      []string // symbols that are neither counted nor traded
}

// ReadConfig reads RESERVE_PCT, MIN_TRADE_PCT, MIN_TRADE_REL, MIN_TRADE_USD,
// SHORT_POLICY, SELL_DUST, IGNORE_SYMBOLS, QUOTE_MAX_AGE and the limits;
// mistakes are collected in v.
func ReadConfig(v *env.Vars, mode events.Mode, guard broker.AccountGuard) Config {
	return Config{
		Policy: Policy{
			ReservePct:   fraction(v, "RESERVE_PCT", "0.01"),
			MinTradePct:  fraction(v, "MIN_TRADE_PCT", "0.01"),
			MinTradeRel:  fraction(v, "MIN_TRADE_REL", "0.25"),
			MinTradeUSD:  dollars(v, "MIN_TRADE_USD", "5"),
			BrokerMinUSD: money.One(), // documented minimum of the broker
			Shorts:       ShortPolicy(v.OneOf("SHORT_POLICY", string(RefuseShorts), string(CoverShorts))),
			SellDust:     v.Bool("SELL_DUST", true),
		},
		Limits: envelope.FromVars(v, mode), Guard: guard,
		QuoteMaxAge: v.Duration("QUOTE_MAX_AGE", time.Minute), Ignore: v.List("IGNORE_SYMBOLS"),
	}
}

func fraction(v *env.Vars, name, fallback string) money.Decimal {
	return env.Parsed(v, name, money.MustParse(fallback), "a fraction from 0 to 1 such as "+fallback, func(s string) (money.Decimal, error) {
		d, err := money.Parse(s)
		if err == nil && (d.Sign() < 0 || money.One().Less(d)) {
			err = errors.New("not between 0 and 1")
		}
		return d, err
	})
}

func dollars(v *env.Vars, name, fallback string) money.Decimal {
	return env.Parsed(v, name, money.MustParse(fallback), "an amount in USD such as "+fallback, func(s string) (money.Decimal, error) {
		d, err := money.Parse(s)
		if err == nil && d.Sign() < 0 {
			err = errors.New("negative")
		}
		return d, err
	})
}
