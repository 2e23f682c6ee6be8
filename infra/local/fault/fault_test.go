package fault

import "testing"

func TestTakeCountsMatchingOccurrences(t *testing.T) {
	var p Plan
	if err := p.Add(Fault{Do: KillAfterCall, Function: "execution", Operation: "dynamodb:PutItem", Nth: 2, Times: 2}); err != nil {
		t.Fatal(err)
	}
	hits := []bool{}
	for _, o := range []Occurrence{
		{Do: KillAfterCall, Function: "execution", Operation: "dynamodb:PutItem"},
		{Do: KillAfterCall, Function: "signal", Operation: "dynamodb:PutItem"},
		{Do: KillAfterCall, Function: "execution", Operation: "events:PutEvents"},
		{Do: KillAfterCall, Function: "execution", Operation: "dynamodb:PutItem"},
		{Do: KillAfterCall, Function: "execution", Operation: "dynamodb:PutItem"},
		{Do: KillAfterCall, Function: "execution", Operation: "dynamodb:PutItem"},
	} {
		_, hit := p.Take(o)
		hits = append(hits, hit)
	}
	want := []bool{false, false, false, true, true, false}
	for i := range want {
		if hits[i] != want[i] {
			t.Fatalf("got %v, want %v", hits, want)
		}
	}
}

func TestShareIsReproducible(t *testing.T) {
	draw := func() (n int) {
		var p Plan
		if err := p.Add(Fault{Do: DeliverTwice, Share: 0.3, Seed: 7}); err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			if _, hit := p.Take(Occurrence{Do: DeliverTwice}); hit {
				n++
			}
		}
		return n
	}
	first, second := draw(), draw()
	if first != second || first < 200 || first > 400 {
		t.Errorf("%d and %d of 1000", first, second)
	}
}

func TestAddRefusals(t *testing.T) {
	var p Plan
	for _, f := range []Fault{{}, {Do: "kil"}, {Do: Throttle, Share: 2}, {Do: Throttle, Nth: -1}, {Do: Throttle, Delay: -1},
		{Do: DeliverReversed}, {Do: ScheduleLate}} {
		if p.Add(f) == nil {
			t.Errorf("%+v was accepted", f)
		}
	}
	if _, hit := (*Plan)(nil).Take(Occurrence{Do: Throttle}); hit {
		t.Error("a nil plan has faults")
	}
}
