package mutant

// Table is every planted bug.
func Table() []Mutant {
	return []Mutant{
		{"M01", "random event ids", []string{"I3", "I9"}, false, []Edit{
			{"pkg/events/id.go", `return derive(fmt.Sprintf("%s|%s|%d", causationID, t, ordinal))`, `return derive(fmt.Sprintf("%s|%s|%d|%s", causationID, t, ordinal, uuid.NewString()))`},
		}},
		{"M02", "no inbox claim: an event is decided as often as it arrives", []string{"I1", "I3", "I9"}, false, []Edit{
			{"pkg/ledger/inbox.go", `	case in.State == Done:
		return &Claim{doc}, nil
	case in.LeaseUntil > env.Now(ctx, l.clock).UnixMilli():`, `	case false:
		return &Claim{doc}, nil
	case false:`},
		}},
		{"M03", "events are published before they are committed", []string{"I4"}, false, []Edit{
			{"pkg/stage/stage.go", `	if err := s.Ledger.Commit(ctx, claim, details, result); err != nil {`, `	if len(details) > 0 {
		if err := s.Bus.Publish(ctx, details...); err != nil {
			return err
		}
	}
	if err := s.Ledger.Commit(ctx, claim, details, result); err != nil {`},
		}},
		{"M04", "what was committed and not published is never published again", []string{"I12"}, false, []Edit{
			{"pkg/stage/stage.go", `return Decision{Result: claim.Result(), Repeated: true}, s.publish(ctx, log, claim)`, `return Decision{Result: claim.Result(), Repeated: true}, nil`},
			{"services/monitor/sweep.go", `	if claim.Unpublished() {
		return s.republish(ctx, claim)`, `	if claim.Unpublished() {
		return nil`},
			{"services/monitor/sweep.go", `	case h.ending != nil: // it was published, and the bus or monitor lost it
		claim, err := s.Ledger.Reopen(*h.ending)
		if err != nil {
			return err
		}
		return s.republish(ctx, claim)`, `	case h.ending != nil:
		return nil`},
		}},
		{"M05", "no account lease", []string{"I8"}, false, []Edit{
			{"pkg/ledger/run.go", `	if held.RunID != runID && held.ExpiresAt > env.Now(ctx, l.clock).UnixMilli() {`, `	if held.RunID == "nobody" {`},
			{"pkg/ledger/run.go", `	return doc.Value.RunID == runID && doc.Value.ExpiresAt > env.Now(ctx, l.clock).UnixMilli(), nil`, `	return doc.Version >= 0, nil`},
		}},
		{"M06", "the deadline is not checked before an order is sent", []string{"I6"}, false, []Edit{
			{"services/execution/gate.go", `	case !now.Add(max(g.skew, 0)).Before(t.notAfter):`, `	case now.IsZero():`},
			{"services/execution/work.go", `	if !t.Clock.Now().Before(t.notAfter.Add(-closeBefore)) {`, `	if t.notAfter.IsZero() {`},
			{"services/execution/execution.go", `	if !x.Clock.Now().Before(in.NotAfter.Time()) {`, `	if in.NotAfter.IsZero() {`},
		}},
		{"M07", "after an unknown POST the next one has a new client id", []string{"I1"}, false, []Edit{
			{"services/execution/learn.go", `		takenBack(record.NotPlaced)
	default:
		unknown()`, `		takenBack(record.NotPlaced)
	default:
		a.State = record.Canceled`},
		}},
		{"M08", "a lookup that finds nothing counts as never accepted", []string{"I1"}, false, []Edit{
			{"services/execution/learn.go", `				a.Lookups++`, `				a.State = record.Canceled`},
		}},
		{"M09", "the quantity of an exit is rounded half to even at six digits", []string{"I2", "I16", "I17"}, false, []Edit{
			{"services/portfolio/plan.go", `m.line(symbol, h, money.Zero(), events.Sell, events.Exit, qty, "not in the target")`, `m.line(symbol, h, money.Zero(), events.Sell, events.Exit, qty.Round(6), "not in the target")`},
		}},
		{"M10", "what remains is computed from the last order alone", []string{"I1"}, false, []Edit{
			{"services/execution/records.go", `	return money.Max(money.Zero(), l.Qty.Sub(l.FilledQty()))`, `	if a := l.last(); a != nil {
		return money.Max(money.Zero(), l.Qty.Sub(a.Filled))
	}
	return l.Qty`},
		}},
		{"M11", "the age of the bars is not checked", []string{"I17"}, false, []Edit{
			{"services/signal/bars.go", `	if newest < asOf {`, `	if newest == "" {`},
			{"services/signal/bars.go", `		if !ok || last.Date < oldest {`, `		if !ok || oldest == "" {`},
		}},
		{"M12", "buys are sized from the plan, not from the cash after the sells", []string{"I5"}, false, []Edit{
			{"services/execution/budget.go", `		scale := b.Scale`, `		scale := money.One()`},
			{"services/execution/budget.go", `	case b.Scale.IsZero() && l.Kind != events.Exit:`, `	case b.Scale.Sign() < 0:`},
		}},
		{"M13", "a lease in milliseconds is compared with seconds", []string{"I12", "I14", "I1"}, false, []Edit{
			{"pkg/ledger/inbox.go", `	case in.LeaseUntil > env.Now(ctx, l.clock).UnixMilli():`, `	case in.LeaseUntil > env.Now(ctx, l.clock).Unix():`},
		}},
		{"M14", "a cancel that is refused is taken for a fill", []string{"I10", "I17"}, false, []Edit{
			{"services/execution/learn.go", `	var later *broker.TryLater
	var unknown *broker.Unknown
	switch {
	case errors.As(err, &unknown):
		a.CancelAgainAt`, `	var later *broker.TryLater
	var unknown *broker.Unknown
	var refused *broker.Rejected
	switch {
	case errors.As(err, &refused):
		a.State, a.Filled = record.Filled, a.Qty
	case errors.As(err, &unknown):
		a.CancelAgainAt`},
		}},
		{"M15", "the next order is sent before the cancel of the last one is confirmed", []string{"I1"}, false, []Edit{
			{"services/execution/learn.go", `			learnCancel(a, reply.Err, o.Now)`, `			learnCancel(a, reply.Err, o.Now)
			a.State = record.Canceled`},
		}},
		{"M16", "the report has the plan's quantities", []string{"I10"}, false, []Edit{
			{"services/execution/outcome.go", `FilledQty: amount.Quantity(l.FilledQty())`, `FilledQty: amount.Quantity(l.Intended)`},
		}},
		{"M17", "a mail is sent without looking whether it was", []string{"I9"}, false, []Edit{
			{"services/notifier/once.go", `	if r.State == Sent {`, `	if r.State == "" && r.Attempts > 0 {`},
		}},
		{"M18", "a missing price is replaced by the last close", []string{"I22"}, false, []Edit{
			{"services/portfolio/snapshot.go", `	return priced{}, false
}`, `	if m.PreviousClose != nil {
		return priced{*m.PreviousClose, "trade", now}, true
	}
	return priced{}, false
}`},
		}},
		{"M19", "a plan is computed again when its event arrives again", []string{"I18"}, false, []Edit{
			{"pkg/ledger/inbox.go", `	case in.State == Done:
		return &Claim{doc}, nil`, `	case in.State == Done && d.Consumer != "portfolio":
		return &Claim{doc}, nil`},
		}},
		{"M20", "random client order ids", []string{"I1"}, false, []Edit{
			{"services/execution/orderid.go", `import (
	"crypto/sha256"`, `import (
	"crypto/rand"
	"crypto/sha256"`},
			{"services/execution/orderid.go", `fmt.Appendf(nil, "%s|%s|%s|%d", planID, symbol, side, n)`, `fmt.Appendf(nil, "%s|%s|%s|%d|%s", planID, symbol, side, n, rand.Text())`},
		}},
		{"M21", "a commit does not ask whether the claim is still its own", []string{"I3"}, false, []Edit{
			{"pkg/ledger/inbox.go", `	if err := Save(ctx, l, &next); err != nil {
		return err
	}
	c.doc = next
	return nil
}

// makeRoom`, `	if err := Save(ctx, l, &next); err != nil {
		now, lost := Load[Inbox](ctx, l, next.Key)
		if lost != nil {
			return err
		}
		next.Version = now.Version
		if err := Save(ctx, l, &next); err != nil {
			return err
		}
	}
	c.doc = next
	return nil
}

// makeRoom`},
		}},
		{"M22", "everything is cancelled at the start", []string{"I11"}, false, []Edit{
			{"services/execution/preflight.go", `if !strings.HasPrefix(o.ClientID, ownPrefix) || mine[o.ClientID]`, `if strings.HasPrefix(o.ClientID, "none") || mine[o.ClientID]`},
		}},
		{"M23", "the halt switch is read once an invocation", []string{"I7"}, false, []Edit{
			{"services/execution/gate.go", `	if g.controlAt.IsZero() || began.Sub(g.controlAt) > controlAge {`, `	if g.controlAt.IsZero() || began.Sub(g.controlAt) > 1000*controlAge {`},
		}},
		{"M24", "buys are started before the sells, on what the sells are to bring", []string{"I5"}, false, []Edit{
			{"services/execution/work.go", `			if err = t.pursueAll(ctx, t.indexes(events.Sell)); err == nil && e.Stop == "" {`, `			if e.Stop == "" {`},
			{"services/execution/buys.go", `		f.Expected = f.Expected.Add(t.legs[i].Value.proceeds())`, `		f.Expected = f.Expected.Add(t.legs[i].Value.Intended.Mul(t.legs[i].Value.Price))`},
			{"services/execution/budget.go", `Cash: money.Min(f.Cash, f.Expected).Floor(scalePlaces)`, `Cash: f.Expected.Floor(scalePlaces)`},
		}},
		{"M25", "portfolio counts the deadline anew from its own time", []string{"I6"}, false, []Edit{
			{"services/portfolio/portfolio.go", `	return []events.Event{{Payload: planned}}, nil`, `	return []events.Event{{Payload: planned, NotAfter: p.Clock.Now().Add(15 * time.Minute)}}, nil`},
		}},
		{"M26", "a failure that may pass is swallowed", []string{"I14", "I12"}, false, []Edit{
			{"pkg/stage/stage.go", `	return Decision{}, cause
}`, `	return Decision{}, nil
}`},
		}},
		{"M27", "no lock on the execution of a plan, nor on the records of its legs", []string{"I1", "I10", "I12"}, true, []Edit{
			{"services/execution/work.go", `	if e.Owner != "" && now.Before(e.LeaseUntil) {`, `	if e.Owner == "nobody" {`},
			{"services/execution/work.go", `	doc.Expires = t.exec.Expires
	return ledger.Save(ctx, t.Ledger, doc)`, `	doc.Expires = t.exec.Expires
	err := ledger.Save(ctx, t.Ledger, doc)
	if errors.Is(err, ledger.ErrConflict) {
		now, lost := ledger.Load[Leg](ctx, t.Ledger, doc.Key)
		if lost != nil {
			return lost
		}
		doc.Version = now.Version
		return ledger.Save(ctx, t.Ledger, doc)
	}
	return err`},
		}},
		{"M28", "monitor closes a run that is closed", []string{"I9"}, false, []Edit{
			{"pkg/ledger/run.go", `	if m.State == RunClosed {`, `	if m.State == "" {`},
		}},
		{"M29", "early closes are ignored", []string{"I6"}, false, []Edit{
			{"services/start/gate.go", `		if end := session.Close.Add(-p.CloseBuffer); end.Before(open.NotAfter) {`, `		if end := session.Open.Add(390*time.Minute - p.CloseBuffer); end.Before(open.NotAfter) {`},
			{"services/start/gate.go", `f.Slot.After(session.Close.Add(-lastSlot))`, `f.Slot.After(session.Open.Add(390*time.Minute - lastSlot))`},
		}},
		{"M30", "exits have to be worth as much as other trades", []string{"I16", "I17"}, false, []Edit{
			{"services/portfolio/plan.go", `	case weight.Sign() == 0:
		m.exit(symbol, h)
		return nil`, `	case weight.Sign() == 0 && h.value().Less(m.threshold(h.value(), money.Zero())):
		m.hold(symbol, h, weight, "below_threshold")
		return nil
	case weight.Sign() == 0:
		m.exit(symbol, h)
		return nil`},
		}},
		{"M31", "execution gives up an event whose orders may be working, after two attempts", []string{"I12", "I15"}, false, []Edit{
			{"pkg/stage/stage.go", `func (s *Stage) givesUp(t events.Type) bool { return s.reportsFailures() && !s.seesThrough(t) }`, `func (s *Stage) givesUp(events.Type) bool { return s.reportsFailures() }`},
			{"pkg/ledger/inbox.go", `const MaxAttempts = 6`, `const MaxAttempts = 2`},
		}},
		{"M32", "a close-out reports a plan whose report is under way", []string{"I3", "I12"}, true, []Edit{
			{"services/execution/work.go", `		case f.State == ledger.Claimed && f.LeaseUntil > x.Clock.Now().UnixMilli():`, `		case f.State == "nothing":`},
		}},
		{"M33", "the buys share money that the exits of short positions spend", []string{"I5"}, true, []Edit{
			{"services/execution/budget.go", `part{b.Cash.Sub(f.Reserve).Sub(exitsAtMid), atMid}, part{b.Cash.Sub(exitsAtCap), atCap})`, `part{b.Cash.Sub(f.Reserve), atMid.Add(exitsAtMid)}, part{b.Cash, atCap.Add(exitsAtCap)})`},
			{"services/execution/budget.go", `part{f.BuyingPower.Sub(exitsAtCap), atCap}`, `part{f.BuyingPower, atCap.Add(exitsAtCap)}`},
		}},
		{"M34", "a session's early end does not move the deadlines of the run's record", []string{"I6", "I12"}, false, []Edit{
			{"services/start/start.go", `	if recorded.NotAfter != opening.NotAfter.UnixMilli() {`, `	if recorded.NotAfter == 0 {`},
		}},
		{"M35", "the price of a leg's first fills stands for all of them", []string{"I10"}, false, []Edit{
			{"services/execution/learn.go", `	if order.AvgPrice != nil || !order.Filled.Equal(a.Filled) {`, `	if order.AvgPrice != nil {`},
		}},
		{"M36", "the exit of a short position is made with borrowed money", []string{"I5"}, true, []Edit{
			{"services/execution/budget.go", `	exits := factor(part{b.Cash, exitsAtCap})`, `	exits := money.One()`},
		}},
		{"M37", "an order that does not show for eight seconds never arrived: the next one has a new client id", []string{"I1"}, false, []Edit{
			{"services/execution/advance.go", `	case looked && mayPost && !o.Wait:
		return post(l, a, o.Now)`, `	case looked && mayPost && !o.Wait:
		a.State = record.Canceled
		return nil`},
		}},
		{"M38", "an order that the broker denies never arrived, however little time it had", []string{"I10", "I15"}, true, []Edit{
			{"services/execution/unresolved.go", `!t.exec.Value.ClosedOut || a.PostedAt.IsZero() ||
		now.Before(t.notAfter) || now.Sub(a.PostedAt) < gone {`, `a.PostedAt.IsZero() || now.IsZero() {`},
			{"services/execution/unresolved.go", `	if clock.Now.Sub(a.PostedAt) < gone {`, `	if clock.Now.IsZero() {`},
		}},
	}
}
