package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/aws"
	"github.com/alchemiser/alchemiser/infra/local/bus"
	"github.com/alchemiser/alchemiser/infra/local/iam"
	"github.com/alchemiser/alchemiser/infra/local/lambda"
	"github.com/alchemiser/alchemiser/infra/local/template"
)

// clockOffset is the variable by which a function learns the rehearsal clock.
const clockOffset = "CLOCK_OFFSET"

// addFunctions makes every function of the templates ready to run, but for pre-traffic hooks.
func (c *Cloud) addFunctions() error {
	overrides, err := c.overrides()
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range c.model.Functions {
		if m.PreHook {
			continue
		}
		folder, ok := c.options.Binaries[m.Service]
		if !ok {
			errs = append(errs, fmt.Errorf("function %s: no binary is given for the service %q", m.Name, m.Service))
			continue
		}
		if _, twice := c.byService[m.Service]; twice {
			errs = append(errs, fmt.Errorf("function %s: another function has the service %q too", m.Name, m.Service))
		}
		limit := c.options.Concurrency
		if limit == 0 {
			limit = lambda.DefaultLimit
		}
		if m.Reserved != nil {
			limit = min(limit, *m.Reserved)
		}
		variables := c.variables(m, overrides[m.Service])
		settings := maps.Clone(m.Variables)
		maps.Copy(settings, overrides[m.Service])
		f := &function{model: m, settings: settings, run: c.host.Add(lambda.Spec{Name: m.Name, Service: m.Service, ARN: m.ARN, Folder: folder, LogGroup: m.LogGroup,
			Timeout: m.Timeout, MemoryMB: m.MemoryMB, Limit: limit,
			Variables: func(environment string) map[string]string {
				own := maps.Clone(variables)
				own["AWS_SESSION_TOKEN"] = environment
				if offset := c.rehearse.Offset(); offset != c.options.ClockOffset {
					own[clockOffset] = offset.String()
				}
				return own
			}})}
		c.functions[m.Name], c.byService[m.Service] = f, f
	}
	return errors.Join(errs...)
}

// settings is what GetFunctionConfiguration answers of a function.
func (c *Cloud) settings(name string) (aws.Function, bool) {
	f, ok := c.functions[name]
	if !ok {
		return aws.Function{}, false
	}
	variables := maps.Clone(f.settings)
	if offset := c.rehearse.Offset(); offset != c.options.ClockOffset {
		variables[clockOffset] = offset.String()
	}
	return aws.Function{Name: name, ARN: f.model.ARN, Variables: variables}, true
}

// variables is what a child gets besides the Runtime API's own: the template's variables, overridden, and what an SDK client needs
// to find this cloud. Its access key id is the function's name; its session token tells the child process.
func (c *Cloud) variables(m *template.Function, overrides map[string]string) map[string]string {
	v := map[string]string{}
	maps.Copy(v, m.Variables)
	maps.Copy(v, overrides)
	maps.Copy(v, map[string]string{
		"AWS_REGION":                template.Region,
		"AWS_DEFAULT_REGION":        template.Region,
		"AWS_ENDPOINT_URL":          c.endpoint,
		"AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID":         m.Name,
		"AWS_SECRET_ACCESS_KEY":     "local",
		"SSL_CERT_FILE":             c.bundle(),
	})
	return v
}

// overrides works out the overridden variables per service. Only variables the template defines can be overridden: another name is
// a misspelling, or a setting AWS would not have.
func (c *Cloud) overrides() (map[string]map[string]string, error) {
	result := map[string]map[string]string{}
	defined := map[string]bool{}
	services := map[string]bool{}
	var errs []error
	for _, m := range c.model.Functions {
		if m.PreHook {
			continue
		}
		services[m.Service] = true
		own := map[string]string{}
		if _, ok := m.Variables["SMTP_HOST"]; ok {
			own["SMTP_HOST"], own["SMTP_PORT"] = c.sink.Host(), strconv.Itoa(c.sink.Port())
		}
		if c.options.ClockOffset != 0 {
			if _, ok := m.Variables[clockOffset]; !ok {
				errs = append(errs, fmt.Errorf("function %s: the template defines no %s, so it cannot take part in a rehearsal", m.Name, clockOffset))
			}
			own[clockOffset] = c.options.ClockOffset.String()
		}
		for _, scope := range []string{"*", m.Service} {
			for key, value := range c.options.Environment[scope] {
				if _, ok := m.Variables[key]; ok {
					own[key] = value
					defined[scope+" "+key] = true
				}
			}
		}
		result[m.Service] = own
	}
	for scope, variables := range c.options.Environment {
		if scope != "*" && !services[scope] {
			errs = append(errs, fmt.Errorf("environment of %q: no function has this service", scope))
			continue
		}
		for key := range variables {
			if !defined[scope+" "+key] {
				errs = append(errs, fmt.Errorf("environment of %q: no template defines the variable %s there", scope, key))
			}
		}
	}
	return result, errors.Join(errs...)
}

// checkTargets makes sure that what rules and schedules invoke is a function we run or a log group.
func (c *Cloud) checkTargets() error {
	var errs []error
	check := func(source, target string) {
		if strings.HasPrefix(target, "arn:aws:logs:") {
			return
		}
		if f, qualifier := c.find(target); f == nil || qualifier != "" && !f.model.Aliases[qualifier] {
			errs = append(errs, fmt.Errorf("%s: the target %s is neither a function with this alias nor a log group", source, target))
		}
	}
	for _, r := range c.model.Rules {
		for _, t := range r.Targets {
			check("rule "+r.Name, t.ARN)
		}
	}
	for _, s := range c.model.Schedules {
		check("schedule "+s.Name, s.Target.ARN)
	}
	return errors.Join(errs...)
}

// find returns the function an ARN names, and the qualifier.
func (c *Cloud) find(arn string) (*function, string) {
	_, rest, ok := strings.Cut(arn, ":function:")
	if !ok {
		return nil, ""
	}
	name, qualifier, _ := strings.Cut(rest, ":")
	return c.functions[name], qualifier
}

// invoke serves the Invoke API. RequestResponse runs at once and bypasses the queue.
func (c *Cloud) invoke(ctx context.Context, name, qualifier, requestID string, payload []byte, async bool) (lambda.Result, error) {
	f, ok := c.functions[name]
	if !ok || qualifier != "" && qualifier != "$LATEST" && qualifier != "1" && !f.model.Aliases[qualifier] {
		return lambda.Result{}, aws.ErrNoFunction
	}
	if async {
		return lambda.Result{}, c.accept(f, qualifier, requestID, payload, "")
	}
	i := lambda.Invocation{RequestID: requestID, ARN: qualified(f, qualifier), Payload: payload, Attempt: 1}
	c.attempted(f.run, i, nil)
	r := f.run.Invoke(ctx, i)
	c.attempted(f.run, i, &r)
	return r, nil
}

// Invoke runs a function by service once, synchronously, on its alias live: what a pre-traffic probe does.
func (c *Cloud) Invoke(ctx context.Context, service string, payload []byte) (lambda.Result, error) {
	f, ok := c.byService[service]
	if !ok {
		return lambda.Result{}, fmt.Errorf("no function has the service %q: there are %v", service, slices.Sorted(maps.Keys(c.byService)))
	}
	c.tracker.Begin()
	defer c.tracker.End()
	return c.invoke(ctx, f.model.Name, "live", bus.UUID(), payload, false)
}

func qualified(f *function, qualifier string) string {
	if qualifier == "" {
		return f.model.ARN
	}
	return f.model.ARN + ":" + qualifier
}

// accept queues an asynchronous invocation under the settings of its qualifier.
func (c *Cloud) accept(f *function, qualifier, requestID string, payload []byte, eventType string) error {
	config := lambda.AsyncConfig{Retries: 2, MaxAge: 6 * time.Hour}
	settings, ok := f.model.Async[qualifier]
	if ok {
		config = lambda.AsyncConfig{Retries: settings.Retries, MaxAge: settings.MaxAge}
		if settings.OnFailure != "" {
			config.OnFailure = func(record []byte) { c.onFailure(f, settings.OnFailure, record) }
		}
	} else {
		c.problem("function %s is invoked asynchronously by the qualifier %q, which has no EventInvokeConfig: failures are dropped", f.model.Name, qualifier)
	}
	return c.async.Accept(f.run, lambda.Invocation{RequestID: requestID, ARN: qualified(f, qualifier), Payload: payload, EventType: eventType}, config)
}

// onFailure sends the record of an event that was given up. The function's own role must allow it.
func (c *Cloud) onFailure(f *function, queueARN string, record []byte) {
	q := c.queues[queueARN[strings.LastIndex(queueARN, ":")+1:]]
	r := iam.Request{Principal: "aws:" + f.model.Role.ARN, Action: "sqs:SendMessage", Resource: queueARN, Context: requestContext(f.model.ARN)}
	d := c.audit.Decide(f.model.Name, r, slices.Concat(f.model.Role.Policies, q.Model.Policies)...)
	if !d.Allowed {
		c.measureFunction(f.model.Name, qualified(f, "live"), "DestinationDeliveryFailures", 1)
		c.problem("function %s: the record of a failed event was lost: %s", f.model.Name, d.Reason)
		c.observe(Event{Kind: Denied, Function: f.model.Name, Service: f.model.Service, Error: d.Reason})
		return
	}
	q.Send(string(record), nil)
	c.measureQueues()
	c.observe(Event{Kind: FailureRecorded, Function: f.model.Name, Service: f.model.Service, Queue: q.Model.Name})
}

// requestContext is what conditions of policies may look at. Calls inside this process stand for calls over TLS.
func requestContext(sourceARN string) map[string]string {
	return map[string]string{"aws:sourcearn": sourceARN, "aws:sourceaccount": template.Account, "aws:securetransport": "true"}
}

// BinariesIn returns the Binaries of a folder that holds one folder per service, as dist/ does.
func BinariesIn(folder string, services ...string) map[string]string {
	binaries := map[string]string{}
	for _, s := range services {
		binaries[s] = filepath.Join(folder, s)
	}
	return binaries
}
