package cron

import (
	"strings"
	"testing"
	"time"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestNext(t *testing.T) {
	for _, test := range []struct {
		name, expression, zone, after string
		want                          []string
	}{
		{"weekdays", "cron(35 9 ? * MON-FRI *)", "America/New_York", "2026-01-09T12:00:00Z",
			[]string{"2026-01-09T14:35:00Z", "2026-01-12T14:35:00Z"}},
		{"strictly after", "cron(35 9 ? * MON-FRI *)", "America/New_York", "2026-01-09T14:35:00Z", []string{"2026-01-12T14:35:00Z"}},
		{"F34 both sides of the March change", "cron(35 9 ? * MON-FRI *)", "America/New_York", "2026-03-06T00:00:00Z",
			[]string{"2026-03-06T14:35:00Z", "2026-03-09T13:35:00Z"}},
		{"F34 both sides of the November change", "cron(35 9 ? * MON-FRI *)", "America/New_York", "2026-10-30T00:00:00Z",
			[]string{"2026-10-30T13:35:00Z", "2026-11-02T14:35:00Z"}},
		{"autumn hour fires once", "cron(30 1 * * ? *)", "America/New_York", "2026-11-01T00:00:00Z",
			[]string{"2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}},
		{"from inside the second autumn hour", "cron(55 1 * * ? *)", "America/New_York", "2026-11-01T06:50:00Z",
			[]string{"2026-11-02T06:55:00Z"}},
		{"spring gap is shifted", "cron(30 2 * * ? *)", "America/New_York", "2026-03-08T00:00:00Z",
			[]string{"2026-03-08T07:30:00Z", "2026-03-09T06:30:00Z"}},
		{"last day of the month", "cron(0 0 L * ? *)", "UTC", "2028-02-01T00:00:00Z", []string{"2028-02-29T00:00:00Z"}},
		{"third Friday", "cron(0 16 ? * FRI#3 *)", "UTC", "2026-01-01T00:00:00Z", []string{"2026-01-16T16:00:00Z", "2026-02-20T16:00:00Z"}},
		{"every ten minutes", "cron(0/10 * * * ? *)", "UTC", "2026-01-01T00:05:00Z", []string{"2026-01-01T00:10:00Z"}},
		{"a year that is over", "cron(0 0 1 1 ? 2020)", "UTC", "2026-01-01T00:00:00Z", []string{""}},
		{"rate", "rate(5 minutes)", "UTC", "2026-01-01T00:00:07Z", []string{"2026-01-01T00:05:07Z"}},
		{"rate of one", "rate(1 day)", "UTC", "2026-01-01T00:00:00Z", []string{"2026-01-02T00:00:00Z"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, err := Parse(test.expression, zone(t, test.zone))
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(time.RFC3339, test.after)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range test.want {
				at = e.Next(at)
				got := ""
				if !at.IsZero() {
					got = at.UTC().Format(time.RFC3339)
				}
				if got != want {
					t.Fatalf("got %s, want %s", got, want)
				}
			}
		})
	}
}

func TestSpringGapSkipped(t *testing.T) {
	e, err := Parse("cron(30 2 * * ? *)", zone(t, "America/New_York"))
	if err != nil {
		t.Fatal(err)
	}
	got := e.WithGap(Skip).Next(time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC).Add(5 * time.Hour))
	if want := time.Date(2026, 3, 9, 6, 30, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRefusals(t *testing.T) {
	for _, text := range []string{
		"35 9 ? * MON-FRI *", "cron(35 9 ? * MON-FRI)", "cron(35 9 ? * 2-6 *)", "cron(35 9 * * MON-FRI *)", "cron(35 9 ? * ? *)",
		"cron(61 9 ? * MON *)", "cron(0 ? * * MON *)", "cron(35 9 ? * MON-FRI *", "rate(5)", "rate(0 minutes)", "rate(5 minute)",
		"rate(1 minutes)", "rate(-1 minutes)", "rate(1.5 hours)", "rate(5 seconds)", "at(2026-01-01T00:00:00)", "",
		"cron(35 9 ? * 6L *)", "cron(35 9 ? * MON,3 *)",
		"rate(9999999999999 days)", "cron(" + strings.Repeat("1,", 200) + "1 9 ? * MON *)",
	} {
		if _, err := Parse(text, time.UTC); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("cron(35 9 ? * MON-FRI *)")
	f.Add("rate(5 minutes)")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text, time.UTC)
		if err != nil {
			return
		}
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		if next := e.Next(now); !next.IsZero() && !next.After(now) {
			t.Fatalf("%q: the next firing %v is not after %v", text, next, now)
		}
	})
}
