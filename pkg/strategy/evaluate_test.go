package strategy

import (
	"reflect"
	"sync"
	"testing"
)

// Programs and bars are shared by goroutines, each with its own evaluator.
func TestEvaluateConcurrently(t *testing.T) {
	p := mustCompile(t, "tour.clj", []byte(tour))
	bars := tourBars(t)
	asOf := DayOf(2025, 3, 10)
	want, _, err := Evaluate(p, bars, asOf)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			got, _, err := Evaluate(p, bars, asOf)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
			p.Plan()
		})
	}
	wg.Wait()
}
