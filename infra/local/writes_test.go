package local_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/alchemiser/alchemiser/infra/local"
)

const stateTable = "alchemiser-test-state"

func stateKey(name string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: name}, "sk": &types.AttributeValueMemberS{Value: "A"}}
}

func stateItem(name, body string) map[string]types.AttributeValue {
	item := stateKey(name)
	item["body"] = &types.AttributeValueMemberS{Value: body}
	return item
}

// writeEverything makes one write of every kind; contents is what it leaves.
func writeEverything(t *testing.T, c *local.Cloud) {
	t.Helper()
	ctx, client, table := context.Background(), dynamodb.NewFromConfig(c.AWSConfig()), aws.String(stateTable)
	do := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"put", "updated", "deleted", "transacted-away"} {
		do(client.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: stateItem(name, "1"),
			ConditionExpression: aws.String("attribute_not_exists(pk)")}))
	}
	do(client.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: table, Key: stateKey("updated"), UpdateExpression: aws.String("SET body = :b"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":b": &types.AttributeValueMemberS{Value: "2"}}}))
	do(client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: table, Key: stateKey("deleted")}))
	do(client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
		stateTable: {{PutRequest: &types.PutRequest{Item: stateItem("batched", "3")}}}}}))
	do(client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: table, Item: stateItem("transacted", "4")}},
		{Delete: &types.Delete{TableName: table, Key: stateKey("transacted-away")}}}}))
	_, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: stateItem("put", "refused"),
		ConditionExpression: aws.String("attribute_not_exists(pk)")})
	if err == nil {
		t.Fatal("a refused write went through")
	}
}

// contents lists the items as name=body.
func contents(t *testing.T, c *local.Cloud) map[string]string {
	t.Helper()
	out, err := dynamodb.NewFromConfig(c.AWSConfig()).Scan(context.Background(), &dynamodb.ScanInput{TableName: aws.String(stateTable)})
	if err != nil {
		t.Fatal(err)
	}
	items := map[string]string{}
	for _, item := range out.Items {
		items[item["pk"].(*types.AttributeValueMemberS).Value] = item["body"].(*types.AttributeValueMemberS).Value
	}
	return items
}

// Whatever a caller was told is written is there after the host was killed, though the tables were never saved.
func TestKilledHostLosesNoWrite(t *testing.T) {
	if dir := os.Getenv("LOCAL_TEST_DATA"); dir != "" {
		c := start(t, func(o *local.Options) { o.DataDir = dir })
		client := sqs.NewFromConfig(c.AWSConfig())
		url, err := client.GetQueueUrl(context.Background(), &sqs.GetQueueUrlInput{QueueName: aws.String(failureDLQ)})
		if err != nil {
			t.Fatal(err)
		}
		// A call under way keeps the cloud from being quiet.
		go func() {
			_, _ = client.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{QueueUrl: url.QueueUrl, WaitTimeSeconds: 20})
		}()
		for c.UnderWay() == 0 {
			time.Sleep(time.Millisecond)
		}
		writeEverything(t, c)
		fmt.Println("written")
		select {}
	}
	dir := t.TempDir()
	host := exec.Command(os.Args[0], "-test.run=^TestKilledHostLosesNoWrite$")
	host.Env = append(os.Environ(), "LOCAL_TEST_DATA="+dir, "LOCAL_TEST_BINARIES="+binaries)
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	done := false
	for lines := bufio.NewScanner(out); !done && lines.Scan(); {
		done = lines.Text() == "written"
	}
	if err := host.Process.Kill(); err != nil || !done {
		t.Fatalf("the host wrote: %v, %v", done, err)
	}
	_ = host.Wait() // it was killed
	saved, journal := filepath.Join(dir, stateTable+".jsonl"), filepath.Join(dir, "writes.journal")
	if _, err := os.Stat(saved); !os.IsNotExist(err) {
		t.Fatalf("the tables were saved, so this proves nothing: %v", err)
	}
	// The host may have died in the middle of a line.
	file, err := os.OpenFile(journal, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`[{"table":"alche`); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}

	want := fmt.Sprint(map[string]string{"put": "1", "updated": "2", "batched": "3", "transacted": "4"})
	keep := func(o *local.Options) { o.DataDir = dir }
	c := start(t, keep)
	if got := fmt.Sprint(contents(t, c)); got != want {
		t.Fatalf("after the kill: %s, want %s", got, want)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(journal); err != nil || len(text) != 0 {
		t.Errorf("the journal was not emptied: %v, %s", err, text)
	}
	// Killed between saving the tables and emptying the journal.
	if err := os.WriteFile(journal, old, 0o600); err != nil {
		t.Fatal(err)
	}
	c = start(t, keep)
	if got := fmt.Sprint(contents(t, c)); got != want {
		t.Errorf("replayed twice: %s, want %s", got, want)
	}
}

func TestDamagedJournalIsRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "writes.journal")
	whole := `[{"table":"alchemiser-test-state","key":{"pk":{"S":"a"},"sk":{"S":"A"}},"item":{"pk":{"S":"a"},"sk":{"S":"A"}}}]` + "\n"
	for name, text := range map[string]string{
		"half a line":   whole[:40] + "\n" + whole,
		"no such table": strings.Replace(whole, "test-state", "test-stale", 1),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		o := local.Options{Templates: fixtures(), Binaries: map[string]string{"echo": binaries, "sink": binaries}, DataDir: dir}
		if c, err := local.Start(context.Background(), o); err == nil {
			_ = c.Close()
			t.Errorf("%s: the journal was loaded", name)
		} else if !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: %v", name, err)
		}
		if kept, err := os.ReadFile(path); err != nil || string(kept) != text {
			t.Errorf("%s: the journal was changed: %v", name, err)
		}
	}
}
