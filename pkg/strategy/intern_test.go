package strategy

import (
	"testing"

	"pgregory.net/rapid"
)

// An interner is a map that numbers its keys.
func TestInternerAgreesWithMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(rapid.SliceOfN(rapid.ByteRange(0, 2), 0, 5), 0, 400).Draw(t, "keys")
		in, want := newInterner(0), map[string]int32{}
		var buffer []byte // overwritten for every key, as the compiler does
		for _, key := range keys {
			id, ok := want[string(key)]
			if !ok {
				id = int32(len(want))
				want[string(key)] = id
			}
			buffer = append(buffer[:0], key...)
			if got := in.id(buffer); got != id {
				t.Fatalf("key %v has id %d, want %d", key, got, id)
			}
		}
		if in.len() != len(want) {
			t.Fatalf("%d keys, want %d", in.len(), len(want))
		}
		for key, id := range want {
			if got := in.id([]byte(key)); got != id {
				t.Fatalf("key %v has id %d later, want %d", []byte(key), got, id)
			}
		}
	})
}

// Equal hashes do not make keys equal, and a full table is not lost in growing.
func TestInternerTellsCollidingKeysApart(t *testing.T) {
	in := newInterner(0)
	for id, key := range []string{"a", "b", "c"} {
		slot := in.find(7, []byte(key))
		if slot.next != 0 {
			t.Fatalf("%q found before it was there", key)
		}
		in.keys = append(in.keys, key...)
		in.ends = append(in.ends, int32(len(in.keys)))
		*slot = internSlot{7, int32(id) + 1}
	}
	in.grow()
	for id, key := range []string{"a", "b", "c"} {
		if slot := in.find(7, []byte(key)); slot.next != int32(id)+1 {
			t.Fatalf("%q has id %d, want %d", key, slot.next-1, id)
		}
	}
}

func TestSlabsDoNotOverlap(t *testing.T) {
	var s slab[int]
	var parts [][]int
	for n := range 300 {
		part := s.cut(n % 70)
		for i := range part {
			if part[i] != 0 {
				t.Fatalf("part %d is not zero", n)
			}
			part[i] = n
		}
		parts = append(parts, part)
		if grown := append(part, -1); len(part) > 0 && &grown[0] == &part[0] {
			t.Fatalf("part %d can grow in place", n)
		}
	}
	parts = append(parts, s.cut(5000))
	for n, part := range parts[:300] {
		if len(part) != n%70 {
			t.Fatalf("part %d has %d elements", n, len(part))
		}
		for _, v := range part {
			if v != n {
				t.Fatalf("part %d holds %d", n, v)
			}
		}
	}
}
