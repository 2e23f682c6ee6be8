package sim

import (
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/memledger"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/services/execution"
	"github.com/alchemiser/alchemiser/services/monitor"
	"github.com/alchemiser/alchemiser/services/notifier"
	"github.com/alchemiser/alchemiser/services/portfolio"
	"github.com/alchemiser/alchemiser/services/signal"
	"github.com/alchemiser/alchemiser/services/start"
)

// world is everything outside of the functions' processes, and what the judge
// remembers of them.
type world struct {
	*design
	options Options
	loop    *loop
	trace   *trace
	faults  *faults

	latency, jitter, skews *rand.Rand
	calendar               market.Calendar

	memory *memledger.Driver
	broker *paperbroker.Server
	port   *paperbroker.Port
	config configs
	lambda lambda
	log    *slog.Logger
	script script // what always goes wrong in a scenario
	point  point  // and what goes wrong this time

	sweeping   bool
	sweepSkip  int
	watchUntil int64
	forgotten  bool // the ledger has forgotten what it keeps for 45 days: what is decided anew has another time in it
	outlives   bool // events are sent again when the ledger has forgotten them
	muted      bool // what is published is remembered and goes nowhere
	busID      int
	readings   map[string]*reading  // by the events' bytes
	newer      map[string]bool      // events that a newer build writes
	late       map[int64]int64      // appointments of the schedule that are kept late
	blind      map[string]blindness // of the broker's reads, by order

	record
}

// record is what happened, for the judge. Nothing in it is known to a function.
type record struct {
	writes            []write
	open              map[string]bool // runs whose record says OPEN
	dueDocs           map[ledger.Key]bool
	published         []publication
	detail            map[string]string // first bytes of each event id
	requests          []request         // POSTs of ours
	cancels           []cancellation
	mails             []letter
	metrics           map[string]int
	shown             map[shownKey][]shown
	turns             []turn // of the halt switch
	hands             []hand // what people did to the account
	forced            map[string]bool
	keys              map[string]string    // run keys by run
	asked             map[string]time.Time // slots by run
	outcomes          []string
	recoveries        []Recovery
	absent            map[string][]string      // symbols that the provider left out, by run
	told              map[string][]market.Bars // splits that the provider did not adjust, by run
	ended             []*run
	book              []paperbroker.Order
	intended          map[string]int64 // when the intent of an order was first written
	wrong             []Violation
	effects           int
	deaths            []death // of a point that kills: those that leave a state behind that no other one does
	settledEffects    int     // when everything had come to its end by itself
	died, recommitted int     // effects: of the point's first death, and of the next commit
	sends             int     // mails that were begun
	invoked           int
	secrets           bool // log lines are scanned
}

type write struct {
	at  int64
	key ledger.Key
	due time.Time
}

type publication struct {
	at     int64
	source events.Source
	kind   events.Type
	detail string
	by     string
}

type request struct {
	run      string
	function string
	dryRun   bool
	sent     int64
	order    broker.OrderRequest
	id       string // the broker's, when it was accepted
	accepted int64
	late     bool // the network held it back until after its sender gave it up
}

type cancellation struct {
	run    string
	dryRun bool
	client string
}

type letter struct {
	at                    int64
	message, run, subject string
	to                    []string
	marked                bool // its sender wrote that it was sent
	text, html            string
}

type shownKey struct{ run, symbol string }

type shown struct {
	at       int64
	snapshot bool
	quote    *broker.Quote
	trade    *broker.Trade
}

type turn struct {
	at    int64
	state events.ControlState
}

type hand struct {
	at     int64
	what   string
	symbol string
	cash   string // USD, or shares of a position
}

type blindness struct {
	lookup, list, price int64
	filled              money.Decimal // that the price is of
}

// configs are the functions' settings, read once a world as a function reads
// them once a process.
type configs struct {
	start     start.Config
	signal    signal.Config
	portfolio portfolio.Config
	execution execution.Config
	monitor   monitor.Config
	notifier  notifier.Config
}

func newWorld(seed uint64, o Options) *world {
	return worldOf(seed, draw(seed, o.rateOf(seed) == 0 && o.Strikes == nil, o.Days), o)
}

// worldOf is the world of a design.
func worldOf(seed uint64, d *design, o Options) *world {
	rate := o.rateOf(seed)
	w := &world{options: o, trace: newTrace(o.Trace), design: d}
	begin := w.slots[0].at.Add(-20 * time.Minute).UnixNano()
	w.loop = newLoop(begin, o.threads)
	w.faults = newFaults(seed, rate, o)
	w.latency, w.jitter, w.skews = stream(seed, "latency"), stream(seed, "bus"), stream(seed, "clock")
	w.calendar = tenYears().calendar
	w.memory = memledger.New()
	w.record = record{
		open: make(map[string]bool), dueDocs: make(map[ledger.Key]bool), detail: make(map[string]string),
		metrics: make(map[string]int), shown: make(map[shownKey][]shown), forced: make(map[string]bool), secrets: seed%50 == 7,
	}
	w.blind, w.newer, w.late, w.asked = make(map[string]blindness), make(map[string]bool), make(map[int64]int64), make(map[string]time.Time)
	w.intended = make(map[string]int64)
	w.absent, w.told = make(map[string][]string), make(map[string][]market.Bars)
	w.keys, w.readings = make(map[string]string), make(map[string]*reading)
	w.log = slog.New(logs{w})
	w.outlives = seed%10 == 3
	w.readSettings()
	w.openBroker(seed)
	return w
}

func (w *world) readSettings() {
	v := env.Read(w.settings)
	guard := broker.ReadAccountGuard(v, events.Paper)
	w.config = configs{
		start: start.ReadConfig(v, guard), signal: signal.ReadConfig(v), portfolio: portfolio.ReadConfig(v, events.Paper, guard),
		execution: execution.ReadConfig(v, events.Paper, guard), monitor: monitor.ReadConfig(v), notifier: notifier.ReadConfig(v, "sim"),
	}
	if err := v.Err(); err != nil {
		panic(err)
	}
}

func (w *world) openBroker(seed uint64) {
	switches := w.switches
	switches.RateLimit = 0 // X18 refuses for the rate
	o := paperbroker.Options{
		Bars: w.bars, Calendar: w.calendar, Clock: bookClock{w.loop}, Seed: seed, Cash: w.cash, Positions: w.positions,
		AccountNumber: accountNumber, Profile: w.profile, Switches: &switches, Assets: w.traits,
	}
	if w.cash.Sign() < 0 {
		o.Cash = w.cash.Sub(w.cash)
	}
	var err error
	if w.broker, err = paperbroker.New(o); err != nil {
		panic(err)
	}
	if w.cash.Sign() < 0 {
		w.broker.Steer().AddCash(w.cash)
	}
	if w.foreign != "" {
		w.placeForeign(w.foreign)
	}
	w.port = w.broker.Port(bookClock{w.loop})
}

// now is the true time.
func (w *world) now() time.Time { return time.Unix(0, w.loop.now).UTC() }
