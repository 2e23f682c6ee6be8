package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/spf13/cobra"

	"github.com/alchemiser/alchemiser/pkg/topology"
)

// logsFlags choose what logs shows.
type logsFlags struct {
	where
	function, level string
	asJSON          bool
}

func newLogsCommand() *cobra.Command {
	var f logsFlags
	cmd := &cobra.Command{
		Use:   "logs RUN",
		Short: "Show what all functions logged in a run, in order of time",
		Long: `Logs shows the lines of all functions that carry the run's id, in order of time:
from CloudWatch Logs, or from the one-machine cloud, or from the files that a
finished run has left.

` + referenceHelp + `

--json prints the lines as the functions wrote them, one JSON object a line, with
"function" added.

Exit codes: 0 shown, also when there is none; 1 wrong usage or no answer; 5 no
such run, or several.`,
		Example: `  alchemiser logs latest
  alchemiser logs 2026-11-23 --env prod --level warn
  alchemiser logs 6f56e1c6 --function execution --json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRun(&f.where),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return f.at(cmd, false, "reading the logs of", func(ctx context.Context, p *place) error {
				h, err := p.run(ctx, args[0])
				if err != nil {
					return err
				}
				lines, err := p.logs(ctx, h, f.function)
				if err != nil {
					return err
				}
				lines = slices.DeleteFunc(lines, func(l logLine) bool { return levels[l.Level] < levels[strings.ToUpper(f.level)] })
				return f.print(newScreen(cmd), p, h, lines)
			})
		},
	}
	f.flags(cmd)
	cmd.Flags().StringVar(&f.function, "function", "", "only this function's lines")
	cmd.Flags().StringVar(&f.level, "level", "debug", "least level: debug, info, warn or error")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print the lines as JSON")
	completeFunctions(cmd)
	return cmd
}

// levels are slog's, in order. A line without one is shown always.
var levels = map[string]int{"DEBUG": 1, "INFO": 2, "WARN": 3, "ERROR": 4, "": 5}

func (f *logsFlags) check() error {
	if _, ok := levels[strings.ToUpper(f.level)]; !ok || f.level == "" {
		return fmt.Errorf("--level is %q; expected debug, info, warn or error", f.level)
	}
	return checkFunction(f.function)
}

// checkFunction refuses a --function that does not exist.
func checkFunction(name string) error {
	if _, err := topology.Lookup(topology.Name(name)); name != "" && err != nil {
		return fmt.Errorf("--function is %q; the functions are %s", name, strings.Join(functionNames(), ", "))
	}
	return nil
}

func functionNames() []string {
	var names []string
	for _, f := range topology.Functions() {
		names = append(names, string(f.Name))
	}
	return names
}

func completeFunctions(cmd *cobra.Command) {
	// The flag exists.
	_ = cmd.RegisterFlagCompletionFunc("function", cobra.FixedCompletions(functionNames(), cobra.ShellCompDirectiveNoFileComp))
}

// logLine is one line of a function about the run.
type logLine struct {
	Function string
	Time     time.Time
	Level    string
	Message  string
	Text     string // the whole line
}

// logs are the lines of all functions, or of one, that carry the run's id.
func (p *place) logs(ctx context.Context, h *history, function string) ([]logLine, error) {
	var names []string
	for _, name := range functionNames() {
		if function == "" || name == function {
			names = append(names, name)
		}
	}
	found, errs := make([][]logLine, len(names)), make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { found[i], errs[i] = p.logsOf(ctx, h, name) })
	}
	all.Wait()
	lines := slices.Concat(found...)
	slices.SortStableFunc(lines, func(a, b logLine) int { return a.Time.Compare(b.Time) })
	return lines, cmp.Or(errs...)
}

// Around a run's life its lines are looked for: AWS reads every line between.
const (
	logsBefore = time.Minute
	logsAfter  = 24 * time.Hour // deliveries are tried again for so long
)

func (p *place) logsOf(ctx context.Context, h *history, function string) ([]logLine, error) {
	group := "/aws/lambda/" + p.name(function)
	var lines []logLine
	if p.folder != nil {
		texts, err := p.folder.lines(group)
		for _, text := range texts {
			if l, id := readLine(function, text, 0); id == h.id {
				lines = append(lines, l)
			}
		}
		return lines, err
	}
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group, FilterPattern: aws.String(`{ $.correlation_id = "` + h.id + `" }`)}
	if m := h.meta; m != nil {
		in.StartTime = aws.Int64(time.UnixMilli(m.OpenedAt).Add(-logsBefore).UnixMilli())
		in.EndTime = aws.Int64(time.UnixMilli(max(m.StalledAt, m.ClosedAt)).Add(logsAfter).UnixMilli())
	}
	for pages := cloudwatchlogs.NewFilterLogEventsPaginator(cloudwatchlogs.NewFromConfig(*p.aws), in); pages.HasMorePages(); {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the log group %s: %w", group, err)
		}
		for _, e := range out.Events {
			l, _ := readLine(function, aws.ToString(e.Message), aws.ToInt64(e.Timestamp))
			lines = append(lines, l)
		}
	}
	return lines, nil
}

// readLine reads a line of slog's JSON; what it does not say comes from the
// log group.
func readLine(function, text string, at int64) (logLine, string) {
	var fields struct {
		Time          time.Time
		Level, Msg    string
		CorrelationID string `json:"correlation_id"`
	}
	l := logLine{Function: function, Time: time.UnixMilli(at), Message: text, Text: strings.TrimSpace(text)}
	if json.Unmarshal([]byte(text), &fields) == nil {
		l.Level, l.Message = fields.Level, fields.Msg
		if !fields.Time.IsZero() {
			l.Time = fields.Time
		}
	}
	return l, fields.CorrelationID
}

// hidden are fields that a person does not read, or that the line shows already.
var hidden = []string{"time", "level", "msg", "stage", "correlation_id", "event_id", "bus_id", "_aws"}

// rest are the other fields, in their order.
func (l logLine) rest() string {
	d := json.NewDecoder(bytes.NewReader([]byte(l.Text)))
	d.UseNumber()
	var parts []string
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return ""
	}
	for d.More() {
		key, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			break
		}
		name, text := fmt.Sprint(key), string(value)
		if slices.Contains(hidden, name) {
			continue
		}
		var s string
		if json.Unmarshal(value, &s) == nil {
			text = s
			if s == "" {
				continue
			}
			if strings.ContainsAny(s, " \t\n") {
				text = fmt.Sprintf("%q", s)
			}
		}
		parts = append(parts, name+"="+text)
	}
	return strings.Join(parts, " ")
}

func (f *logsFlags) print(s *screen, p *place, h *history, lines []logLine) error {
	if f.asJSON {
		for _, l := range lines {
			text := l.Text
			if rest, ok := strings.CutPrefix(text, "{"); ok {
				text = fmt.Sprintf(`{"function":%q,%s`, l.Function, rest)
			}
			s.printf("%s\n", text)
		}
		return nil
	}
	if len(lines) == 0 {
		s.printf("No line of run %s in %s.\n", h.id, p.title)
		if p.remote {
			s.printf("Logs are kept for 7 days (dev), 30 (staging) or 365 (prod); a line takes some seconds to arrive.\n")
		} else {
			s.printf("A one-machine cloud keeps the lines since its start; those before are in runs/*/logs.\n")
		}
		return nil
	}
	t := s.table("")
	for _, l := range lines {
		with := plain
		switch l.Level {
		case "ERROR":
			with = bad
		case "WARN":
			with = care
		case "DEBUG":
			with = faint
		}
		t.row(s.paint(faint, l.Time.UTC().Format("15:04:05.000")), l.Function, s.paint(with, l.Level), s.paint(with, l.Message)+" "+s.paint(faint, l.rest()))
	}
	t.flush()
	return nil
}
