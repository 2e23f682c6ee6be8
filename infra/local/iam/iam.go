// Package iam evaluates the policies of our templates: who may do what. An explicit Deny wins, then an Allow, else the request is
// denied. What the package does not know (NotAction, an unlisted condition operator) is an error at load, never a guess.
//
//	role, err := iam.Parse("alchemiser-dev-start", document)
//	d := iam.Evaluate(iam.Request{Action: "events:PutEvents", Resource: busARN}, role)
//	if !d.Allowed { return d.Reason }
package iam

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Policy is one policy document of an owner (a role, a queue).
type Policy struct {
	Owner      string
	Statements []Statement
}

// Statement is one rule of a policy.
type Statement struct {
	Deny       bool
	Actions    []string
	Resources  []string
	Principals []string // "service:events.amazonaws.com", "aws:<arn>" or "*"; empty in a role's policy
	Conditions []Condition
}

// Condition compares one key of the request's context. A request without the key fails it.
type Condition struct {
	Operator string
	Key      string
	Values   []string
}

// Request is what somebody wants to do.
type Request struct {
	Principal string // of a resource policy or a trust policy, for example "service:events.amazonaws.com"
	Action    string
	Resource  string
	Context   map[string]string
}

// Grant is one action on one resource that an Allow statement gives. Grants never used are reported after a run.
type Grant struct {
	Owner    string `json:"owner"`
	Action   string `json:"action"`
	Resource string `json:"resource"`
}

// Decision is the outcome of an evaluation. Grant is what allowed the request; Reason says why it was denied.
type Decision struct {
	Allowed bool
	Grant   Grant
	Reason  string
}

// Evaluate decides a request under all policies that apply to it.
func Evaluate(r Request, policies ...Policy) Decision {
	allowed := Decision{Reason: fmt.Sprintf("no policy allows %s on %s", r.Action, r.Resource)}
	for _, p := range policies {
		for _, s := range p.Statements {
			action, resource, ok := s.applies(r)
			switch {
			case !ok:
			case s.Deny:
				return Decision{Reason: fmt.Sprintf("%s denies %s on %s explicitly", p.Owner, r.Action, r.Resource)}
			case !allowed.Allowed:
				allowed = Decision{Allowed: true, Grant: Grant{p.Owner, action, resource}}
			}
		}
	}
	return allowed
}

// applies returns the action and resource patterns of the statement that cover the request.
func (s Statement) applies(r Request) (action, resource string, ok bool) {
	if len(s.Principals) > 0 && !slices.Contains(s.Principals, r.Principal) && !slices.Contains(s.Principals, "*") {
		return "", "", false
	}
	i := slices.IndexFunc(s.Actions, func(p string) bool { return Like(strings.ToLower(p), strings.ToLower(r.Action)) })
	j := slices.IndexFunc(s.Resources, func(p string) bool { return Like(p, r.Resource) })
	if i < 0 || j < 0 {
		return "", "", false
	}
	for _, c := range s.Conditions {
		if !c.holds(r.Context) {
			return "", "", false
		}
	}
	return s.Actions[i], s.Resources[j], true
}

func (c Condition) holds(context map[string]string) bool {
	value, ok := context[strings.ToLower(c.Key)]
	if !ok {
		return false
	}
	return slices.ContainsFunc(c.Values, func(want string) bool {
		switch c.Operator {
		case "StringEquals":
			return value == want
		case "Bool":
			return strings.EqualFold(value, want)
		default:
			return Like(want, value)
		}
	})
}

// Like matches a text against a pattern with * (any run) and ? (one character).
func Like(pattern, text string) bool {
	star, resume := -1, 0
	i, j := 0, 0
	for j < len(text) {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, resume = i, j
			i++
		case i < len(pattern) && (pattern[i] == '?' || pattern[i] == text[j]):
			i++
			j++
		case star >= 0:
			resume++
			i, j = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[i:], "*") == ""
}

// Grants lists what the policy's Allow statements give.
func (p Policy) Grants() []Grant {
	var grants []Grant
	for _, s := range p.Statements {
		if s.Deny {
			continue
		}
		for _, a := range s.Actions {
			for _, r := range s.Resources {
				grants = append(grants, Grant{p.Owner, a, r})
			}
		}
	}
	return grants
}

// Parse reads a policy document of a template, intrinsics already resolved. A trust policy has no resources: it covers "*".
func Parse(owner string, document any) (Policy, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return Policy{}, fmt.Errorf("policy of %s: %w", owner, err)
	}
	var raw struct {
		Version   string
		ID        string `json:"Id"`
		Statement []struct {
			Sid, Effect      string
			Action, Resource oneOrMany
			Principal        json.RawMessage
			Condition        map[string]map[string]oneOrMany
			NotAction        json.RawMessage
			NotResource      json.RawMessage
			NotPrincipal     json.RawMessage
		}
	}
	if err := strict(text, &raw); err != nil {
		return Policy{}, fmt.Errorf("policy of %s: %w", owner, err)
	}
	p := Policy{Owner: owner}
	for i, s := range raw.Statement {
		if s.NotAction != nil || s.NotResource != nil || s.NotPrincipal != nil {
			return Policy{}, fmt.Errorf("policy of %s, statement %d: Not… elements are not supported", owner, i)
		}
		if s.Effect != "Allow" && s.Effect != "Deny" || len(s.Action) == 0 {
			return Policy{}, fmt.Errorf("policy of %s, statement %d: want an Effect and at least one Action", owner, i)
		}
		statement := Statement{Deny: s.Effect == "Deny", Actions: s.Action, Resources: s.Resource}
		if len(s.Resource) == 0 {
			statement.Resources = []string{"*"}
		}
		if statement.Principals, err = parsePrincipal(s.Principal); err != nil {
			return Policy{}, fmt.Errorf("policy of %s, statement %d: %w", owner, i, err)
		}
		if statement.Conditions, err = parseConditions(s.Condition); err != nil {
			return Policy{}, fmt.Errorf("policy of %s, statement %d: %w", owner, i, err)
		}
		p.Statements = append(p.Statements, statement)
	}
	return p, nil
}

func parsePrincipal(text json.RawMessage) ([]string, error) {
	if text == nil {
		return nil, nil
	}
	var everybody string
	if json.Unmarshal(text, &everybody) == nil {
		if everybody != "*" {
			return nil, fmt.Errorf("unknown principal %q", everybody)
		}
		return []string{"*"}, nil
	}
	var byKind struct{ Service, AWS oneOrMany }
	if err := strict(text, &byKind); err != nil {
		return nil, fmt.Errorf("principal: %w", err)
	}
	var principals []string
	for _, name := range byKind.Service {
		principals = append(principals, "service:"+name)
	}
	for _, name := range byKind.AWS {
		if name == "*" {
			principals = append(principals, "*")
			continue
		}
		principals = append(principals, "aws:"+name)
	}
	if len(principals) == 0 {
		return nil, errors.New("principal without a name")
	}
	return principals, nil
}

// conditionOperators are those our templates may use.
var conditionOperators = []string{"StringEquals", "StringLike", "ArnEquals", "ArnLike", "Bool"}

func parseConditions(raw map[string]map[string]oneOrMany) ([]Condition, error) {
	var conditions []Condition
	for operator, keys := range raw {
		if !slices.Contains(conditionOperators, operator) {
			return nil, fmt.Errorf("condition operator %s is not supported: use one of %s", operator, strings.Join(conditionOperators, ", "))
		}
		for key, values := range keys {
			conditions = append(conditions, Condition{operator, key, values})
		}
	}
	return conditions, nil
}

// oneOrMany reads a text, a boolean or a list of texts.
type oneOrMany []string

// UnmarshalJSON implements json.Unmarshaler.
func (o *oneOrMany) UnmarshalJSON(text []byte) error {
	var many []string
	if json.Unmarshal(text, &many) == nil {
		*o = many
		return nil
	}
	var one any
	if err := json.Unmarshal(text, &one); err != nil {
		return err
	}
	switch v := one.(type) {
	case string:
		*o = []string{v}
	case bool:
		*o = []string{fmt.Sprint(v)}
	default:
		return fmt.Errorf("want text or a list of texts, have %s", text)
	}
	return nil
}

func strict(text []byte, into any) error {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	return d.Decode(into)
}
