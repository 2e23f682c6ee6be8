// Package amount writes exact numbers in the scales that events carry them in.
// It is the border between arithmetic (pkg/money) and the wire (pkg/events):
// decisions use the unrounded value, reports what these functions return.
//
//	line.Value = amount.USD(qty.Mul(price)) // "1234.5"
package amount

import (
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// USD is an amount in dollars to the cent, half to even.
func USD(d money.Decimal) events.Decimal { return events.Decimal(d.Round(2).String()) }

// Price is a price in dollars to six fractional digits, half to even.
func Price(d money.Decimal) events.Decimal { return events.Decimal(d.Round(6).String()) }

// Quantity is a number of shares, cut at nine fractional digits: never more
// than there is.
func Quantity(d money.Decimal) events.Decimal { return events.Decimal(d.Truncate(9).String()) }

// Weight is a fraction of an account to eight fractional digits, half to even.
func Weight(d money.Decimal) events.Decimal { return events.Decimal(d.Round(8).String()) }
