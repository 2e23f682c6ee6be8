package strategy

// arena keeps the holdings of all remembered decisions in few large pieces, so
// that growing copies nothing. Slices are named by place and length, which
// takes a third of the memory that slices take. A place is the number of the
// chunk and an offset into it.
type arena struct{ chunks [][]holding }

const (
	arenaBits  = 14
	arenaChunk = 1 << arenaBits
)

// keep copies holdings, at least one, into the arena.
func (a *arena) keep(held []holding) (place int32) {
	last := len(a.chunks) - 1
	if last < 0 || len(a.chunks[last])+len(held) > cap(a.chunks[last]) {
		room := min(64<<min(len(a.chunks), arenaBits), arenaChunk) // small programs need little
		a.chunks = append(a.chunks, make([]holding, 0, max(room, len(held))))
		last++
	}
	offset := len(a.chunks[last])
	a.chunks[last] = append(a.chunks[last], held...)
	return int32(last<<arenaBits | offset)
}

// at is what was kept at a place.
func (a *arena) at(place, count int32) []holding {
	offset := place & (arenaChunk - 1)
	return a.chunks[place>>arenaBits][offset : offset+count]
}
