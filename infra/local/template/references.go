package template

import (
	"strings"

	"github.com/alchemiser/alchemiser/infra/local/iam"
)

// checkARNs makes sure that every ARN the templates mention is that of a resource in them: stacks refer to each other by literal
// names, so a misspelt one would otherwise be found at run time only.
func checkARNs(resources []*resource) error {
	known := map[string]bool{}
	for _, r := range resources {
		if arn, err := r.arn(); err == nil {
			known[arn] = true
		}
	}
	for _, r := range resources {
		properties, err := r.resolved()
		if err != nil {
			return err
		}
		if err := eachText(properties, func(text string) error {
			if strings.HasPrefix(text, "arn:") && !exists(text, known) {
				return r.errorf("%s is mentioned, but no template has such a resource", text)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// outside are ARNs of things no template of ours makes: managed policies, the account itself, secrets written by a script,
// deployment settings of the service.
var outside = []string{
	"arn:aws:iam::aws:policy/*",
	"arn:aws:iam::" + Account + ":root",
	"arn:aws:ssm:" + Region + ":" + Account + ":parameter/*",
	"arn:aws:codedeploy:" + Region + ":" + Account + ":deploymentconfig:*",
	"arn:aws:s3:::cdk-*",
}

// exists reports whether the ARN, which may hold wildcards or name a part of a resource, belongs to a known resource.
func exists(text string, known map[string]bool) bool {
	for _, pattern := range outside {
		if iam.Like(pattern, text) {
			return true
		}
	}
	whole := text
	if strings.HasPrefix(text, "arn:aws:dynamodb:") {
		whole, _, _ = strings.Cut(text, "/index/")
	}
	for _, suffix := range []string{"", ":*", ":log-stream:*"} {
		if known[strings.TrimSuffix(whole, suffix)] {
			return true
		}
	}
	if strings.ContainsAny(whole, "*?") {
		for arn := range known {
			if iam.Like(whole, arn) {
				return true
			}
		}
	}
	return false
}

func eachText(value any, visit func(string) error) error {
	switch v := value.(type) {
	case string:
		return visit(v)
	case []any:
		for _, member := range v {
			if err := eachText(member, visit); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, member := range v {
			if err := eachText(member, visit); err != nil {
				return err
			}
		}
	}
	return nil
}
