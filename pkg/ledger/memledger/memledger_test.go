package memledger_test

import (
	"testing"

	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/ledgertest"
	"github.com/alchemiser/alchemiser/pkg/ledger/memledger"
)

func TestConformance(t *testing.T) {
	ledgertest.Run(t, func(*testing.T) ledger.Driver { return memledger.New() })
}
