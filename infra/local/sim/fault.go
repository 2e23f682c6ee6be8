package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/topology"
)

// Fault is a kind of fault: its number in the catalogue.
type Fault int

// faultCount is the number of the last kind.
const faultCount = 37

func (f Fault) String() string { return fmt.Sprintf("X%02d", int(f)) }

// Describe says what the fault does.
func (f Fault) Describe() string { return catalogue()[f] }

// catalogue is every kind of fault. What counts as an opportunity stands in
// parentheses: a fault strikes at its rate each time it has one.
func catalogue() [faultCount + 1]string {
	return [faultCount + 1]string{
		1:  "an event is delivered twice at once (per delivery)",
		2:  "an event is delivered again, a second to a day later (per delivery)",
		3:  "an event overtakes others, or arrives while its parent still runs (per delivery)",
		4:  "PutEvents fails without effect (per call)",
		5:  "PutEvents takes all entries but one (per call with several)",
		6:  "PutEvents succeeds and the answer is lost (per call)",
		7:  "the process dies before, in or after an effect (per invocation)",
		8:  "the function runs into its timeout with a call in flight (per invocation)",
		9:  "the function or its delivery is throttled, for minutes or hours (per delivery)",
		10: "a POST fails before the broker sees it (per POST)",
		11: "a POST has no answer in time: it is accepted at once or, one in three, only after it was given up (per POST)",
		12: "a POST is accepted and answered with EOF or 5xx (per POST)",
		13: "a POST is accepted and answered with something unreadable (per POST)",
		14: "a new order is not found for 0 to 3 s, not listed for 0 to 5 s (per POST)",
		15: "a read is answered by a replica that is behind (per read)",
		16: "an order is filled between the request for its cancel and its effect (per cancel)",
		17: "a cancel is answered wrongly, not at all, or stays pending (per cancel)",
		18: "429, with or without Retry-After (per call)",
		19: "500, 502, 503 or 504 (per call)",
		20: "an order has no average price for 0 to 10 s (per amount that is filled)",
		21: "an order fills in parts, or slowly (per order)",
		22: "the broker's clock or calendar cannot be read or is hours off (per read)",
		23: "a quote is old, one-sided, crossed, zero, missing, or half off (per read)",
		24: "an order is refused, at once or after it was accepted, or the asset is not what it was (per POST)",
		25: "a symbol is halted and resumed, or the market closes early (per slot)",
		26: "somebody trades, pays or cancels by hand (per slot)",
		27: "a ledger write is refused by a race, or applied without answer, or throttled; the index lags (per call)",
		28: "the machine's clock is up to two minutes off (per invocation)",
		29: "the day has an odd calendar: early close, holiday, weekend, change of the clocks (per world)",
		30: "bars lack a session or a symbol, hold one twice, a split, an unfinished bar or no price (per fetch)",
		31: "a second schedule, a repeated call, a manual start, a late start (per slot)",
		32: "the halt switch is turned (per slot)",
		33: "another build takes over; events of the next minor version arrive (per invocation and event)",
		34: "messages of queues, and handled events, are sent again hours or days later (per message and event)",
		35: "the mail server defers, refuses, or falls silent before or after it took the mail (per mail)",
		36: "the sweep does not run for half an hour, or runs twice at once (per sweep)",
		37: "an event arrives damaged: cut, of unknown type, foreign source, other major, or same id and other bytes (per event)",
	}
}

// Strike names one fault of a world: the kind, and at which of its
// opportunities, from 1.
type Strike struct {
	Fault Fault
	At    int
}

func (s Strike) String() string { return s.Fault.String() + "@" + strconv.Itoa(s.At) }

// ParseStrikes reads X11@42,X16@57.
func ParseStrikes(text string) ([]Strike, error) {
	out := []Strike{}
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		kind, at, ok := strings.Cut(part, "@")
		faults, err := ParseFaults(kind)
		n, errAt := strconv.Atoi(at)
		if !ok || err != nil || errAt != nil || n < 1 {
			return nil, fmt.Errorf("sim: %q is not a fault and its opportunity, such as X11@42", part)
		}
		out = append(out, Strike{faults[0], n})
	}
	return out, nil
}

// ParseFaults reads X01,X07.
func ParseFaults(text string) ([]Fault, error) {
	var out []Fault
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		digits, ok := strings.CutPrefix(strings.ToUpper(part), "X")
		n, err := strconv.Atoi(digits)
		if !ok || err != nil || n < 1 || n > faultCount {
			return nil, fmt.Errorf("sim: there is no fault %q; there are X01 to X%d", part, faultCount)
		}
		out = append(out, Fault(n))
	}
	return out, nil
}

// faults decides which fault strikes when. Every kind has a stream of its own,
// and what a strike does is drawn from its number: to take one strike away
// changes nothing about the others but what follows from it.
type faults struct {
	seed     uint64
	rate     float64
	on       bool
	given    bool // only the listed strikes, none is drawn
	list     map[Strike]bool
	disabled [faultCount + 1]bool
	kinds    [faultCount + 1]kind
	struck   []Strike
	spans    []span // of what struck
	last     int64  // when the last one ends to matter
}

type kind struct {
	stream *rand.Rand
	seen   int
	fired  int
	stages [stageCount + 1]hits
}

func newFaults(seed uint64, rate float64, o Options) *faults {
	f := &faults{seed: seed, rate: rate, on: true}
	if o.Strikes != nil {
		f.given, f.list = true, make(map[Strike]bool)
		for _, s := range o.Strikes {
			f.list[s] = true
		}
	}
	for x := Fault(1); x <= faultCount; x++ {
		f.disabled[x] = len(o.Only) > 0 && !slices.Contains(o.Only, x) || slices.Contains(o.Without, x)
	}
	return f
}

// strikes reports whether the fault strikes at this opportunity. Unless stages
// are named, it strikes the one whose process runs, if one does.
func (w *world) strikes(x Fault, at ...topology.Name) bool { return w.strikesAt(x, 1, at...) }

// strikesAt is strikes at a multiple of the rate.
func (w *world) strikesAt(x Fault, times float64, at ...topology.Name) bool {
	if len(at) == 0 {
		at = []topology.Name{w.runs()}
	}
	if !w.draws(x, times, at...) {
		return false
	}
	w.took(x, at...)
	return true
}

// draws is strikesAt for a fault whose effect comes later, if at all: took
// counts it then.
func (w *world) draws(x Fault, times float64, at ...topology.Name) bool {
	f := w.faults
	if !f.on || f.disabled[x] {
		return false
	}
	k := &f.kinds[x]
	k.seen++
	for _, name := range at {
		k.stages[stageIndex(name)].seen++
	}
	if f.given {
		if !f.list[Strike{x, k.seen}] {
			return false
		}
	} else {
		if f.rate == 0 {
			return false
		}
		if k.stream == nil {
			k.stream = rand.New(source(f.seed, "fault "+x.String(), 0))
		}
		if k.stream.Float64() >= f.rate*times {
			return false
		}
	}
	k.fired++
	w.until(w.loop.now)
	f.struck = append(f.struck, Strike{x, k.seen})
	w.trace.add(w.loop.now, "fault", x.String(), strconv.Itoa(k.seen), "")
	return true
}

// how draws what the last strike of a kind does.
func (w *world) how(x Fault) *rand.Rand {
	return rand.New(source(w.faults.seed, "how "+x.String(), uint64(w.faults.kinds[x].seen)))
}

// until says that what struck goes on until an instant.
func (w *world) until(at int64) int64 {
	f := w.faults
	f.last = max(f.last, at)
	f.spans = append(f.spans, span{w.loop.now, at})
	return at
}
