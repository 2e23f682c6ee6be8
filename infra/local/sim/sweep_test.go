package sim

import "testing"

// In every scenario every effect dies in every way; events arrive twice, and
// orders and cancels get other answers, at a sample of places. make sim-sweep
// plays all of them, and all pairs of deaths.
func TestCrashSweep(t *testing.T) {
	if testing.Short() {
		t.Skip("5,000 worlds")
	}
	const most = 40
	for _, s := range Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			r := s.Sweep(false, most)
			for k, v := range r.Violations {
				if k == 10 {
					t.Fatalf("and %d more", len(r.Violations)-k)
				}
				t.Error(v)
			}
			t.Logf("%s: %d effects, %d deaths, %d second deliveries, %d answers of the broker; %d played", r.Ends, r.Effects, r.Singles, r.Doubles, r.Answers, r.Played)
		})
	}
}
