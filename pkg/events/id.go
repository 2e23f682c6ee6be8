package events

import (
	"fmt"

	"github.com/google/uuid"
)

// Every id is derived from what caused it, so that a repeated cause has the
// same id and no id holds a time or a random number. The namespace is
// UUIDv5(URL, "https://github.com/alchemiser/alchemiser/events").
const namespace = "f10f5c1f-8eab-55b0-b7d0-a46cefbfec0b"

func derive(name string) string {
	return uuid.NewSHA1(uuid.MustParse(namespace), []byte(name)).String()
}

// RunID is the id of the run of a run key; it is the correlation id of all its
// events.
func RunID(runKey string) string { return derive("run|" + runKey) }

// CommandID is the id of the command that asks for a run; it causes the first
// event.
func CommandID(runKey string) string { return derive("command|" + runKey) }

// EventID is the id of the ordinal-th event (from 0, per type) that the cause
// led to.
func EventID(causationID string, t Type, ordinal int) string {
	return derive(fmt.Sprintf("%s|%s|%d", causationID, t, ordinal))
}

// PlanID is the id of the plan made for a signal.
func PlanID(signalEventID string) string { return derive(signalEventID + "|plan") }

// CloseOutID is the cause of a close-out that the sweep asks for.
func CloseOutID(runID string) string { return derive(runID + "|closeout") }

// StalledID is the cause of the failure that the sweep reports for a run that
// did not finish.
func StalledID(runID string) string { return derive(runID + "|stalled") }

// MissingRunID is the cause of the report that a scheduled run never began.
func MissingRunID(account string, session Date) string {
	return derive(account + "|missing|" + string(session))
}
