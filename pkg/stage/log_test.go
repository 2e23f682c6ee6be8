package stage

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
)

// A line names the run whoever writes it, once, and none without a delivery.
func TestEveryLineOfADeliveryNamesItsRun(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(LogHandler(slog.NewJSONHandler(&out, nil))).With("stage", "signal")
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
}
