package stage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/stage"
)

func TestCountIsAnEmbeddedMetricWhateverTheLevel(t *testing.T) {
	var out bytes.Buffer
	m := stage.Metrics{
		Environment: "dev", Clock: env.SystemClock(0),
		Log: slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelError})).With("stage", "monitor"),
	}
	m.Count(context.Background(), map[string]int64{"Heartbeat": 1, "StuckClaim": 0})
	var line struct {
		Environment           string
		Heartbeat, StuckClaim *int64
		AWS                   struct {
			Timestamp         int64
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name, Unit string }
			}
		} `json:"_aws"`
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v in %q", err, out.String())
	}
	if line.Environment != "dev" || line.Heartbeat == nil || *line.Heartbeat != 1 || line.StuckClaim == nil {
		t.Errorf("the values are not at the top of the line: %s", out.String())
	}
	d := line.AWS.CloudWatchMetrics
	if len(d) != 1 || d[0].Namespace != "Alchemiser" || d[0].Dimensions[0][0] != "Environment" || len(d[0].Metrics) != 2 || d[0].Metrics[0].Unit != "Count" || line.AWS.Timestamp == 0 {
		t.Errorf("the directive is %+v", line.AWS)
	}
}
