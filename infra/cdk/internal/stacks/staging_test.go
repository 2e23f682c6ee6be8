package stacks_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
)

// difference is what staging and prod have at a place: a part and a path.
type difference struct{ where, staging, prod, why string }

// stagingDiffers are the only differences between staging and prod, once their
// names are the same. Staging has no golden templates for that reason: who has
// read prod's and this list has read staging's.
var stagingDiffers = []difference{
	{`/(DeletionPolicy|UpdateReplacePolicy)$`, "Delete", "Retain", "prod's data outlives its stacks"},
	{`^foundation /Resources/\w+/Properties/Replicas/0/DeletionProtectionEnabled$`, "false", "true", "prod's data outlives its stacks"},
	{`/Properties/RetentionInDays$`, "30", "365", "a year of prod can be looked up"},
	{`^foundation /Resources/\w+/Properties/RetentionDays$`, "30", "365", "a year of prod can be looked up"},
	{`/Variables/ACCOUNT$`, "paper-staging", "live-main", "paper money"},
	{`/Variables/TRADING_MODE$`, "PAPER", "LIVE", "paper money"},
	{`/Variables/BROKER_BASE_URL$`, "https://paper-api.alpaca.markets", "https://api.alpaca.markets", "paper money"},
	{`/Variables/LIVE_CONFIRM$`, "", "PA0000000000", "paper money needs no confirmation"},
	{`/Variables/(MAIL_TO|ALLOWED_RECIPIENTS)$`, "owner@example.com", "owner-prod@example.com", "prod's recipients are prod's alone"},
	{`/Variables/MAX_ORDER_USD$`, "250000", "10000", "the owner limits real orders"},
}

// flatten lists the leaves of a template by their paths.
func flatten(path string, v any, into map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			flatten(path+"/"+k, e, into)
		}
	case []any:
		for i, e := range v {
			flatten(fmt.Sprintf("%s/%d", path, i), e, into)
		}
	default:
		into[path] = fmt.Sprint(v)
	}
}

// Statements and permissions of rules are named after the whole path, with a
// digest of it.
var ruleName = regexp.MustCompile(`AllowEventRulealchemiserENV([A-Za-z]*?)([0-9A-F]{8,16})?"`)

func leaves(t *testing.T, env config.Env) map[string]string {
	t.Helper()
	c := environmentFor(t, env)
	all := map[string]string{}
	for name, text := range templates(t, assembly(t, env)) {
		plain := strings.NewReplacer(string(env)+"-", "ENV-", "/"+string(env)+"/", "/ENV/", c.Qualifier, "QUALIFIER",
			"Alchemiser "+string(env), "Alchemiser ENV", " of "+string(env), " of ENV", `"`+string(env)+`"`, `"ENV"`, `\"`+string(env)+`\"`, `\"ENV\"`).Replace(string(normalise(t, text)))
		plain = ruleName.ReplaceAllString(strings.ReplaceAll(plain, "AllowEventRulealchemiser"+string(env), "AllowEventRulealchemiserENV"), `AllowEventRule$1"`)
		var value any
		if err := json.Unmarshal([]byte(plain), &value); err != nil {
			t.Fatal(err)
		}
		part := strings.TrimPrefix(strings.TrimSuffix(name, ".template.json"), c.Name(""))
		flatten(part+" ", value, all)
	}
	return all
}

func TestStagingIsProdButForWhatIsNamed(t *testing.T) {
	staging, prod := leaves(t, config.Staging), leaves(t, config.Prod)
	paths := maps.Clone(staging)
	maps.Copy(paths, prod)
	used := make([]bool, len(stagingDiffers))
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		s, p := at(staging, path), at(prod, path)
		if s == p {
			continue
		}
		i := slices.IndexFunc(stagingDiffers, func(d difference) bool {
			return d.staging == s && d.prod == p && regexp.MustCompile(d.where).MatchString(path)
		})
		if i < 0 {
			t.Errorf("%s: staging has %q, prod %q, for no reason in stagingDiffers", path, s, p)
			continue
		}
		used[i] = true
	}
	for i, d := range stagingDiffers {
		if !used[i] {
			t.Errorf("staging and prod do not differ in %s: %q and %q (%s)", d.where, d.staging, d.prod, d.why)
		}
	}
}

func at(leaves map[string]string, path string) string {
	if v, ok := leaves[path]; ok {
		return v
	}
	return "nothing"
}
