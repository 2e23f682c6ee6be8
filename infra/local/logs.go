package local

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/aws"
	"github.com/alchemiser/alchemiser/infra/local/lambda"
	"github.com/alchemiser/alchemiser/infra/local/template"
	"github.com/alchemiser/alchemiser/pkg/env"
)

// keptLines is how many of the newest lines of a log group stay in memory.
const keptLines = 10_000

// logs keeps the lines of all log groups and counts the metrics embedded in them.
type logs struct {
	dir   string
	clock env.Clock // the rehearsed time
	// measure is told every value of an embedded metric.
	measure func(value float64, m template.Metric)

	mu      sync.Mutex
	files   map[string]*os.File
	lines   map[string][]LogLine
	metrics map[string]*Metric
	err     error // the first failed write
}

// LogLine is one line of a log group.
type LogLine struct {
	Environment, RequestID, Text string
	Time                         time.Time
}

// Metric is a series of values of one metric and one set of dimensions, taken from embedded-metric log lines.
type Metric struct {
	Namespace  string            `json:"namespace"`
	Name       string            `json:"name"`
	Dimensions map[string]string `json:"dimensions,omitempty"`
	Count      int               `json:"count"`
	Sum        float64           `json:"sum"`
	Max        float64           `json:"max"`
	Last       float64           `json:"last"`
}

func newLogs(dir string, clock env.Clock, measure func(float64, template.Metric)) (*logs, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	return &logs{dir: dir, clock: clock, measure: measure, files: map[string]*os.File{}, lines: map[string][]LogLine{}, metrics: map[string]*Metric{}}, nil
}

func (l *logs) write(o lambda.Output) {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := l.lines[o.LogGroup]
	for _, text := range o.Lines {
		kept = append(kept, LogLine{o.Environment, o.RequestID, text, l.timeOf(text)})
		l.embedded(text)
	}
	l.lines[o.LogGroup] = kept[max(0, len(kept)-keptLines):]
	if l.dir != "" && l.err == nil {
		l.err = l.append(o)
	}
}

// timeOf is when a line was written: what it says itself, or now.
func (l *logs) timeOf(text string) time.Time {
	var line struct{ Time time.Time }
	if json.Unmarshal([]byte(text), &line) == nil && !line.Time.IsZero() {
		return line.Time
	}
	return l.clock.Now()
}

func (l *logs) append(o lambda.Output) error {
	file, ok := l.files[o.LogGroup]
	if !ok {
		name := strings.ReplaceAll(strings.Trim(o.LogGroup, "/"), "/", "_") + ".log"
		var err error
		if file, err = os.OpenFile(filepath.Join(l.dir, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
			return err
		}
		l.files[o.LogGroup] = file
	}
	w := bufio.NewWriter(file)
	for _, text := range o.Lines {
		if o.RequestID != "" {
			text = o.RequestID + " " + text
		}
		// A failed write is reported by Flush.
		_, _ = w.WriteString(text + "\n")
	}
	return w.Flush()
}

// embedded counts the metrics of a line in CloudWatch's embedded metric format.
func (l *logs) embedded(text string) {
	if !strings.Contains(text, `"_aws"`) {
		return
	}
	var line struct {
		AWS struct {
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name string }
			}
		} `json:"_aws"`
	}
	var fields map[string]any
	if json.Unmarshal([]byte(text), &line) != nil || json.Unmarshal([]byte(text), &fields) != nil {
		return
	}
	for _, directive := range line.AWS.CloudWatchMetrics {
		sets := directive.Dimensions
		if len(sets) == 0 {
			sets = [][]string{nil}
		}
		for _, set := range sets {
			dimensions := map[string]string{}
			for _, name := range set {
				dimensions[name] = fmt.Sprint(fields[name])
			}
			for _, m := range directive.Metrics {
				l.count(directive.Namespace, m.Name, dimensions, fields[m.Name])
			}
		}
	}
}

func (l *logs) count(namespace, name string, dimensions map[string]string, value any) {
	key := fmt.Sprint(namespace, "\x00", name, "\x00", dimensions) // maps print in key order
	m, ok := l.metrics[key]
	if !ok {
		m = &Metric{Namespace: namespace, Name: name, Dimensions: dimensions}
		l.metrics[key] = m
	}
	values, isList := value.([]any)
	if !isList {
		values = []any{value}
	}
	for _, v := range values {
		n, isNumber := v.(float64)
		if !isNumber {
			continue
		}
		if m.Count == 0 || n > m.Max {
			m.Max = n
		}
		l.measure(n, template.Metric{Namespace: namespace, Name: name, Dimensions: dimensions})
		m.Count++
		m.Sum += n
		m.Last = n
	}
}

func (l *logs) snapshot() []Metric {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []Metric
	for _, key := range slices.Sorted(maps.Keys(l.metrics)) {
		list = append(list, *l.metrics[key])
	}
	return list
}

func (l *logs) of(group string) []LogLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines[group])
}

// logEvents are the kept lines of a function's log group, as the API gives them.
func (c *Cloud) logEvents(group string) ([]aws.LogEvent, bool) {
	known := false
	for _, f := range c.functions {
		known = known || f.model.LogGroup == group
	}
	lines := c.logs.of(group)
	list := make([]aws.LogEvent, 0, len(lines))
	for _, l := range lines {
		list = append(list, aws.LogEvent{Stream: l.Environment, Message: l.Text, Time: l.Time.UnixMilli()})
	}
	return list, known || len(lines) > 0
}

func (l *logs) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	errs := []error{l.err}
	for _, f := range l.files {
		errs = append(errs, f.Close())
	}
	l.files = map[string]*os.File{}
	return errors.Join(errs...)
}
