package paperbroker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/money"
)

// text is a number as the trading API writes it.
func text(d money.Decimal) string { return d.String() }

// textOrNull is nil for a number that there is none of.
func textOrNull(d *money.Decimal) *string {
	if d == nil {
		return nil
	}
	s := d.String()
	return &s
}

func stringOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// wireTime is RFC 3339 with nanoseconds, UTC.
func wireTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// number reads a quantity or price that a client wrote as a string, as a JSON
// number, as "" or as null; the last two mean that there is none.
type number struct{ value *money.Decimal }

func (n *number) UnmarshalJSON(raw []byte) error {
	s := strings.Trim(string(raw), `"`)
	if s == "" || s == "null" {
		return nil
	}
	d, err := money.Parse(s)
	if err != nil {
		return fmt.Errorf("%s is not a number", raw)
	}
	n.value = &d
	return nil
}

// word reads a string or null.
type word string

func (w *word) UnmarshalJSON(raw []byte) error {
	if bytes.Equal(raw, []byte("null")) {
		return nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("%s is not a string", raw)
	}
	*w = word(s)
	return nil
}

// instant reads a bound given as a date in New York, as RFC 3339, or not at all.
func readInstant(s string, zone *time.Location) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, true
	}
	t, err := time.ParseInLocation(time.DateOnly, s, zone)
	return t, err == nil
}
