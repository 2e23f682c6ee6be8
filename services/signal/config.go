package signal

import "github.com/alchemiser/alchemiser/pkg/env"

// Config is what signal reads from its environment beside what every function
// reads.
type Config struct {
	Feed string
	// MaxMissingSessions is how many sessions a symbol's last bar may lag
	// behind: 0, or up to 3 for thin names on a partial feed.
	MaxMissingSessions int
}

// ReadConfig reads DATA_FEED and MAX_MISSING_SESSIONS; mistakes are collected
// in v.
func ReadConfig(v *env.Vars) Config {
	c := Config{Feed: v.OneOf("DATA_FEED", "iex", "sip"), MaxMissingSessions: v.Int("MAX_MISSING_SESSIONS", 0)}
	if c.MaxMissingSessions < 0 || c.MaxMissingSessions > 3 {
		v.Fail("MAX_MISSING_SESSIONS", "is %d; 0 to 3 are allowed", c.MaxMissingSessions)
	}
	return c
}
