package sim

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/services/signal"
)

// judgeTarget: I16 in a clean world, I17 in any other. The right target is
// what the strategies say on the true bars.
func (w *world) judgeTarget(r *run) {
	name := "I17"
	if w.clean {
		name = "I16"
	}
	if w.clean && r.started != nil && !r.started.DryRun && (r.executed == nil || r.executed.Outcome != events.OutcomeCompleted && r.executed.Outcome != events.OutcomeNoTrades) {
		w.blame("I16", "run %s (%s) ended as %s in a world without faults", r.id, r.meta.RunKey, r.meta.Outcome)
	}
	if r.started == nil || r.plan == nil {
		return
	}
	target, ok := w.rightTarget(r)
	if !ok {
		w.blame(name, "run %s: the plan rests on %v, the true bars lead elsewhere", r.id, r.plan.Context.TargetWeights)
		return
	}
	e := r.executed
	if e == nil || r.started.DryRun || e.Outcome != events.OutcomeCompleted && e.Outcome != events.OutcomeNoTrades {
		return
	}
	w.judgePositions(name, r, target)
}

// rightTarget are the weights on the true bars, on the true bars without
// symbols that the provider left out, or with a split that it did not adjust;
// false when none of them is the plan's.
func (w *world) rightTarget(r *run) (events.Weights, bool) {
	started := r.started.Payload.(*events.WorkflowStarted)
	asOf, _ := w.calendar.LastClosedBefore(r.slot, barGrace)
	all := make(market.Bars, len(w.bars))
	for symbol := range w.bundle.Plan() {
		all[symbol] = w.bars[symbol].Until(asOf.Date)
	}
	candidates := []market.Bars{all}
	for _, symbol := range w.absent[r.id] {
		less := maps.Clone(all)
		delete(less, symbol)
		candidates = append(candidates, less)
	}
	for _, told := range w.told[r.id] {
		other := maps.Clone(all)
		maps.Copy(other, told)
		candidates = append(candidates, other)
	}
	sure, doubtful := w.applications(r)
	for chosen := range 1 << len(doubtful) {
		applied := applied(sure, doubtful, chosen)
		for _, bars := range candidates {
			d, err := signal.Decide(w.bundle, bars, asOf.Date, started.Session, applied, started.Force)
			if err == nil && maps.Equal(d.Weights, r.plan.Context.TargetWeights) {
				return d.Weights, true
			}
		}
	}
	return nil, false
}

// application is what a run brought into the account for a strategy.
type application struct {
	closed   int64
	strategy string
	ledger.Applied
}

// applications are what other runs brought into the account: what signal must
// have seen when it decided for r, and what it may have seen or not. That is of
// a run which ended while r was at its signal (beside a dry run, which needs no
// lease, or when a lost message is driven again), and of one whose report
// monitor had begun to write down when the run was called stalled.
func (w *world) applications(r *run) (sure, doubtful []application) {
	for _, e := range w.ended {
		if e == r || e.executed == nil || e.meta.DryRun || e.reported > r.signalled {
			continue
		}
		if o := e.executed.Outcome; o != events.OutcomeCompleted && o != events.OutcomePartial && o != events.OutcomeNoTrades {
			continue
		}
		for _, s := range e.executed.Context.Strategies {
			if s.Decision != "apply" {
				continue
			}
			a := application{e.closed, s.Name, ledger.Applied{SourceSHA256: s.SourceSHA256, TradeDate: e.meta.Session, AsOf: s.AsOf, Weights: s.Holdings}}
			if e.meta.Outcome == string(e.executed.Outcome) && e.closed <= r.begun {
				sure = append(sure, a)
			} else {
				doubtful = append(doubtful, a)
			}
		}
	}
	const most = 12 // of which every choice is looked at
	return sure, doubtful[:min(len(doubtful), most)]
}

// applied is what the account holds for each strategy, of what was sure and of
// those in doubt whose bit is set.
func applied(sure, doubtful []application, chosen int) map[string]ledger.Applied {
	all := slices.Clone(sure)
	for k, a := range doubtful {
		if chosen&(1<<k) != 0 {
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, func(a, b application) int { return cmp.Compare(a.closed, b.closed) })
	out := make(map[string]ledger.Applied)
	for _, a := range all {
		if out[a.strategy].TradeDate <= a.TradeDate {
			out[a.strategy] = a.Applied
		}
	}
	return out
}

// judgePositions compares what the account holds with the target, at the
// plan's prices: a plan that was followed is right, wherever prices went.
//
// A position may be worth more than its target by what is not worth a trade
// (the planner's threshold at its defaults, which the worlds have), by what is
// too little to sell, and by the rest of a share where there are only whole
// ones. It may be worth less by the same, by what prices moved until the
// budget, which buys for less shares the same worth, and by the money that is
// not there for it: what other positions exceed their targets by.
func (w *world) judgePositions(name string, r *run, target events.Weights) {
	held := w.positionsAt(min(r.reported, w.tradedAfter(r)))
	symbols := slices.Sorted(maps.Keys(held))
	for symbol := range target {
		if _, also := held[symbol]; !also {
			symbols = append(symbols, symbol)
		}
	}
	slices.Sort(symbols)
	equity, deployable := money.MustParse(r.plan.Equity), money.MustParse(r.plan.Deployable)
	prices, excused := w.planPrices(r)
	excess := equity.Mul(money.MustParse("0.01")) // the price walk, and cents
	for _, l := range r.plan.Lines {
		if qty := money.MustParse(l.Qty); l.Side == events.Sell && !l.Fractionable { // a part of a share finances no buy
			excess = excess.Add(qty.Sub(qty.Floor(0)).Mul(money.MustParse(l.Price)))
		}
	}
	type gap struct {
		symbol           string
		over, more, less money.Decimal
	}
	var gaps []gap
	for _, symbol := range symbols {
		qty, price := held[symbol], prices[symbol]
		if symbol == w.ignored || excused[symbol] || w.touched(symbol, r.planned-int64(300e9)) || qty.Sign() < 0 {
			excess = excess.Add(qty.Mul(price).Abs())
			continue
		}
		weight, wanted := target[symbol]
		if !wanted || money.MustParse(weight).IsZero() {
			left := qty
			for _, d := range r.executed.Dust {
				if d.Symbol == symbol {
					left = left.Sub(money.MustParse(d.Qty))
				}
			}
			if left.Sign() != 0 {
				w.blameAt(r.reported, name, "run %s ended as %s, and %s of %s are held although the target is 0", r.id, r.executed.Outcome, left, symbol)
			}
			excess = excess.Add(qty.Mul(price))
			continue
		}
		want, value := money.MustParse(weight).Mul(deployable), qty.Mul(price)
		more := money.Max(money.FromInt(5), money.Min(equity.Mul(money.MustParse("0.01")), money.Max(want, value).Mul(money.MustParse("0.25"))))
		more = more.Add(money.MustParse("1.02")) // the broker's minimum; equity and deployable are told in cents
		l := r.legs[legKey{symbol, events.Buy}]
		whole := w.traits[symbol].NotFractionable || l != nil && l.line != nil && !l.line.Fractionable || w.faults.kinds[24].fired > 0
		if whole {
			more = more.Add(price)
		}
		over := value.Sub(want)
		if over.Sign() > 0 {
			excess = excess.Add(over)
		}
		less := more.Add(want.Mul(money.MustParse("0.02")))
		if whole && r.executed.BuyScale != "1" { // the plan's quantity was rounded down, and what the budget left of it once more
			less = less.Add(price)
		}
		gaps = append(gaps, gap{symbol, over, more, less})
	}
	for _, g := range gaps {
		if less := g.less.Add(excess); g.more.Less(g.over) || less.Less(g.over.Neg()) {
			w.blameAt(r.reported, name, "run %s ended as %s with %s off by %s USD, right are -%s to %s", r.id, r.executed.Outcome, g.symbol, g.over.Fixed(2), less.Fixed(2), g.more.Fixed(2))
		}
	}
}

// tradedAfter is when another run sent its first order after the run's plan: a
// report may come days later, when a lost message is driven again, and tells
// what the run left behind, not what others made of it since.
func (w *world) tradedAfter(r *run) int64 {
	first := int64(math.MaxInt64)
	for _, q := range w.requests {
		if q.run != r.id && q.sent > r.planned {
			first = min(first, q.sent)
		}
	}
	return first
}

// planPrices are the plan's prices by symbol, and the symbols that the plan
// could not trade. That there was no cash for a buy, or no share for so little,
// excuses nothing: the money is then in other positions (the excess), and less
// than a share's price is missing.
func (w *world) planPrices(r *run) (map[string]money.Decimal, map[string]bool) {
	prices, excused := make(map[string]money.Decimal), make(map[string]bool)
	for _, p := range r.plan.Snapshot.Positions {
		if p.Price != nil {
			prices[p.Symbol] = money.MustParse(*p.Price)
		}
	}
	for _, h := range r.plan.Holds { // what is neither held nor bought costs at most the session's highest price
		if _, known := prices[h.Symbol]; known || r.session == nil {
			continue
		}
		if bar, ok := w.bars[h.Symbol].On(r.session.Date); ok {
			prices[h.Symbol] = decimal(bar.High, 2)
		}
	}
	for _, l := range r.plan.Lines {
		prices[l.Symbol] = money.MustParse(l.Price)
		if l.Side == events.Buy && l.Kind == events.Exit {
			excused[l.Symbol] = true // a short position is covered first, and the target bought by the next run
		}
	}
	for _, h := range r.plan.Holds {
		switch h.Reason {
		case "reducing", "frozen", "not_tradable", "held_quantity":
			excused[h.Symbol] = true
		case "no_cash": // an account is freed of its debt first, and the target bought by the next run
			excused[h.Symbol] = excused[h.Symbol] || money.MustParse(r.plan.Cash).Sign() < 0
		}
	}
	for _, l := range r.plan.Suppressed {
		excused[l.Symbol] = true
	}
	return prices, excused
}

// positionsAt is what the account held at an instant, by the broker's book.
func (w *world) positionsAt(at int64) map[string]money.Decimal {
	out := make(map[string]money.Decimal)
	for _, h := range w.positions {
		out[h.Symbol] = h.Qty
	}
	for _, h := range w.hands {
		if h.what == "position" && h.at <= at {
			out[h.symbol] = out[h.symbol].Add(money.MustParse(h.cash))
		}
	}
	for _, o := range w.book {
		for _, f := range o.Fills {
			if f.At.UnixNano() > at {
				continue
			}
			if o.Side == events.Sell {
				out[o.Symbol] = out[o.Symbol].Sub(f.Qty)
			} else {
				out[o.Symbol] = out[o.Symbol].Add(f.Qty)
			}
		}
	}
	for symbol, qty := range out {
		if qty.IsZero() {
			delete(out, symbol)
		}
	}
	return out
}
