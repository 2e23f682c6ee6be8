package strategy

// MinimumSessions is how much history is fetched of every symbol, whatever the
// plan says: two years.
const MinimumSessions = 520

// CalendarDays is how many calendar days hold that many sessions, with room
// for holidays.
func CalendarDays(sessions int) int { return (sessions*365+251)/252 + 10 }

// Plan says how many bars of each symbol an evaluation can need, over all
// branches. With them, older bars change no result by more than 1e-9 relative.
// MinimumSessions is not applied.
func (p *Program) Plan() map[string]int {
	l := planner{program: p, bars: make([]int, len(p.symbols))}
	l.allocation(p.root, 0)
	plan := make(map[string]int, len(p.symbols))
	for i, s := range p.symbols {
		plan[s] = l.bars[i]
	}
	return plan
}

// planner adds up how far back the parts of a program look. What stands
// inside a composite that is ranked is evaluated in the past as well: its
// history is shifted by so many sessions.
type planner struct {
	program *Program
	bars    []int // by symbol
}

func (l *planner) ask(sym int32, bars int) { l.bars[sym] = max(l.bars[sym], bars) }

func (l *planner) allocation(n *node, shift int) {
	switch n.op {
	case opAsset:
		l.ask(n.sym, shift+1)
	case opIf:
		l.condition(n.kids[0], shift)
		l.allocation(n.kids[1], shift)
		l.allocation(n.kids[2], shift)
	case opFilter, opInverse:
		for _, k := range n.kids {
			l.scored(k, n.measure, shift)
		}
	default:
		for _, k := range n.kids {
			l.allocation(k, shift)
		}
	}
}

// scored plans the items of a filter or inverse volatility.
func (l *planner) scored(n *node, m measure, shift int) {
	switch n.op {
	case opAsset:
		l.ask(n.sym, shift+max(1, m.warm()))
	case opIf:
		l.condition(n.kids[0], shift)
		l.scored(n.kids[1], m, shift)
		l.scored(n.kids[2], m, shift)
	case opSeq:
		for _, k := range n.kids {
			l.scored(k, m, shift)
		}
	default:
		l.allocation(n, shift+m.lookBack())
	}
}

func (l *planner) condition(n *node, shift int) {
	if n.op == opIndicator {
		l.ask(n.sym, shift+n.measure.warm())
	}
	for _, k := range n.kids {
		l.condition(k, shift)
	}
}
