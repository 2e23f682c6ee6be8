// Package seeded draws numbers that look random and are determined by a seed
// and by what they are for, so that what is made up can be made up again, in
// any order, by any version of the program.
//
//	dice := seeded.New(7, "fill", orderID)
//	if dice.Float64() < 0.1 { … }
package seeded

import "math"

// Dice is a sequence of numbers. It is not safe for concurrent use, and not
// for secrets.
type Dice struct{ state uint64 }

// New is the sequence of a seed and of names, in their order.
func New(seed uint64, names ...string) *Dice {
	// FNV-1a over the names, each with an end mark, from a start of the seed's own
	const prime = 1099511628211
	h := mix(seed) ^ 14695981039346656037
	for _, name := range names {
		for i := range len(name) {
			h = (h ^ uint64(name[i])) * prime
		}
		h = (h ^ 0xff) * prime
	}
	return &Dice{state: h}
}

// Uint64 is the next number: SplitMix64 (Steele, Lea and Flood, Fast splittable
// pseudorandom number generators, OOPSLA 2014).
func (d *Dice) Uint64() uint64 {
	d.state += 0x9e3779b97f4a7c15
	return mix(d.state)
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Float64 is in [0, 1).
func (d *Dice) Float64() float64 { return float64(d.Uint64()>>11) / (1 << 53) }

// IntN is in [0, n); n must be positive. The bias is below n / 2^64.
func (d *Dice) IntN(n int64) int64 { return int64(d.Uint64() % uint64(n)) }

// Normal has mean 0 and deviation 1: Marsaglia's polar method.
func (d *Dice) Normal() float64 {
	for {
		x, y := 2*d.Float64()-1, 2*d.Float64()-1
		if s := x*x + y*y; s > 0 && s < 1 {
			return x * math.Sqrt(-2*math.Log(s)/s)
		}
	}
}
