package start

import (
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
)

// Config is what start reads from its environment beside what every function
// reads.
type Config struct {
	Policy
	RunsPerSession int // 0: no limit
	Guard          broker.AccountGuard
}

// ReadConfig reads RUN_MINUTES, CLOSE_BUFFER and RUNS_PER_SESSION; mistakes
// are collected in v.
func ReadConfig(v *env.Vars, guard broker.AccountGuard) Config {
	minutes := v.Int("RUN_MINUTES", 15)
	if minutes < 5 || minutes > 60 {
		v.Fail("RUN_MINUTES", "is %d; a run lasts 5 to 60 minutes", minutes)
	}
	return Config{
		Policy: Policy{
			RunLength:   time.Duration(minutes) * time.Minute,
			CloseBuffer: v.Duration("CLOSE_BUFFER", 2*time.Minute),
		},
		RunsPerSession: v.Int("RUNS_PER_SESSION", 1),
		Guard:          guard,
	}
}
