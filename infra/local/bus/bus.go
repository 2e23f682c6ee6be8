// Package bus takes events, keeps them and hands them to the rules they match.
//
//	b := bus.New(model.Buses[0], model.Rules, bus.Options{Clock: clock, Deliver: deliverer.Start})
//	id := b.Put(ctx, bus.Entry{Source: "alchemiser.strategy", DetailType: "SignalGenerated", Detail: detail})
package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/delivery"
	"github.com/alchemiser/alchemiser/infra/local/pattern"
	"github.com/alchemiser/alchemiser/infra/local/template"
	"github.com/alchemiser/alchemiser/pkg/env"
)

// Entry is one event as put.
type Entry struct {
	Source, DetailType, Detail string
	Time                       time.Time // zero: now
	Resources                  []string
}

// Event is one event as delivered. ID is the bus's, not ours.
type Event struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Time       string          `json:"time"`
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

// Record is an event in the archive with what became of it.
type Record struct {
	Event    Event     `json:"event"`
	Received time.Time `json:"received"`
	Archived bool      `json:"archived"` // an archive of the templates keeps it
	Rules    []string  `json:"rules"`    // names of the rules it matched
	Routed   bool      `json:"routed"`   // one of them has a function as its target
}

// Options configure a Bus.
type Options struct {
	Clock   env.Clock
	Deliver func(context.Context, delivery.Job)
	Observe func(Record) // may be nil; must not block
}

// Bus is one event bus.
type Bus struct {
	model   *template.Bus
	rules   []*template.Rule
	options Options

	mu      sync.Mutex
	records []Record
}

// New returns a bus with those of the rules that are its own.
func New(model *template.Bus, rules []*template.Rule, o Options) *Bus {
	b := &Bus{model: model, options: o}
	for _, r := range rules {
		if r.Bus == model.Name {
			b.rules = append(b.rules, r)
		}
	}
	return b
}

// Name is the bus's name.
func (b *Bus) Name() string { return b.model.Name }

// ARN is the bus's ARN.
func (b *Bus) ARN() string { return b.model.ARN }

// Rules lists the bus's rules.
func (b *Bus) Rules() []*template.Rule { return b.rules }

// Records lists every event so far, oldest first.
func (b *Bus) Records() []Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.records)
}

// Put accepts an event whose Detail is a JSON object, starts its deliveries in random order and returns its id.
func (b *Bus) Put(ctx context.Context, e Entry) (string, error) {
	now := b.options.Clock.Now()
	if e.Time.IsZero() {
		e.Time = now
	}
	event := Event{Version: "0", ID: UUID(), DetailType: e.DetailType, Source: e.Source, Account: template.Account,
		Time: e.Time.UTC().Format("2006-01-02T15:04:05Z"), Region: template.Region, Resources: e.Resources, Detail: json.RawMessage(e.Detail)}
	if event.Resources == nil {
		event.Resources = []string{}
	}
	payload, err := encode(event)
	if err != nil {
		return "", fmt.Errorf("event %s: %w", e.DetailType, err)
	}
	parsed, err := pattern.ParseEvent(payload)
	if err != nil {
		return "", fmt.Errorf("event %s: %w", e.DetailType, err)
	}
	record := Record{Event: event, Received: now}
	for _, archive := range b.model.Archives {
		record.Archived = record.Archived || archive == nil || archive.Match(parsed)
	}
	var jobs []delivery.Job
	for _, r := range b.rules {
		if !r.Enabled || !r.Pattern.Match(parsed) {
			continue
		}
		record.Rules = append(record.Rules, r.Name)
		for _, t := range r.Targets {
			record.Routed = record.Routed || strings.HasPrefix(t.ARN, "arn:aws:lambda:")
			body := payload
			if t.Input != "" {
				body = []byte(t.Input)
			}
			jobs = append(jobs, delivery.Job{SourceARN: r.ARN, Target: t, EventType: e.DetailType, EventID: event.ID,
				Payload: func(int) []byte { return body }})
		}
	}
	b.mu.Lock()
	b.records = append(b.records, record)
	b.mu.Unlock()
	if b.options.Observe != nil {
		b.options.Observe(record)
	}
	rand.Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] })
	for _, j := range jobs {
		b.options.Deliver(ctx, j)
	}
	return event.ID, nil
}

// encode writes JSON without escaping <, > and &: the detail arrives as it was put.
func encode(value any) ([]byte, error) {
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return []byte(strings.TrimSuffix(text.String(), "\n")), nil
}

// UUID returns a new random id in the form of a UUID.
func UUID() string {
	t := env.Token()
	return t[:8] + "-" + t[8:12] + "-" + t[12:16] + "-" + t[16:20] + "-" + t[20:]
}
