package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// function looks a function up; there are six.
func function(name topology.Name) topology.Function {
	f, err := topology.Lookup(name)
	if err != nil {
		panic(err)
	}
	return f
}

// scheduleAll makes the schedules' appointments of all days, and what else
// happens on them.
func (w *world) scheduleAll() {
	if !w.faults.given && w.isOdd() {
		w.strikesAt(29, 1000) // drawn with the world; this counts it
	}
	for _, s := range w.slots {
		w.scheduleSlot(s)
		w.surroundings(s)
	}
}

func (w *world) isOdd() bool {
	for _, o := range tenYears().odd {
		if o == w.days[0].date {
			return true
		}
	}
	return false
}

func (w *world) scheduleSlot(s slot) {
	at := s.at.UnixNano()
	w.trade(at+w.lag, s, s.dryRun, false)
	if !w.strikesAt(31, 1.5, topology.Start) {
		return
	}
	h := w.how(31)
	switch h.IntN(4) {
	case 0: // the scheduler calls twice
		w.trade(at+between(h, 0, time.Minute), s, s.dryRun, false)
	case 1: // a person starts a run beside it, mostly while it is at work
		when := at + w.lag + between(h, 0, 20*time.Second)
		if chance(h, 0.3) {
			when = at + w.lag + between(h, 0, 14*time.Minute)
		}
		other := slot{schedule: "manual", at: time.Unix(0, when).UTC().Truncate(time.Minute)}
		w.trade(when, other, chance(h, 0.2), chance(h, 0.6))
	case 2: // late
		w.late[at+w.lag] = between(h, time.Minute, 7*time.Minute)
	default: // a second schedule at nearly the same time, mostly the very same
		other := slot{schedule: "other", at: s.at.Add(time.Duration(max(0, h.IntN(5)-2)) * time.Minute)}
		w.trade(other.at.UnixNano()+w.lag, other, false, false)
	}
}

// trade lets a schedule or a person ask for a run.
func (w *world) trade(at int64, s slot, dryRun, force bool) {
	command := fmt.Sprintf(`{"mode":"trade","schedule":%q,"scheduled_time":%q`, s.schedule, s.at.UTC().Format(time.RFC3339))
	if dryRun {
		command += `,"dry_run":true`
	}
	if force {
		command += `,"force":true,"requested_by":"cli"`
	}
	command += "}"
	key := account + "/" + s.schedule + "/" + s.at.UTC().Format("2006-01-02T15:04Z")
	run := events.RunID(key)
	if force {
		w.forced[run] = true
	}
	w.asked[run], w.keys[run] = s.at, key
	w.loop.at(at, func() {
		if wait := w.late[at]; wait > 0 {
			w.loop.after(wait, func() { w.command(topology.Start, command, run, dryRun) })
			return
		}
		w.command(topology.Start, command, run, dryRun)
	})
}

// command is the scheduler's delivery of a command to a function.
func (w *world) command(name topology.Name, text, run string, dryRun bool) {
	j := &job{function: function(name), payload: []byte(text), command: text}
	j.event.CorrelationID, j.event.DryRun = run, dryRun
	w.enqueue(j)
	w.sweepUntilQuiet()
}

const sweepEvery = int64(5 * time.Minute)

// sweepUntilQuiet keeps the sweep going as long as there is something that it
// might find. A sweep of a system in which no run is open and nothing is due
// is left out: it would change nothing.
func (w *world) sweepUntilQuiet() {
	if w.sweeping {
		return
	}
	w.sweeping = true
	next := (w.loop.now/sweepEvery + 1) * sweepEvery
	w.loop.at(next, w.sweepTick)
}

func (w *world) sweepTick() {
	w.sweeping = false
	if len(w.open) == 0 && len(w.dueDocs) == 0 && w.loop.now > w.watchUntil {
		return
	}
	w.sweepUntilQuiet()
	if w.sweepSkip > 0 {
		w.sweepSkip--
		return
	}
	if w.strikes(36, topology.Monitor) {
		if h := w.how(36); chance(h, 0.5) {
			w.sweepSkip = 6
			w.until(w.loop.now + 6*sweepEvery) // the last one that is missed
			return
		}
		w.command(topology.Monitor, `{"mode":"sweep"}`, "", false)
	}
	w.command(topology.Monitor, `{"mode":"sweep"}`, "", false)
}

// surroundings is what happens around a slot that no function does.
func (w *world) surroundings(s slot) {
	at := s.at.UnixNano()
	// Half an hour after its time a run that never began is missed.
	w.loop.at(at+int64(31*time.Minute), func() {
		w.watchUntil = w.loop.now + 2*sweepEvery
		w.sweepUntilQuiet()
	})
	if w.strikesAt(25, 2) {
		h := w.how(25)
		when := at + between(h, 0, 90*time.Second)
		if chance(h, 0.75) {
			symbol := w.symbols[h.IntN(len(w.symbols))]
			w.loop.at(when, func() { w.broker.Halt(symbol, true) })
			w.loop.at(when+between(h, time.Second, 20*time.Minute), func() { w.broker.Halt(symbol, false) })
		} else {
			w.loop.at(when, func() {
				w.broker.Steer().CloseNow()
				w.hands = append(w.hands, hand{at: w.loop.now, what: "close"})
			})
		}
	}
	if w.strikesAt(26, 2) {
		w.byHand(at)
	}
	if w.strikesAt(32, 2) {
		h := w.how(32)
		state := pick(h, events.Halted, events.Halted, events.Reducing)
		when := at + pick(h, between(h, -time.Minute, 40*time.Second), between(h, time.Second, 12*time.Second))
		w.loop.at(when, func() { w.turn(state) })
		if chance(h, 0.7) {
			w.loop.at(when+between(h, time.Second, 20*time.Minute), func() { w.turn(events.Active) })
		}
	}
}

// turn is the operator at the halt switch, without a machine of their own that
// could fail.
func (w *world) turn(state events.ControlState) {
	l := ledger.New(w.memory, bookClock{w.loop})
	if err := l.SetControl(context.Background(), account, state, "simulated", "operator"); err != nil {
		panic(err)
	}
	w.turns = append(w.turns, turn{at: w.loop.now, state: state})
	w.trace.add(w.loop.now, "operator", "turns", string(state), "")
}

// byHand is somebody who trades the account beside us.
func (w *world) byHand(at int64) {
	h := w.how(26)
	when := at + between(h, 0, time.Minute)
	symbol := w.symbols[h.IntN(len(w.symbols))]
	kind := h.IntN(4)
	amount := decimal(-2000*h.Float64(), 2)
	shares := decimal(0.5+3*h.Float64(), 3)
	w.loop.at(when, func() {
		done := hand{at: w.loop.now, symbol: symbol}
		switch steer := w.broker.Steer(); kind {
		case 0:
			done.what, done.cash = "cash", amount.String()
			steer.AddCash(amount)
		case 1:
			done.what, done.cash = "position", shares.String()
			steer.AddPosition(symbol, shares)
		case 2:
			done.what = "order"
			price := money.FloorTick(decimal(w.bars[symbol][history-1].Close*0.7, 2))
			steer.Place(broker.OrderRequest{
				ClientID: fmt.Sprintf("byhand-%d", len(w.hands)), Symbol: symbol, Side: events.Buy, Qty: money.One(), Type: broker.Limit, Limit: &price,
			})
		default:
			done.what = "cancel"
			for _, o := range w.broker.Orders() {
				if !o.Status.Terminal() && len(o.ClientID) > 4 && o.ClientID[:4] == "alc-" {
					steer.CancelByHand(o.ID)
					break
				}
			}
		}
		w.hands = append(w.hands, done)
		w.trace.add(w.loop.now, "somebody", done.what, symbol, "")
	})
}
