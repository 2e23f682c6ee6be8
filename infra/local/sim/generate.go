package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/strategy"
)

const (
	barGrace      = 20 * time.Minute // after the close, until a bar counts as finished
	account       = "sim-main"
	accountNumber = "PA7SECRET31"
	apiKey        = "PKSECRETKEY5"
	apiSecret     = "sEcReTsEcReT9"
	history       = 30 // sessions before the first day
)

// design is a world before anything happened in it.
type design struct {
	clean   bool // no fault will strike: the run has to succeed
	days    []day
	slots   []slot
	lag     int64          // ns; of the scheduler, which keeps to the minute
	times   []string       // of the schedules, name=hh:mm
	last    market.Session // of the last day, or before it
	bundle  *strategy.Portfolio
	symbols []string // with bars
	bars    market.Bars
	traits  map[string]paperbroker.Traits

	cash      money.Decimal
	positions []paperbroker.Holding
	foreign   string // symbol of an order that somebody else has working; empty: none
	ignored   string // symbol that is neither counted nor traded; empty: none

	profile  paperbroker.Profile
	switches paperbroker.Switches
	settings map[string]string
	limit    int // runs per session; 0: any number
}

type day struct {
	date    events.Date
	session *market.Session // nil: closed
}

// slot is one time at which a schedule asks for a run.
type slot struct {
	schedule string
	at       time.Time
	dryRun   bool
}

// draw makes the world of a seed.
func draw(seed uint64, clean bool, days int) *design {
	r := stream(seed, "world")
	d := &design{clean: clean, traits: make(map[string]paperbroker.Traits)}
	d.drawDays(r, days)
	d.drawMarket(r)
	d.drawAccount(r)
	d.drawBroker(r)
	d.drawSettings(r)
	return d
}

func (d *design) drawDays(r *rand.Rand, days int) {
	y := tenYears()
	if days == 0 {
		days = pick(r, 1, 1, 1, 2, 3)
	}
	first := y.weekdays[r.IntN(len(y.weekdays)-days)]
	if chance(r, 0.5) {
		first = y.odd[r.IntN(len(y.odd))]
	}
	schedules := []string{"daily"}
	if chance(r, 0.25) {
		schedules = append(schedules, "second")
	}
	for date := first; len(d.days) < days; date = date.AddDays(1) {
		weekday := date.In(time.UTC).Weekday()
		if weekday == time.Saturday || weekday == time.Sunday {
			continue
		}
		entry := day{date: date}
		if i, open := y.index[date]; open {
			entry.session = &y.sessions[i]
			d.last = y.sessions[i]
		}
		d.days = append(d.days, entry)
	}
	// A schedule has one time of day, whatever the day is.
	minute := 5
	if chance(r, 0.3) {
		minute = 1 + r.IntN(370)
	}
	switch s := d.days[0].session; {
	case s != nil && s.EarlyClose && chance(r, 0.4): // near the early close
		minute = 210 - 1 - r.IntN(18)
	case chance(r, 0.08): // near the close: the run has fewer minutes than others
		minute = 390 - 6 - r.IntN(12)
	}
	gap := max(0, r.IntN(75)-15) // two schedules may well have the same time
	if chance(r, 0.3) {
		gap = 0
	}
	if chance(r, 0.5) {
		d.lag = between(r, 0, time.Minute)
	}
	dry := chance(r, 0.05)
	for i, name := range schedules {
		at := time.Duration(9*60+30+minute+i*gap) * time.Minute
		d.times = append(d.times, fmt.Sprintf("%s=%02d:%02d", name, int(at.Hours()), int(at.Minutes())%60))
	}
	for _, entry := range d.days {
		midnight := entry.date.In(market.NewYork())
		for i, name := range schedules {
			at := time.Date(midnight.Year(), midnight.Month(), midnight.Day(), 9, 30+minute+i*gap, 0, 0, market.NewYork())
			d.slots = append(d.slots, slot{schedule: name, at: at.UTC(), dryRun: dry && i == 0})
		}
	}
}

func (d *design) drawMarket(r *rand.Rand) {
	d.bundle = bundle(r.IntN(bundles))
	for s := range d.bundle.Plan() {
		d.symbols = append(d.symbols, s)
	}
	slices.Sort(d.symbols)
	for range r.IntN(3) { // what the account may hold beside
		if s := pool()[r.IntN(len(pool()))]; !slices.Contains(d.symbols, s) {
			d.symbols = append(d.symbols, s)
		}
	}
	if !slices.Contains(d.symbols, "ZZZ") && !d.clean && chance(r, 0.1) {
		d.symbols, d.ignored = append(d.symbols, "ZZZ"), "ZZZ"
	}
	slices.Sort(d.symbols)
	y := tenYears()
	sessions := slices.Clone(y.before(d.days[0].date, history))
	for _, entry := range d.days {
		if entry.session != nil {
			sessions = append(sessions, *entry.session)
		}
	}
	d.bars = make(market.Bars, len(d.symbols))
	for _, symbol := range d.symbols {
		cheapest := 2.0 // where a tick is a wide spread
		if d.clean {
			cheapest = 25
		}
		d.bars[symbol] = walk(r, sessions, cheapest)
		if chance(r, 0.2) {
			d.traits[symbol] = paperbroker.Traits{NotFractionable: true}
		}
	}
}

// walk is a path of daily bars: liquid or thin, up to 900 dollars.
func walk(r *rand.Rand, sessions []market.Session, cheapest float64) market.Series {
	price := cheapest * math.Pow(900/cheapest, r.Float64())
	sigma := 0.004 + 0.02*r.Float64()
	volume := math.Exp(9 + 9*r.Float64())
	out := make(market.Series, 0, len(sessions))
	for _, s := range sessions {
		open := price * math.Exp(0.3*sigma*r.NormFloat64())
		price = math.Max(1.2, open*math.Exp(sigma*r.NormFloat64()))
		high := math.Max(open, price) * (1 + 0.3*sigma*r.Float64())
		low := math.Min(open, price) * (1 - 0.3*sigma*r.Float64())
		out = append(out, market.Bar{
			Date: s.Date, Open: cents(open), High: cents(high), Low: cents(low), Close: cents(price), Volume: int64(volume * (0.5 + r.Float64())),
		})
	}
	return out
}

func cents(p float64) float64 { return math.Max(1, math.Round(p*100)) / 100 }

// decimal is a number with at most so many fractional digits.
func decimal(f float64, places int32) money.Decimal {
	d, err := money.FromShortest(f)
	if err != nil {
		panic(err)
	}
	return d.Truncate(places)
}

func (d *design) drawAccount(r *rand.Rand) {
	worth := 3000 * math.Pow(60, r.Float64()) // 3,000 to 180,000 USD
	invested := r.Float64()
	if chance(r, 0.3) {
		invested = 0
	}
	left := worth * invested
	for _, symbol := range d.symbols {
		if left <= 0 || !chance(r, 0.6) || symbol == d.ignored {
			continue
		}
		price := d.bars[symbol][history-1].Close
		value := math.Min(left, worth*r.Float64()*0.5)
		if chance(r, 0.15) {
			value = 3 * r.Float64() // a leftover
		}
		left -= value
		qty := decimal(value/price, pick(r, int32(9), 9, 6, 3, 0))
		if d.traits[symbol].NotFractionable && !chance(r, 0.1) {
			qty = qty.Truncate(0)
		}
		if qty.Sign() > 0 {
			d.positions = append(d.positions, paperbroker.Holding{Symbol: symbol, Qty: qty})
		}
	}
	d.cash = decimal(math.Max(0, worth*(1-invested)), 2)
	if d.ignored != "" {
		d.positions = append(d.positions, paperbroker.Holding{Symbol: d.ignored, Qty: decimal(10*r.Float64()+0.1, 3)})
	}
	if d.clean {
		return
	}
	switch r.IntN(30) {
	case 0: // a margin loan
		d.cash = decimal(-worth*0.3*r.Float64(), 2)
	case 1: // somebody sold short
		free := d.symbols[r.IntN(len(d.symbols))]
		if !slices.ContainsFunc(d.positions, func(h paperbroker.Holding) bool { return h.Symbol == free }) {
			most := worth * 0.2 / d.bars[free][history-1].Close
			d.positions = append(d.positions, paperbroker.Holding{Symbol: free, Qty: money.FromInt(-int64(1 + most*r.Float64()))})
		}
	case 2:
		d.foreign = d.symbols[r.IntN(len(d.symbols))]
	case 3:
		d.traits[d.symbols[r.IntN(len(d.symbols))]] = paperbroker.Traits{Untradable: true}
	}
}

func (d *design) drawBroker(r *rand.Rand) {
	d.profile = pick(r, paperbroker.Instant, paperbroker.Instant, paperbroker.Paper, paperbroker.Paper, paperbroker.Midpoint)
	if !d.clean && chance(r, 0.2) {
		d.profile = pick(r, paperbroker.Realistic, paperbroker.Adversarial)
	}
	d.switches = paperbroker.DefaultSwitches(d.profile)
	d.switches.RateLimit = 0 // counted by the HTTP server; here X18 refuses
	d.switches.DuplicateStatus = pick(r, 409, 422)
	d.switches.ShuffleChecks = true
	d.switches.DustSell = chance(r, 0.3)
	d.switches.RefuseExcessDigits = chance(r, 0.5)
}

func (d *design) drawSettings(r *rand.Rand) {
	d.limit = pick(r, 1, 1, 1, 2, 0)
	if d.limit == 1 && len(d.times) > 1 { // two schedules are there to be run
		d.limit = pick(r, 1, 2, 0)
	}
	d.settings = map[string]string{
		"MAX_ORDER_USD": "1000000000", "SHORT_POLICY": pick(r, "refuse", "cover", "cover", "cover"), "SELL_DUST": pick(r, "true", "true", "false"),
		"MARKET_FALLBACK": pick(r, "off", "off", "off", "exits", "all"), "NEUTRAL_MODE": pick(r, "false", "false", "true"),
		"RUNS_PER_SESSION": strconv.Itoa(d.limit), "DATA_FEED": "iex", "SMTP_HOST": "mail.example.com", "MAIL_FROM": "alchemiser@example.com",
		"MAIL_TO": "owner@example.com", "ALLOWED_RECIPIENTS": "owner@example.com", "ACCOUNT_NUMBER": accountNumber,
	}
	if d.ignored != "" {
		d.settings["IGNORE_SYMBOLS"] = d.ignored
	}
	d.settings["SCHEDULES"] = strings.Join(d.times, ",")
}
