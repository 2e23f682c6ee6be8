package market

import (
	"fmt"
	"sync"
	"time"
	_ "time/tzdata" // the zone is part of the binary: a Lambda image need not have it
)

// NewYork is the exchange's time zone.
func NewYork() *time.Location { return newYork() }

var newYork = sync.OnceValue(func() *time.Location {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil { // impossible with the embedded zone data
		panic(fmt.Errorf("market: time zone data of New York: %w", err))
	}
	return zone
})
