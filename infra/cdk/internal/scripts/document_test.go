package scripts

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/checks"
	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

const repository = "../../../.."

func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(repository + "/docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// block is what follows a mark of the document, up to the end of its code block.
func block(t *testing.T, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(document(t), "<!-- tested: "+name+" -->\n```\n")
	text, _, ok2 := strings.Cut(rest, "\n```\n")
	if !ok || !ok2 {
		t.Fatalf("docs/operations.md has no block %q", name)
	}
	return text
}

// session runs blocks of the document one after the other in one shell and one
// folder, as an operator would. It returns the calls and what the last put-events
// was given.
func session(t *testing.T, answers map[string]string, blocks ...string) (calls [][]string, entries []byte) {
	t.Helper()
	dir := t.TempDir()
	// Arguments can hold anything, so they end with a byte that they cannot hold.
	standIn := `#!/bin/sh
for a; do printf '%s\001' "$a"; done >>"$CALLS"; printf '\002' >>"$CALLS"
[ "$2" != put-events ] || cp "${4#file://}" "$ANSWERS/entries"
[ ! -f "$ANSWERS/$1-$2" ] || cat "$ANSWERS/$1-$2"
`
	if err := os.WriteFile(filepath.Join(dir, "aws"), []byte(standIn), 0o755); err != nil {
		t.Fatal(err)
	}
	for call, answer := range answers {
		if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(call, " ", "-")), []byte(answer), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", "-c", strings.Join(blocks, "\n"))
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "CALLS=" + filepath.Join(dir, "calls"), "ANSWERS=" + dir, "ENV=prod"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Logf("%v: %s", err, out) // the checks say whether that is right
	}
	text, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range strings.Split(strings.TrimSuffix(string(text), "\002"), "\002") {
		calls = append(calls, strings.Split(strings.TrimSuffix(call, "\001"), "\001"))
	}
	entries, _ = os.ReadFile(filepath.Join(dir, "entries"))
	return calls, entries
}

func after(t *testing.T, call []string, flag string) string {
	t.Helper()
	i := slices.Index(call, flag)
	if i < 0 || i+1 == len(call) {
		t.Fatalf("no %s in %q", flag, call)
	}
	return call[i+1]
}

// The halt switch that the document writes is the one that the functions read.
func TestTheDocumentsHaltHalts(t *testing.T) {
	calls, _ := session(t, nil, block(t, "halt"))
	if len(calls) != 1 || after(t, calls[0], "--table-name") != "alchemiser-prod-state" {
		t.Fatalf("calls %q", calls)
	}
	var item map[string]map[string]string
	if err := json.Unmarshal([]byte(after(t, calls[0], "--item")), &item); err != nil {
		t.Fatal(err)
	}
	c, err := config.For("prod", config.OfflineAccount)
	if err != nil {
		t.Fatal(err)
	}
	key := ledger.ControlKey(c.Trading.Account)
	if item["pk"]["S"] != key.PK || item["sk"]["S"] != key.SK || len(item) != 4 {
		t.Errorf("item %v, want the key %s", item, key)
	}
	if n, err := strconv.ParseInt(item["version"]["N"], 10, 64); err != nil || n < 1 {
		t.Errorf("version %v: the next writer counts up from it", item["version"])
	}
	var control ledger.Control
	dec := json.NewDecoder(strings.NewReader(item["body"]["S"]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&control); err != nil {
		t.Fatal(err)
	}
	if control.State != events.Halted || control.Reason != "why, in a few words" || control.SetBy == "" || len(strconv.FormatInt(control.SetAt, 10)) != 13 {
		t.Errorf("the switch says %+v", control)
	}
}

// What the document publishes again is what was published, byte for byte: the
// inbox compares the bytes.
func TestTheDocumentsRedriveRepeatsTheEvent(t *testing.T) {
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("jq is not installed")
	}
	const detail = `{"event_id":"ca20072b-1670-5f1b-9154-6d51723e61a8","payload":{"Kind":"1.50","a":[],"m":"é <b> & \"q\" \\ \u0001","n":1763994900123}}`
	const event = `{"version":"0","id":"7a1f0d5e-0000-4000-8000-000000000001","detail-type":"TradingNotificationRequested","source":"alchemiser.orchestration","account":"111111111111","time":"2026-11-23T14:35:01Z","region":"us-east-1","resources":["correlation:1","causation:2"],"detail":` + detail + `}`
	for name, c := range map[string]struct {
		body string
		want bool
	}{
		"delivery queue":                  {event, true},
		"failure queue":                   {`{"version":"1.0","requestContext":{"condition":"RetriesExhausted"},"requestPayload":` + event + `,"responsePayload":{"errorMessage":"x"}}`, true},
		"a command in the delivery queue": {`{"mode":"trade","schedule":"daily","scheduled_time":"2026-11-23T14:35:00Z"}`, false},
		"a command in the failure queue":  {`{"version":"1.0","requestPayload":{"mode":"sweep"}}`, false},
	} {
		message, err := json.Marshal(map[string]any{"Messages": []any{map[string]string{"Body": c.body, "ReceiptHandle": "handle/1="}}})
		if err != nil {
			t.Fatal(err)
		}
		calls, entries := session(t, map[string]string{"sqs get-queue-url": "https://queue", "sqs receive-message": string(message), "events put-events": "0"},
			block(t, "read"), block(t, "redrive"), block(t, "delete"))
		if got := calls[len(calls)-1]; got[1] != "delete-message" || after(t, got, "--receipt-handle") != "handle/1=" {
			t.Errorf("%s: the last call is %q", name, got)
		}
		if !c.want {
			if entries != nil || len(calls) != 3 {
				t.Errorf("%s: published %s", name, entries)
			}
			continue
		}
		var got []struct {
			EventBusName, Source, DetailType, Detail string
			Resources                                []string
		}
		if err := json.Unmarshal(entries, &got); err != nil || len(got) != 1 {
			t.Fatalf("%s: entries %s: %v", name, entries, err)
		}
		if e := got[0]; e.EventBusName != "alchemiser-prod-bus" || e.Source != "alchemiser.orchestration" || e.DetailType != "TradingNotificationRequested" ||
			!slices.Equal(e.Resources, []string{"correlation:1", "causation:2"}) || e.Detail != detail {
			t.Errorf("%s: published %+v", name, e)
		}
	}
}

// Every alarm is explained, and no other.
func TestTheDocumentExplainsEveryAlarm(t *testing.T) {
	c, err := config.For("prod", config.OfflineAccount)
	if err != nil {
		t.Fatal(err)
	}
	env, err := checks.Load(os.DirFS("../../templates/prod"), c)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for part, template := range env.Stacks {
		resources, _ := template["Resources"].(map[string]any)
		for _, v := range resources {
			resource, _ := v.(map[string]any)
			if resource["Type"] != "AWS::CloudWatch::Alarm" {
				continue
			}
			properties, _ := resource["Properties"].(map[string]any)
			name, _ := properties["AlarmName"].(string)
			name = strings.TrimPrefix(name, c.Name(""))
			if _, err := topology.Lookup(topology.Name(part)); err == nil {
				name = strings.TrimPrefix(name, part+"-")
			}
			want[name] = true
		}
	}
	_, table, _ := strings.Cut(document(t), "<!-- tested: alarms -->\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var got []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(table, -1) {
		got = append(got, m[1])
	}
	slices.Sort(got)
	if sorted := slices.Sorted(maps.Keys(want)); !slices.Equal(got, sorted) {
		t.Errorf("explained %q,\nthere are %q", got, sorted)
	}
}

// The document calls scripts and targets that exist.
func TestTheDocumentsCommandsExist(t *testing.T) {
	text := document(t)
	makefile, err := os.ReadFile(repository + "/Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)(?:^|[^/])scripts/([a-z-]+)`).FindAllStringSubmatch(text, -1) {
		if info, err := os.Stat(filepath.Join(folder, m[1])); err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("scripts/%s cannot be run: %v", m[1], err)
		}
	}
	for _, m := range regexp.MustCompile("(?m)(?:^|`)make ([a-z-]+)").FindAllStringSubmatch(text, -1) {
		if !regexp.MustCompile(`(?m)^` + m[1] + `:`).Match(makefile) {
			t.Errorf("the Makefile has no target %s", m[1])
		}
	}
}
