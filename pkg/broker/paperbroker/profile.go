package paperbroker

import "time"

// Profile names how orders fill.
type Profile string

const (
	// Instant fills what is marketable at the far side at once, within the POST.
	Instant Profile = "instant"
	// Midpoint fills at once, at its own limit, what comes within a tick of the
	// middle: the market of a rehearsal, in which nobody wants to wait.
	Midpoint Profile = "midpoint"
	// Paper is Alpaca's paper account as documented: the far side, any size, one
	// order in ten in two parts.
	Paper Profile = "paper"
	// Realistic fills from a twentieth of the minute's volume, with impact, and
	// resting limits only when the price trades through them.
	Realistic Profile = "realistic"
	// Adversarial fills late, in many slices, and while a cancel is pending.
	Adversarial Profile = "adversarial"
)

// span is a range of delays, drawn evenly.
type span struct{ from, to time.Duration }

// behaviour is a profile in figures.
type behaviour struct {
	ack         span    // from acceptance to "new"
	fill        span    // from marketable to a fill, and from fill to fill
	tail        float64 // chance of ten times the longest fill delay
	partial     float64 // chance that a fill is a part only
	slices      int     // most fills of an order that are parts by chance
	volume      float64 // share of the minute's volume that may fill; 0: any size
	through     bool    // a resting limit fills one tick behind its price
	impact      float64 // c of c·σ·sqrt(q/ADV)
	improvement bool    // up to half of the half-spread
	cancelRace  bool    // fills while a cancel is pending
	midpoint    bool    // the middle is enough to fill
}

func behaviours() map[Profile]behaviour {
	const ms = time.Millisecond
	return map[Profile]behaviour{
		Instant:  {},
		Midpoint: {midpoint: true},
		Paper:    {ack: span{0, 20 * ms}, fill: span{10 * ms, 300 * ms}, partial: 0.1, slices: 1},
		Realistic: {
			ack: span{5 * ms, 50 * ms}, fill: span{20 * ms, 800 * ms}, tail: 0.02,
			volume: 0.05, through: true, impact: 0.5, improvement: true, cancelRace: true,
		},
		Adversarial: {
			ack: span{50 * ms, 500 * ms}, fill: span{300 * ms, 2500 * ms}, tail: 0.05,
			partial: 0.7, slices: 6, through: true, cancelRace: true,
		},
	}
}
