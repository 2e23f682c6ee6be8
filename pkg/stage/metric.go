package stage

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"github.com/alchemiser/alchemiser/pkg/env"
)

// Metrics counts what an operator must hear of through another channel than
// the mails. A count is a log line in CloudWatch's embedded metric format: no
// call, no permission, nothing that can fail.
//
//	m.Count(ctx, map[string]int64{"Heartbeat": 1, "StuckClaim": 0})
type Metrics struct {
	Environment string // the only dimension
	Log         *slog.Logger
	Clock       env.Clock
}

// The names under which the alarms look for the counts.
const (
	metricNamespace = "Alchemiser"
	metricDimension = "Environment"
)

// Count writes one line with all the counts. The line does not pass the log's
// level: a function told to log errors alone must still have a heartbeat.
func (m Metrics) Count(ctx context.Context, counts map[string]int64) {
	type unit struct{ Name, Unit string }
	type directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []unit
	}
	d := directive{Namespace: metricNamespace, Dimensions: [][]string{{metricDimension}}}
	now := m.Clock.Now()
	line := slog.NewRecord(now, slog.LevelInfo, "metric", 0)
	line.AddAttrs(slog.String(metricDimension, m.Environment))
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		d.Metrics = append(d.Metrics, unit{Name: name, Unit: "Count"})
		line.AddAttrs(slog.Int64(name, counts[name]))
	}
	line.AddAttrs(slog.Any("_aws", struct {
		Timestamp         int64
		CloudWatchMetrics []directive
	}{now.UnixMilli(), []directive{d}}))
	if err := m.Log.Handler().Handle(ctx, line); err != nil {
		m.Log.ErrorContext(ctx, "a metric could not be written", "error", err.Error())
	}
}
