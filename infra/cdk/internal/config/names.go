package config

import (
	"strings"
	"unicode"

	"github.com/alchemiser/alchemiser/pkg/topology"
)

// RuleName is the physical name of the rule that brings a subscription to its
// function: alchemiser-dev-signal-workflow-started. Where a function takes one
// type from several sources, the functions that publish it under that source
// stand behind it: alchemiser-dev-monitor-workflow-failed-signal.
func (c Config) RuleName(f topology.Function, s topology.Subscription) string {
	part := string(f.Name) + "-" + kebab(string(s.Type))
	sources := 0
	for _, other := range f.Consumes {
		if other.Type == s.Type {
			sources++
		}
	}
	if sources > 1 {
		for _, producer := range topology.Functions() {
			if producer.Source == s.Source && producer.MayPublish(s.Type) {
				part += "-" + string(producer.Name)
			}
		}
	}
	return c.Name(part)
}

// ScheduleName is the physical name of a schedule.
func (c Config) ScheduleName(f topology.Function, s topology.Schedule) string {
	return c.Name(string(f.Name) + "-" + s.Name)
}

// kebab writes WorkflowStarted as workflow-started.
func kebab(s string) string {
	var b strings.Builder
	for i, r := range s {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
