package events

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is read in one pass is what two steps read, also of damaged events.
func TestOnePassReadsWhatTwoStepsRead(t *testing.T) {
	compare := func(detail []byte) bool {
		once, ok := decodeAtOnce(detail)
		if !ok {
			return false
		}
		steps, err := decodeInSteps(detail)
		if diff := cmp.Diff(steps, once, cmp.Comparer(func(a, b Time) bool { return a == b })); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", detail, err, diff)
		}
		return true
	}
	for _, entry := range Registry() {
		recorded, err := Golden(entry.Type)
		if err != nil || len(recorded) == 0 {
			t.Fatal(err)
		}
		detail := recorded[len(recorded)-1]
		if !compare(detail) {
			t.Errorf("%s needs two steps", entry.Type)
		}
		read := 0
		for k := 0; k < len(detail); k += 3 {
			for _, c := range []byte(`0"x,{`) {
				damaged := bytes.Clone(detail)
				damaged[k] = c
				if compare(damaged) {
					read++
				}
			}
		}
		if read == 0 {
			t.Errorf("no damaged %s was read at all", entry.Type)
		}
	}
}
