package checks

import (
	"testing"

	"github.com/alchemiser/alchemiser/pkg/topology"
)

func TestSchedulesAreReadTheWayWeRead(t *testing.T) {
	const trade = `{"mode":"trade","scheduled_time":"<aws.scheduler.scheduled-time>"}`
	for _, tt := range []struct {
		expression, zone, input string
		ok                      bool
	}{
		{"cron(35 9 ? * MON-FRI *)", "America/New_York", trade, true},
		{"cron(45 15 ? * FRI *)", "America/New_York", trade, true},
		{"rate(5 minutes)", "", `{"mode":"sweep"}`, true},
		{"rate(0 minutes)", "", `{"mode":"sweep"}`, false},
		{"rate(5 minutes)", "", `{}`, false},
		{"rate(5 minutes)", "", `sweep`, false},
		{"cron(35 9 ? * 2-6 *)", "America/New_York", trade, false},                  // digits count from Sunday here, from Monday there
		{"cron(35 9 * * MON-FRI *)", "America/New_York", trade, false},              // one of the two days must be ?
		{"cron(35 9 ? * MON-FRI)", "America/New_York", trade, false},                // a year is missing
		{"cron(60 9 ? * MON-FRI *)", "America/New_York", trade, false},              // no such minute
		{"cron(30 2 ? * MON-FRI *)", "America/New_York", trade, false},              // skipped in March
		{"cron(35 9 ? * MON-FRI *)", "America/Newark", trade, false},                // no such zone
		{"cron(35 9 ? * MON-FRI *)", "", trade, false},                              // UTC moves against the market
		{"cron(35 9 ? * MON-FRI *)", "America/New_York", `{"mode":"trade"}`, false}, // a retry would be another run
	} {
		err := legalSchedule(topology.Schedule{Expression: tt.expression, Zone: tt.zone, Input: tt.input})
		if (err == nil) != tt.ok {
			t.Errorf("%s in %q with %s: %v", tt.expression, tt.zone, tt.input, err)
		}
	}
}
