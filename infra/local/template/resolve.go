package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// resolve replaces the intrinsics of a value of the stack by what they stand for.
func (s *stack) resolve(value any) (any, error) {
	switch v := value.(type) {
	case []any:
		list := make([]any, len(v))
		for i, member := range v {
			var err error
			if list[i], err = s.resolve(member); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		if len(v) == 1 {
			for key, argument := range v {
				if key == "Ref" || strings.HasPrefix(key, "Fn::") || key == "Condition" && !isObject(argument) {
					return s.intrinsic(key, argument)
				}
			}
		}
		object := make(map[string]any, len(v))
		for key, member := range v {
			if strings.HasPrefix(key, "Fn::") {
				return nil, fmt.Errorf("%s beside other keys", key)
			}
			var err error
			if object[key], err = s.resolve(member); err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
		}
		return object, nil
	}
	return value, nil
}

func isObject(value any) bool {
	_, ok := value.(map[string]any)
	return ok
}

func (s *stack) intrinsic(name string, argument any) (any, error) {
	switch name {
	case "Ref":
		id, ok := argument.(string)
		if !ok {
			return nil, errors.New("a Ref wants a logical id")
		}
		return s.ref(id)
	case "Fn::GetAtt":
		return s.getAtt(argument)
	}
	resolved, err := s.resolve(argument)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	switch name {
	case "Fn::Join":
		return join(resolved)
	case "Fn::Select":
		return selectOne(resolved)
	case "Fn::Split":
		return split(resolved)
	case "Fn::Sub":
		return s.sub(resolved)
	}
	return nil, fmt.Errorf("the intrinsic %s is not known to the one-machine cloud", name)
}

var pseudo = map[string]string{
	"AWS::AccountId": Account,
	"AWS::Region":    Region,
	"AWS::Partition": "aws",
	"AWS::URLSuffix": "amazonaws.com",
}

func (s *stack) ref(id string) (string, error) {
	if value, ok := pseudo[id]; ok {
		return value, nil
	}
	switch id {
	case "AWS::StackName":
		return s.name, nil
	case "AWS::StackId":
		return arn("cloudformation", "stack/"+s.name+"/local"), nil
	}
	r, ok := s.resources[id]
	if !ok {
		return "", fmt.Errorf("reference to %s: no such resource in this stack", id)
	}
	return r.value(r.kind.ref)
}

func (s *stack) getAtt(argument any) (string, error) {
	var id, attribute string
	switch v := argument.(type) {
	case string:
		id, attribute, _ = strings.Cut(v, ".")
	case []any:
		if len(v) == 2 {
			id, _ = v[0].(string)
			attribute, _ = v[1].(string)
		}
	}
	r, ok := s.resources[id]
	if !ok {
		return "", fmt.Errorf("Fn::GetAtt %v: no such resource in this stack", argument)
	}
	what, ok := r.kind.attributes[attribute]
	if !ok {
		return "", fmt.Errorf("Fn::GetAtt %s.%s: this attribute of %s is not known to the one-machine cloud", id, attribute, r.Type)
	}
	return r.value(what)
}

func join(argument any) (string, error) {
	pair, ok := argument.([]any)
	if !ok || len(pair) != 2 {
		return "", errors.New("Fn::Join wants a delimiter and a list")
	}
	delimiter, ok := pair[0].(string)
	list, isList := pair[1].([]any)
	if !ok || !isList {
		return "", errors.New("Fn::Join wants a delimiter and a list")
	}
	parts := make([]string, len(list))
	for i, member := range list {
		if parts[i], ok = scalar(member); !ok {
			return "", fmt.Errorf("Fn::Join: member %d is not text", i)
		}
	}
	return strings.Join(parts, delimiter), nil
}

func scalar(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

func selectOne(argument any) (any, error) {
	pair, ok := argument.([]any)
	if !ok || len(pair) != 2 {
		return nil, errors.New("Fn::Select wants an index and a list")
	}
	text, _ := scalar(pair[0])
	index, err := strconv.Atoi(text)
	list, ok := pair[1].([]any)
	if err != nil || !ok || index < 0 || index >= len(list) {
		return nil, fmt.Errorf("Fn::Select: index %v is outside the list", pair[0])
	}
	return list[index], nil
}

func split(argument any) (any, error) {
	pair, ok := argument.([]any)
	if ok && len(pair) == 2 {
		delimiter, isText := pair[0].(string)
		text, isTextToo := pair[1].(string)
		if isText && isTextToo && delimiter != "" {
			var list []any
			for part := range strings.SplitSeq(text, delimiter) {
				list = append(list, part)
			}
			return list, nil
		}
	}
	return nil, errors.New("Fn::Split wants a delimiter and a text")
}

var substitution = regexp.MustCompile(`\$\{([^}]*)\}`)

// sub resolves the text form ${Id}, ${Id.Attribute}, ${AWS::Region} and ${!Literal}.
func (s *stack) sub(argument any) (string, error) {
	text, ok := argument.(string)
	if !ok {
		return "", errors.New("Fn::Sub is known in its text form only")
	}
	var failure error
	result := substitution.ReplaceAllStringFunc(text, func(match string) string {
		name := match[2 : len(match)-1]
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			return "${" + literal + "}"
		}
		var value string
		var err error
		if strings.Contains(name, ".") {
			value, err = s.getAtt(name)
		} else {
			value, err = s.ref(name)
		}
		if err != nil && failure == nil {
			failure = fmt.Errorf("Fn::Sub: %w", err)
		}
		return value
	})
	return result, failure
}

// value returns what Ref or an attribute of the resource stands for.
func (r *resource) value(what refValue) (string, error) {
	switch what {
	case refARN:
		return r.arn()
	case refLogARN:
		text, err := r.arn()
		return text + ":*", err
	case refVersion:
		return "1", nil
	case refText:
		return r.text("Value")
	}
	name, err := r.physicalName()
	if what == refURL {
		return QueueURL(name), err
	}
	return name, err
}

// QueueURL is the address a template's reference to a queue resolves to. Clients use their own endpoint; the queue is known by
// the last part of the path.
func QueueURL(name string) string {
	return "https://sqs." + Region + ".amazonaws.com/" + Account + "/" + name
}

// physicalName is the name property, or what stands for a name CloudFormation would make up.
func (r *resource) physicalName() (string, error) {
	if r.name != "" {
		return r.name, nil
	}
	if r.naming {
		return "", r.errorf("its name depends on itself")
	}
	r.naming = true
	defer func() { r.naming = false }()
	name := r.stack.name + "-" + r.id
	if r.kind.nameProperty != "" && r.Properties[r.kind.nameProperty] != nil {
		var err error
		if name, err = r.text(r.kind.nameProperty); err != nil {
			return "", err
		}
	}
	r.name = name
	return name, nil
}

// text resolves one property that must be text.
func (r *resource) text(property string) (string, error) {
	value, err := r.stack.resolve(r.Properties[property])
	if err != nil {
		return "", r.errorf("%s: %w", property, err)
	}
	text, ok := scalar(value)
	if !ok {
		return "", r.errorf("%s: want text, have %v", property, value)
	}
	return text, nil
}

func (r *resource) arn() (string, error) {
	switch r.Type {
	case "AWS::Lambda::Version", "AWS::Lambda::Alias":
		function, err := r.text("FunctionName")
		if err != nil {
			return "", err
		}
		qualifier := "1"
		if r.Type == "AWS::Lambda::Alias" {
			if qualifier, err = r.physicalName(); err != nil {
				return "", err
			}
		}
		return arn("lambda", "function:"+lastPart(function, "function:")+":"+qualifier), nil
	case "AWS::Events::Rule":
		name, err := r.physicalName()
		if err != nil {
			return "", err
		}
		bus, err := r.text("EventBusName")
		return arn("events", "rule/"+lastPart(bus, "event-bus/")+"/"+name), err
	case "AWS::Scheduler::Schedule":
		name, err := r.physicalName()
		if err != nil {
			return "", err
		}
		group, err := r.text("GroupName")
		return arn("scheduler", "schedule/"+group+"/"+name), err
	case "AWS::CodeDeploy::DeploymentGroup":
		name, err := r.physicalName()
		if err != nil {
			return "", err
		}
		application, err := r.text("ApplicationName")
		return arn("codedeploy", "deploymentgroup:"+application+"/"+name), err
	}
	if r.kind.arn == "" {
		return "", r.errorf("a resource of this type has no ARN")
	}
	name, err := r.physicalName()
	return fmt.Sprintf(r.kind.arn, name), err
}

// lastPart returns what follows the marker, or the whole text when it is a plain name.
func lastPart(text, marker string) string {
	if _, after, found := strings.Cut(text, marker); found {
		return after
	}
	return text
}
