package execution

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// ownPrefix marks the orders of this system; no other order is ever touched.
const ownPrefix = "alc-"

// ClientOrderID is the id under which attempt n (from 1) of a plan's trade in
// a symbol is sent, at most 45 characters. It follows from its arguments
// alone, so that a repeated attempt is refused by the broker's own check of
// uniqueness. The visible part is for people; the hash decides.
//
//	alc-TQQQ-s01-ur5ffbk53fy7iyepwwv3gnj7pg
func ClientOrderID(planID, symbol string, side events.Side, n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%s|%d", planID, symbol, side, n))
	hash := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:26]
	visible := strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, symbol)
	if len(visible) > 10 {
		visible = visible[:10]
	}
	letter := "b"
	if side == events.Sell {
		letter = "s"
	}
	return fmt.Sprintf("%s%s-%s%02d-%s", ownPrefix, visible, letter, n, hash)
}
