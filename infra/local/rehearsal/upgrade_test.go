package rehearsal_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/dynamoledger"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// Every event of every version ever released still runs through today's
// functions: it reaches its consumers over the rules of the templates, and
// each of them decides it (F18).
func TestF18EveryReleasedEventRunsThroughTodaysFunctions(t *testing.T) {
	files, err := filepath.Glob("../../../pkg/events/testdata/golden/*.json")
	if err != nil || len(files) < len(events.Registry()) {
		t.Fatalf("%d golden events (%v), want at least one of each of %d types", len(files), err, len(events.Registry()))
	}
	binaries := build(t)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			detail, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			deliver(t, binaries, bytes.TrimSpace(detail))
		})
	}
}

// becomes is what a function makes of the golden event, alone on an empty
// table: the first event it publishes, or the failure.
func becomes(t events.Type) string {
	switch t {
	case events.TypeWorkflowStarted:
		return string(events.TypeSignalGenerated)
	case events.TypeSignalGenerated:
		return string(events.TypeRebalancePlanned)
	case events.TypeRebalancePlanned:
		return string(events.TypeTradeExecuted)
	case events.TypeTradeExecutionContinued:
		return "failed:expired" // no execution of its plan was ever begun
	case events.TypeTradingNotificationRequested, events.TypeErrorNotificationRequested:
		return "nothing to publish" // a mail
	}
	return string(events.TypeTradingNotificationRequested)
}

func deliver(t *testing.T, binaries map[string]string, detail []byte) {
	t.Helper()
	e, err := events.Decode(detail)
	if err != nil {
		t.Fatal(err)
	}
	r := stand(t, func(o *rehearsal.Options) { // the event is put by hand: its run has no beginning to be repeated from
		o.Binaries = binaries
		o.AsOf = "2026-11-20" // the golden events are of the next session's run
		o.Symbols = []string{"BRK.B", "TQQQ"}
	})
	// The run holds its account, as start would have left it.
	table := ledger.New(dynamoledger.New(dynamodb.NewFromConfig(r.Cloud.AWSConfig()), "alchemiser-dev-state"), r.Clock)
	if _, err := table.AcquireLease(t.Context(), e.Account, e.CorrelationID, e.NotAfter.Time().Add(20*time.Minute)); err != nil {
		t.Fatal(err)
	}
	out, err := eventbridge.NewFromConfig(r.Cloud.AWSConfig()).PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		EventBusName: aws.String("alchemiser-dev-bus"), Source: aws.String(string(e.Source)), DetailType: aws.String(string(e.EventType)),
		Detail: aws.String(string(detail)), Time: aws.Time(e.Timestamp.Time()), Resources: e.Resources(),
	}}})
	if err != nil || out.FailedEntryCount > 0 {
		t.Fatalf("%v %+v", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := r.Cloud.Quiesce(ctx); err != nil {
		t.Fatal(err)
	}
	all := inboxes(t, r, e.CorrelationID)
	for _, f := range topology.Functions() {
		decided := slices.IndexFunc(all, func(i inbox) bool { return i.consumer == string(f.Name) && i.EventType == string(e.EventType) })
		switch {
		case !f.Handles(e.Source, e.EventType):
			if decided >= 0 {
				t.Errorf("%s is no consumer of it and decided %+v", f.Name, all[decided])
			}
		case decided < 0:
			t.Errorf("%s did not decide it: %+v", f.Name, all)
		case all[decided].State != ledger.Done || all[decided].Attempts != 1 || all[decided].Result != becomes(e.EventType):
			t.Errorf("%s: %+v, want %s", f.Name, all[decided].Inbox, becomes(e.EventType))
		}
		for _, kind := range []string{"delivery", "failure"} {
			if n := depth(t, r, "alchemiser-dev-"+string(f.Name)+"-"+kind+"-dlq"); n != "0" {
				t.Errorf("%s messages in the %s queue of %s", n, kind, f.Name)
			}
		}
	}
}
