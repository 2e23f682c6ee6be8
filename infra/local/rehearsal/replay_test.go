package rehearsal_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/infra/local/replay"
	"github.com/alchemiser/alchemiser/pkg/ledger"
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
	for _, runID := range runs(t, r) {
		repeat(t, r, runID)
	}
}

// runs are the partitions of the table that belong to runs.
func runs(t testing.TB, r *rehearsal.Rehearsal) []string {
	t.Helper()
	pages := dynamodb.NewScanPaginator(dynamodb.NewFromConfig(r.Cloud.AWSConfig()), &dynamodb.ScanInput{TableName: aws.String(rehearsal.TableName)})
	seen := map[string]bool{}
	var all []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil && strings.Contains(err.Error(), "connection refused") {
			return nil // the test closed its cloud; its runs were repeated when they were played
		}
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
	read, err := runfile.Read(&file)
	if err != nil {
		t.Fatalf("the file of run %s: %v", runID, err)
	}
	if err := read.Write(&again); err != nil || !bytes.Equal(text, again.Bytes()) {
		t.Errorf("run %s: the file is another one after it was read and written (%v)", runID, err)
	}
	result := replay.Run(context.Background(), read)
	for i, d := range result.Deliveries {
		if d.Skipped != "" && read.Deliveries[i].State == ledger.Done {
			t.Errorf("run %s: %s on %s cannot be repeated: %s", runID, d.Stage, d.EventType, d.Skipped)
		}
		for _, difference := range d.Differences {
			t.Errorf("run %s: %s on %s: %s", runID, d.Stage, d.EventType, difference)
		}
	}
	return result
}
