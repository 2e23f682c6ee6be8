package rehearsal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/infra/local/replay"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/dynamoledger"
	"github.com/alchemiser/alchemiser/pkg/runfile"
)

// repeatAll exports every run that the cloud's table knows and repeats it from
// its file. Every delivery that was decided must come out byte for byte as it
// is on record, whatever happened to the run. start and play call it, so that
// no run of these tests escapes.
func repeatAll(t testing.TB, r *rehearsal.Rehearsal) {
	t.Helper()
	if _, measured := t.(*testing.B); measured {
		return
	}
	if closed(r) {
		return // by the test, which had its runs repeated when they were played
	}
	for _, runID := range runs(t, r) {
		repeat(t, r, runID)
	}
}

// closed tells whether nobody answers at the cloud's address any more. The
// SDK would ask for seconds.
func closed(r *rehearsal.Rehearsal) bool {
	address, err := url.Parse(r.Cloud.Endpoint())
	if err != nil {
		return true
	}
	connection, err := net.DialTimeout("tcp", address.Host, time.Second)
	if err != nil {
		return true
	}
	_ = connection.Close() // nothing was sent
	return false
}

// secrets are what no file may hold (F96): the keys, the mail's password and
// the account's number.
func secrets(t testing.TB, r *rehearsal.Rehearsal) map[string]string {
	t.Helper()
	client := ssm.NewFromConfig(r.Cloud.AWSConfig())
	all := map[string]string{}
	for _, name := range []string{"/alchemiser/dev/broker/key-id", "/alchemiser/dev/broker/secret-key", "/alchemiser/dev/mail/password"} {
		out, err := client.GetParameter(context.Background(), &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
		if err != nil {
			t.Fatal(err)
		}
		all[name] = aws.ToString(out.Parameter.Value)
	}
	account, err := r.Broker.Account(context.Background())
	if err == nil { // a test may have stopped the broker
		all["the account's number"] = account.Number
	}
	return all
}

// runs are the partitions of the table that belong to runs.
func runs(t testing.TB, r *rehearsal.Rehearsal) []string {
	t.Helper()
	pages := dynamodb.NewScanPaginator(dynamodb.NewFromConfig(r.Cloud.AWSConfig()), &dynamodb.ScanInput{TableName: aws.String(rehearsal.TableName)})
	seen := map[string]bool{}
	var all []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			pk, ok := item["pk"].(*types.AttributeValueMemberS)
			if !ok {
				t.Fatalf("an item without a key: %v", item)
			}
			if id, ok := strings.CutPrefix(pk.Value, "RUN#"); ok && !seen[id] && id != "probe" {
				seen[id] = true
				all = append(all, id)
			}
		}
	}
	return all
}

// repeat goes the way of alchemiser export and alchemiser replay.
func repeat(t testing.TB, r *rehearsal.Rehearsal, runID string) *replay.Result {
	t.Helper()
	run, err := r.Record(context.Background(), runID)
	if err != nil {
		t.Fatal(err)
	}
	var file, again bytes.Buffer
	if err := run.Write(&file); err != nil {
		t.Fatal(err)
	}
	text := bytes.Clone(file.Bytes())
	for name, secret := range secrets(t, r) {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("run %s: the file holds %s", runID, name)
		}
	}
	read, err := runfile.Read(&file)
	if err != nil {
		t.Fatalf("the file of run %s: %v", runID, err)
	}
	if err := read.Write(&again); err != nil || !bytes.Equal(text, again.Bytes()) {
		t.Errorf("run %s: the file is another one after it was read and written (%v)", runID, err)
	}
	result := replay.Run(context.Background(), read)
	for _, d := range result.Deliveries {
		switch {
		case d.Skipped == "" || !d.Decided:
		case strings.Contains(d.Skipped, "was not stored in time"): // a function does not wait for its record: this machine was too busy
			t.Logf("run %s: %s on %s: %s", runID, d.Stage, d.EventType, d.Skipped)
		default:
			t.Errorf("run %s: %s on %s cannot be repeated: %s", runID, d.Stage, d.EventType, d.Skipped)
		}
		for _, difference := range d.Differences {
			t.Errorf("run %s: %s on %s: %s", runID, d.Stage, d.EventType, difference)
		}
	}
	return result
}

// table is the ledger, as the functions have it.
func table(r *rehearsal.Rehearsal) *ledger.Ledger {
	return ledger.New(dynamoledger.New(dynamodb.NewFromConfig(r.Cloud.AWSConfig()), rehearsal.TableName), r.Clock)
}

// came are the deliveries of all runs, as stage, event and result.
func came(t *testing.T, r *rehearsal.Rehearsal) []string {
	t.Helper()
	var all []string
	for _, runID := range runs(t, r) {
		for _, d := range repeat(t, r, runID).Deliveries {
			all = append(all, d.Stage+" "+d.EventType+" "+d.Result)
		}
	}
	return all
}

// Runs that do not trade, or not as planned, are repeated as well: dry,
// halted, already done, missing, given up, stopped in the middle and closed by
// the sweep.
func TestEveryKindOfRunIsRepeated(t *testing.T) {
	binaries := build(t)
	command := func(t *testing.T, r *rehearsal.Rehearsal, schedule string, dry bool) {
		t.Helper()
		text := fmt.Sprintf(`{"mode":"trade","schedule":%q,"scheduled_time":%q,"dry_run":%t,"requested_by":"cli"}`, schedule, r.Slot.Format(time.RFC3339), dry)
		_, err := lambda.NewFromConfig(r.Cloud.AWSConfig()).Invoke(t.Context(), &lambda.InvokeInput{
			FunctionName: aws.String("alchemiser-dev-start"), Qualifier: aws.String("live"), Payload: []byte(text),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Cloud.Quiesce(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	failing := func(f fault.Fault) func(*testing.T) *rehearsal.Rehearsal {
		return func(t *testing.T) *rehearsal.Rehearsal {
			return start(t, func(o *rehearsal.Options) {
				o.Binaries, o.Faults = binaries, &fault.Plan{}
				if err := o.Faults.Add(f); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
	any := func(t *testing.T) *rehearsal.Rehearsal {
		return start(t, func(o *rehearsal.Options) { o.Binaries = binaries })
	}
	expecting := func(t *testing.T) *rehearsal.Rehearsal {
		return start(t, func(o *rehearsal.Options) {
			o.Binaries, o.Environment = binaries, map[string]map[string]string{"monitor": {"SCHEDULES": "daily=09:35"}}
		})
	}
	for name, c := range map[string]struct {
		start func(*testing.T) *rehearsal.Rehearsal
		play  func(*testing.T, *rehearsal.Rehearsal)
		want  []string
	}{
		"a dry run": {any, func(t *testing.T, r *rehearsal.Rehearsal) { command(t, r, "manual", true) },
			[]string{"execution RebalancePlanned TradeExecuted"}},
		"halted": {any, func(t *testing.T, r *rehearsal.Rehearsal) {
			if err := table(r).SetControl(t.Context(), "paper-main", events.Halted, "a test", "nobody"); err != nil {
				t.Fatal(err)
			}
			play(t, r)
		}, []string{"start command WorkflowSkipped", "monitor WorkflowSkipped TradingNotificationRequested"}},
		"traded already": {any, func(t *testing.T, r *rehearsal.Rehearsal) {
			play(t, r)
			command(t, r, "again", false)
		}, []string{"start command WorkflowStarted", "start command WorkflowSkipped"}},
		"a run that is missing": {expecting, func(t *testing.T, r *rehearsal.Rehearsal) {
			r.Advance(45 * time.Minute)
			fire(t, r, "alchemiser-dev-monitor-sweep")
		}, []string{"monitor.sweep command ErrorNotificationRequested", "notifier ErrorNotificationRequested nothing to publish"}},
		"a stage that gives up": {failing(fault.Fault{Do: fault.KillAfterCall, Function: "portfolio", Operation: "dynamodb:PutItem", Times: -1}), func(t *testing.T, r *rehearsal.Rehearsal) {
			play(t, r)
			r.Advance(time.Hour)
			fire(t, r, "alchemiser-dev-monitor-sweep")
		}, []string{"portfolio SignalGenerated not decided", "monitor.sweep command WorkflowFailed", "monitor WorkflowFailed TradingNotificationRequested"}},
		// The eighth write of execution is in the middle of its orders.
		"closed by the sweep": {failing(fault.Fault{Do: fault.KillAfterCall, Function: "execution", Operation: "dynamodb:PutItem", Nth: 8, Times: 3}), func(t *testing.T, r *rehearsal.Rehearsal) {
			play(t, r)
			r.Advance(17 * time.Minute)
			fire(t, r, "alchemiser-dev-monitor-sweep")
		}, []string{"monitor.sweep command TradeExecutionContinued", "execution TradeExecutionContinued TradeExecuted", "monitor TradeExecuted TradingNotificationRequested"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.start(t)
			c.play(t, r)
			got := came(t, r)
			for _, w := range c.want {
				if !slices.Contains(got, w) {
					t.Errorf("no delivery %q among\n%s", w, strings.Join(got, "\n"))
				}
			}
		})
	}
}

// An execution whose invocation ends before its orders goes on in another one;
// both are repeated.
func TestAContinuedRunIsRepeated(t *testing.T) {
	if testing.Short() {
		t.Skip("an invocation lasts half a minute")
	}
	r := start(t, func(o *rehearsal.Options) {
		o.Faults = &fault.Plan{}
		// A leg's intent is on record only when the time for its order is over.
		if err := o.Faults.Add(fault.Fault{Do: fault.DelayCall, Function: "execution", Operation: "dynamodb:PutItem", Nth: 4, Delay: 24500 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
	})
	report := play(t, r)
	got := came(t, r)
	for _, w := range []string{"execution RebalancePlanned TradeExecutionContinued", "execution TradeExecutionContinued TradeExecuted"} {
		if !slices.Contains(got, w) {
			t.Errorf("no delivery %q among\n%s", w, strings.Join(got, "\n"))
		}
	}
	if !report.Success {
		t.Errorf("%s\n%s", report.Outcome, lines(report))
	}
}

// What differs is named with its stage, its event and the place in it.
func TestAReplayNamesWhatDiffers(t *testing.T) {
	r := start(t, nil)
	report := play(t, r)
	record := func() *runfile.Run {
		run, err := r.Record(t.Context(), report.RunID)
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	delivery := func(run *runfile.Run, stage string) *runfile.Delivery {
		i := slices.IndexFunc(run.Deliveries, func(d runfile.Delivery) bool { return d.Consumer == stage })
		if i < 0 {
			t.Fatalf("no delivery of %s", stage)
		}
		return &run.Deliveries[i]
	}
	answer := func(run *runfile.Run, stage, op, was, is string) {
		for i := range delivery(run, stage).Transcript.Entries {
			e := &delivery(run, stage).Transcript.Entries[i]
			if e.Op == op && bytes.Contains(e.Answer, []byte(was)) {
				e.Answer = json.RawMessage(strings.Replace(string(e.Answer), was, is, 1))
				return
			}
		}
		t.Fatalf("no answer of %s in %s holds %s", op, stage, was)
	}
	for name, c := range map[string]struct {
		change func(*runfile.Run)
		want   []string
	}{
		"another event on record": {func(run *runfile.Run) {
			for i, e := range run.Events {
				if e.Type == events.TypeRebalancePlanned {
					run.Events[i].Raw = json.RawMessage(strings.Replace(string(e.Raw), `"trades_required":true`, `"trades_required":false`, 1))
				}
			}
		}, []string{"portfolio on SignalGenerated: RebalancePlanned at payload.trades_required: recorded false, replayed true"}},
		"the broker had less cash": {func(run *runfile.Run) {
			answer(run, "portfolio", "broker.account", `"Cash":"100000"`, `"Cash":"99000"`)
		},
			[]string{"portfolio on SignalGenerated: "}},
		"another order": {func(run *runfile.Run) {
			for i := range delivery(run, "execution").Transcript.Entries {
				if e := &delivery(run, "execution").Transcript.Entries[i]; e.Op == "broker.submit" {
					e.Args = json.RawMessage(strings.Replace(string(e.Args), `"Qty":"`, `"Qty":"1`, 1))
					return
				}
			}
		}, []string{"execution on RebalancePlanned", "broker.submit of leg-0", "at Qty: other arguments"}},
		"another mail": {func(run *runfile.Run) {
			for i := range delivery(run, "notifier").Transcript.Entries {
				if e := &delivery(run, "notifier").Transcript.Entries[i]; e.Op == "mail.send" {
					e.Wrote = json.RawMessage(strings.Replace(string(e.Wrote), "[OK]", "[FAILED]", 1))
				}
			}
		}, []string{"notifier on TradingNotificationRequested: mail.send at subject: other content", "[FAILED]", "[OK]"}},
		"other bars": {func(run *runfile.Run) {
			for _, bars := range delivery(run, "signal").Bars {
				delete(bars, "QQQ")
			}
		}, []string{"signal on WorkflowStarted: "}},
		"another setting": {func(run *runfile.Run) { delivery(run, "portfolio").Transcript.Head.Setup["RESERVE_PCT"] = "0.05" },
			[]string{"portfolio on SignalGenerated: RebalancePlanned at payload."}},
		"a setting that this build refuses": {func(run *runfile.Run) { delivery(run, "monitor").Transcript.Head.Setup["EXPECTED_AFTER"] = "soon" },
			[]string{"monitor on TradeExecuted: settings", "EXPECTED_AFTER"}},
		"an event is missing": {func(run *runfile.Run) { run.Events = run.Events[1:] },
			[]string{"start on command: WorkflowStarted: recorded nothing", "not the event"}},
	} {
		t.Run(name, func(t *testing.T) {
			run := record()
			c.change(run)
			result := replay.Run(t.Context(), run)
			var all []string
			for _, d := range result.Deliveries {
				for _, difference := range d.Differences {
					all = append(all, fmt.Sprintf("%s on %s: %s", d.Stage, d.EventType, difference))
				}
			}
			for _, w := range c.want {
				if result.Identical() || !strings.Contains(strings.Join(all, "\n"), w) {
					t.Errorf("no difference %q among\n%s", w, strings.Join(all, "\n"))
				}
			}
		})
	}
}
