package strategy

import (
	"bytes"
	"hash/maphash"
)

// interner numbers keys in the order in which they first occur. It is a map
// from bytes to int32 that keeps all keys in one piece of memory.
type interner struct {
	seed  maphash.Seed
	slots []internSlot // a power of two, at most half of them taken
	keys  []byte       // all keys, one after the other
	ends  []int32      // by id: where its key ends
}

type internSlot struct {
	hash uint32
	next int32 // the id and 1; 0 = free
}

// newInterner makes an interner with room for about that many keys.
func newInterner(keys int) *interner {
	size := 64
	for size < 2*keys {
		size *= 2
	}
	return &interner{seed: maphash.MakeSeed(), slots: make([]internSlot, size)}
}

func (t *interner) len() int { return len(t.ends) }

// id is the number of a key. The key may be overwritten afterwards.
func (t *interner) id(key []byte) int32 {
	hash := uint32(maphash.Bytes(t.seed, key))
	slot := t.find(hash, key)
	if slot.next == 0 {
		t.keys = append(t.keys, key...)
		t.ends = append(t.ends, int32(len(t.keys)))
		*slot = internSlot{hash, int32(len(t.ends))}
		if 2*len(t.ends) > len(t.slots) {
			t.grow()
			return int32(len(t.ends)) - 1
		}
	}
	return slot.next - 1
}

// find gives the slot of a key, or the free one where it belongs.
func (t *interner) find(hash uint32, key []byte) *internSlot {
	for i := int(hash); ; i++ {
		slot := &t.slots[i&(len(t.slots)-1)]
		if slot.next == 0 || slot.hash == hash && bytes.Equal(t.key(slot.next-1), key) {
			return slot
		}
	}
}

func (t *interner) key(id int32) []byte {
	from := int32(0)
	if id > 0 {
		from = t.ends[id-1]
	}
	return t.keys[from:t.ends[id]]
}

func (t *interner) grow() {
	old := t.slots
	t.slots = make([]internSlot, 2*len(old))
	for _, slot := range old {
		if slot.next > 0 {
			*t.find(slot.hash, t.key(slot.next-1)) = slot
		}
	}
}
