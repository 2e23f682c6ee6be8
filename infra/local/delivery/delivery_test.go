package delivery

import (
	"context"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/template"
	"github.com/alchemiser/alchemiser/infra/local/work"
	"github.com/alchemiser/alchemiser/pkg/env"
)

func TestRetries(t *testing.T) {
	for _, test := range []struct {
		name      string
		failures  []*Error // of the first attempts
		attempts  int      // made in the end
		condition string   // of the dead letter; "-" when there is none
	}{
		{"at once", nil, 1, "-"},
		{"after two failures", []*Error{{Throttling, "", true}, {Throttling, "", true}}, 3, "-"},
		{"retries used up", []*Error{{Throttling, "", true}, {Throttling, "", true}, {Throttling, "", true}}, 3, "MaximumRetryAttempts"},
		{"not to be retried", []*Error{{NoPermissions, "", false}}, 1, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var tracker work.Tracker
			attempts, dead := 0, "-"
			var attributes map[string]string
			d := &Deliverer{Backoff: Backoff{time.Microsecond, time.Microsecond}, Clock: env.SystemClock(0), Tracker: &tracker,
				Send: func(_ Job, payload []byte) *Error {
					attempts++
					if int(payload[0]) != attempts {
						t.Errorf("payload of attempt %d was made for %d", attempts, payload[0])
					}
					if attempts <= len(test.failures) {
						return test.failures[attempts-1]
					}
					return nil
				},
				DeadLetter: func(_ Job, _ []byte, a map[string]string) { attributes, dead = a, a[AttributeCondition] }}
			d.Start(context.Background(), Job{SourceARN: "rule", Payload: func(n int) []byte { return []byte{byte(n)} },
				Target: template.Target{ARN: "target", Retry: template.RetryPolicy{Attempts: 2, MaxAge: time.Minute}}})
			if err := tracker.Idle(context.Background()); err != nil {
				t.Fatal(err)
			}
			if attempts != test.attempts || dead != test.condition {
				t.Errorf("%d attempts, dead letter %q", attempts, dead)
			}
			if dead == "MaximumRetryAttempts" && (attributes[AttributeAttempts] != "2" || attributes[AttributeErrorCode] != Throttling) {
				t.Errorf("%v", attributes)
			}
		})
	}
}
