package paperbroker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
)

// pacedClock is its caller's clock until the operator moves or speeds it up.
type pacedClock struct {
	base env.Clock

	mu    sync.Mutex
	from  time.Time // of base
	at    time.Time // shown then
	speed float64   // seconds shown in one of base
}

func newPacedClock(base env.Clock) *pacedClock {
	now := base.Now()
	return &pacedClock{base: base, from: now, at: now, speed: 1}
}

func (c *pacedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *pacedClock) now() time.Time {
	passed := c.base.Now().Sub(c.from)
	if c.speed != 1 {
		passed = time.Duration(float64(passed) * c.speed)
	}
	return c.at.Add(passed)
}

// Sleep waits until so much time has been shown at the present speed.
func (c *pacedClock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	speed := c.speed
	c.mu.Unlock()
	if speed != 1 {
		d = time.Duration(float64(d) / speed)
	}
	return c.base.Sleep(ctx, d)
}

// ClockChange is what the operator does to the broker's clock: one of its
// fields.
type ClockChange struct {
	Step  string    `json:"step"`  // forward, such as 30m
	Set   time.Time `json:"set"`   // not before the present
	Speed float64   `json:"speed"` // times the pace of the clock it was given, such as 60
}

// errClock refuses a time that has passed: orders and fills have happened.
var errClock = errors.New("paperbroker: the clock does not go back")

// MoveClock sets, steps or speeds up the broker's clock. What falls due in
// between happens, each thing at its time.
func (s *Server) MoveClock(change ClockChange) error {
	c := s.clock
	c.mu.Lock()
	now := c.now()
	at := now
	speed := c.speed
	err := func() error {
		switch {
		case change.Step != "":
			d, err := time.ParseDuration(change.Step)
			if err != nil || d <= 0 {
				return fmt.Errorf("paperbroker: step %q; expected a duration forward such as 30m", change.Step)
			}
			at = now.Add(d)
		case !change.Set.IsZero():
			if at = change.Set.UTC(); at.Before(now) {
				return fmt.Errorf("%w from %s to %s", errClock, now.Format(time.RFC3339), at.Format(time.RFC3339))
			}
		case change.Speed > 0:
			speed = change.Speed
		default:
			return errors.New(`paperbroker: nothing to change; expected {"step":"30m"}, {"set":"2026-11-24T15:59:00-05:00"} or {"speed":60}`)
		}
		return nil
	}()
	if err == nil {
		c.from, c.at, c.speed = c.base.Now(), at, speed
	}
	c.mu.Unlock()
	if err == nil {
		s.at(func(e *engine) {
			e.log("admin", "", fmt.Sprintf("clock at %s, speed %g", e.now.Format(time.RFC3339), speed))
		})
	}
	return err
}
