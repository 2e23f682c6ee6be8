package strategy

// blend adds up allocations at the end of a run's stack of holdings. Each
// symbol's shares are summed in the order in which they were added.
type blend struct {
	r      *run
	mark   int // where it begins
	merged int // from mark to here every symbol occurs once
}

// blend begins an empty one.
func (r *run) blend() blend { return blend{r: r, mark: len(r.hold), merged: len(r.hold)} }

// add scales the holdings from `from` on, which then belong to the blend.
// They are merged as soon as they outnumber the merged ones: a blend takes no
// more than three times the room of its symbols, and time in proportion to
// what is added.
func (b *blend) add(from int, share float64) {
	hold := b.r.hold
	for i := from; i < len(hold); i++ {
		hold[i].weight = float64(hold[i].weight * share) // not to be fused with the sum
	}
	const few = 32
	if len(hold)-b.merged > b.merged-b.mark+few {
		b.merge()
	}
}

// merge leaves one holding per symbol. Places are left over from other merges:
// only one inside this blend that holds the symbol is its own.
func (b *blend) merge() {
	hold, places, end := b.r.hold, b.r.places, b.mark
	for _, h := range hold[b.mark:] {
		if k := int(places[h.sym]); b.mark <= k && k < end && hold[k].sym == h.sym {
			hold[k].weight += h.weight
			continue
		}
		places[h.sym] = int32(end)
		hold[end] = h
		end++
	}
	b.r.hold = hold[:end]
	b.merged = end
}
