package stage

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
)

// A line names the run whoever writes it, once, and none without a delivery.
func TestEveryLineOfADeliveryNamesItsRun(t *testing.T) {
	var out bytes.Buffer
	clock := env.SystemClock(-24 * 365 * time.Hour)
	log := slog.New(LogHandler(slog.NewJSONHandler(&out, nil), clock)).With("stage", "signal")
	log.InfoContext(about(context.Background(), "run-1"), "a")
	log.With("more", 1).WarnContext(about(context.Background(), "run-2"), "b", "x", 2)
	log.InfoContext(context.Background(), "c")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, want := range []string{`"correlation_id":"run-1"`, `"correlation_id":"run-2"`} {
		if strings.Count(lines[i], want) != 1 || !strings.Contains(lines[i], `"stage":"signal"`) {
			t.Errorf("line %s", lines[i])
		}
	}
	if strings.Contains(lines[2], "correlation_id") {
		t.Errorf("line %s", lines[2])
	}
	// Also a line whose author gave it a time is in the clock's.
	Metrics{Environment: "dev", Log: log, Clock: clock}.Count(context.Background(), map[string]int64{"Poison": 1})
	for line := range strings.Lines(out.String()) {
		if day := clock.Now().Format(`{"time":"2006-01-02`); !strings.HasPrefix(line, day) {
			t.Errorf("line %s is not of %s", line, day)
		}
	}
}
