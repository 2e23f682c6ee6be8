package stacks

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// Own metrics arrive as embedded-metric log lines under this namespace, with
// the environment as their only dimension.
const (
	metricNamespace = "Alchemiser"
	metricDimension = "Environment"
)

// buildObservability knows the others by the names of their metrics alone.
func buildObservability(s awscdk.Stack, c config.Config) {
	a := newAlarms(s, c)
	a.silent("heartbeat", "No sweep for a quarter of an hour: monitor, its schedule or its log is broken, and nothing else would tell", 3,
		own(c, "Heartbeat", 5*time.Minute))
	for _, m := range []struct{ alarm, metric, meaning string }{
		{"open-runs-overdue", "OpenRunsOverdue", "A run is open although its time is over"},
		{"late-outcome", "LateOutcome", "A run ended after it had been closed as stalled: orders may have been placed unseen"},
		{"mail-failed", "MailFailed", "A summary could not be mailed"},
		{"stuck-claim", "StuckClaim", "An event was claimed and never finished"},
		{"poison", "Poison", "An event cannot be read or was changed between two deliveries"},
	} {
		a.atLeast(m.alarm, m.meaning, 1, own(c, m.metric, 5*time.Minute))
	}
	group := map[string]string{"ScheduleGroup": c.Name("schedules")}
	a.atLeast("schedule-drops", "The scheduler gave up on a command", 1, metric("AWS/Scheduler", "InvocationDroppedCount", "Sum", time.Minute, group))
	a.atLeast("schedule-errors", "A schedule's function refused a command", 1, metric("AWS/Scheduler", "TargetErrorCount", "Sum", time.Minute, group))
	addDashboard(s, c)
}

func own(c config.Config, name string, period time.Duration) awscloudwatch.Metric {
	return metric(metricNamespace, name, "Sum", period, map[string]string{metricDimension: string(c.Env)})
}

// addDashboard has one row for each question an operator asks first.
func addDashboard(s awscdk.Stack, c config.Config) {
	row := func(title string, metrics []awscloudwatch.IMetric) *[]awscloudwatch.IWidget {
		return &[]awscloudwatch.IWidget{awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
			Title: jsii.String(title), Left: &metrics, Width: jsii.Number(24), Height: jsii.Number(6),
		})}
	}
	perFunction := func(name, statistic string) []awscloudwatch.IMetric {
		var out []awscloudwatch.IMetric
		for _, f := range topology.Functions() {
			function := c.Name(string(f.Name))
			out = append(out, labelled(string(f.Name), metric("AWS/Lambda", name, statistic, 5*time.Minute,
				map[string]string{"FunctionName": function, "Resource": function + ":live"})))
		}
		return out
	}
	var queues, runs []awscloudwatch.IMetric
	for _, f := range topology.Functions() {
		for _, part := range []string{"-delivery-dlq", "-failure-dlq"} {
			queues = append(queues, labelled(string(f.Name)+part, metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", 5*time.Minute,
				map[string]string{"QueueName": c.Name(string(f.Name) + part)})))
		}
	}
	for _, name := range []string{"RunsCompleted", "RunsFailed", "RunsSkipped", "Heartbeat"} {
		runs = append(runs, labelled(name, own(c, name, 5*time.Minute)))
	}
	awscloudwatch.NewDashboard(s, jsii.String("Dashboard"), &awscloudwatch.DashboardProps{
		DashboardName: jsii.String(c.Name("pipeline")),
		Widgets: &[]*[]awscloudwatch.IWidget{
			row("Runs", runs),
			row("Invocations", perFunction("Invocations", "Sum")),
			row("Errors", perFunction("Errors", "Sum")),
			row("Duration p99", perFunction("Duration", "p99")),
			row("Queue depths", queues),
		},
	})
}

func labelled(label string, m awscloudwatch.Metric) awscloudwatch.IMetric {
	return m.With(&awscloudwatch.MetricOptions{Label: jsii.String(label)})
}
