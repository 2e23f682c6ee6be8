package paperbroker_test

import (
	"fmt"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/broker/brokertest"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
)

// The book behind the port keeps the promises that the adapter keeps.
func TestPortConformance(t *testing.T) {
	for _, profile := range []paperbroker.Profile{paperbroker.Instant, paperbroker.Paper, paperbroker.Realistic, paperbroker.Adversarial} {
		for _, duplicate := range []int{422, 409} {
			t.Run(fmt.Sprintf("%s %d", profile, duplicate), func(t *testing.T) {
				brokertest.Run(t, func(t *testing.T) brokertest.World {
					w := newWorld(t, damagedReplies, func(o *paperbroker.Options) {
						switches := paperbroker.DefaultSwitches(profile)
						switches.DuplicateStatus = duplicate
						o.Profile, o.Switches = profile, &switches
					})
					return brokertest.World{Broker: w.Port(w.Clock), Clock: w.Clock, Symbol: "AAA"}
				})
			})
		}
	}
}
