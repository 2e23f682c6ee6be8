package sim

import (
	"strings"
	"testing"
	"time"
)

// A POST without answer may reach the broker when nobody waits for it any more,
// as a request like any other: it is accepted, or its id is taken by its
// repetition. The same strikes, given, lead to the same arrivals.
func TestARequestMayArriveLate(t *testing.T) {
	rate := 0.4
	o := Options{Rate: &rate, Only: []Fault{11}, Once: true, Trace: true}
	accepted, taken := 0, 0
	for seed := range uint64(15) {
		drawn := Run(seed, o)
		report(t, drawn, o)
		sent := make(map[string]time.Time) // when a request last left, by what it asks for
		for _, line := range drawn.Lines {
			text, _, _ := strings.Cut(line, " ")
			at, err := time.Parse(traceTime, text)
			_, call, submits := strings.Cut(line, "submit ")
			args, answer, answered := strings.Cut(call, " → ")
			if err != nil || !submits || !answered {
				continue
			}
			if answer == "on its way" && sent[args].IsZero() {
				sent[args] = at
			}
			if !strings.Contains(line, " network submit ") {
				continue
			}
			if way := at.Sub(sent[args]); sent[args].IsZero() || way < time.Second {
				t.Errorf("seed %d: %s: on its way for %s", seed, line, way)
			}
			if strings.Contains(answer, "must be unique") {
				taken++
			} else if !strings.Contains(answer, "rejected") {
				accepted++
			}
		}
		given := o
		given.Only, given.Strikes = nil, append([]Strike{}, drawn.Strikes...)
		if again := Run(seed, given); again.Hash != drawn.Hash {
			t.Errorf("seed %d: the trace %s with drawn strikes, %s with the same ones given", seed, drawn.Hash, again.Hash)
		}
	}
	if accepted == 0 || taken == 0 {
		t.Errorf("%d late requests were accepted, %d had an id that was taken", accepted, taken)
	}
}
