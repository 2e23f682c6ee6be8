package local_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/alchemiser/alchemiser/infra/local"
)

func TestTablesSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	keep := func(o *local.Options) { o.DataDir = dir }
	ctx := context.Background()
	item := func(n int) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("RUN#%d", n)}, "sk": &types.AttributeValueMemberS{Value: "A"},
			"gpk": &types.AttributeValueMemberS{Value: "DUE"}, "gsk": &types.AttributeValueMemberN{Value: "1767623700000"},
			"body": &types.AttributeValueMemberB{Value: []byte{0, 1, 2}}, "open": &types.AttributeValueMemberBOOL{Value: true},
		}
	}
	c := start(t, keep)
	for n := range 300 {
		if _, err := dynamodb.NewFromConfig(c.AWSConfig()).PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("alchemiser-test-state"), Item: item(n)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = start(t, keep)
	out, err := dynamodb.NewFromConfig(c.AWSConfig()).Query(ctx, &dynamodb.QueryInput{TableName: aws.String("alchemiser-test-state"), IndexName: aws.String("due"),
		KeyConditionExpression: aws.String("gpk = :d"), ExpressionAttributeValues: map[string]types.AttributeValue{":d": &types.AttributeValueMemberS{Value: "DUE"}}})
	if err != nil || len(out.Items) != 300 || len(out.Items[0]) != 6 {
		t.Errorf("%v, %d items", err, len(out.Items))
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "alchemiser-test-state.jsonl")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text[:len(text)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	o := local.Options{Templates: fixtures(), Binaries: map[string]string{"echo": binaries, "sink": binaries}, DataDir: dir}
	if c, err := local.Start(ctx, o); err == nil {
		_ = c.Close()
		t.Error("a damaged file was loaded")
	}
}
