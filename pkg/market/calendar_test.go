package market_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
)

func ExampleCalendar_Session() {
	var calendar market.Calendar
	s, open := calendar.Session("2026-11-27")
	fmt.Println(open, s.Open.Format(time.RFC3339), s.Close.Format(time.RFC3339), s.EarlyClose)
	_, open = calendar.Session("2026-11-26")
	fmt.Println(open)
	// Output:
	// true 2026-11-27T14:30:00Z 2026-11-27T18:00:00Z true
	// false
}

// The weekdays on which the exchange was or will be closed, and its early
// closings, as the exchange announced them.
func TestHolidays(t *testing.T) {
	closed := map[int]string{
		2001: "01-01 01-15 02-19 04-13 05-28 07-04 09-03 09-11 09-12 09-13 09-14 11-22 12-25",
		2004: "01-01 01-19 02-16 04-09 05-31 06-11 07-05 09-06 11-25 12-24",
		2007: "01-01 01-02 01-15 02-19 04-06 05-28 07-04 09-03 11-22 12-25",
		2010: "01-01 01-18 02-15 04-02 05-31 07-05 09-06 11-25 12-24",
		2011: "01-17 02-21 04-22 05-30 07-04 09-05 11-24 12-26",
		2012: "01-02 01-16 02-20 04-06 05-28 07-04 09-03 10-29 10-30 11-22 12-25",
		2018: "01-01 01-15 02-19 03-30 05-28 07-04 09-03 11-22 12-05 12-25",
		2020: "01-01 01-20 02-17 04-10 05-25 07-03 09-07 11-26 12-25",
		2021: "01-01 01-18 02-15 04-02 05-31 07-05 09-06 11-25 12-24",
		2022: "01-17 02-21 04-15 05-30 06-20 07-04 09-05 11-24 12-26",
		2023: "01-02 01-16 02-20 04-07 05-29 06-19 07-04 09-04 11-23 12-25",
		2024: "01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25",
		2025: "01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25",
		2026: "01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25",
		2027: "01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24",
		2028: "01-17 02-21 04-14 05-29 06-19 07-04 09-04 11-23 12-25",
	}
	early := map[int]string{
		2002: "07-05 11-29 12-24", 2003: "07-03 11-28 12-24 12-26",
		2012: "07-03 11-23 12-24", 2013: "07-03 11-29 12-24", 2018: "07-03 11-23 12-24", 2019: "07-03 11-29 12-24",
		2020: "11-27 12-24", 2021: "11-26", 2022: "11-25", 2023: "07-03 11-24", 2024: "07-03 11-29 12-24",
		2025: "07-03 11-28 12-24", 2026: "11-27 12-24", 2027: "11-26", 2028: "07-03 11-24",
	}
	var calendar market.Calendar
	for year, want := range closed {
		var got []string
		for d := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() == year; d = d.AddDate(0, 0, 1) {
			weekend := d.Weekday() == time.Saturday || d.Weekday() == time.Sunday
			_, open := calendar.Session(events.DateOf(d, time.UTC))
			if open && weekend {
				t.Errorf("%s is a weekend day with a session", d.Format(time.DateOnly))
			}
			if !open && !weekend {
				got = append(got, d.Format("01-02"))
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%d: closed on\n%s, want\n%s", year, strings.Join(got, " "), want)
		}
	}
	for year, want := range early {
		var got []string
		for _, s := range calendar.Sessions(events.Date(fmt.Sprint(year, "-01-01")), events.Date(fmt.Sprint(year, "-12-31"))) {
			if s.EarlyClose {
				got = append(got, string(s.Date[5:]))
			}
			if length := s.Close.Sub(s.Open); s.EarlyClose != (length == 210*time.Minute) || !s.EarlyClose && length != 390*time.Minute {
				t.Errorf("%s: open for %s, early close %v", s.Date, length, s.EarlyClose)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%d: early on %s, want %s", year, strings.Join(got, " "), want)
		}
	}
}

// Real bars exist on exactly the calendar's sessions.
func TestCalendarAgainstRealBars(t *testing.T) {
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "bars", "MSFT.csv"))
	if err != nil {
		t.Skipf("no real bars beside the repository: %v", err)
	}
	defer f.Close()
	var got []events.Date
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if date, _, _ := strings.Cut(lines.Text(), ","); date != "date" {
			got = append(got, events.Date(date))
		}
	}
	var want []events.Date
	var calendar market.Calendar
	for _, s := range calendar.Sessions(got[0], got[len(got)-1]) {
		want = append(want, s.Date)
	}
	if !slices.Equal(got, want) {
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("session %d: bars say %s, the calendar says %s", i, got[i], want[i])
			}
		}
		t.Fatalf("%d sessions with bars, %d in the calendar", len(got), len(want))
	}
}

func TestNeighbours(t *testing.T) {
	var calendar market.Calendar
	if s, ok := calendar.Next("2026-11-25"); !ok || s.Date != "2026-11-27" {
		t.Errorf("after Wednesday before Thanksgiving: %v %v", s, ok)
	}
	if s, ok := calendar.Previous("2001-09-17"); !ok || s.Date != "2001-09-10" {
		t.Errorf("before 2001-09-17: %v %v", s, ok)
	}
	if _, ok := calendar.Next("2099-12-31"); ok {
		t.Error("a session beyond the years of the calendar")
	}
	if _, ok := calendar.Session("no date"); ok {
		t.Error("a session on a malformed date")
	}
	if got := calendar.Sessions("1990-01-01", "2000-01-04"); len(got) != 2 {
		t.Errorf("sessions before 2000: %v", got)
	}
}

func TestLastClosedBefore(t *testing.T) {
	var calendar market.Calendar
	const grace = 20 * time.Minute
	for at, want := range map[string]events.Date{
		"2026-11-24T14:35:00Z": "2026-11-23", // in session
		"2026-11-24T21:19:59Z": "2026-11-23",
		"2026-11-24T21:20:00Z": "2026-11-24",
		"2026-11-25T02:00:00Z": "2026-11-24", // still the 24th in New York
		"2026-11-27T18:20:00Z": "2026-11-27", // early close
		"2026-11-30T14:35:00Z": "2026-11-27",
		"2026-07-06T13:35:00Z": "2026-07-02",
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := calendar.LastClosedBefore(now, grace); !ok || s.Date != want {
			t.Errorf("at %s: %s, want %s", at, s.Date, want)
		}
	}
}

func TestExceptions(t *testing.T) {
	var plain market.Calendar
	s, _ := plain.Session("2026-11-24")
	s.Close = s.Close.Add(-3 * time.Hour)
	changed := plain.With(s).Without("2026-11-25")
	if got, _ := changed.Session("2026-11-24"); !got.Close.Equal(s.Close) {
		t.Errorf("replaced session closes at %s", got.Close)
	}
	if next, _ := changed.Next("2026-11-24"); next.Date != "2026-11-27" {
		t.Errorf("the session after a removed one is %s", next.Date)
	}
	if _, open := plain.Session("2026-11-25"); !open {
		t.Error("an exception changed the calendar it was made from")
	}
	if _, open := changed.At(s.Close); open {
		t.Error("open at its close")
	}
	if got, open := changed.At(s.Open); !open || got.Date != s.Date {
		t.Error("not open at its open")
	}
}

func BenchmarkSessions(b *testing.B) {
	var calendar market.Calendar
	for b.Loop() {
		calendar.Sessions("2024-01-01", "2026-02-01")
	}
}
