package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/infra/local/repository"
	"github.com/alchemiser/alchemiser/pkg/market/synthmarket"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// rehearse starts a cloud in which the notifier's first three tries end in a
// refusal of the mail server, and plays a run.
func rehearse(t *testing.T) (*rehearsal.Rehearsal, *rehearsal.Report) {
	t.Helper()
	root, err := repository.Root()
	if err != nil {
		t.Fatal(err)
	}
	plan := &fault.Plan{}
	if err := plan.Add(fault.Fault{Do: fault.MailReject, Code: 451, Times: 3}); err != nil {
		t.Fatal(err)
	}
	r, err := rehearsal.Start(context.Background(), rehearsal.Options{
		Root: root, Source: synthmarket.New(7), AsOf: "2024-03-12", Cash: money.MustParse("100000"), Seed: 7, Dir: t.TempDir(), Backoff: local.Test(), Faults: plan,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	report, err := r.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r, report
}

// F97: what a mail server refused is in the failure queue, where the operator
// finds it, and redriving it any number of times sends one mail and no order.
func TestF97TheOperatorsVerbs(t *testing.T) {
	r, report := rehearse(t)
	at := []string{"--env", r.Cloud.Endpoint()}
	orders := len(r.Paper.Orders())
	if len(report.Mails) != 0 || report.Queues["alchemiser-dev-notifier-failure-dlq"] != 1 {
		t.Fatalf("%d mails, queues %v", len(report.Mails), report.Queues)
	}
	expect := func(want string, args ...string) string {
		t.Helper()
		code, stdout, stderr := call(append(args, at...)...)
		if code != 0 || !strings.Contains(stdout, want) {
			t.Fatalf("%v: exit %d, want %q in\n%s%s", args, code, want, stdout, stderr)
		}
		return stdout
	}
	shown := expect("COMPLETED:", "show", report.RunID)
	for _, part := range []string{"start", "SignalGenerated", "not decided", "451"} {
		if !strings.Contains(shown, part) {
			t.Errorf("show does not say %q:\n%s", part, shown)
		}
	}
	var shownJSON struct {
		Run  struct{ RunID, Outcome string } `json:"run"`
		Plan struct{ Lines []any }           `json:"plan"`
		Mail []struct{ State string }        `json:"mail"`
	}
	err := json.Unmarshal([]byte(expect(report.RunID, "show", report.RunID, "--json")), &shownJSON)
	if err != nil || shownJSON.Run.Outcome != "COMPLETED" || len(shownJSON.Plan.Lines) != len(report.Summary.Lines) || len(shownJSON.Mail) != 1 || shownJSON.Mail[0].State != "SENDING" {
		t.Errorf("show --json: %+v, %v", shownJSON, err)
	}
	expect("TradingNotificationRequested from alchemiser.orchestration", "dlq", "list")
	visible := func() { time.Sleep(1100 * time.Millisecond) } // what was listed is hidden for a second
	visible()
	expect("Nothing was done", "redrive")
	visible()
	expect("1 of 1 published again", "redrive", "--yes")
	if err := r.Cloud.Quiesce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(r.Cloud.Snapshot().Mails); n != 1 {
		t.Errorf("%d mails after the redrive, want 1", n)
	}
	expect("The queues are empty", "redrive", "--yes", "--function", "notifier")
	if len(r.Paper.Orders()) != orders {
		t.Errorf("the redrive led to %d more orders", len(r.Paper.Orders())-orders)
	}
	for _, args := range [][]string{{"show", "ffff"}, {"why", report.RunID, "XYZ"}, {"logs", "2023-01-03"}} {
		if code, _, stderr := call(append(args, at...)...); code != exitNotFound {
			t.Errorf("%v: exit %d, want %d\n%s", args, code, exitNotFound, stderr)
		}
	}
	expect("is HALTED", "halt", "--account", "paper-main", "--reason", "test")
	r.Slot = r.Slot.Add(time.Minute)
	again, err := r.Run(t.Context())
	if err != nil || again.Summary.Skipped == nil || again.Summary.Skipped.ReasonCode != "halted" {
		t.Errorf("a run while halted: %+v, %v", again, err)
	}
	expect("is ACTIVE (it was HALTED)", "resume")
}
