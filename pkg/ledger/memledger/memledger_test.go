package memledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/ledgertest"
	"github.com/alchemiser/alchemiser/pkg/ledger/memledger"
)

func TestConformance(t *testing.T) {
	ledgertest.Run(t, func(*testing.T) ledger.Driver { return memledger.New() })
}

func TestExpire(t *testing.T) {
	ctx, now := context.Background(), time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	d := memledger.New()
	for sk, expires := range map[string]time.Time{"over": now, "later": now.Add(time.Second), "never": {}} {
		if err := d.Put(ctx, ledger.Item{Key: ledger.Key{PK: "p", SK: sk}, Version: 1, Expires: expires}); err != nil {
			t.Fatal(err)
		}
	}
	d.Expire(now)
	if _, err := d.Get(ctx, ledger.Key{PK: "p", SK: "over"}); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("an expired document: %v", err)
	}
	if left, err := d.Query(ctx, "p", ""); err != nil || len(left) != 2 {
		t.Errorf("%d documents are left, %v", len(left), err)
	}
}
