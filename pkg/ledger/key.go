package ledger

import (
	"fmt"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// How long documents are kept. An inbox item must outlive every way in which
// its event can arrive again: 14 days in a queue, 24 hours of delivery
// retries, 6 hours in Lambda's queue.
const (
	keepInbox   = 45 * 24 * time.Hour
	keepRun     = 400 * 24 * time.Hour
	keepReceipt = 90 * 24 * time.Hour
	keepDay     = 7 * 24 * time.Hour
)

// RunPK is the partition of a run.
func RunPK(runID string) string { return "RUN#" + runID }

// AccountPK is the partition of an account.
func AccountPK(account string) string { return "ACCT#" + account }

// MetaKey is the run's claim and outcome.
func MetaKey(runID string) Key { return Key{RunPK(runID), "META"} }

// InboxKey is one consumer's inbox and outbox for one event.
func InboxKey(runID, consumer, eventID string) Key {
	return Key{RunPK(runID), "IN#" + consumer + "#" + eventID}
}

// ExecKey is the execution of a plan.
func ExecKey(runID, planID string) Key { return Key{RunPK(runID), "EXEC#" + planID} }

// LegKey is one leg of an execution.
func LegKey(runID, planID string, seq int) Key {
	return Key{RunPK(runID), fmt.Sprintf("LEG#%s#%03d", planID, seq)}
}

// ReceiptKey is one part of a strategy's receipt.
func ReceiptKey(runID, strategy string, part int) Key {
	return Key{RunPK(runID), fmt.Sprintf("RECEIPT#%s#%02d", strategy, part)}
}

// TranscriptKey is one part of what an attempt's transcript is too small for.
func TranscriptKey(runID, consumer, eventID string, attempt int, name string, part int) Key {
	return Key{RunPK(runID), fmt.Sprintf("TRANSCRIPT#%s#%s#%d#%s#%02d", consumer, eventID, attempt, name, part)}
}

// MailKey is the send-once record of a mail.
func MailKey(runID, kind string) Key { return Key{RunPK(runID), "MAIL#" + kind} }

// LeaseKey is the account's lease: one active run at a time.
func LeaseKey(account string) Key { return Key{AccountPK(account), "LEASE"} }

// ControlKey is the operator's halt switch.
func ControlKey(account string) Key { return Key{AccountPK(account), "CONTROL"} }

// SlotKey records that a schedule's slot was seen, and whether it started a run.
func SlotKey(account string, session events.Date, schedule, slot string) Key {
	return Key{AccountPK(account), fmt.Sprintf("SESSION#%s#%s#%s", session, schedule, slot)}
}

// AppliedKey is the last application of a strategy's weights.
func AppliedKey(account, strategy string) Key {
	return Key{AccountPK(account), "APPLIED#" + strategy}
}

// SkipMailKey marks the first mailed skip of a day and reason.
func SkipMailKey(account string, session events.Date, reason string) Key {
	return Key{AccountPK(account), fmt.Sprintf("SKIPMAIL#%s#%s", session, reason)}
}

// ErrorMailKey counts the error mails of a day.
func ErrorMailKey(account string, day events.Date) Key {
	return Key{AccountPK(account), "ERRMAIL#" + string(day)}
}
