package signal

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/strategy"
)

// partBytes keeps a receipt's part below the size of a ledger document, whose
// bytes are stored as base64.
const partBytes = 250_000

// store writes every strategy's receipt, compressed and in parts, before the
// decision is committed. A repeated stage writes the same parts again.
func (s *Signal) store(ctx context.Context, runID string, receipts []*strategy.Receipt) (events.List[events.ReceiptRef], error) {
	refs, compressed := make(events.List[events.ReceiptRef], len(receipts)), make([]bytes.Buffer, len(receipts))
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed) // one for all receipts: it takes most of a megabyte
	if err != nil {
		return nil, fmt.Errorf("signal: compress receipts: %w", err)
	}
	for k, r := range receipts {
		document, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("signal: encode the receipt of %s: %w", r.Strategy, err)
		}
		sum := sha256.Sum256(document)
		refs[k] = events.ReceiptRef{Strategy: r.Strategy, SHA256: hex.EncodeToString(sum[:])}
		z.Reset(&compressed[k])
		if _, err := z.Write(document); err != nil {
			return nil, fmt.Errorf("signal: compress the receipt of %s: %w", r.Strategy, err)
		}
		if err := z.Close(); err != nil {
			return nil, fmt.Errorf("signal: compress the receipt of %s: %w", r.Strategy, err)
		}
	}
	err = env.Each(ctx, s.Tasks, len(receipts), atOnce, func(ctx context.Context, k int) error {
		for part := range slices.Chunk(compressed[k].Bytes(), partBytes) {
			if err := s.Ledger.SaveReceipt(ctx, runID, refs[k].Strategy, refs[k].Parts, part); err != nil {
				return err
			}
			refs[k].Parts++
		}
		return nil
	})
	return refs, err
}
