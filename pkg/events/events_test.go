package events_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/alchemiser/alchemiser/pkg/events"
)

var update = flag.Bool("update", false, "write golden files and schemas of the current versions")

func goldenPath(e events.Entry) string {
	return filepath.Join("testdata", "golden", string(e.Type)+"-"+e.Version+".json")
}

func TestF08GoldenFilesOfEveryType(t *testing.T) {
	payloads := samples()
	for i, entry := range events.Registry() {
		if i >= len(payloads) || payloads[i].EventType() != entry.Type {
			t.Fatalf("samples() has no %s at its place in the registry's order", entry.Type)
		}
		e, err := sample(payloads[i])
		if err != nil {
			t.Fatal(err)
		}
		detail, err := events.Encode(e)
		if err != nil {
			t.Fatalf("%s: %v", entry.Type, err)
		}
		if *update {
			if err := os.WriteFile(goldenPath(entry), append(detail, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(goldenPath(entry))
		if err != nil {
			t.Fatalf("%v; every released version keeps a golden file: go test ./... -update writes that of the current one", err)
		}
		if golden = bytes.TrimSuffix(golden, []byte("\n")); !bytes.Equal(golden, detail) {
			t.Errorf("%s: the encoding differs from the golden file\n%s", entry.Type, cmp.Diff(string(golden), string(detail)))
		}
		back, err := events.Decode(golden)
		if err != nil {
			t.Fatalf("%s: %v", entry.Type, err)
		}
		if diff := cmp.Diff(e, back, cmpopts.EquateEmpty(), cmp.AllowUnexported(events.Time{})); diff != "" {
			t.Errorf("%s: decode(encode(e)) differs from e:\n%s", entry.Type, diff)
		}
		again, err := events.Encode(back)
		if err != nil || !bytes.Equal(again, golden) {
			t.Errorf("%s: encode(decode(b)) differs from b: %v", entry.Type, err)
		}
	}
}

// Every version ever released keeps its file, and today's decoder reads it.
func TestF18OldGoldenFilesStillDecode(t *testing.T) {
	for _, entry := range events.Registry() {
		recorded, err := events.Golden(entry.Type)
		if err != nil || len(recorded) == 0 {
			t.Errorf("%s: %d golden events (%v), want one of every version", entry.Type, len(recorded), err)
		}
		for _, detail := range recorded {
			if e, err := events.Decode(detail); err != nil || e.EventType != entry.Type {
				t.Errorf("%s: %v: %s", entry.Type, err, detail)
			}
		}
	}
}

func TestSchemas(t *testing.T) {
	for _, entry := range events.Registry() {
		path := filepath.Join("schema", string(entry.Type)+"-"+entry.Version+".json")
		schema, err := schemaOf(entry)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(path, schema, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		stored, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(stored, schema) {
			t.Errorf("%s is not the schema of today's type (%v); go test ./... -update writes it", path, err)
			continue
		}
		compiled, err := jsonschema.NewCompiler().Compile(path)
		if err != nil {
			t.Fatal(err)
		}
		golden, err := os.ReadFile(goldenPath(entry))
		if err != nil {
			t.Fatal(err)
		}
		var document map[string]any
		if err := json.Unmarshal(golden, &document); err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(document); err != nil {
			t.Errorf("the golden %s does not validate: %v", entry.Type, err)
		}
		for _, field := range []string{"event_id", "payload", "not_after"} {
			without := map[string]any{}
			for k, v := range document {
				if k != field {
					without[k] = v
				}
			}
			if compiled.Validate(without) == nil {
				t.Errorf("the schema of %s accepts an event without %s", entry.Type, field)
			}
		}
	}
}

func TestPoison(t *testing.T) {
	e, err := sample(samples()[0])
	if err != nil {
		t.Fatal(err)
	}
	good, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) string { return strings.Replace(string(good), old, new, 1) }
	for name, detail := range map[string]string{
		"empty":                     "",
		"null":                      "null",
		"a string with JSON inside": `"{}"`,
		"truncated":                 string(good[:len(good)-5]),
		"two values":                string(good) + "{}",
		"unknown type":              replace(`"event_type":"WorkflowStarted"`, `"event_type":"WorkflowBegun"`),
		"unknown major":             replace(`"schema_version":"1.0"`, `"schema_version":"2.0"`),
		"malformed version":         replace(`"schema_version":"1.0"`, `"schema_version":"1"`),
		"foreign source":            replace(`"source":"alchemiser.orchestration"`, `"source":"alchemiser.strategy"`),
		"module path as source":     replace(`"source":"alchemiser.orchestration"`, `"source":"alchemiser.orchestration.event_driven"`),
		"unknown envelope field":    replace(`"hop":0`, `"hop":0,"hops":1`),
		"unknown payload field":     replace(`"force":false`, `"force":false,"forced":true`),
		"hop beyond the limit":      replace(`"hop":0`, `"hop":25`),
		"payload of another type":   replace(`"payload":{`, `"payload":{"reason_code":"x",`),
		"random id":                 replace(e.EventID, "7a1f0d5e-0000-4000-8000-000000000001"),
		"no deadline":               replace(`"not_after":"`+e.NotAfter.String()+`"`, `"not_after":"0001-01-01T00:00:00.000Z"`),
		"time without milliseconds": replace(e.Timestamp.String(), "2026-11-23T14:35:01Z"),
	} {
		if name != "empty" && name != "null" && detail == string(good) {
			t.Fatalf("%s: the case changes nothing", name)
		}
		_, err := events.Decode([]byte(detail))
		var poison *events.PoisonError
		if !errors.As(err, &poison) {
			t.Errorf("%s: Decode = %v, want a PoisonError", name, err)
		}
	}
	if _, err := events.Decode([]byte(replace(`"schema_version":"1.0","`, `"schema_version":"1.7","`))); err != nil {
		t.Errorf("a newer minor version: %v", err)
	}
	newer := strings.Replace(replace(`"schema_version":"1.0"`, `"schema_version":"1.7"`), `"force":false`, `"force":false,"added_later":1`, 1)
	if _, err := events.Decode([]byte(newer)); err != nil {
		t.Errorf("a field of a newer minor version: %v", err)
	}
}

func TestF09TooLargeIsRefused(t *testing.T) {
	fit := func(lines int) error {
		p := samples()[3].(*events.RebalancePlanned)
		line := p.Lines[0]
		p.Lines = nil
		for range lines {
			p.Lines = append(p.Lines, line)
		}
		e, err := sample(p)
		if err != nil {
			t.Fatal(err)
		}
		_, err = events.Encode(e)
		return err
	}
	if err := fit(400); err != nil {
		t.Errorf("a plan of 400 lines: %v", err)
	}
	var tooLarge *events.TooLargeError
	if err := fit(1000); !errors.As(err, &tooLarge) {
		t.Errorf("a plan of 1,000 lines: %v, want a TooLargeError", err)
	}
}

func TestChild(t *testing.T) {
	started, err := sample(samples()[0])
	if err != nil {
		t.Fatal(err)
	}
	if started.Hop != 0 || started.CausationID != events.CommandID(runKey) || started.CorrelationID != events.RunID(runKey) {
		t.Errorf("the first event: hop %d, caused by %s", started.Hop, started.CausationID)
	}
	signal, err := events.Child(started, events.SourceStrategy, events.Event{Payload: &events.SignalGenerated{}}, 0, slotTime, events.Producer{})
	if err != nil || signal.NotAfter != started.NotAfter || signal.Hop != 1 || signal.CausationID != started.EventID {
		t.Errorf("a trading child keeps the deadline: %s, want %s (%v)", signal.NotAfter, started.NotAfter, err)
	}
	failed, err := events.Child(signal, events.SourcePortfolio, events.Event{Payload: &events.WorkflowFailed{}}, 0, slotTime, events.Producer{})
	if err != nil || failed.NotAfter.Time().Sub(started.NotAfter.Time()) != events.ReportLife {
		t.Errorf("a report outlives the run by %s, got %s (%v)", events.ReportLife, failed.NotAfter, err)
	}
	told, err := events.Child(failed, events.SourceOrchestration, events.Event{Payload: &events.TradingNotificationRequested{}}, 0, slotTime, events.Producer{})
	if err != nil || told.NotAfter != failed.NotAfter {
		t.Errorf("a report's child keeps its deadline: %s (%v)", told.NotAfter, err)
	}
	if _, err := events.Child(started, events.SourcePortfolio, events.Event{Payload: &events.SignalGenerated{}}, 0, slotTime, events.Producer{}); err == nil {
		t.Error("a source the registry does not admit was taken")
	}
	last := signal
	last.Hop = events.MaxHops
	if _, err := events.Child(last, events.SourceStrategy, events.Event{Payload: &events.SignalGenerated{}}, 0, slotTime, events.Producer{}); err == nil {
		t.Error("a hop beyond the limit was taken")
	}
}

// The vectors of the specification: ids hold no time and no random number (F11).
func TestF11Ids(t *testing.T) {
	command := events.CommandID(runKey)
	started := events.EventID(command, events.TypeWorkflowStarted, 0)
	signal := events.EventID(started, events.TypeSignalGenerated, 0)
	planned := events.EventID(signal, events.TypeRebalancePlanned, 0)
	executed := events.EventID(planned, events.TypeTradeExecuted, 0)
	for _, c := range []struct{ what, got, want string }{
		{"run", events.RunID(runKey), "6f56e1c6-736e-51c9-bef6-1ef189e414d3"},
		{"command", command, "834f01b1-8ae4-51ef-bed3-5358805e0628"},
		{"WorkflowStarted", started, "793f771f-8c4f-5620-9821-fce3984efecc"},
		{"SignalGenerated", signal, "636fc9c9-7dfd-5066-b7bc-84a4e5527cd9"},
		{"plan", events.PlanID(signal), "40012024-5ce9-5e4e-90da-54d2c66d04bb"},
		{"RebalancePlanned", planned, "46013c55-4edc-541e-a9e1-c2e36189181d"},
		{"TradeExecuted", executed, "01b22d0f-1921-59c9-a7b6-52a8a2950e6c"},
		{"TradingNotificationRequested", events.EventID(executed, events.TypeTradingNotificationRequested, 0), "ca20072b-1670-5f1b-9154-6d51723e61a8"},
	} {
		if c.got != c.want {
			t.Errorf("%s id = %s, want %s", c.what, c.got, c.want)
		}
	}
}

func TestDecimalForm(t *testing.T) {
	for _, good := range []string{"0", "-1", "12.5", "0.00000001", "123456789012345.123456789"} {
		if !events.Decimal(good).Valid() {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{"", "-0", "1.0", "1.50", "01", ".5", "5.", "1e3", "+1", "NaN", " 1", "1,5", "0.0000000001"} {
		if events.Decimal(bad).Valid() {
			t.Errorf("%q is accepted", bad)
		}
		if _, err := json.Marshal(events.Decimal(bad)); err == nil {
			t.Errorf("%q is published", bad)
		}
	}
	var d events.Decimal
	if err := json.Unmarshal([]byte("12.5"), &d); err == nil {
		t.Error("a JSON number is accepted as a decimal")
	}
}

func TestRoundTripLaw(t *testing.T) {
	text := rapid.StringMatching(`[ -~äöü<>&"\\]{0,40}`)
	rapid.Check(t, func(t *rapid.T) {
		p := &events.WorkflowFailed{
			Stage: text.Draw(t, "stage"), FailureCode: text.Draw(t, "code"), Message: text.Draw(t, "message"),
			Retryable:  rapid.Bool().Draw(t, "retryable"),
			Details:    rapid.MapOf(text, text).Draw(t, "details"),
			OpenOrders: rapid.SliceOf(text).Draw(t, "orders"),
		}
		e, err := sample(p)
		if err != nil {
			t.Fatal(err)
		}
		b, err := events.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		back, err := events.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, back, cmpopts.EquateEmpty(), cmp.AllowUnexported(events.Time{})); diff != "" {
			t.Fatal(diff)
		}
		if again, err := events.Encode(back); err != nil || !bytes.Equal(b, again) {
			t.Fatalf("not canonical: %s", again)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, p := range samples() {
		e, err := sample(p)
		if err != nil {
			f.Fatal(err)
		}
		b, err := events.Encode(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := events.Decode(b)
		if err != nil {
			return
		}
		if _, err := events.Encode(e); err != nil {
			var tooLarge *events.TooLargeError
			if !errors.As(err, &tooLarge) {
				t.Fatalf("decoded but not encodable: %v", err)
			}
		}
	})
}

// A refusal names the place, in words that are the same in every process.
func TestRefusalsNameThePlace(t *testing.T) {
	for detail, want := range map[string]string{
		`{"hop":"a"}`:               `poison event: unreadable envelope: "/hop" cannot be a JSON string`,
		`{"producer":{"x":1}}`:      `poison event: unreadable envelope: "/producer/x": unknown object member name`,
		`{"timestamp":"2026-11-2"}`: `poison event: unreadable envelope: "/timestamp": events: "2026-11-2" is not a time in the form 2006-01-02T15:04:05.000Z`,
	} {
		if _, err := events.Decode([]byte(detail)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", detail, err, want)
		}
	}
}
