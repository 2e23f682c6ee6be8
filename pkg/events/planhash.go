package events

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// PlanHash is the SHA-256 of what makes a plan: its lines, the snapshot it was
// made from, the limits it was checked against and the halt switch. Execution
// compares it before the first order.
func PlanHash(p *RebalancePlanned) (string, error) {
	b, err := canonical(struct {
		Lines        List[PlanLine]
		Snapshot     string
		Envelope     SafetyEnvelope
		ControlState ControlState
	}{p.Lines, p.Snapshot.Digest, p.Envelope, p.ControlState})
	if err != nil {
		return "", fmt.Errorf("events: hash plan %s: %w", p.PlanID, err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}
