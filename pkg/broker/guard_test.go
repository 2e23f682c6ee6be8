package broker_test

import (
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
)

// F41: paper and live, the configured number, its confirmation and the number
// that the broker reports, in every combination: only those that agree pass.
func TestF41TruthTableOfTheGuard(t *testing.T) {
	for _, mode := range []events.Mode{events.Paper, events.Live} {
		for _, number := range []string{"", "A1", "A2"} {
			for _, confirm := range []string{"", "A1", "A2"} {
				for _, reported := range []string{"A1", "A2"} {
					v := env.Read(map[string]string{"ACCOUNT_NUMBER": number, "LIVE_CONFIRM": confirm})
					guard := broker.ReadAccountGuard(v, mode)
					configured := v.Err() == nil
					agrees := number != "" && (mode == events.Paper && confirm == "" || mode == events.Live && confirm == number)
					if configured != agrees {
						t.Errorf("%s number %q confirm %q: configuration error %v", mode, number, confirm, v.Err())
					}
					err := broker.GuardAccount(broker.Account{Number: reported, Status: "ACTIVE", Currency: "USD"}, guard)
					if configured && (err == nil) != (number == reported) {
						t.Errorf("%s number %q confirm %q, the broker says %q: %v", mode, number, confirm, reported, err)
					}
				}
			}
		}
	}
}

func TestGuardNamesEveryReasonAndNoNumber(t *testing.T) {
	good := broker.Account{Number: "PA123456", Status: "ACTIVE", Currency: "USD"}
	guard := broker.AccountGuard{Mode: events.Paper, Number: "PA123456"}
	if err := broker.GuardAccount(good, guard); err != nil {
		t.Fatal(err)
	}
	for reason, change := range map[string]func(*broker.Account){
		"not the one in ACCOUNT_NUMBER": func(a *broker.Account) { a.Number = "PA999999" },
		"status is ACCOUNT_CLOSED":      func(a *broker.Account) { a.Status = "ACCOUNT_CLOSED" },
		"currency is EUR":               func(a *broker.Account) { a.Currency = "EUR" },
		"blocked from trading":          func(a *broker.Account) { a.TradingBlocked = true },
		"the account is blocked":        func(a *broker.Account) { a.AccountBlocked = true },
		"suspended by the account":      func(a *broker.Account) { a.SuspendedByUser = true },
	} {
		a := good
		change(&a)
		if err := broker.GuardAccount(a, guard); err == nil || !strings.Contains(err.Error(), reason) || strings.Contains(err.Error(), "PA") {
			t.Errorf("error %v, want the reason %q and no account number", err, reason)
		}
	}
	all := broker.Account{Number: "PA999999", Status: "INACTIVE", Currency: "EUR", TradingBlocked: true, AccountBlocked: true, SuspendedByUser: true}
	if err := broker.GuardAccount(all, guard); err == nil || strings.Count(err.Error(), ";") != 5 {
		t.Errorf("error %v, want six reasons", err)
	}
}
