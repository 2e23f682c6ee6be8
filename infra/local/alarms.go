package local

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/lambda"
	"github.com/alchemiser/alchemiser/infra/local/template"
)

// AlarmState is an alarm of the templates at the moment of the snapshot. A run is one period: sums and maxima are over everything
// since the start, so that an alarm with a threshold of one fires if it would have fired in any period.
type AlarmState struct {
	Name      string
	Metric    string // namespace/metric
	Value     float64
	Threshold float64
	Firing    bool
	Actions   []string // ARNs; nobody is told here
}

// UnevaluatedAlarm is an alarm whose state this cloud cannot know.
type UnevaluatedAlarm struct{ Name, Reason string }

// resource is a function as called: by a qualifier, or (empty) without.
type resource struct{ function, qualifier string }

// activity is what Lambda's metrics of a resource are made of.
type activity struct {
	invocations, errors, throttles int
	longest                        time.Duration
}

// activity returns the counters of a function's ARN. The caller holds the lock.
func (c *Cloud) activity(function, arn string) *activity {
	_, qualifier, _ := strings.Cut(arn, ":function:"+function+":")
	key := resource{function, qualifier}
	if c.activities[key] == nil {
		c.activities[key] = &activity{}
	}
	return c.activities[key]
}

func (a *activity) count(r *lambda.Result) {
	if r.Throttled {
		a.throttles++
		return
	}
	a.invocations++
	a.longest = max(a.longest, r.Duration)
	if r.Failed {
		a.errors++
	}
}

// evaluateAlarms fills in the alarms of a snapshot that has everything else. The caller holds the lock.
func (c *Cloud) evaluateAlarms(s *Snapshot) {
	for _, a := range c.model.Alarms {
		value, known, err := c.measure(a, s)
		firing := false
		if err == nil {
			firing, err = breaches(a, value, known)
		}
		if err != nil {
			s.Unevaluated = append(s.Unevaluated, UnevaluatedAlarm{a.Name, err.Error()})
			continue
		}
		s.Alarms = append(s.Alarms, AlarmState{a.Name, a.Namespace + "/" + a.Metric, value, a.Threshold, firing, a.Actions})
	}
}

// breaches compares a value, or what the alarm makes of a missing one, with the threshold.
func breaches(a *template.Alarm, value float64, known bool) (bool, error) {
	if !known {
		switch a.Missing {
		case "breaching":
			return true, nil
		case "notBreaching", "ignore", "missing", "":
			return false, nil
		default:
			return false, fmt.Errorf("TreatMissingData %q is not known", a.Missing)
		}
	}
	switch a.Comparison {
	case "GreaterThanOrEqualToThreshold":
		return value >= a.Threshold, nil
	case "GreaterThanThreshold":
		return value > a.Threshold, nil
	case "LessThanThreshold":
		return value < a.Threshold, nil
	case "LessThanOrEqualToThreshold":
		return value <= a.Threshold, nil
	default:
		return false, fmt.Errorf("the comparison %q is not known", a.Comparison)
	}
}

// measure returns the value of an alarm's metric, and whether there is one. The error says why it cannot be known.
func (c *Cloud) measure(a *template.Alarm, s *Snapshot) (value float64, known bool, err error) {
	switch {
	case a.Math:
		return 0, false, fmt.Errorf("an expression over metrics")
	case a.Periods != 1:
		return 0, false, fmt.Errorf("%d periods: only single points are evaluated", a.Periods)
	case a.Namespace == "AWS/Lambda":
		return c.measureFunction(a)
	case a.Namespace == "AWS/SQS":
		return measureQueue(a, s)
	case strings.HasPrefix(a.Namespace, "AWS/"):
		return 0, false, unknownMetric(a)
	default:
		return measureEmbedded(a, s)
	}
}

func unknownMetric(a *template.Alarm) error {
	return fmt.Errorf("the %s of %s/%s by %v is not measured here", a.Statistic, a.Namespace, a.Metric, a.Dimensions)
}

func measureQueue(a *template.Alarm, s *Snapshot) (float64, bool, error) {
	if a.Metric != "ApproximateNumberOfMessagesVisible" || a.Statistic != "Maximum" && a.Statistic != "Sum" {
		return 0, false, unknownMetric(a)
	}
	for _, q := range s.Queues {
		if q.Name == a.Dimensions["QueueName"] {
			return float64(q.Visible), true, nil
		}
	}
	return 0, false, fmt.Errorf("no queue is named %q", a.Dimensions["QueueName"])
}

// measureFunction reads Lambda's metrics: of an alias (dimension Resource) or of every way to call the function.
func (c *Cloud) measureFunction(a *template.Alarm) (float64, bool, error) {
	name := a.Dimensions["FunctionName"]
	if _, ok := c.functions[name]; !ok {
		return 0, false, fmt.Errorf("no function %q runs here", name)
	}
	total := activity{}
	for key, one := range c.activities {
		if of := a.Dimensions["Resource"]; key.function == name && (of == "" || of == name+":"+key.qualifier || of == name && key.qualifier == "") {
			total.invocations += one.invocations
			total.errors += one.errors
			total.throttles += one.throttles
			total.longest = max(total.longest, one.longest)
		}
	}
	switch a.Metric + " " + a.Statistic {
	case "Errors Sum":
		return float64(total.errors), total.invocations > 0, nil
	case "Throttles Sum":
		return float64(total.throttles), total.invocations+total.throttles > 0, nil
	case "Duration Maximum":
		return float64(total.longest) / float64(time.Millisecond), total.invocations > 0, nil
	default:
		return 0, false, unknownMetric(a)
	}
}

func measureEmbedded(a *template.Alarm, s *Snapshot) (float64, bool, error) {
	if a.Statistic != "Sum" && a.Statistic != "Maximum" {
		return 0, false, unknownMetric(a)
	}
	for _, m := range s.Metrics {
		if m.Namespace != a.Namespace || m.Name != a.Metric || !maps.Equal(m.Dimensions, a.Dimensions) {
			continue
		}
		if a.Statistic == "Sum" {
			return m.Sum, m.Count > 0, nil
		}
		return m.Max, m.Count > 0, nil
	}
	return 0, false, nil
}
