package checks

import (
	"fmt"

	"github.com/alchemiser/alchemiser/pkg/topology"
)

// alarm is one expected alarm in the words of CloudWatch.
type alarm struct {
	namespace, metric, statistic string
	dimensions                   []any
	period, threshold            int
	periods                      int // of silence; 0: one period at or above the threshold is enough
	metrics                      []any
}

func dimension(name, value string) object { return object{"Name": name, "Value": value} }

// expect writes an alarm as its resource. All alarms go to the one topic.
func (s *stack) expect(name string, a alarm) object {
	want := object{
		"AlarmName": name, "AlarmActions": list(s.arn("sns", s.c.Name("alarms"))), "Threshold": number(a.threshold),
		"ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "notBreaching", "EvaluationPeriods": number(1),
	}
	if a.periods > 0 {
		want["ComparisonOperator"], want["TreatMissingData"] = "LessThanThreshold", "breaching"
		want["EvaluationPeriods"], want["DatapointsToAlarm"] = number(a.periods), number(a.periods)
	}
	if a.metrics != nil {
		want["Metrics"] = a.metrics
		return want
	}
	want["Namespace"], want["MetricName"], want["Statistic"] = a.namespace, a.metric, a.statistic
	want["Dimensions"], want["Period"] = a.dimensions, number(a.period)
	return want
}

func (s *stack) serviceAlarms(f topology.Function, name string) map[string]object {
	function := []any{dimension("FunctionName", name)}
	alias := []any{dimension("FunctionName", name), dimension("Resource", name+":live")}
	delivery, failure := []any{dimension("QueueName", name+"-delivery-dlq")}, []any{dimension("QueueName", name+"-failure-dlq")}
	expected := map[string]alarm{
		"errors":               {namespace: "AWS/Lambda", metric: "Errors", statistic: "Sum", dimensions: alias, period: 60, threshold: 1},
		"throttles":            {namespace: "AWS/Lambda", metric: "Throttles", statistic: "Sum", dimensions: alias, period: 60, threshold: 1},
		"duration-max":         {namespace: "AWS/Lambda", metric: "Duration", statistic: "Maximum", dimensions: alias, period: 60, threshold: 25_000},
		"async-age":            {namespace: "AWS/Lambda", metric: "AsyncEventAge", statistic: "Maximum", dimensions: function, period: 60, threshold: 300_000},
		"destination-failures": {namespace: "AWS/Lambda", metric: "DestinationDeliveryFailures", statistic: "Sum", dimensions: function, period: 60, threshold: 1},
		"delivery-dlq-depth":   {namespace: "AWS/SQS", metric: "ApproximateNumberOfMessagesVisible", statistic: "Maximum", dimensions: delivery, period: 60, threshold: 1},
		"failure-dlq-depth":    {namespace: "AWS/SQS", metric: "ApproximateNumberOfMessagesVisible", statistic: "Maximum", dimensions: failure, period: 60, threshold: 1},
		"failure-dlq-age":      {namespace: "AWS/SQS", metric: "ApproximateAgeOfOldestMessage", statistic: "Maximum", dimensions: failure, period: 300, threshold: 3600},
	}
	if limit := expected["duration-max"].threshold; float64(limit) >= f.Timeout.Seconds()*1000 {
		s.find("alarms", name, "duration-max at %d ms does not fire before the timeout of %s", limit, f.Timeout)
	}
	if len(f.Consumes) > 0 {
		expected["rule-failures"] = alarm{threshold: 1, metrics: s.ruleMetrics(f, "FailedInvocations")}
		expected["rule-losses"] = alarm{threshold: 1, metrics: s.ruleMetrics(f, "InvocationsFailedToBeSentToDlq")}
	}
	want := map[string]object{}
	for suffix, a := range expected {
		want[name+"-"+suffix] = s.expect(name+"-"+suffix, a)
	}
	return want
}

// ruleMetrics is the sum of one metric over the function's rules.
func (s *stack) ruleMetrics(f topology.Function, metric string) []any {
	out := []any{object{"Id": "expr_1", "Expression": "SUM(METRICS())", "Label": metric, "ReturnData": true}}
	for i, sub := range f.Consumes {
		out = append(out, object{
			"Id": fmt.Sprintf("m%d", i), "ReturnData": false,
			"MetricStat": object{
				"Period": number(60), "Stat": "Sum",
				"Metric": object{
					"Namespace": "AWS/Events", "MetricName": metric,
					"Dimensions": []any{dimension("EventBusName", s.c.Name("bus")), dimension("RuleName", s.c.RuleName(f, sub))},
				},
			},
		})
	}
	return out
}

func (s *stack) checkObservability() {
	environment := []any{dimension("Environment", string(s.c.Env))}
	group := []any{dimension("ScheduleGroup", s.c.Name("schedules"))}
	expected := map[string]alarm{
		"heartbeat":       {namespace: "Alchemiser", metric: "Heartbeat", statistic: "Sum", dimensions: environment, period: 300, threshold: 1, periods: 3},
		"schedule-drops":  {namespace: "AWS/Scheduler", metric: "InvocationDroppedCount", statistic: "Sum", dimensions: group, period: 60, threshold: 1},
		"schedule-errors": {namespace: "AWS/Scheduler", metric: "TargetErrorCount", statistic: "Sum", dimensions: group, period: 60, threshold: 1},
	}
	for name, metric := range map[string]string{
		"open-runs-overdue": "OpenRunsOverdue", "late-outcome": "LateOutcome", "mail-failed": "MailFailed", "stuck-claim": "StuckClaim", "poison": "Poison",
	} {
		expected[name] = alarm{namespace: "Alchemiser", metric: metric, statistic: "Sum", dimensions: environment, period: 300, threshold: 1}
	}
	want := map[string]object{}
	for name, a := range expected {
		want[s.c.Name(name)] = s.expect(s.c.Name(name), a)
	}
	s.exactly("alarms", "AWS::CloudWatch::Alarm", by("AlarmName"), want)
	s.checkDashboard()
}
