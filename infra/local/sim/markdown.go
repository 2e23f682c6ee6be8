package sim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Figures is the report as a table for a document, with the bars that it keeps
// and those that it misses.
func (r Report) Figures() string {
	var b strings.Builder
	row := func(cells ...string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	bar := func(kept bool, text string) string {
		if kept {
			return text
		}
		return text + ": **missed**"
	}
	row("Figure", "Measured", "Bar")
	b.WriteString("|---|---|---|\n")
	row("worlds", grouped(r.Seeds)+" (seeds "+r.seeds()+")", bar(r.Seeds >= 1_000_000, "1,000,000 a night"))
	row("worlds with a violation", "**"+grouped(r.Broken[anyInvariant])+"**", bar(r.Broken[anyInvariant] == 0, "0"))
	row("runs, invocations, effects", grouped(r.Runs)+", "+grouped(r.Invocations)+", "+grouped(r.Effects), "")
	row("faults", grouped(r.Faults), bar(r.Faults >= 5_000_000, "5,000,000"))
	row("speed", fmt.Sprintf("%.0f worlds a second and core", r.speed()), bar(r.speed() >= 2000, "2,000"))
	applies, least := 0, ""
	fewest := -1
	for x := Fault(1); x <= faultCount; x++ {
		for _, name := range slices.Sorted(maps.Keys(r.Coverage[x.String()].Stages)) {
			n := r.Coverage[x.String()].Stages[name]
			if applies++; fewest < 0 || n < fewest {
				fewest, least = n, x.String()+" at "+name
			}
		}
	}
	row("pairs of a fault and a function", fmt.Sprintf("%d; the rarest, %s, struck %s times", applies, least, grouped(fewest)), bar(len(r.uncovered()) == 0, strconv.Itoa(leastStrike)+" times each"))
	for _, rate := range slices.SortedFunc(maps.Keys(r.Outcomes), byNumber) {
		outcomes, total := r.Outcomes[rate], 0
		for _, n := range outcomes {
			total += n
		}
		parts := make([]string, 0, len(outcomes))
		for _, o := range slices.Sorted(maps.Keys(outcomes)) {
			parts = append(parts, fmt.Sprintf("%s %.1f %%", o, percent(outcomes[o], total)))
		}
		limit := ""
		if rate == "5 %" {
			limit = bar(percent(outcomes["UNKNOWN"], total) <= 1, "UNKNOWN 1 %")
		}
		row("outcomes at "+rate+" faults", strings.Join(parts, ", "), limit)
	}
	for _, path := range paths() {
		h := r.Recovery[path]
		if len(h) == 0 {
			continue
		}
		limit, text := path.bar()
		p99 := h.Quantile(0.99)
		row("from the end of a run's last fault to its own, "+string(path), fmt.Sprintf("%s runs: p50 %s, p99 %s, at most %s", grouped(h.Count()), short(h.Quantile(0.5)), short(p99), short(h.Quantile(1))), bar(p99 <= limit, text))
	}
	row("hash over all traces", "`"+r.Traces+"`", "")
	b.WriteString("\nHow often each fault struck each function; a blank stands where it cannot:\n\n")
	first := true
	r.coverage(func(cells ...string) {
		row(cells...)
		if first {
			b.WriteString("|---|" + strings.Repeat("---:|", len(cells)-1) + "\n")
		}
		first = false
	})
	return b.String()
}

// meaning says in a few words what it means to those who use the product that
// an invariant is broken.
func meaning(invariant string) string {
	return map[string]string{
		"I1": "traded more than planned, or twice at once", "I2": "sold what was not there", "I3": "one event, two contents",
		"I4": "what was published and what was decided differ", "I5": "spent money that was not there", "I6": "traded late, or outside of a session",
		"I7": "traded while halted", "I8": "two runs traded at a time", "I9": "the summary was sent twice, or not at all", "I10": "the report is not what was traded",
		"I11": "touched what belongs to others", "I12": "a run was reported never, twice, or late", "I13": "an event sent again changed something",
		"I14": "what was driven again stayed undecided", "I15": "an order worked on after its run", "I16": "no success although nothing failed",
		"I17": "completed, and holds the wrong positions", "I18": "a plan changed after it was made", "I19": "a secret in an event, mail or log",
		"I20": "an event without a known cause", "I21": "the ledger does not lead to the summary", "I22": "a price that the market never showed",
	}[invariant]
}

// Comparison shows the same worlds with and without protections.
func Comparison(with, without Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s worlds | | with protections | without |\n|---|---|---:|---:|\n", grouped(with.Seeds))
	line := func(name, text string, count func(Report) float64) {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, text, share(count(with)), share(count(without)))
	}
	broken := func(invariant string) func(Report) float64 {
		return func(r Report) float64 { return percent(r.Broken[invariant], r.Seeds) }
	}
	line("any", "**worlds in which a promise broke**", broken(anyInvariant))
	all := make(map[string]bool)
	for _, r := range []Report{with, without} {
		for invariant := range r.Broken {
			all[invariant] = invariant != anyInvariant
		}
	}
	for _, invariant := range slices.SortedFunc(maps.Keys(all), byNumber) {
		if all[invariant] {
			line(invariant, meaning(invariant), broken(invariant))
		}
	}
	outcome := func(kind string) func(Report) float64 {
		return func(r Report) float64 {
			total := 0
			for _, n := range r.Outcomes["5 %"] {
				total += n
			}
			return percent(r.Outcomes["5 %"][kind], total)
		}
	}
	line("", "runs at 5 % faults that say COMPLETED", outcome("COMPLETED"))
	return b.String()
}

func share(percent float64) string {
	if percent == 0 {
		return "0"
	}
	return fmt.Sprintf("%.1f %%", percent)
}

func percent(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return 100 * float64(n) / float64(of)
}

// byNumber orders I2 before I10, and 5 % before 15 %.
func byNumber(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// short is a duration to a tenth of a second, or in minutes.
func short(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f minutes", d.Minutes())
}

// grouped is a number with commas.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for k := len(s) - 3; k > 0; k -= 3 {
		s = s[:k] + "," + s[k:]
	}
	return s
}
