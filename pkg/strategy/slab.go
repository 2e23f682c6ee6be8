package strategy

// slab cuts many small slices out of few large ones, each twice as large as
// the one before, up to a limit.
type slab[T any] struct {
	room []T
	size int // of the last large one
}

// cut gives a zeroed slice of n elements. It has no capacity beyond them.
func (s *slab[T]) cut(n int) []T {
	if n > len(s.room) {
		s.size = min(max(32, 2*s.size), 2048)
		s.room = make([]T, max(n, s.size))
	}
	part := s.room[:n:n]
	s.room = s.room[n:]
	return part
}
