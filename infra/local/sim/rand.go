package sim

import (
	"math/rand/v2"
	"time"
)

// stream is a sequence of its own for a concern of a world, so that a new
// fault or another question to one of them does not move the others.
func stream(seed uint64, name string) *rand.Rand { return rand.New(source(seed, name, 0)) }

func source(seed uint64, name string, n uint64) *rand.PCG {
	const prime = 1099511628211 // FNV-1a
	h := seed ^ 14695981039346656037
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * prime
	}
	return rand.NewPCG(mix(h), mix(seed+n*0x9e3779b97f4a7c15))
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// between is a duration drawn evenly, in nanoseconds.
func between(r *rand.Rand, from, to time.Duration) int64 {
	if to <= from {
		return int64(from)
	}
	return int64(from) + r.Int64N(int64(to-from))
}

func chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }
