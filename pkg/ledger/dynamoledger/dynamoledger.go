// Package dynamoledger is the ledger driver for DynamoDB. A document is one
// item:
//
//	pk, sk   S  the key
//	version  N  counts writes; the condition of every put
//	body     S  the JSON document
//	gpk, gsk S, N  "DUE" and epoch ms, in index "due"; absent when nothing is due
//	ttl      N  epoch SECONDS; absent for documents that stay
//
// Every write replaces the whole item: no update expressions, so that an
// attribute that is no longer set is gone.
package dynamoledger

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/alchemiser/alchemiser/pkg/ledger"
)

// IndexName is the sparse index of due documents; DuePartition its only key.
const (
	IndexName    = "due"
	DuePartition = "DUE"
)

// Driver stores documents in one table.
type Driver struct {
	client *dynamodb.Client
	table  string
}

// New returns a driver for the table of the given name.
func New(client *dynamodb.Client, table string) *Driver { return &Driver{client, table} }

// Get implements ledger.Driver.
func (d *Driver) Get(ctx context.Context, key ledger.Key) (ledger.Item, error) {
	out, err := d.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &d.table, ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"pk": text(key.PK), "sk": text(key.SK)},
	})
	if err != nil {
		return ledger.Item{}, err
	}
	if len(out.Item) == 0 {
		return ledger.Item{}, ledger.ErrNotFound
	}
	return decode(out.Item)
}

// Put implements ledger.Driver.
func (d *Driver) Put(ctx context.Context, item ledger.Item) error {
	in := &dynamodb.PutItemInput{TableName: &d.table, Item: encode(item)}
	if item.Version == 1 {
		in.ConditionExpression = aws.String("attribute_not_exists(pk)")
	} else {
		in.ConditionExpression = aws.String("version = :v")
		in.ExpressionAttributeValues = map[string]types.AttributeValue{":v": number(item.Version - 1)}
	}
	_, err := d.client.PutItem(ctx, in)
	var refused *types.ConditionalCheckFailedException
	if errors.As(err, &refused) {
		return ledger.ErrConflict
	}
	return err
}

// Query implements ledger.Driver.
func (d *Driver) Query(ctx context.Context, pk, prefix string) ([]ledger.Item, error) {
	in := &dynamodb.QueryInput{
		TableName: &d.table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": text(pk)},
	}
	if prefix != "" {
		in.KeyConditionExpression = aws.String("pk = :pk AND begins_with(sk, :sk)")
		in.ExpressionAttributeValues[":sk"] = text(prefix)
	}
	return d.pages(ctx, in, 0)
}

// Due implements ledger.Driver.
func (d *Driver) Due(ctx context.Context, until time.Time, limit int) ([]ledger.Item, error) {
	return d.pages(ctx, &dynamodb.QueryInput{
		TableName: &d.table, IndexName: aws.String(IndexName), Limit: aws.Int32(int32(limit)),
		KeyConditionExpression: aws.String("gpk = :g AND gsk <= :t"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":g": text(DuePartition), ":t": number(until.UnixMilli()),
		},
	}, limit)
}

// pages collects all pages of a query, or as many as fill the limit.
func (d *Driver) pages(ctx context.Context, in *dynamodb.QueryInput, limit int) ([]ledger.Item, error) {
	var items []ledger.Item
	for p := dynamodb.NewQueryPaginator(d.client, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, raw := range page.Items {
			item, err := decode(raw)
			if err != nil {
				return nil, err
			}
			items = append(items, item)
			if limit > 0 && len(items) == limit {
				return items, nil
			}
		}
	}
	return items, nil
}

func encode(i ledger.Item) map[string]types.AttributeValue {
	out := map[string]types.AttributeValue{
		"pk": text(i.PK), "sk": text(i.SK), "version": number(i.Version), "body": text(string(i.Body)),
	}
	if !i.DueAt.IsZero() {
		out["gpk"], out["gsk"] = text(DuePartition), number(i.DueAt.UnixMilli())
	}
	if !i.Expires.IsZero() {
		out["ttl"] = number(i.Expires.Unix())
	}
	return out
}

func decode(raw map[string]types.AttributeValue) (ledger.Item, error) {
	r := reader{raw: raw}
	item := ledger.Item{
		Key:     ledger.Key{PK: r.text("pk"), SK: r.text("sk")},
		Version: r.number("version"),
		Body:    []byte(r.text("body")),
	}
	if _, ok := raw["gsk"]; ok {
		item.DueAt = time.UnixMilli(r.number("gsk")).UTC()
	}
	if _, ok := raw["ttl"]; ok {
		item.Expires = time.Unix(r.number("ttl"), 0).UTC()
	}
	return item, r.err
}

type reader struct {
	raw map[string]types.AttributeValue
	err error
}

func (r *reader) text(name string) string {
	v, ok := r.raw[name].(*types.AttributeValueMemberS)
	if !ok {
		r.err = errors.Join(r.err, fmt.Errorf("dynamoledger: attribute %s is %T, not a string", name, r.raw[name]))
		return ""
	}
	return v.Value
}

func (r *reader) number(name string) int64 {
	v, ok := r.raw[name].(*types.AttributeValueMemberN)
	if !ok {
		r.err = errors.Join(r.err, fmt.Errorf("dynamoledger: attribute %s is %T, not a number", name, r.raw[name]))
		return 0
	}
	n, err := strconv.ParseInt(v.Value, 10, 64)
	if err != nil {
		r.err = errors.Join(r.err, fmt.Errorf("dynamoledger: attribute %s: %w", name, err))
	}
	return n
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
