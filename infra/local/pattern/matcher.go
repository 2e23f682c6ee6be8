package pattern

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// matcher is one member of a value list: leaf decides about one leaf value; absent makes the absence of the field a match.
type matcher struct {
	leaf   func(value any) bool
	absent bool
}

func compileList(list []any) ([]matcher, error) {
	if len(list) == 0 {
		return nil, errors.New("an empty list matches nothing")
	}
	matchers := make([]matcher, 0, len(list))
	for _, member := range list {
		m, err := compileMember(member)
		if err != nil {
			return nil, err
		}
		matchers = append(matchers, m)
	}
	return matchers, nil
}

func compileMember(member any) (matcher, error) {
	switch v := member.(type) {
	case []any:
		return matcher{}, errors.New("a list inside a list")
	case map[string]any:
		if len(v) != 1 {
			return matcher{}, fmt.Errorf("a matcher has exactly one operator, this is %s", kind(v))
		}
		for operator, operand := range v {
			m, err := compileOperator(operator, operand)
			if err != nil {
				return matcher{}, fmt.Errorf("%s: %w", operator, err)
			}
			return m, nil
		}
	}
	return matcher{leaf: func(value any) bool { return value == member }}, nil
}

func compileOperator(operator string, operand any) (matcher, error) {
	switch operator {
	case "prefix", "suffix":
		test, err := compileAffix(operator, operand)
		return matcher{leaf: test}, err
	case "equals-ignore-case", "wildcard":
		test, err := compileText(operator, operand)
		return matcher{leaf: test}, err
	case "anything-but":
		test, err := compileAnythingBut(operand)
		return matcher{leaf: test}, err
	case "numeric":
		test, err := compileNumeric(operand)
		return matcher{leaf: test}, err
	case "cidr":
		test, err := compileCIDR(operand)
		return matcher{leaf: test}, err
	case "exists":
		switch operand {
		case true:
			return matcher{leaf: func(any) bool { return true }}, nil
		case false:
			return matcher{absent: true}, nil
		}
		return matcher{}, fmt.Errorf("want true or false, have %s", kind(operand))
	}
	return matcher{}, fmt.Errorf("unknown operator: use one of %s", strings.Join(operators, ", "))
}

// compileAffix reads {"prefix":"x"} or {"prefix":{"equals-ignore-case":"x"}}, and the same for suffix.
func compileAffix(operator string, operand any) (func(any) bool, error) {
	has := strings.HasPrefix
	if operator == "suffix" {
		has = strings.HasSuffix
	}
	if object, ok := operand.(map[string]any); ok {
		text, ok := object["equals-ignore-case"].(string)
		if len(object) != 1 || !ok {
			return nil, fmt.Errorf("want text or {\"equals-ignore-case\": text}, have %s", kind(operand))
		}
		folded := fold(text)
		return onText(func(s string) bool { return has(fold(s), folded) }), nil
	}
	text, ok := operand.(string)
	if !ok {
		return nil, fmt.Errorf("want text, have %s", kind(operand))
	}
	return onText(func(s string) bool { return has(s, text) }), nil
}

// fold makes texts that differ in case only equal.
func fold(s string) string { return strings.ToLower(strings.ToUpper(s)) }

// compileText reads the operators whose operand is one text.
func compileText(operator string, operand any) (func(any) bool, error) {
	text, ok := operand.(string)
	if !ok {
		return nil, fmt.Errorf("want text, have %s", kind(operand))
	}
	switch operator {
	case "prefix", "suffix":
		if text == "" {
			return nil, errors.New("want text that is not empty")
		}
		return compileAffix(operator, text)
	case "equals-ignore-case":
		folded := fold(text)
		return onText(func(s string) bool { return fold(s) == folded }), nil
	default:
		w, err := compileWildcard(text)
		if err != nil {
			return nil, err
		}
		return onText(w.match), nil
	}
}

// onText lifts a test of texts to values: other kinds never pass.
func onText(test func(string) bool) func(any) bool {
	return func(value any) bool {
		s, ok := value.(string)
		return ok && test(s)
	}
}

// compileAnythingBut excludes plain values of one kind, or what a text operator with one or several operands accepts.
func compileAnythingBut(operand any) (func(any) bool, error) {
	operator := ""
	if object, ok := operand.(map[string]any); ok {
		if len(object) != 1 {
			return nil, fmt.Errorf("want one operator, have %s", kind(operand))
		}
		for operator, operand = range object {
			switch operator {
			case "prefix", "suffix", "equals-ignore-case", "wildcard":
			default:
				return nil, fmt.Errorf("%q is not possible here", operator)
			}
		}
	}
	list, ok := operand.([]any)
	if !ok {
		list = []any{operand}
	}
	if len(list) == 0 {
		return nil, errors.New("an empty list excludes nothing")
	}
	excluded := make([]func(any) bool, 0, len(list))
	for _, member := range list {
		if operator != "" {
			test, err := compileText(operator, member)
			if err != nil {
				return nil, err
			}
			excluded = append(excluded, test)
			continue
		}
		_, isText := member.(string)
		_, isNumber := member.(number)
		_, firstIsText := list[0].(string)
		if !isText && !isNumber || isText != firstIsText {
			return nil, errors.New("want texts only or numbers only")
		}
		excluded = append(excluded, func(value any) bool { return value == member })
	}
	return func(value any) bool {
		for _, test := range excluded {
			if test(value) {
				return false
			}
		}
		return true
	}, nil
}

// compileNumeric reads ["=",n], ["<",n], ["<=",n], [">",n], [">=",n] or a lower bound followed by an upper one.
func compileNumeric(operand any) (func(any) bool, error) {
	list, ok := operand.([]any)
	if !ok || len(list) != 2 && len(list) != 4 {
		return nil, errors.New("want [comparison, number] or [lower comparison, number, upper comparison, number]")
	}
	var tests []func(number) bool
	var bounds []number
	for i := 0; i < len(list); i += 2 {
		comparison, _ := list[i].(string)
		bound, ok := list[i+1].(number)
		if !ok {
			return nil, fmt.Errorf("want a number after %v, have %s", list[i], kind(list[i+1]))
		}
		if !bound.inRange() || bound.decimals() > 6 {
			return nil, errors.New("a bound lies within ±5000000000 and has at most 6 decimals")
		}
		test := compare(comparison, bound)
		if test == nil {
			return nil, fmt.Errorf("unknown comparison %v", list[i])
		}
		lower, upper := strings.HasPrefix(comparison, ">"), strings.HasPrefix(comparison, "<")
		if len(list) == 4 && (i == 0 && !lower || i == 2 && !upper) {
			return nil, errors.New("a range is a lower bound followed by an upper one")
		}
		tests, bounds = append(tests, test), append(bounds, bound)
	}
	if len(bounds) == 2 && bounds[0].compare(bounds[1]) >= 0 {
		return nil, errors.New("the range is empty")
	}
	return func(value any) bool {
		n, ok := value.(number)
		if !ok || !n.inRange() {
			return false
		}
		for _, test := range tests {
			if !test(n) {
				return false
			}
		}
		return true
	}, nil
}

func compare(comparison string, bound number) func(number) bool {
	switch comparison {
	case "=":
		return func(n number) bool { return n == bound }
	case "<":
		return func(n number) bool { return n.compare(bound) < 0 }
	case "<=":
		return func(n number) bool { return n.compare(bound) <= 0 }
	case ">":
		return func(n number) bool { return n.compare(bound) > 0 }
	case ">=":
		return func(n number) bool { return n.compare(bound) >= 0 }
	}
	return nil
}

func compileCIDR(operand any) (func(any) bool, error) {
	text, _ := operand.(string)
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, fmt.Errorf("want an address block such as 10.0.0.0/24: %w", err)
	}
	if prefix.IsSingleIP() {
		return nil, errors.New("a block of one address: write the address itself")
	}
	return onText(func(s string) bool {
		address, err := netip.ParseAddr(s)
		return err == nil && prefix.Contains(address)
	}), nil
}
