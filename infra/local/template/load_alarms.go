package template

// alarmProperties are those of AWS::CloudWatch::Alarm. Metrics (metric math) is kept only as its presence.
type alarmProperties struct {
	AlarmName, AlarmDescription, ComparisonOperator string
	Namespace, MetricName, Statistic                string
	TreatMissingData                                string

	Dimensions                                   []struct{ Name, Value string }
	EvaluationPeriods, DatapointsToAlarm, Period int
	Threshold                                    *float64
	AlarmActions                                 []string

	ActionsEnabled, OKActions, InsufficientDataActions, Unit, Tags, Metrics any
}

func (l *loader) alarm(r *resource) error {
	p, err := decode[alarmProperties](r)
	if err != nil {
		return err
	}
	if p.Threshold == nil {
		return r.errorf("an alarm needs a Threshold")
	}
	name, _ := r.physicalName()
	a := &Alarm{Name: name, Namespace: p.Namespace, Metric: p.MetricName, Statistic: p.Statistic, Comparison: p.ComparisonOperator,
		Threshold: *p.Threshold, Periods: p.EvaluationPeriods, Missing: p.TreatMissingData, Math: p.Metrics != nil,
		Actions: p.AlarmActions, Dimensions: map[string]string{}}
	for _, d := range p.Dimensions {
		a.Dimensions[d.Name] = d.Value
	}
	l.model.Alarms = append(l.model.Alarms, a)
	return nil
}
