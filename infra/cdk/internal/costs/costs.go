// Package costs estimates what an environment costs in a month: what its
// templates hold, what a month of runs and sweeps uses, and list prices. It
// knows no CDK; the test keeps the tables of docs/operations.md equal to it.
// Estimates are no accounts, so floating point is good enough.
//
//	templates, err := checks.Load(os.DirFS("templates/prod"), c)
//	bill, err := costs.Of(templates, costs.Typical())
//	fmt.Printf("$%.2f a month\n", bill.Total())
package costs

import (
	"fmt"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/checks"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// Usage is what a month looks like.
type Usage struct {
	RunsScheduled int // where the schedule is on
	RunsByHand    int // where it is off
	SweepsPerHour int
	Continuations int // further invocations of execution, per run
	// Duration is the billed time of one invocation, cold start included.
	Duration map[topology.Name]time.Duration
	Sweep    time.Duration

	WritesPerRun, ReadsPerRun int // DynamoDB request units, index included
	ReadsPerSweep             int
	TableGB                   float64
	RunLogKB, SweepLogKB      float64
	EventKB                   float64 // each event, in the audit log and the archive
	SweepMetrics              int     // own metrics that every sweep writes
	KeysPerRun                int     // parameters decrypted
	AlarmMails                int
	QueueRequests             int
	Deployments               int
	CodeGB                    float64 // all zips of one deployment
	DeploymentsKept           int     // their code stays in the bucket
}

// Typical is a month of daily runs in which little goes wrong. Durations are
// the slow ends of the budgets, sizes are those of a portfolio of forty
// symbols: rather too much than too little.
func Typical() Usage {
	return Usage{
		RunsScheduled: 21, RunsByHand: 5, SweepsPerHour: 12, Continuations: 1,
		Duration: map[topology.Name]time.Duration{
			topology.Start: 2 * time.Second, topology.Signal: 6 * time.Second, topology.Portfolio: 4 * time.Second,
			topology.Execution: 30 * time.Second, topology.Monitor: time.Second, topology.Notifier: 5 * time.Second,
		},
		Sweep:        200 * time.Millisecond,
		WritesPerRun: 1500, ReadsPerRun: 1500, ReadsPerSweep: 4, TableGB: 0.5,
		RunLogKB: 200, SweepLogKB: 3, EventKB: 20,
		SweepMetrics: 3, KeysPerRun: 10, AlarmMails: 20, QueueRequests: 100,
		Deployments: 4, CodeGB: 0.03, DeploymentsKept: 20,
	}
}

// daysPerMonth and hoursPerMonth are AWS's month for a flat rate.
const (
	daysPerMonth  = 30
	hoursPerMonth = daysPerMonth * 24
)

// Line is one item of the bill.
type Line struct {
	Item, Unit string
	Quantity   float64
	Price      float64 // of one unit
	Free       float64 // units that cost nothing, if the account uses them for nothing else
}

// USD is the list price of the quantity.
func (l Line) USD() float64 { return l.Quantity * l.Price }

// AfterFree is what is left when the free quantity is taken off.
func (l Line) AfterFree() float64 { return max(0, l.Quantity-l.Free) * l.Price }

// Bill is a month of one environment.
type Bill struct {
	Alarms int // alarms; the bill counts their metrics
	Runs   int
	Lines  []Line
}

// Total is the sum of the list prices.
func (b Bill) Total() float64 { return b.sum(Line.USD) }

// TotalAfterFree is the sum with the free quantities taken off.
func (b Bill) TotalAfterFree() float64 { return b.sum(Line.AfterFree) }

func (b Bill) sum(of func(Line) float64) float64 {
	total := 0.0
	for _, l := range b.Lines {
		total += of(l)
	}
	return total
}

func (b *Bill) add(p price, quantity float64) {
	b.Lines = append(b.Lines, Line{Item: p.item, Unit: p.unit, Quantity: quantity, Price: p.usd, Free: p.free})
}

// Of estimates one environment. It fails when the templates lack something
// that a bill rests on.
func Of(env checks.Environment, u Usage) (Bill, error) {
	t, err := read(env)
	if err != nil {
		return Bill{}, err
	}
	runs := u.RunsByHand
	scheduled := 0
	if t.daily {
		runs, scheduled = u.RunsScheduled, u.RunsScheduled
	}
	sweeps := u.SweepsPerHour * hoursPerMonth
	path := normalRun()
	published := float64(runs * (path.events + u.Continuations))
	calls, seconds := 0, 0.0
	for _, f := range topology.Functions() {
		n := path.invocations[f.Name]
		if f.Name == topology.Execution {
			n += u.Continuations
		}
		calls += runs * n
		seconds += float64(runs*n) * u.Duration[f.Name].Seconds() * t.memoryGB[f.Name]
	}
	seconds += float64(sweeps) * u.Sweep.Seconds() * t.memoryGB[topology.Monitor]
	eventGB := published * u.EventKB / million
	logGB := (float64(runs)*u.RunLogKB+float64(sweeps)*u.SweepLogKB)/million + eventGB

	b := Bill{Alarms: t.alarms, Runs: runs}
	b.add(alarmMetrics, float64(t.alarmMetrics))
	b.add(dashboards, float64(t.dashboards))
	b.add(ownMetrics, float64(u.SweepMetrics)+float64(runs)/hoursPerMonth)
	b.add(logIngestion, logGB)
	b.add(logStorage, logGB*float64(t.logDays)/daysPerMonth)
	b.add(lambdaTime, seconds)
	b.add(lambdaCalls, float64(calls+sweeps))
	b.add(traces, float64(calls+sweeps))
	b.add(busEvents, published)
	b.add(archived, eventGB)
	b.add(archiveKept, eventGB*float64(t.archiveDays)/daysPerMonth)
	b.add(schedulerRuns, float64(scheduled+sweeps))
	b.add(tableWrites, float64(runs*u.WritesPerRun))
	b.add(tableReads, float64(runs*u.ReadsPerRun+sweeps*u.ReadsPerSweep))
	b.add(tableStorage, u.TableGB)
	b.add(tableRecovery, u.TableGB)
	b.add(queueCalls, float64(u.QueueRequests))
	b.add(mails, float64(u.AlarmMails))
	b.add(keyCalls, float64(runs*u.KeysPerRun))
	b.add(parameters, 4)
	b.add(deployments, float64(u.Deployments*len(topology.Functions())))
	b.add(assets, u.CodeGB*float64(u.DeploymentsKept))
	return b, nil
}

// path is what a run without failures and continuations uses.
type path struct {
	events      int
	invocations map[topology.Name]int
}

// normalRun follows the events of a run that trades: those that every such run
// publishes, and the functions that they reach.
func normalRun() path {
	p := path{invocations: map[topology.Name]int{topology.Start: 1}}
	for _, f := range topology.Functions() {
		for _, t := range f.Publishes {
			switch t {
			case events.TypeWorkflowSkipped, events.TypeWorkflowFailed, events.TypeErrorNotificationRequested, events.TypeTradeExecutionContinued:
				continue
			}
			p.events++
			for _, consumer := range topology.Consumers(f.Source, t) {
				p.invocations[consumer]++
			}
		}
	}
	return p
}

// held is what stands in the templates and costs by the month.
type held struct {
	alarms, alarmMetrics, dashboards int
	logDays, archiveDays             int
	daily                            bool // the switched schedule fires
	memoryGB                         map[topology.Name]float64
}

func read(env checks.Environment) (held, error) {
	h := held{memoryGB: map[topology.Name]float64{}}
	for part, template := range env.Stacks {
		resources, _ := template["Resources"].(map[string]any)
		for id, v := range resources {
			resource, _ := v.(map[string]any)
			properties, _ := resource["Properties"].(map[string]any)
			number := func(name string) int {
				n, _ := properties[name].(float64)
				return int(n)
			}
			switch resource["Type"] {
			case "AWS::CloudWatch::Alarm":
				h.alarms++
				h.alarmMetrics += watched(properties)
			case "AWS::CloudWatch::Dashboard":
				h.dashboards++
			case "AWS::Logs::LogGroup":
				h.logDays = max(h.logDays, number("RetentionInDays"))
			case "AWS::Events::Archive":
				h.archiveDays = number("RetentionDays")
			case "AWS::Scheduler::Schedule":
				if expression, _ := properties["ScheduleExpression"].(string); strings.HasPrefix(expression, "cron(") {
					h.daily = properties["State"] == "ENABLED"
				}
			case "AWS::Lambda::Function":
				if properties["FunctionName"] == env.Config.Name(part) {
					h.memoryGB[topology.Name(part)] = float64(number("MemorySize")) / 1024
				}
			case nil:
				return held{}, fmt.Errorf("costs: %s of %s has no type", id, part)
			}
		}
	}
	for _, f := range topology.Functions() {
		if h.memoryGB[f.Name] == 0 {
			return held{}, fmt.Errorf("costs: the templates of %s do not say how much memory %s has", env.Config.Env, f.Name)
		}
	}
	if h.alarms == 0 || h.logDays == 0 || h.archiveDays == 0 {
		return held{}, fmt.Errorf("costs: the templates of %s lack alarms, log retention or an archive", env.Config.Env)
	}
	return h, nil
}

// watched counts the metrics that an alarm evaluates.
func watched(alarm map[string]any) int {
	queries, ok := alarm["Metrics"].([]any)
	if !ok {
		return 1
	}
	n := 0
	for _, q := range queries {
		if query, _ := q.(map[string]any); query["MetricStat"] != nil {
			n++
		}
	}
	return n
}
