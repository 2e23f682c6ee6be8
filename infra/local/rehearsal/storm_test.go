package rehearsal_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/pkg/events"
)

// Thirty dry runs at once through one cloud: each ends once, with a summary of
// its own, and nothing is left in any queue (F10, F66).
func TestF66ThirtyRunsAtOnce(t *testing.T) {
	const runs = 30
	var mu sync.Mutex
	took := map[string][]time.Duration{}
	r := start(t, func(o *rehearsal.Options) {
		o.OnLine = func(l rehearsal.Line) {
			mu.Lock()
			defer mu.Unlock()
			took[l.Function] = append(took[l.Function], l.Duration)
		}
	})
	client := lambda.NewFromConfig(r.Cloud.AWSConfig())
	began := time.Now()
	var sending sync.WaitGroup
	for i := range runs {
		sending.Go(func() {
			command := fmt.Sprintf(`{"mode":"trade","schedule":"manual-%d","scheduled_time":%q,"dry_run":true,"requested_by":"cli"}`, i, r.Slot.Format(time.RFC3339))
			if _, err := client.Invoke(t.Context(), &lambda.InvokeInput{
				FunctionName: aws.String("alchemiser-dev-start"), Qualifier: aws.String("live"), InvocationType: "Event", Payload: []byte(command),
			}); err != nil {
				t.Error(err)
			}
		})
	}
	sending.Wait()
	if err := r.Cloud.Quiesce(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole := time.Since(began)
	s := r.Cloud.Snapshot()
	summaries, closed := map[string]int{}, map[string]int{}
	for _, record := range s.Events {
		e, err := events.Decode(record.Event.Detail)
		if err != nil {
			t.Fatal(err)
		}
		switch e.Payload.(type) {
		case *events.TradingNotificationRequested:
			summaries[e.CorrelationID]++
		case *events.WorkflowCompleted:
			if e.Source == "alchemiser.orchestration" {
				closed[e.CorrelationID]++
			}
		case *events.WorkflowFailed, *events.WorkflowSkipped:
			t.Errorf("%s of run %s", record.Event.DetailType, e.CorrelationID)
		}
	}
	for what, list := range map[string]map[string]int{"summaries": summaries, "closed": closed} {
		if len(list) != runs {
			t.Errorf("%s of %d runs, want %d", what, len(list), runs)
		}
		for run, n := range list {
			if n != 1 {
				t.Errorf("run %s: %d %s", run, n, what)
			}
		}
	}
	for _, q := range s.Queues {
		if n := q.Visible + q.Hidden; n != 0 {
			t.Errorf("%d messages in %s", n, q.Name)
		}
	}
	if n := len(r.Paper.Orders()); n != 0 || len(s.Problems) > 0 || len(s.Mails) != runs {
		t.Errorf("%d orders of dry runs, %d mails, problems %v", n, len(s.Mails), s.Problems)
	}
	t.Logf("%d runs in %s, %d queues empty", runs, whole.Round(time.Millisecond), len(s.Queues))
	for function, list := range took {
		slices.Sort(list)
		at := func(p int) time.Duration { return list[(len(list)-1)*p/100].Round(100 * time.Microsecond) }
		t.Logf("%-10s %d invocations: p50 %s, p95 %s, max %s", function, len(list), at(50), at(95), at(100))
	}
}
