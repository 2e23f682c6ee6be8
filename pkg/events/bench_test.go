package events_test

import (
	"testing"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// The events that a run is made of, decoded as every consumer does.
func BenchmarkDecode(b *testing.B) {
	for _, t := range []events.Type{events.TypeWorkflowStarted, events.TypeRebalancePlanned, events.TypeTradeExecuted} {
		b.Run(string(t), func(b *testing.B) {
			recorded, err := events.Golden(t)
			if err != nil || len(recorded) == 0 {
				b.Fatal(err)
			}
			detail := recorded[len(recorded)-1]
			b.SetBytes(int64(len(detail)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := events.Decode(detail); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
