package sim

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

const (
	oneWay       = int64(5 * time.Second)                      // the longest delay of the network
	switchAge    = int64(2*time.Second + 200*time.Millisecond) // of the halt switch, when an order is sent
	clockIsTaken = int64(36 * time.Second)                     // how long the market's clock is believed
)

// judgeOrders: I1, I6, I7, I18, I22.
func (w *world) judgeOrders(r *run) {
	w.judgePlan(r)
	ids := make(map[string]string)
	for _, p := range r.posts {
		if p.dryRun {
			w.blameAt(p.sent, "I7", "a dry run sent the order %s", p.order.ClientID)
		}
		key := legKey{p.order.Symbol, p.order.Side}
		if l := r.legs[key]; l == nil || l.line == nil {
			w.blameAt(p.sent, "I18", "leg=%s/%s is not in the plan of run %s", key.symbol, key.side, r.id)
		}
		if p.id == "" {
			continue
		}
		if other, twice := ids[p.order.ClientID]; twice && other != p.id {
			w.blameAt(p.accepted, "I1", "client order id %s was accepted twice", p.order.ClientID)
		}
		ids[p.order.ClientID] = p.id
		w.judgeID(r, p)
		w.judgeTime(r, p)
		w.judgeSwitch(r, p)
		w.judgePrice(r, p)
	}
	for _, key := range slices.SortedFunc(keysOf(r.legs), func(a, b legKey) int {
		return cmp.Or(cmp.Compare(a.symbol, b.symbol), cmp.Compare(a.side, b.side))
	}) {
		w.judgeLeg(r, key, r.legs[key])
	}
}

func keysOf(m map[legKey]*leg) func(func(legKey) bool) {
	return func(yield func(legKey) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// judgeLeg: no more than planned is filled, one order at a time.
func (w *world) judgeLeg(r *run, key legKey, l *leg) {
	if l.line == nil || len(l.orders) == 0 {
		return
	}
	if planned := money.MustParse(l.line.Qty); planned.Less(l.filled) {
		w.blame("I1", "leg=%s/%s intended %s accepted %s run=%s", key.symbol, key.side, planned, l.filled, r.id)
	}
	slices.SortFunc(l.orders, func(a, b paperbroker.Order) int { return a.SubmittedAt.Compare(b.SubmittedAt) })
	for k := 1; k < len(l.orders); k++ {
		before, after := l.orders[k-1], l.orders[k]
		if before.ID == after.ID {
			continue
		}
		if before.EndedAt == nil || after.SubmittedAt.Before(*before.EndedAt) {
			w.blameAt(after.SubmittedAt.UnixNano(), "I1", "leg=%s/%s: %s was accepted while %s was working, run=%s", key.symbol, key.side, after.ClientID, before.ClientID, r.id)
		}
	}
}

// judgeID: the id of an order follows from its plan, its leg and its number,
// so that the same order sent again is the same order to the broker. The
// derivation is made here once more, on purpose.
func (w *world) judgeID(r *run, p request) {
	if r.plan == nil {
		return
	}
	for n := 1; n <= 99; n++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%s|%d", r.plan.PlanID, p.order.Symbol, p.order.Side, n))
		if strings.HasSuffix(p.order.ClientID, "-"+strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:26]) {
			return
		}
	}
	w.blameAt(p.sent, "I1", "the id %s does not follow from the plan %s", p.order.ClientID, r.plan.PlanID)
}

// judgePlan: the prices of a plan are middles or trades that its snapshot
// showed (I22).
func (w *world) judgePlan(r *run) {
	if r.plan == nil {
		return
	}
	for _, l := range r.plan.Lines {
		price := money.MustParse(l.Price)
		if !slices.ContainsFunc(w.shown[shownKey{r.id, l.Symbol}], func(s shown) bool {
			switch {
			case !s.snapshot || s.at > r.planned:
				return false
			case s.trade != nil && price.Equal(s.trade.Price) && s.at-s.trade.At.UnixNano() <= int64(18*time.Minute):
				return true
			}
			q := s.quote
			return q != nil && price.Equal(q.Bid.Add(q.Ask).Quo(money.FromInt(2)).Round(6)) && s.at-q.At.UnixNano() <= int64(4*time.Minute)
		}) && !r.started.DryRun {
			w.blameAt(r.planned, "I22", "the plan's price %s of %s is none that was shown", price, l.Symbol)
		}
	}
}

// judgeTime: no order late, outside of the session or on a day without one. A
// request that the network held back is judged by when it was sent.
func (w *world) judgeTime(r *run, p request) {
	at := p.accepted
	if p.late {
		at = p.sent
	}
	switch {
	case r.session == nil:
		w.blameAt(p.accepted, "I6", "an order on %s, a day without a session: %s", r.slot.Format(time.DateOnly), p.order.ClientID)
	case at >= r.limit+oneWay:
		w.blameAt(p.accepted, "I6", "%s was accepted %s after the run's deadline", p.order.ClientID, time.Duration(p.accepted-r.limit))
	case !r.session.Contains(time.Unix(0, at)):
		w.blameAt(p.accepted, "I6", "%s was accepted outside of the session", p.order.ClientID)
	}
	for _, h := range w.hands {
		if h.what == "close" && p.sent > h.at+clockIsTaken && sameDay(h.at, p.sent) {
			w.blameAt(p.accepted, "I6", "%s was sent %s after the market closed early", p.order.ClientID, time.Duration(p.sent-h.at))
		}
	}
}

func sameDay(a, b int64) bool {
	return events.DateOf(time.Unix(0, a), market.NewYork()) == events.DateOf(time.Unix(0, b), market.NewYork())
}

// judgeSwitch: nothing is sent while trading is halted, nothing bought while
// it is reducing.
func (w *world) judgeSwitch(r *run, p request) {
	state := events.Active
	for _, t := range w.turns {
		if t.at > p.sent-switchAge {
			if t.at <= p.sent {
				return // turned a moment ago: either is right
			}
			break
		}
		state = t.state
	}
	l := r.legs[legKey{p.order.Symbol, p.order.Side}]
	cover := l != nil && l.line != nil && l.line.Kind == events.Exit
	if state == events.Halted || state == events.Reducing && p.order.Side == events.Buy && !cover {
		w.blameAt(p.sent, "I7", "%s was sent while the switch said %s", p.order.ClientID, state)
	}
}

// judgePrice: a limit is a price that the market showed, or the walk's
// function of one.
func (w *world) judgePrice(r *run, p request) {
	if p.order.Limit == nil {
		return
	}
	limit, buy := *p.order.Limit, p.order.Side == events.Buy
	meant, ok := w.intended[p.order.ClientID] // the same order may be sent again, later
	if !ok {
		w.blameAt(p.sent, "I1", "%s was sent before its intent was written", p.order.ClientID)
		return
	}
	list := w.shown[shownKey{r.id, p.order.Symbol}]
	for _, s := range list {
		if s.quote == nil || s.snapshot || s.at > meant || s.quote.Bid.Sign() <= 0 || s.quote.Ask.Sign() <= 0 {
			continue
		}
		if meant-s.at <= int64(time.Minute) && slices.ContainsFunc(walkPrices(*s.quote, buy), limit.Equal) {
			return
		}
		if limit.Equal(capOf(*s.quote, buy)) {
			return
		}
	}
	w.blameAt(p.sent, "I22", "%s has the limit %s, which no quote that was shown leads to", p.order.ClientID, limit)
}

// walkPrices are the steps of the walk: middle, far side, and two steps beyond.
func walkPrices(q broker.Quote, buy bool) []money.Decimal {
	mid := q.Bid.Add(q.Ask).Quo(money.FromInt(2))
	if buy {
		return []money.Decimal{
			money.FloorTick(mid), money.FloorTick(q.Ask), money.FloorTick(q.Ask.Mul(money.MustParse("1.0010"))), money.FloorTick(q.Ask.Mul(money.MustParse("1.0025"))),
		}
	}
	return []money.Decimal{
		money.CeilTick(mid), money.CeilTick(q.Bid), money.CeilTick(q.Bid.Mul(money.MustParse("0.9990"))), money.CeilTick(q.Bid.Mul(money.MustParse("0.9975"))),
	}
}

// capOf is the furthest limit of a leg that first saw the quote.
func capOf(q broker.Quote, buy bool) money.Decimal {
	mid := q.Bid.Add(q.Ask).Quo(money.FromInt(2))
	if buy {
		return money.FloorTick(mid.Mul(money.MustParse("1.005")))
	}
	return money.CeilTick(mid.Mul(money.MustParse("0.995")))
}

// judgeEnding: I12, I15.
func (w *world) judgeEnding(r *run) {
	sent := len(r.posts) > 0
	if sent && r.endings != 1 {
		w.blame("I12", "run %s sent orders and has %d reports of them; its record says %q", r.id, r.endings, r.meta.Outcome)
	}
	if r.meta.State != "CLOSED" {
		w.blame("I12", "run %s (%s) is not closed", r.id, r.meta.RunKey)
		return
	}
	limit := max(r.meta.NotAfter*int64(time.Millisecond), w.faults.last) + int64(20*time.Minute)
	if closed := r.meta.ClosedAt * int64(time.Millisecond); closed > limit {
		w.blameAt(closed, "I12", "run %s was closed %s too late", r.id, time.Duration(closed-limit))
	}
	w.measureRecovery(r)
	stalled := w.pathOf(r) == PathStalled
	closedOut := r.reported
	if closedOut == 0 {
		closedOut = r.meta.ClosedAt * int64(time.Millisecond)
	}
	for key, l := range r.legs {
		for _, o := range l.orders {
			if (o.EndedAt == nil || o.EndedAt.UnixNano() > closedOut+int64(time.Minute)) && !stalled && !r.saidUnknown(key) {
				w.blameAt(closedOut, "I15", "leg=%s/%s: order %s works on after the run ended as %s", key.symbol, key.side, o.ClientID, r.meta.Outcome)
			}
		}
	}
}

// saidUnknown tells whether the report says of a leg that its end is not known.
func (r *run) saidUnknown(key legKey) bool {
	return r.executed != nil && slices.ContainsFunc(r.executed.Legs, func(l events.LegResult) bool {
		return l.Symbol == key.symbol && l.Side == key.side && l.Status == events.LegUnknown
	})
}

// judgeSessions: I8.
func (w *world) judgeSessions(c *caseFile) {
	started := make(map[events.Date]int)
	for _, r := range c.runs {
		if r.started == nil || r.started.DryRun || w.forced[r.id] {
			continue
		}
		session := r.started.Payload.(*events.WorkflowStarted).Session
		if started[session]++; w.limit > 0 && started[session] > w.limit {
			w.blame("I8", "%d runs were started in the session %s, %d are allowed", started[session], session, w.limit)
		}
	}
	// A run is in the market from its first order to the end of its last one.
	type span struct {
		run      string
		from, to time.Time
	}
	var spans []span
	for _, r := range c.runs {
		s := span{run: r.id}
		for _, l := range r.legs {
			for _, o := range l.orders {
				end := w.now()
				if o.EndedAt != nil {
					end = *o.EndedAt
				}
				if s.from.IsZero() || o.SubmittedAt.Before(s.from) {
					s.from = o.SubmittedAt
				}
				if end.After(s.to) {
					s.to = end
				}
			}
		}
		if !s.from.IsZero() {
			spans = append(spans, s)
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(a.from.Compare(b.from), strings.Compare(a.run, b.run)) })
	for k := 1; k < len(spans); k++ {
		if before, next := spans[k-1], spans[k]; next.from.Before(before.to) {
			w.blameAt(next.from.UnixNano(), "I8", "run %s sent orders while run %s was in the market until %s", next.run, before.run, before.to.Format(time.RFC3339Nano))
			return
		}
	}
}

// judgeBook: I2, I5, I11.
func (w *world) judgeBook(c *caseFile) {
	shorts := make(map[string]bool)
	for _, h := range w.positions {
		shorts[h.Symbol] = h.Qty.Sign() < 0
	}
	for _, p := range w.broker.Positions() {
		if p.Qty.Sign() < 0 && !shorts[p.Symbol] {
			w.blame("I2", "%s is short by %s", p.Symbol, p.Qty)
		}
	}
	for _, k := range w.cancels {
		switch {
		case k.dryRun:
			w.blame("I7", "a dry run cancelled %s", k.client)
		case !strings.HasPrefix(k.client, "alc-"):
			w.blame("I11", "order %s of somebody else was cancelled", k.client)
		}
	}
	for _, p := range w.requests {
		if p.order.Symbol == w.ignored {
			w.blameAt(p.sent, "I11", "an order for %s, which is to be ignored", p.order.Symbol)
		}
	}
	w.judgeCash(c)
}

// judgeCash follows the cash through every fill: what a run knew it had, and
// what its own orders made of it.
func (w *world) judgeCash(c *caseFile) {
	type entry struct {
		at   int64
		run  string
		cash money.Decimal
		buy  bool
		id   string
	}
	var all []entry
	for _, r := range c.runs {
		for key, l := range r.legs {
			for _, o := range l.orders {
				for _, f := range o.Fills {
					all = append(all, entry{at: f.At.UnixNano(), run: r.id, cash: f.Cash, buy: key.side == events.Buy, id: o.ClientID})
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.id, b.id)) })
	for _, r := range c.runs {
		if r.plan == nil {
			continue
		}
		known := money.MustParse(r.plan.Snapshot.Account.Cash)
		floor := money.Min(known, money.Zero())
		cash, fills := known, int64(1)
		for _, e := range all {
			if e.run != r.id {
				continue
			}
			cash = cash.Add(e.cash)
			fills++
			if e.buy && cash.Less(floor.Sub(money.FromInt(fills).Shift(-2))) {
				w.blameAt(e.at, "I5", "run %s: cash fell to %s by a fill of %s", r.id, cash, e.id)
				break
			}
		}
	}
}
