package rehearsal_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/infra/local/repository"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/market/synthmarket"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// start plays on a made-up market as of a fixed session. In the end every run
// is repeated from its record.
func start(t testing.TB, change func(*rehearsal.Options)) *rehearsal.Rehearsal {
	t.Helper()
	r := stand(t, change)
	t.Cleanup(func() { repeatAll(t, r) })
	return r
}

// stand is a stage set for what is no whole run.
func stand(t testing.TB, change func(*rehearsal.Options)) *rehearsal.Rehearsal {
	t.Helper()
	root, err := repository.Root()
	if err != nil {
		t.Fatal(err)
	}
	o := rehearsal.Options{
		Root: root, Source: synthmarket.New(7), AsOf: "2024-03-12", Cash: money.MustParse("100000"), Seed: 7,
		Dir: t.TempDir(), Backoff: local.Test(),
	}
	if change != nil {
		change(&o)
	}
	r, err := rehearsal.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func play(t testing.TB, r *rehearsal.Rehearsal) *rehearsal.Report {
	t.Helper()
	report, err := r.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	repeatAll(t, r)
	return report
}

// inbox is what a function recorded of an event, read as an operator would:
// from the table, through the SDK.
type inbox struct {
	consumer string
	ledger.Inbox
}

// inboxes reads the run's partition.
func inboxes(t *testing.T, r *rehearsal.Rehearsal, runID string) []inbox {
	t.Helper()
	client := dynamodb.NewFromConfig(r.Cloud.AWSConfig())
	out, err := client.Query(t.Context(), &dynamodb.QueryInput{
		TableName: aws.String("alchemiser-dev-state"), KeyConditionExpression: aws.String("pk = :pk AND begins_with(sk, :sk)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":pk": &types.AttributeValueMemberS{Value: ledger.RunPK(runID)}, ":sk": &types.AttributeValueMemberS{Value: "IN#"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []inbox
	for _, item := range out.Items {
		var i inbox
		i.consumer = strings.Split(item["sk"].(*types.AttributeValueMemberS).Value, "#")[1]
		if err := json.Unmarshal([]byte(item["body"].(*types.AttributeValueMemberS).Value), &i.Inbox); err != nil {
			t.Fatal(err)
		}
		all = append(all, i)
	}
	return all
}

// depth is the number of messages of every queue of a function.
func depth(t *testing.T, r *rehearsal.Rehearsal, queue string) string {
	t.Helper()
	client := sqs.NewFromConfig(r.Cloud.AWSConfig())
	url, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: &queue})
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: url.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameApproximateNumberOfMessages}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes["ApproximateNumberOfMessages"]
}

// The chain, seen through the AWS API alone: six functions, each invoked once,
// the event of each hop, the orders at the broker, one mail (F06, F17).
func TestF06OneWholeRun(t *testing.T) {
	r := start(t, nil)
	report := play(t, r)
	if !report.Success || report.Outcome != "COMPLETED" || len(report.Problems) > 0 {
		t.Fatalf("outcome %s, problems %q\n%s", report.Outcome, report.Problems, lines(report))
	}
	consumed := map[string]ledger.Inbox{}
	for _, i := range inboxes(t, r, report.RunID) {
		if _, twice := consumed[i.consumer]; twice {
			t.Errorf("%s worked twice", i.consumer)
		}
		consumed[i.consumer] = i.Inbox
	}
	hops := map[topology.Name]events.Type{
		topology.Start: "command", topology.Signal: events.TypeWorkflowStarted, topology.Portfolio: events.TypeSignalGenerated,
		topology.Execution: events.TypeRebalancePlanned, topology.Monitor: events.TypeTradeExecuted, topology.Notifier: events.TypeTradingNotificationRequested,
	}
	for name, consumes := range hops {
		in, ok := consumed[string(name)]
		if !ok || in.State != ledger.Done || in.Attempts != 1 {
			t.Errorf("%s: %+v, want one decided delivery", name, in)
			continue
		}
		if consumes != "command" && in.EventType != string(consumes) {
			t.Errorf("%s consumed %s, want %s", name, in.EventType, consumes)
		}
		if name != topology.Notifier && in.Pub != ledger.Published {
			t.Errorf("%s published: %s", name, in.Pub)
		}
	}
	if len(consumed) != len(hops) || len(report.Timeline) != len(hops) {
		t.Errorf("%d functions worked in %d invocations, want %d of each", len(consumed), len(report.Timeline), len(hops))
	}
	for _, f := range topology.Functions() {
		for _, kind := range []string{"delivery", "failure"} {
			if n := depth(t, r, "alchemiser-dev-"+string(f.Name)+"-"+kind+"-dlq"); n != "0" {
				t.Errorf("%s messages in the %s queue of %s", n, kind, f.Name)
			}
		}
	}
	if len(report.Orders) == 0 || len(report.Orders) != len(report.Summary.Legs) {
		t.Errorf("%d orders at the broker for %d legs", len(report.Orders), len(report.Summary.Legs))
	}
	for _, o := range report.Orders {
		if o.Status != "filled" || !o.Filled.Equal(o.Qty) {
			t.Errorf("order %+v", o)
		}
	}
	if len(report.Mails) != 1 || !strings.HasPrefix(report.Mails[0].Subject, "[OK] Alchemiser PAPER 2024-03-13") {
		t.Errorf("mails %+v", report.Mails)
	}
}

// What is reported is what the broker did: quantities exactly, cash to the cent.
func TestTheReportFollowsFromTheFills(t *testing.T) {
	r := start(t, func(o *rehearsal.Options) {
		o.Positions = map[string]money.Decimal{"QQQ": money.MustParse("41.123456789"), "COST": money.MustParse("3")}
	})
	report := play(t, r)
	if !report.Success {
		t.Fatalf("%s\n%s", report.Outcome, lines(report))
	}
	cash := report.Before.Cash
	filled := map[string]money.Decimal{}
	for _, o := range r.Paper.Orders() {
		for _, f := range o.Fills {
			cash = cash.Add(f.Cash)
		}
		if o.Side == events.Sell {
			filled[o.Symbol] = filled[o.Symbol].Sub(o.Filled)
		} else {
			filled[o.Symbol] = filled[o.Symbol].Add(o.Filled)
		}
	}
	if !cash.Equal(report.After.Cash) {
		t.Errorf("cash after is %s, the fills lead to %s", report.After.Cash, cash)
	}
	for _, leg := range report.Summary.Legs {
		want := filled[leg.Symbol]
		if got := money.MustParse(leg.FilledQty); !got.Equal(want.Abs()) {
			t.Errorf("%s: reported %s, the broker filled %s", leg.Symbol, got, want)
		}
		if leg.Kind == events.Exit && slices.ContainsFunc(report.After.Positions, func(p rehearsal.Position) bool { return p.Symbol == leg.Symbol }) {
			t.Errorf("%s was exited and is still held", leg.Symbol)
		}
	}
	if money.MustParse(report.Summary.AccountAfter.Cash).Cmp(report.After.Cash) != 0 {
		t.Errorf("the mail says %s in cash, the broker %s", report.Summary.AccountAfter.Cash, report.After.Cash)
	}
}

// The same slot twice, and every event delivered again: one run, one trade,
// one mail (F10, F21, F66).
func TestF66EverythingAgainTradesOnce(t *testing.T) {
	r := start(t, nil)
	first := play(t, r)
	second := play(t, r)
	if first.RunID != second.RunID || len(second.Orders) != len(first.Orders) || len(r.Cloud.Snapshot().Mails) != 1 {
		t.Fatalf("the slot's repetition: run %s after %s, %d orders after %d, %d mails", second.RunID, first.RunID, len(second.Orders), len(first.Orders), len(r.Cloud.Snapshot().Mails))
	}
	client := lambda.NewFromConfig(r.Cloud.AWSConfig())
	for _, record := range r.Cloud.Snapshot().Events {
		payload, err := json.Marshal(record.Event)
		if err != nil {
			t.Fatal(err)
		}
		for _, consumer := range topology.Consumers(events.Source(record.Event.Source), events.Type(record.Event.DetailType)) {
			if _, err := client.Invoke(t.Context(), &lambda.InvokeInput{
				FunctionName: aws.String("alchemiser-dev-" + string(consumer)), Qualifier: aws.String("live"), InvocationType: "Event", Payload: payload,
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := r.Cloud.Quiesce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(r.Paper.Orders()); n != len(first.Orders) {
		t.Errorf("%d orders after every event was delivered again, want %d", n, len(first.Orders))
	}
	if n := len(r.Cloud.Snapshot().Mails); n != 1 {
		t.Errorf("%d mails after every event was delivered again, want 1", n)
	}
}

func TestAMistakeInAStrategyIsMailedWithItsPlace(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "portfolio.yaml", "version: 1\nstrategies:\n  - strategy: bad.clj\n    weight: \"1\"\n")
	write(t, dir, "bad.clj", "(defsymphony \"bad\" {}\n  [(if (> (rsi \"QQQ\" {:window 10}) 79)\n     [(asset \"SHY\")])])\n")
	r := start(t, func(o *rehearsal.Options) { o.Strategies, o.Symbols = dir, []string{"QQQ", "SHY"} })
	report := play(t, r)
	if report.Success || report.Outcome != "FAILED" || len(report.Orders) != 0 {
		t.Fatalf("outcome %s with %d orders", report.Outcome, len(report.Orders))
	}
	if len(report.Mails) != 1 || !strings.Contains(report.Mails[0].Subject, "FAILED") {
		t.Fatalf("mails %+v", report.Mails)
	}
	page, err := os.ReadFile(report.Mails[0].HTML)
	if err != nil || !strings.Contains(string(page), "bad.clj:2:4") {
		t.Errorf("the mail does not name bad.clj:2:4 (%v)", err)
	}
}

// A handler's error is tried again twice, then its event is in the failure
// queue, and nothing was traded (F12, F19).
func TestF19AHandlersErrorEndsInTheFailureQueue(t *testing.T) {
	r := start(t, func(o *rehearsal.Options) {
		// Nobody listens there: reading the account fails, which may pass by itself.
		o.Environment = map[string]map[string]string{"portfolio": {"BROKER_BASE_URL": "http://127.0.0.1:1", "SIM_HOSTS": "127.0.0.1"}}
	})
	report := play(t, r)
	if report.Success || len(report.Orders) != 0 || len(report.Mails) != 0 {
		t.Errorf("outcome %s, %d orders, %d mails", report.Outcome, len(report.Orders), len(report.Mails))
	}
	tries := 0
	for _, l := range report.Timeline {
		if l.Function == "portfolio" && l.Failed {
			tries++
		}
	}
	if tries != 3 {
		t.Errorf("portfolio was tried %d times, want 3\n%s", tries, lines(report))
	}
	queue := "alchemiser-dev-portfolio-failure-dlq"
	client := sqs.NewFromConfig(r.Cloud.AWSConfig())
	url, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: &queue})
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url.QueueUrl})
	if err != nil || len(got.Messages) != 1 {
		t.Fatalf("%d messages in %s (%v)", len(got.Messages), queue, err)
	}
	var record struct {
		RequestContext struct{ Condition string }
		RequestPayload struct {
			DetailType events.Type     `json:"detail-type"`
			Detail     json.RawMessage `json:"detail"`
		}
	}
	if err := json.Unmarshal([]byte(*got.Messages[0].Body), &record); err != nil {
		t.Fatal(err)
	}
	if record.RequestContext.Condition != "RetriesExhausted" || record.RequestPayload.DetailType != events.TypeSignalGenerated {
		t.Errorf("record %+v", record)
	}
	if _, err := events.Decode(record.RequestPayload.Detail); err != nil {
		t.Errorf("the event in the queue does not decode: %v", err)
	}
}

func lines(r *rehearsal.Report) string {
	var b strings.Builder
	for _, l := range r.Timeline {
		b.WriteString(l.Function + ": " + l.Did + "\n")
	}
	return b.String()
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
