package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Decimal is an exact number in canonical text: no exponent, no trailing
// fractional zeros, at most nine fractional digits, never "-0". Arithmetic is
// done with pkg/money.
type Decimal string

// Valid reports whether d is in canonical form: DecimalPattern, and not "-0".
func (d Decimal) Valid() bool {
	whole, fraction, pointed := strings.Cut(strings.TrimPrefix(string(d), "-"), ".")
	if pointed && (fraction == "" || len(fraction) > 9 || !digits(fraction) || fraction[len(fraction)-1] == '0') {
		return false
	}
	return whole != "" && len(whole) <= 25 && digits(whole) && (whole[0] != '0' || len(whole) == 1) && d != "-0"
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// text is the content of a JSON string; false for anything else. Strings
// without escapes, as all scalars of ours are, need no decoder.
func text(raw []byte) (string, bool) {
	if len(raw) >= 2 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil && string(raw) != "null"
}

// MarshalJSON refuses text that is not canonical, so that no malformed number
// can be published.
func (d Decimal) MarshalJSON() ([]byte, error) {
	if !d.Valid() {
		return nil, fmt.Errorf("events: %q is not a canonical decimal", string(d))
	}
	return []byte(`"` + string(d) + `"`), nil
}

// UnmarshalJSON accepts a JSON string in canonical form and nothing else.
func (d *Decimal) UnmarshalJSON(raw []byte) error {
	s, ok := text(raw)
	if !ok || !Decimal(s).Valid() {
		return fmt.Errorf("events: %s is not a decimal string such as \"12.5\"", raw)
	}
	*d = Decimal(s)
	return nil
}

// Date is a trading session's date in New York, YYYY-MM-DD. Dates compare as
// text.
type Date string

// DateOf is the date of an instant in the given zone.
func DateOf(t time.Time, zone *time.Location) Date { return Date(t.In(zone).Format(time.DateOnly)) }

// ParseDate reads YYYY-MM-DD.
func ParseDate(s string) (Date, error) {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return "", fmt.Errorf("%q is not a date in the form YYYY-MM-DD", s)
	}
	return Date(s), nil
}

// In is midnight of the date in the given zone; the zero time for a date that
// does not parse.
func (d Date) In(zone *time.Location) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, string(d), zone)
	if err != nil {
		return time.Time{}
	}
	return t
}

// AddDays is the date n calendar days later.
func (d Date) AddDays(n int) Date {
	return Date(d.In(time.UTC).AddDate(0, 0, n).Format(time.DateOnly))
}

// UnmarshalJSON accepts YYYY-MM-DD.
func (d *Date) UnmarshalJSON(raw []byte) error {
	s, ok := text(raw)
	if !ok {
		return fmt.Errorf("events: %s is not a date string", raw)
	}
	parsed, err := ParseDate(s)
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	*d = parsed
	return nil
}

// Time is an instant in UTC to the millisecond.
type Time struct{ t time.Time }

// At cuts an instant to the millisecond.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }

// Time is the instant as the standard library's type.
func (t Time) Time() time.Time { return t.t }

// IsZero reports whether t was never set.
func (t Time) IsZero() bool { return t.t.IsZero() }

const timeForm = "2006-01-02T15:04:05.000Z"

func (t Time) String() string { return t.t.UTC().Format(timeForm) }

// MarshalJSON writes RFC 3339 with milliseconds and Z.
func (t Time) MarshalJSON() ([]byte, error) { return []byte(`"` + t.String() + `"`), nil }

// UnmarshalJSON accepts exactly what MarshalJSON writes.
func (t *Time) UnmarshalJSON(raw []byte) error {
	s, ok := text(raw)
	if !ok {
		return fmt.Errorf("events: %s is not a time string", raw)
	}
	parsed, err := time.Parse(timeForm, s)
	if err != nil {
		return fmt.Errorf("events: %q is not a time in the form %s", s, timeForm)
	}
	*t = At(parsed)
	return nil
}

// DecimalPattern is the canonical form of a Decimal as a regular expression.
const DecimalPattern = `^-?(0|[1-9][0-9]{0,24})(\.[0-9]{0,8}[1-9])?$`
