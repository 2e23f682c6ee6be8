package faulttest

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/events"
)

var storms = flag.Int("storms", 150, "worlds with many faults at once")

// Many faults at once, crashes here and there, and every way in which orders fill:
// whatever happens, the laws hold. One seed is one world.
func TestStorms(t *testing.T) {
	all := faults()
	outcomes := make(map[events.Outcome]int)
	for seed := range uint64(*storms) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 1))
			profiles := []paperbroker.Profile{paperbroker.Instant, paperbroker.Paper, paperbroker.Realistic, paperbroker.Adversarial}
			w := newWorld(t, setup{profile: profiles[dice.IntN(4)], seed: seed % 16, switches: func(s *paperbroker.Switches) {
				s.LookupLag, s.ReadLag = time.Duration(dice.IntN(3000))*time.Millisecond, time.Duration(dice.IntN(2000))*time.Millisecond
				s.CancelDelay = time.Duration(dice.IntN(3000)) * time.Millisecond
				s.DuplicateStatus = []int{422, 409}[dice.IntN(2)]
				s.DustSell = dice.IntN(2) == 0
			}, assets: map[string]paperbroker.Traits{"CCC": {NotFractionable: dice.IntN(4) == 0}, "AAA": {NotFractionable: dice.IntN(4) == 0}}})
			var log bytes.Buffer
			w.log = &log
			told := ""
			for range 1 + dice.IntN(5) {
				f := all[dice.IntN(len(all))]
				f.Skip, f.Times = dice.IntN(12), 1+dice.IntN(4)
				if f.Times == 4 {
					f.Times, f.Chance = -1, 0.2
				}
				told += fmt.Sprintf("%+v\n", f)
				w.inject(f)
			}
			if dice.IntN(2) == 0 {
				w.pulse.at, w.pulse.where = 1+dice.IntN(80), where(dice.IntN(2))
				for range dice.IntN(3) {
					w.pulse.more = append(w.pulse.more, 1+dice.IntN(40))
				}
			}
			w.run()
			wrong := w.judge()
			for _, line := range wrong {
				t.Error(line)
			}
			if w.final != nil {
				outcomes[w.final.Outcome]++
			}
			if len(wrong) > 0 {
				t.Logf("faults:\n%sdead at %q\n%s\n%s", told, w.pulse.died, w.told(), log.String())
			}
		})
	}
	t.Logf("outcomes: %v", outcomes)
}
