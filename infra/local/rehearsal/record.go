package rehearsal

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/dynamoledger"
	"github.com/alchemiser/alchemiser/pkg/runfile"
)

// RecordName is the file in a run's folder that holds its record.
const RecordName = "run.jsonl"

// Record is the record of a run, from the cloud's table.
func (r *Rehearsal) Record(ctx context.Context, runID string) (*runfile.Run, error) {
	table := dynamoledger.New(dynamodb.NewFromConfig(r.Cloud.AWSConfig()), TableName)
	items, err := ledger.New(table, r.Clock).Run(ctx, runID)
	if err != nil {
		return nil, err
	}
	return runfile.Collect(runID, items)
}

// writeRecord leaves the record of the run in its folder.
func (r *Rehearsal) writeRecord(ctx context.Context, runID string) error {
	if runID == "" {
		return nil // nothing was published: there is no run
	}
	run, err := r.Record(ctx, runID)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := run.Write(&text); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.options.Dir, RecordName), text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	return nil
}
