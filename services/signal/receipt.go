package signal

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/strategy"
)

// partBytes keeps a receipt's part below the size of a ledger document, whose
// bytes are stored as base64.
const partBytes = 250_000

// store writes every strategy's receipt, compressed and in parts, before the
// decision is committed. A repeated stage writes the same parts again.
func (s *Signal) store(ctx context.Context, runID string, receipts []*strategy.Receipt) (events.List[events.ReceiptRef], error) {
	refs := make(events.List[events.ReceiptRef], 0, len(receipts))
	for _, r := range receipts {
		document, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("signal: encode the receipt of %s: %w", r.Strategy, err)
		}
		sum := sha256.Sum256(document)
		compressed, err := compress(document)
		if err != nil {
			return nil, fmt.Errorf("signal: compress the receipt of %s: %w", r.Strategy, err)
		}
		parts := 0
		for len(compressed) > 0 {
			n := min(len(compressed), partBytes)
			if err := s.Ledger.SaveReceipt(ctx, runID, r.Strategy, parts, compressed[:n]); err != nil {
				return nil, err
			}
			compressed = compressed[n:]
			parts++
		}
		refs = append(refs, events.ReceiptRef{Strategy: r.Strategy, Parts: parts, SHA256: hex.EncodeToString(sum[:])})
	}
	return refs, nil
}

func compress(b []byte) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
