package local_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/infra/local"
)

// The golden templates must run as they are. The functions are stand-ins here; what they are wired to is not.
func TestGoldenTemplatesRun(t *testing.T) {
	services := []string{"start", "signal", "portfolio", "execution", "monitor", "notifier"}
	for _, env := range []string{"dev", "prod"} {
		t.Run(env, func(t *testing.T) {
			dir := filepath.Join("..", "cdk", "templates", env)
			if names, _ := filepath.Glob(filepath.Join(dir, "*.template.json")); len(names) == 0 {
				t.Skip("no golden templates at " + dir)
			}
			c := start(t, func(o *local.Options) {
				o.Templates = os.DirFS(dir)
				o.Binaries = map[string]string{}
				for _, s := range services {
					o.Binaries[s] = binaries
				}
				o.ClockOffset = -time.Hour
			})
			for _, schedule := range c.Model().Schedules {
				if err := c.FireSchedule(context.Background(), schedule.Name, time.Date(2026, 1, 5, 14, 35, 0, 0, time.UTC)); err != nil {
					t.Fatal(err)
				}
			}
			s := quiesce(t, c)
			if len(s.Invocations) != len(c.Model().Schedules) || len(s.Denials) != 0 || len(s.Problems) != 0 {
				t.Errorf("%+v", s)
			}
			if names := fired(s); len(names) != 0 || len(s.Alarms) < 10*len(services) || len(s.Alarms) != len(c.Model().Alarms) {
				t.Errorf("fired: %v of %d alarms", names, len(s.Alarms))
			}
			t.Logf("%d alarms evaluated, none fired", len(s.Alarms))
			for _, q := range s.Queues {
				if len(q.Messages) != 0 {
					t.Errorf("%+v", q)
				}
			}
		})
	}
}
