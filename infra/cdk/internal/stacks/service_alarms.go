package stacks

import (
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
)

// addAlarms watches the function, its queues and the rules in front of it. It
// returns the alarm that rolls a deployment back.
func (v *service) addAlarms() awscloudwatch.Alarm {
	name := string(v.f.Name)
	a := newAlarms(v.stack, v.c)
	function := v.c.Name(name)

	errors := a.atLeast(name+"-errors", "An invocation of "+function+" failed", 1,
		v.alias.MetricErrors(options("Sum", time.Minute)))
	a.atLeast(name+"-throttles", function+" was throttled", 1,
		v.alias.MetricThrottles(options("Sum", time.Minute)))
	a.atLeast(name+"-duration-max", fmt.Sprintf("%s came close to its timeout of %s", function, v.f.Timeout), 25_000,
		v.alias.MetricDuration(options("Maximum", time.Minute)))
	a.atLeast(name+"-async-age", "Events wait too long for "+function, 300_000,
		v.asyncMetric(v.function, "AsyncEventAge", "Maximum"))
	a.atLeast(name+"-destination-failures", "A failed event of "+function+" did not reach its failure queue and is lost", 1,
		v.asyncMetric(v.function, "DestinationDeliveryFailures", "Sum"))

	a.atLeast(name+"-delivery-dlq-depth", "An event could not be handed to "+function+": read it with alchemiser redrive", 1, depth(v.delivery))
	a.atLeast(name+"-failure-dlq-depth", function+" gave up on an event: read it with alchemiser redrive", 1, depth(v.failure))
	a.atLeast(name+"-failure-dlq-age", "A failed event of "+function+" waits for more than an hour", 3600,
		v.failure.MetricApproximateAgeOfOldestMessage(options("Maximum", 5*time.Minute)))

	if len(v.f.Consumes) > 0 {
		a.atLeast(name+"-rule-failures", "The bus could not invoke "+function, 1, v.ruleMetric("FailedInvocations"))
		a.atLeast(name+"-rule-losses", "An event for "+function+" reached neither it nor its delivery queue and is lost", 1, v.ruleMetric("InvocationsFailedToBeSentToDlq"))
	}
	return errors
}

func options(statistic string, period time.Duration) *awscloudwatch.MetricOptions {
	return &awscloudwatch.MetricOptions{Statistic: jsii.String(statistic), Period: duration(period)}
}

func depth(q awssqs.Queue) awscloudwatch.Metric {
	return q.MetricApproximateNumberOfMessagesVisible(options("Maximum", time.Minute))
}

// asyncMetric is about the function's queue, whatever the alias.
func (v *service) asyncMetric(f awslambda.Function, name, statistic string) awscloudwatch.Metric {
	return f.Metric(jsii.String(name), options(statistic, time.Minute))
}

// ruleMetric adds up one metric of the function's rules. On a bus of one's own
// the metrics of rules have two dimensions and are never summed by the service.
func (v *service) ruleMetric(name string) awscloudwatch.IMetric {
	using := map[string]awscloudwatch.IMetric{}
	for i, sub := range v.f.Consumes {
		using[fmt.Sprintf("m%d", i)] = metric("AWS/Events", name, "Sum", time.Minute, map[string]string{
			"EventBusName": v.c.Name("bus"), "RuleName": v.c.RuleName(v.f, sub),
		})
	}
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: jsii.String("SUM(METRICS())"), Label: jsii.String(name), UsingMetrics: &using, Period: duration(time.Minute),
	})
}
