package template

import (
	"cmp"
	"strings"
	"time"
)

func (l *loader) function(r *resource) error {
	p, err := decode[functionProperties](r)
	if err != nil {
		return err
	}
	name, _ := r.physicalName()
	functionARN, err := r.arn()
	if err != nil {
		return err
	}
	f := &Function{Name: name, ARN: functionARN, Timeout: time.Duration(cmp.Or(p.Timeout, 3)) * time.Second,
		MemoryMB: cmp.Or(p.MemorySize, 128), Reserved: p.ReservedConcurrentExecutions, Variables: p.Environment.Variables,
		LogGroup: cmp.Or(p.LoggingConfig.LogGroup, "/aws/lambda/"+name), Aliases: map[string]bool{}, Async: map[string]AsyncConfig{}}
	for _, t := range p.Tags {
		switch t.Key {
		case "alchemiser:service":
			f.Service = t.Value
		case "alchemiser:role":
			f.PreHook = t.Value == "prehook"
		}
	}
	if f.Service == "" {
		return r.errorf("the tag alchemiser:service is missing: it says which binary to run")
	}
	for key := range f.Variables {
		if strings.HasPrefix(key, "AWS_") {
			return r.errorf("the variable %s: names that begin with AWS_ are reserved", key)
		}
	}
	role, ok := l.roles[p.Role]
	if !ok {
		return r.errorf("role %s does not exist", p.Role)
	}
	f.Role = role
	l.functions[functionARN] = f
	l.model.Functions = append(l.model.Functions, f)
	return nil
}

// findFunction looks a function up by name or by ARN, with or without qualifier.
func (l *loader) findFunction(r *resource, text string) (f *Function, qualifier string, err error) {
	name, qualifier, _ := strings.Cut(lastPart(text, "function:"), ":")
	f, ok := l.functions[arn("lambda", "function:"+name)]
	if !ok {
		return nil, "", r.errorf("function %s does not exist", text)
	}
	return f, qualifier, nil
}

func (l *loader) version(r *resource) error {
	p, err := decode[versionProperties](r)
	if err != nil {
		return err
	}
	_, _, err = l.findFunction(r, p.FunctionName)
	return err
}

func (l *loader) alias(r *resource) error {
	p, err := decode[aliasProperties](r)
	if err != nil {
		return err
	}
	f, _, err := l.findFunction(r, p.FunctionName)
	if err != nil {
		return err
	}
	f.Aliases[p.Name] = true
	return nil
}

func (l *loader) eventInvokeConfig(r *resource) error {
	p, err := decode[eventInvokeProperties](r)
	if err != nil {
		return err
	}
	f, _, err := l.findFunction(r, p.FunctionName)
	if err != nil {
		return err
	}
	config := AsyncConfig{Retries: 2, MaxAge: 6 * time.Hour, OnFailure: p.DestinationConfig.OnFailure.Destination}
	if p.MaximumRetryAttempts != nil {
		config.Retries = *p.MaximumRetryAttempts
	}
	if p.MaximumEventAgeInSeconds != nil {
		config.MaxAge = time.Duration(*p.MaximumEventAgeInSeconds) * time.Second
	}
	if config.Retries < 0 || config.Retries > 2 || config.MaxAge < time.Minute || config.MaxAge > 6*time.Hour {
		return r.errorf("retries must be 0 to 2 and the age 60 to 21600 s, they are %d and %s", config.Retries, config.MaxAge)
	}
	if _, ok := l.queues[config.OnFailure]; config.OnFailure != "" && !ok {
		return r.errorf("the on-failure destination %s is not a queue of these templates", config.OnFailure)
	}
	f.Async[p.Qualifier] = config
	return nil
}

func (l *loader) permission(r *resource) error {
	p, err := decode[permissionProperties](r)
	if err != nil {
		return err
	}
	f, qualifier, err := l.findFunction(r, p.FunctionName)
	if err != nil {
		return err
	}
	target := f.ARN
	if qualifier != "" {
		target += ":" + qualifier
	}
	f.Permissions = append(f.Permissions, Permission{target, p.Action, p.Principal, p.SourceArn})
	return nil
}
