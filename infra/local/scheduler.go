package local

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/bus"
	"github.com/alchemiser/alchemiser/infra/local/delivery"
	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/infra/local/template"
)

// scheduler fires the enabled schedules by the rehearsal clock.
type scheduler struct {
	cloud   *Cloud
	context context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu   sync.Mutex
	next map[string]firing // by schedule
}

// firing is the next time of a schedule; done closes when it has fired.
type firing struct {
	planned time.Time
	done    chan struct{}
}

func newScheduler(c *Cloud) *scheduler {
	ctx, cancel := context.WithCancel(c.context)
	return &scheduler{cloud: c, context: ctx, cancel: cancel, next: map[string]firing{}}
}

func (s *scheduler) start() error {
	enable := s.cloud.options.Enable
	for _, name := range enable {
		if !slices.ContainsFunc(s.cloud.model.Schedules, func(m *template.Schedule) bool { return m.Name == name }) {
			return fmt.Errorf("enable the schedule %q: %w", name, s.cloud.noSchedule(name))
		}
	}
	if s.cloud.options.ManualSchedules {
		return nil
	}
	for _, m := range s.cloud.model.Schedules {
		if !m.Enabled && !slices.Contains(enable, m.Name) {
			continue
		}
		first := s.plan(m, s.cloud.rehearse.Now())
		s.running.Go(func() { s.run(m, first) })
	}
	return nil
}

func (s *scheduler) stop() {
	s.cancel()
	s.running.Wait()
}

func (s *scheduler) plan(m *template.Schedule, after time.Time) firing {
	f := firing{m.Expression.Next(after), make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next[m.Name] = f
	return f
}

func (s *scheduler) run(m *template.Schedule, f firing) {
	for !f.planned.IsZero() {
		if s.cloud.rehearse.Sleep(s.context, f.planned.Sub(s.cloud.rehearse.Now())) != nil {
			return
		}
		s.cloud.fire(m, f.planned)
		done := f.done
		f = s.plan(m, f.planned)
		close(done)
	}
}

// due returns a channel that closes when the first schedule due within the horizon has fired; nil when none is.
func (s *scheduler) due(horizon time.Duration) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := s.cloud.rehearse.Now().Add(horizon)
	for _, f := range s.next {
		if !f.planned.IsZero() && f.planned.Before(limit) {
			return f.done
		}
	}
	return nil
}

// FireSchedule fires a schedule now, enabled or not, as if it had been planned for the given time.
func (c *Cloud) FireSchedule(_ context.Context, name string, planned time.Time) error {
	for _, m := range c.model.Schedules {
		if m.Name == name {
			c.fire(m, planned)
			return nil
		}
	}
	return c.noSchedule(name)
}

func (c *Cloud) noSchedule(name string) error {
	var names []string
	for _, m := range c.model.Schedules {
		names = append(names, m.Name)
	}
	return fmt.Errorf("no schedule is named %q: there are %s", name, strings.Join(names, ", "))
}

// fire starts one delivery. The planned time is the same on every retry.
func (c *Cloud) fire(m *template.Schedule, planned time.Time) {
	service := ""
	if f, _ := c.find(m.Target.ARN); f != nil {
		service = f.model.Service
	}
	if _, ok := c.options.Faults.Take(fault.Occurrence{Do: fault.ScheduleSkip, Function: service}); ok {
		return
	}
	if late, ok := c.options.Faults.Take(fault.Occurrence{Do: fault.ScheduleLate, Function: service}); ok {
		c.tracker.Begin()
		go func() {
			defer c.tracker.End()
			if c.clock.Sleep(c.scheduler.context, late.Delay) == nil {
				c.deliver(m, service, planned)
			}
		}()
		return
	}
	c.deliver(m, service, planned)
}

func (c *Cloud) deliver(m *template.Schedule, service string, planned time.Time) {
	times := 1
	if _, ok := c.options.Faults.Take(fault.Occurrence{Do: fault.ScheduleTwice, Function: service}); ok {
		times = 2
	}
	execution := bus.UUID()
	for range times {
		c.observe(Event{Kind: ScheduleFired, Schedule: m.Name, Service: service, Planned: planned})
		c.deliverer.Start(c.context, delivery.Job{SourceARN: m.ARN, Target: m.Target, Payload: func(attempt int) []byte {
			return []byte(strings.NewReplacer(
				"<aws.scheduler.schedule-arn>", m.ARN,
				"<aws.scheduler.scheduled-time>", planned.UTC().Format("2006-01-02T15:04:05Z"),
				"<aws.scheduler.execution-id>", execution,
				"<aws.scheduler.attempt-number>", strconv.Itoa(attempt),
			).Replace(m.Target.Input))
		}})
	}
}
