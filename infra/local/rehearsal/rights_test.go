package rehearsal_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/infra/local/iam"
	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// unneeded are rights that no run uses, each with its reason. Rights to write logs and traces are not listed: Lambda uses them for
// the function, and here the host does so without a call (see local.Snapshot).
var unneeded = map[iam.Grant]string{}

// Calls ⊆ policies: nothing that the runs do is denied. Policies ⊆ calls: no function and no schedule may do what none of the runs
// needs (F32). The runs are a whole one with a crash in the middle, one that stalls, commands and events that nobody can take.
func TestF32WhatIsGrantedIsWhatIsUsed(t *testing.T) {
	binaries := build(t)
	var unused []iam.Grant
	for i, play := range []func(*testing.T, map[string]string) *rehearsal.Rehearsal{resumed, stalled, undeliverable} {
		s := play(t, binaries).Cloud.Snapshot()
		for _, d := range s.Denials {
			t.Errorf("%s may not %s on %s: %s", d.Who, d.Action, d.Resource, d.Reason)
		}
		if i == 0 {
			unused = s.Unused
		}
		unused = slices.DeleteFunc(unused, func(g iam.Grant) bool { return !slices.Contains(s.Unused, g) })
	}
	for _, g := range unused {
		if unneeded[g] == "" {
			t.Errorf("%s may %s on %s, which no run needs: take it away, or say in unneeded why it stays", g.Owner, g.Action, g.Resource)
		}
	}
	for g := range unneeded {
		if !slices.Contains(unused, g) {
			t.Errorf("%s needs %s on %s after all: it is no exception any more", g.Owner, g.Action, g.Resource)
		}
	}
}

// resumed is a whole run in which execution dies after its work and finds it again.
func resumed(t *testing.T, binaries map[string]string) *rehearsal.Rehearsal {
	r, report, failed := faulty(t, binaries, fault.Fault{Do: fault.KillBeforeResponse, Function: string(topology.Execution)},
		fault.Fault{Do: fault.KillAfterCall, Function: string(topology.Execution), Operation: "dynamodb:PutItem", Nth: 3})
	if !report.Success || failed == 0 {
		t.Errorf("outcome %s after %d failures\n%s", report.Outcome, failed, lines(report))
	}
	return r
}

// stalled is a run whose plan is never made; the sweep closes it after its deadline.
func stalled(t *testing.T, binaries map[string]string) *rehearsal.Rehearsal {
	r := start(t, func(o *rehearsal.Options) {
		o.Binaries, o.Faults = binaries, &fault.Plan{}
		if err := o.Faults.Add(fault.Fault{Do: fault.KillBeforeWork, Function: string(topology.Portfolio), Times: -1}); err != nil {
			t.Fatal(err)
		}
	})
	play(t, r)
	r.Advance(time.Hour)
	fire(t, r, "alchemiser-dev-monitor-sweep")
	if mails := r.Cloud.Snapshot().Mails; len(mails) != 1 {
		t.Errorf("%d mails of a stalled run, want 1", len(mails))
	}
	return r
}

// undeliverable is a cloud in which the commands of all schedules find no function, and every function is given what it cannot read.
func undeliverable(t *testing.T, binaries map[string]string) *rehearsal.Rehearsal {
	r := start(t, func(o *rehearsal.Options) {
		o.Binaries, o.Faults = binaries, &fault.Plan{}
		if err := o.Faults.Add(fault.Fault{Do: fault.Missing, Times: -1}); err != nil {
			t.Fatal(err)
		}
	})
	client := lambda.NewFromConfig(r.Cloud.AWSConfig())
	for _, f := range topology.Functions() {
		if _, err := client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("alchemiser-dev-" + string(f.Name)),
			Qualifier: aws.String("live"), InvocationType: "Event", Payload: []byte(`{"mode":"unheard-of"}`)}); err != nil {
			t.Fatal(err)
		}
		for _, schedule := range f.Schedules {
			fire(t, r, "alchemiser-dev-"+string(f.Name)+"-"+schedule.Name)
		}
	}
	if err := r.Cloud.Quiesce(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, q := range r.Cloud.Snapshot().Queues {
		want := 1
		for _, f := range topology.Functions() {
			if q.Name == "alchemiser-dev-"+string(f.Name)+"-delivery-dlq" {
				want = len(f.Schedules)
			}
		}
		if q.Visible != want {
			t.Errorf("%d messages in %s, want %d", q.Visible, q.Name, want)
		}
	}
	return r
}

func fire(t *testing.T, r *rehearsal.Rehearsal, schedule string) {
	t.Helper()
	if err := r.Cloud.FireSchedule(context.Background(), schedule, r.Slot); err != nil {
		t.Fatal(err)
	}
	if err := r.Cloud.Quiesce(t.Context()); err != nil {
		t.Fatal(err)
	}
}
