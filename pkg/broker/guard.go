package broker

import (
	"context"
	"fmt"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
)

// AccountGuard says which account a function may trade. Every stage that
// trades or plans compares it with what the broker reports.
type AccountGuard struct {
	Mode   events.Mode
	Number string // the broker's account number
	// LiveConfirm repeats the account number when real money is traded.
	LiveConfirm string
}

// ReadAccountGuard reads ACCOUNT_NUMBER and LIVE_CONFIRM.
func ReadAccountGuard(v *env.Vars, mode events.Mode) AccountGuard {
	g := AccountGuard{Mode: mode, Number: v.String("ACCOUNT_NUMBER"), LiveConfirm: v.Optional("LIVE_CONFIRM", "")}
	if mode == events.Live && g.LiveConfirm != g.Number {
		v.Fail("LIVE_CONFIRM", "must repeat ACCOUNT_NUMBER before real money is traded")
	}
	if mode == events.Paper && g.LiveConfirm != "" {
		v.Fail("LIVE_CONFIRM", "is set although TRADING_MODE is PAPER; remove one of the two")
	}
	return g
}

// Probe checks that the account can be read and may be traded, before a build
// gets traffic.
func Probe(ctx context.Context, b Broker, g AccountGuard) error {
	account, err := b.Account(ctx)
	if err != nil {
		return err
	}
	return GuardAccount(account, g)
}

// GuardAccount refuses an account that is not the configured one or that may
// not trade. The message names every reason and no account number.
func GuardAccount(a Account, g AccountGuard) error {
	var reasons []string
	refuse := func(bad bool, reason string) {
		if bad {
			reasons = append(reasons, reason)
		}
	}
	refuse(a.Number != g.Number, "the broker's account is not the one in ACCOUNT_NUMBER")
	refuse(g.Mode == events.Live && g.LiveConfirm != a.Number, "LIVE_CONFIRM does not name the broker's account")
	refuse(a.Status != "ACTIVE", "the account's status is "+a.Status)
	refuse(a.Currency != "USD", "the account's currency is "+a.Currency)
	refuse(a.TradingBlocked, "the account is blocked from trading")
	refuse(a.AccountBlocked, "the account is blocked")
	refuse(a.SuspendedByUser, "trading was suspended by the account's owner")
	if len(reasons) == 0 {
		return nil
	}
	return fmt.Errorf("broker: the account may not be traded: %s", strings.Join(reasons, "; "))
}
