package costs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Markdown is the text of docs/operations.md about two environments.
func Markdown(u Usage, dev, prod Bill) string {
	var b strings.Builder
	alarms := prod.Lines[0]
	fmt.Fprintf(&b, "A month of prod costs about **$%.2f** at list prices, of dev **$%.2f**; with the free quantities of an account that has nothing else in it, $%.2f and $%.2f.\n",
		prod.Total(), dev.Total(), prod.TotalAfterFree(), dev.TotalAfterFree())
	fmt.Fprintf(&b, "Being watched is what costs: %d alarms evaluate %s metrics, $%.2f of the $%.2f. The runs themselves cost cents.\n\n",
		prod.Alarms, quantity(alarms.Quantity), alarms.USD(), prod.Total())
	b.WriteString("| Item | List price | dev uses | USD | prod uses | USD | prod, free quantity taken off |\n|---|---|---|---|---|---|---|\n")
	for i, p := range prod.Lines {
		d := dev.Lines[i]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s %s | %s | %s |\n",
			p.Item, rate(p), quantity(d.Quantity), cents(d.USD()), quantity(p.Quantity), p.Unit, cents(p.USD()), cents(p.AfterFree()))
	}
	fmt.Fprintf(&b, "| **Sum** | | | **%.2f** | | **%.2f** | **%.2f** |\n\n", dev.Total(), prod.Total(), prod.TotalAfterFree())
	fmt.Fprintf(&b, "Counted: %d scheduled runs in prod, %d by hand in dev; a sweep every %d minutes in both; %d further invocation of execution per run; "+
		"%d write and %d read units per run, %d read units per sweep; %.1f GB in the table; %.0f KB of log per run, %.0f KB per sweep, %.0f KB per event.\n",
		prod.Runs, dev.Runs, 60/u.SweepsPerHour, u.Continuations, u.WritesPerRun, u.ReadsPerRun, u.ReadsPerSweep, u.TableGB, u.RunLogKB, u.SweepLogKB, u.EventKB)
	return b.String()
}

// rate writes a price for a readable number of units.
func rate(l Line) string {
	switch {
	case l.Price == 0:
		return "free"
	case l.Price >= 0.01:
		return "$" + dollars(l.Price)
	}
	return "$" + dollars(l.Price*million) + " per million"
}

// dollars writes at least the cents, and as much more as the price has.
func dollars(usd float64) string {
	s := strconv.FormatFloat(math.Round(usd*10_000)/10_000, 'f', -1, 64)
	whole, fraction, _ := strings.Cut(s, ".")
	for len(fraction) < 2 {
		fraction += "0"
	}
	return whole + "." + fraction
}

func quantity(q float64) string {
	switch {
	case q >= 100 || q == float64(int(q)):
		return strconv.FormatFloat(q, 'f', 0, 64)
	case q >= 0.01:
		return strconv.FormatFloat(q, 'f', 2, 64)
	}
	return strconv.FormatFloat(q, 'f', 4, 64)
}

func cents(usd float64) string {
	switch {
	case usd == 0:
		return "0"
	case usd < 0.005:
		return "< 0.01"
	}
	return strconv.FormatFloat(usd, 'f', 2, 64)
}
