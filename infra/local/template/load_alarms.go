package template

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// What alarms may ask for, in CloudWatch's words.
const (
	Sum     = "Sum"
	Maximum = "Maximum"

	AtLeast = "GreaterThanOrEqualToThreshold"
	Above   = "GreaterThanThreshold"
	Below   = "LessThanThreshold"
	AtMost  = "LessThanOrEqualToThreshold"

	MissingBreaching    = "breaching"
	MissingNotBreaching = "notBreaching"
)

// sumOfAll is the only expression over metrics that is understood.
const sumOfAll = "SUM(METRICS())"

// alarmProperties are those of AWS::CloudWatch::Alarm.
type alarmProperties struct {
	AlarmName, AlarmDescription, ComparisonOperator, TreatMissingData string

	metricProperties
	Statistic                                    string
	Period, EvaluationPeriods, DatapointsToAlarm int
	Threshold                                    *float64
	AlarmActions                                 []string
	Metrics                                      []alarmMetric

	ActionsEnabled, OKActions, InsufficientDataActions, Tags any
}

type metricProperties struct {
	Namespace, MetricName string
	Dimensions            []struct{ Name, Value string }
}

// alarmMetric is a member of metric math: an expression or a metric.
type alarmMetric struct {
	ID                string `json:"Id"`
	Expression, Label string
	ReturnData        *bool
	MetricStat        *struct {
		Metric metricProperties
		Period int
		Stat   string
	}
}

func (l *loader) alarm(r *resource) error {
	p, err := decode[alarmProperties](r)
	if err != nil {
		return err
	}
	name, _ := r.physicalName()
	a := &Alarm{Name: name, Description: p.AlarmDescription, Comparison: p.ComparisonOperator, Periods: p.EvaluationPeriods,
		Datapoints: cmp.Or(p.DatapointsToAlarm, p.EvaluationPeriods), Missing: cmp.Or(p.TreatMissingData, "missing"), Actions: p.AlarmActions}
	switch {
	case p.Threshold == nil:
		return r.errorf("an alarm needs a Threshold")
	case a.Periods < 1 || a.Datapoints < 1 || a.Datapoints > a.Periods:
		return r.errorf("%d of %d periods: expected 1 to EvaluationPeriods of at least 1", a.Datapoints, a.Periods)
	case !slices.Contains([]string{AtLeast, Above, Below, AtMost}, a.Comparison):
		return r.errorf("the comparison %q is not known", a.Comparison)
	case !slices.Contains([]string{MissingBreaching, MissingNotBreaching, "ignore", "missing"}, a.Missing):
		return r.errorf("TreatMissingData %q is not known", a.Missing)
	}
	a.Threshold = *p.Threshold
	if p.Metrics == nil {
		a.Queries = []Query{p.query(p.Period, p.Statistic)}
	} else if a.Queries, err = addedUp(p.Metrics); err != nil {
		return r.errorf("%w", err)
	}
	for _, q := range a.Queries {
		if err := l.checkQuery(q); err != nil {
			return r.errorf("%w", err)
		}
		if q.Period != a.Queries[0].Period {
			return r.errorf("metrics of different periods are added up")
		}
	}
	l.model.Alarms = append(l.model.Alarms, a)
	return nil
}

func (p metricProperties) query(seconds int, statistic string) Query {
	q := Query{Metric{p.Namespace, p.MetricName, map[string]string{}}, statistic, time.Duration(seconds) * time.Second}
	for _, d := range p.Dimensions {
		q.Dimensions[d.Name] = d.Value
	}
	return q
}

// addedUp reads metric math. Only the sum of all metrics is known.
func addedUp(members []alarmMetric) ([]Query, error) {
	var queries []Query
	sums := 0
	for _, m := range members {
		returned := m.ReturnData == nil || *m.ReturnData
		switch {
		case m.MetricStat != nil && m.Expression == "" && !returned:
			queries = append(queries, m.MetricStat.Metric.query(m.MetricStat.Period, m.MetricStat.Stat))
		case m.MetricStat == nil && m.Expression == sumOfAll && returned:
			sums++
		default:
			return nil, fmt.Errorf("the member %s of Metrics is neither a metric that is not returned nor the expression %s, which is", m.ID, sumOfAll)
		}
	}
	if sums != 1 || len(queries) == 0 {
		return nil, fmt.Errorf("metrics must be one expression %s and at least one metric, not %d and %d", sumOfAll, sums, len(queries))
	}
	return queries, nil
}

// measured lists the metrics of AWS that the one-machine cloud records, with the statistic that has a meaning and the sets of
// dimensions under which each is recorded.
var measured = map[string]struct {
	statistic  string
	dimensions [][]string
}{
	"AWS/Lambda Invocations":                     {Sum, ofFunction},
	"AWS/Lambda Errors":                          {Sum, ofFunction},
	"AWS/Lambda Throttles":                       {Sum, ofFunction},
	"AWS/Lambda Duration":                        {Maximum, ofFunction},
	"AWS/Lambda AsyncEventAge":                   {Maximum, ofFunction},
	"AWS/Lambda DestinationDeliveryFailures":     {Sum, ofFunction},
	"AWS/SQS ApproximateNumberOfMessagesVisible": {Maximum, [][]string{{"QueueName"}}},
	"AWS/SQS ApproximateAgeOfOldestMessage":      {Maximum, [][]string{{"QueueName"}}},
	"AWS/Events FailedInvocations":               {Sum, [][]string{{"EventBusName", "RuleName"}}},
	"AWS/Events InvocationsFailedToBeSentToDlq":  {Sum, [][]string{{"EventBusName", "RuleName"}}},
	"AWS/Scheduler InvocationDroppedCount":       {Sum, [][]string{{"ScheduleGroup"}}},
	"AWS/Scheduler TargetErrorCount":             {Sum, [][]string{{"ScheduleGroup"}}},
}

var ofFunction = [][]string{{"FunctionName"}, {"FunctionName", "Resource"}}

// checkQuery refuses what would never have data here: the alarm would be silent without anybody noticing.
func (l *loader) checkQuery(q Query) error {
	if q.Period < time.Minute || q.Period%time.Minute != 0 {
		return fmt.Errorf("the period %s of %s is no multiple of a minute", q.Period, q.Name)
	}
	if q.Statistic != Sum && q.Statistic != Maximum {
		return fmt.Errorf("the statistic %q of %s is not known: use %s or %s", q.Statistic, q.Name, Sum, Maximum)
	}
	if !strings.HasPrefix(q.Namespace, "AWS/") {
		if q.Namespace == "" || q.Name == "" {
			return fmt.Errorf("an alarm needs a metric with a namespace and a name")
		}
		return nil // a metric of our own functions
	}
	known, ok := measured[q.Namespace+" "+q.Name]
	names := slices.Sorted(maps.Keys(q.Dimensions))
	if !ok || q.Statistic != known.statistic || !slices.ContainsFunc(known.dimensions, func(set []string) bool { return slices.Equal(set, names) }) {
		return fmt.Errorf("the %s of %s/%s by %v is not measured here", q.Statistic, q.Namespace, q.Name, names)
	}
	for dimension, value := range q.Dimensions {
		if !l.measures(dimension, value, q.Dimensions) {
			return fmt.Errorf("%s/%s is asked for by %s %q, which does not exist", q.Namespace, q.Name, dimension, value)
		}
	}
	return nil
}

// measures reports whether a dimension names something of the templates.
func (l *loader) measures(dimension, value string, all map[string]string) bool {
	switch dimension {
	case "FunctionName", "Resource":
		return slices.ContainsFunc(l.model.Functions, func(f *Function) bool {
			qualifier := strings.TrimPrefix(value, f.Name+":")
			return f.Name == all["FunctionName"] && (value == f.Name || dimension == "Resource" && f.Aliases[qualifier])
		})
	case "QueueName":
		return slices.ContainsFunc(l.model.Queues, func(q *Queue) bool { return q.Name == value })
	case "EventBusName":
		return slices.ContainsFunc(l.model.Buses, func(b *Bus) bool { return b.Name == value })
	case "RuleName":
		return slices.ContainsFunc(l.model.Rules, func(r *Rule) bool { return r.Name == value && r.Bus == all["EventBusName"] })
	default: // ScheduleGroup
		return slices.ContainsFunc(l.model.Schedules, func(s *Schedule) bool { return s.Group == value })
	}
}
