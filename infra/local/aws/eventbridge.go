package aws

import (
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/bus"
	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/infra/local/pattern"
	"github.com/alchemiser/alchemiser/infra/local/template"
)

const (
	maxEntries   = 10
	maxEntrySize = 256 << 10 // of all entries of a call together
)

type putEventsEntry struct {
	EventBusName, Source, DetailType, Detail string

	Time      *float64 // seconds since 1970
	Resources []string
}

// size is what EventBridge counts (documented).
func (e putEventsEntry) size() int {
	n := len(e.Source) + len(e.DetailType) + len(e.Detail)
	if e.Time != nil {
		n += 14
	}
	for _, r := range e.Resources {
		n += len(r)
	}
	return n
}

type putEventsResult struct {
	EventID      string `json:"EventId,omitempty"`
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

// putEvents accepts entries one by one: a bad one fails alone, in an answer with status 200.
func (s *Server) putEvents(r request) (any, error) {
	var in struct{ Entries []putEventsEntry }
	if err := read(r.body, &in); err != nil {
		return nil, err
	}
	if len(in.Entries) == 0 || len(in.Entries) > maxEntries {
		return nil, fail("ValidationException", "a call has 1 to %d entries, this one has %d", maxEntries, len(in.Entries))
	}
	total := 0
	for _, e := range in.Entries {
		total += e.size()
	}
	if total > maxEntrySize {
		return nil, fail("ValidationException", "Total size of the entries in the request is over the limit: %d bytes of %d.", total, maxEntrySize)
	}
	for _, e := range in.Entries {
		context := map[string]string{"events:source": e.Source, "events:detail-type": e.DetailType}
		if err := s.authorize(r.caller, "events:PutEvents", busARN(e.EventBusName), context); err != nil {
			return nil, err
		}
	}
	out := struct {
		FailedEntryCount int
		Entries          []putEventsResult
	}{Entries: make([]putEventsResult, len(in.Entries))}
	for i, e := range in.Entries {
		id, err := s.putEvent(r, e)
		if err != nil {
			out.FailedEntryCount++
			out.Entries[i] = putEventsResult{ErrorCode: err.Code, ErrorMessage: err.Message}
			continue
		}
		out.Entries[i] = putEventsResult{EventID: id}
	}
	return out, nil
}

func busARN(nameOrARN string) string {
	if strings.HasPrefix(nameOrARN, "arn:") {
		return nameOrARN
	}
	if nameOrARN == "" {
		nameOrARN = "default"
	}
	return "arn:aws:events:" + template.Region + ":" + template.Account + ":event-bus/" + nameOrARN
}

func (s *Server) findBus(nameOrARN string) (*bus.Bus, *failure) {
	_, name, _ := strings.Cut(busARN(nameOrARN), "event-bus/")
	b, ok := s.Buses[name]
	if !ok {
		return nil, fail("ResourceNotFoundException", "Event bus %s does not exist.", name)
	}
	return b, nil
}

func (s *Server) putEvent(r request, e putEventsEntry) (string, *failure) {
	if _, ok := s.Faults.Take(fault.Occurrence{Do: fault.RejectEntry, Function: r.caller.Service, EventType: e.DetailType}); ok {
		return "", fail("InternalFailure", "injected: this entry was not accepted")
	}
	b, err := s.findBus(e.EventBusName)
	switch {
	case err != nil:
		return "", err
	case e.Source == "" || e.DetailType == "":
		return "", fail("InvalidArgument", "Parameter Source or DetailType is not valid. Reason: it is a required argument.")
	case strings.HasPrefix(e.Source, "aws."):
		return "", fail("NotAuthorizedForSourceException", "Not authorized for the source.")
	case !isObject(e.Detail):
		return "", fail("MalformedDetail", "Detail is malformed.")
	}
	entry := bus.Entry{Source: e.Source, DetailType: e.DetailType, Detail: e.Detail, Resources: e.Resources}
	if e.Time != nil {
		seconds, fraction := math.Modf(*e.Time)
		entry.Time = time.Unix(int64(seconds), int64(fraction*1e9))
	}
	id, putErr := b.Put(r.ctx, entry)
	if putErr != nil {
		return "", fail("MalformedDetail", "%v", putErr)
	}
	return id, nil
}

func isObject(text string) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal([]byte(text), &object) == nil && object != nil
}

func (s *Server) testEventPattern(r request) (any, error) {
	var in struct{ EventPattern, Event string }
	if err := read(r.body, &in); err != nil {
		return nil, err
	}
	if err := s.authorize(r.caller, "events:TestEventPattern", "*", nil); err != nil {
		return nil, err
	}
	p, err := pattern.Compile([]byte(in.EventPattern))
	if err != nil {
		return nil, fail("InvalidEventPatternException", "%v", err)
	}
	e, err := pattern.ParseEvent([]byte(in.Event))
	if err != nil {
		return nil, fail("ValidationException", "%v", err)
	}
	return struct{ Result bool }{p.Match(e)}, nil
}

type ruleDescription struct{ Name, Arn, EventBusName, EventPattern, State string }

func describe(rule *template.Rule) ruleDescription {
	state := "ENABLED"
	if !rule.Enabled {
		state = "DISABLED"
	}
	return ruleDescription{rule.Name, rule.ARN, rule.Bus, rule.PatternText, state}
}

func (s *Server) listRules(r request) (any, error) {
	var in struct{ EventBusName, NamePrefix string }
	if err := read(r.body, &in); err != nil {
		return nil, err
	}
	b, notFound := s.findBus(in.EventBusName)
	if notFound != nil {
		return nil, notFound
	}
	if err := s.authorize(r.caller, "events:ListRules", "*", nil); err != nil {
		return nil, err
	}
	out := struct{ Rules []ruleDescription }{[]ruleDescription{}}
	for _, rule := range b.Rules() {
		if strings.HasPrefix(rule.Name, in.NamePrefix) {
			out.Rules = append(out.Rules, describe(rule))
		}
	}
	return out, nil
}

func (s *Server) describeRule(r request) (any, error) {
	var in struct{ EventBusName, Name string }
	if err := read(r.body, &in); err != nil {
		return nil, err
	}
	b, notFound := s.findBus(in.EventBusName)
	if notFound != nil {
		return nil, notFound
	}
	for _, rule := range b.Rules() {
		if rule.Name == in.Name {
			return describe(rule), s.authorize(r.caller, "events:DescribeRule", rule.ARN, nil)
		}
	}
	return nil, fail("ResourceNotFoundException", "Rule %s does not exist on EventBus %s.", in.Name, b.Name())
}
