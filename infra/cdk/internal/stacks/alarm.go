package stacks

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
)

// alarms makes the alarms of one stack; all of them go to the alarm topic.
type alarms struct {
	stack  awscdk.Stack
	c      config.Config
	action awscloudwatch.IAlarmAction
}

func newAlarms(s awscdk.Stack, c config.Config) alarms {
	topic := awssns.Topic_FromTopicArn(s, jsii.String("Alarms"), jsii.String(topicARN(s, c)))
	return alarms{s, c, awscloudwatchactions.NewSnsAction(topic)}
}

// atLeast fires when one period reaches the threshold. No data is good news.
func (a alarms) atLeast(name, meaning string, threshold float64, metric awscloudwatch.IMetric) awscloudwatch.Alarm {
	return a.add(name, &awscloudwatch.AlarmProps{
		AlarmDescription: jsii.String(meaning), Metric: metric,
		Threshold: jsii.Number(threshold), EvaluationPeriods: jsii.Number(1),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
}

// silent fires when a sign of life stays away for the periods. No data is the
// bad news.
func (a alarms) silent(name, meaning string, periods float64, metric awscloudwatch.IMetric) awscloudwatch.Alarm {
	return a.add(name, &awscloudwatch.AlarmProps{
		AlarmDescription: jsii.String(meaning), Metric: metric,
		Threshold: jsii.Number(1), EvaluationPeriods: jsii.Number(periods), DatapointsToAlarm: jsii.Number(periods),
		ComparisonOperator: awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD,
		TreatMissingData:   awscloudwatch.TreatMissingData_BREACHING,
	})
}

func (a alarms) add(name string, props *awscloudwatch.AlarmProps) awscloudwatch.Alarm {
	props.AlarmName = jsii.String(a.c.Name(name))
	alarm := awscloudwatch.NewAlarm(a.stack, jsii.String("Alarm-"+name), props)
	alarm.AddAlarmAction(a.action)
	return alarm
}

// metric names a metric that no construct of the stack stands for.
func metric(namespace, name, statistic string, period time.Duration, dimensions map[string]string) awscloudwatch.Metric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: jsii.String(namespace), MetricName: jsii.String(name), Statistic: jsii.String(statistic),
		Period: duration(period), DimensionsMap: stringMap(dimensions),
	})
}

func duration(d time.Duration) awscdk.Duration {
	return awscdk.Duration_Seconds(jsii.Number(d.Seconds()))
}

func stringMap(m map[string]string) *map[string]*string {
	out := make(map[string]*string, len(m))
	for k, v := range m {
		out[k] = jsii.String(v)
	}
	return &out
}
