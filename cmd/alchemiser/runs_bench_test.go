package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/truora/minidyn/server"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/dynamoledger"
)

// BenchmarkFindingARun finds the oldest of four years of runs by the beginning
// of its id, and lists the newest, over a DynamoDB API in process: a query of
// the account's slots, and one read of each run that is shown.
func BenchmarkFindingARun(b *testing.B) {
	const runs = 1000
	web := httptest.NewServer(http.Handler(server.NewServer()))
	defer web.Close()
	client := dynamodb.NewFromConfig(aws.Config{Region: "us-east-1", BaseEndpoint: &web.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	ctx := context.Background()
	const table = "alchemiser-dev-state"
	_, err := client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String(table), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: "S"}, {AttributeName: aws.String("sk"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: "HASH"}, {AttributeName: aws.String("sk"), KeyType: "RANGE"}},
	})
	if err != nil {
		b.Fatal(err)
	}
	driver := dynamoledger.New(client, table)
	p := &place{title: "bench", folder: &folder{items: []ledger.Item{{Key: ledger.Key{PK: "ACCT#paper-main"}}}}, driver: driver, ledger: ledger.New(driver, env.SystemClock(0))}
	for i := range runs {
		day := events.Date("2023-01-01").AddDays(i)
		slot := string(day) + "T14:35Z"
		id := events.RunID("paper-main/daily/" + slot)
		err := p.ledger.RecordSlot(ctx, &ledger.Doc[ledger.Slot]{Key: ledger.SlotKey("paper-main", day, "daily", slot)}, ledger.Slot{RunID: id, State: ledger.SlotStarted})
		if err == nil {
			_, err = p.ledger.OpenRun(ctx, id, ledger.Meta{RunKey: "paper-main/daily/" + slot, Account: "paper-main", Session: day, OpenedAt: 1700000000000, CloseOutAt: 1700000000000})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	oldest := events.RunID("paper-main/daily/2023-01-01T14:35Z")
	b.Run("by its id", func(b *testing.B) {
		for b.Loop() {
			if id, err := p.runID(ctx, oldest[:12]); err != nil || id != oldest {
				b.Fatal(id, err)
			}
		}
	})
	for _, n := range []int{20, 0} {
		b.Run(fmt.Sprintf("list %d", n), func(b *testing.B) {
			f := &runsFlags{limit: n}
			for b.Loop() {
				if list, err := f.list(ctx, p); err != nil || len(list.Runs) != max(n, runs*(1-min(n, 1))) {
					b.Fatal(err)
				}
			}
		})
	}
}
