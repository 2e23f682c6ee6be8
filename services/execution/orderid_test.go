package execution

import (
	"testing"

	"github.com/alchemiser/alchemiser/pkg/events"
)

func TestClientOrderIDVectors(t *testing.T) {
	const plan = "40012024-5ce9-5e4e-90da-54d2c66d04bb"
	for _, c := range []struct {
		symbol string
		side   events.Side
		n      int
		want   string
	}{
		{"TQQQ", events.Sell, 1, "alc-TQQQ-s01-ur5ffbk53fy7iyepwwv3gnj7pg"},
		{"BRK.B", events.Buy, 2, "alc-BRK-B-b02-wte4sjodmt6i4xdor2if7ickv2"},
	} {
		if got := ClientOrderID(plan, c.symbol, c.side, c.n); got != c.want {
			t.Errorf("%s %s %d = %s, want %s", c.symbol, c.side, c.n, got, c.want)
		}
	}
	if got := ClientOrderID(plan, "ABCDEFGHIJKLMNOP", events.Buy, 99); len(got) > 45 {
		t.Errorf("%s has %d characters", got, len(got))
	}
}
