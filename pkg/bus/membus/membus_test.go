package membus_test

import (
	"testing"

	"github.com/alchemiser/alchemiser/pkg/bus"
	"github.com/alchemiser/alchemiser/pkg/bus/bustest"
	"github.com/alchemiser/alchemiser/pkg/bus/membus"
)

func TestConformance(t *testing.T) {
	bustest.Run(t, func(*testing.T) (bus.Driver, func(*testing.T) []bustest.Published) {
		d := membus.New()
		return d, func(*testing.T) []bustest.Published {
			var out []bustest.Published
			for _, e := range d.Take() {
				out = append(out, bustest.Published{Source: e.Source, DetailType: e.DetailType, Detail: e.Detail})
			}
			return out
		}
	})
}
