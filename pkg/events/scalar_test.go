package events

import (
	"encoding/json"
	"regexp"
	"testing"
)

// The quick checks agree with the regular expressions that define the forms.
func FuzzForms(f *testing.F) {
	for _, s := range []string{
		"0", "-0", "1", "-1.5", "0.1", "0.10", "01", "1.", ".5", "1e5", "", "-", "1.123456789", "1.1234567891", "12345678901234567890123456",
		"1234567890123456789012345", "0.000000001", "0.0", "+1", " 1", "1\n", "f10f5c1f-8eab-55b0-b7d0-a46cefbfec0b", "f10f5c1f-8eab-45b0-b7d0-a46cefbfec0b",
		"F10f5c1f-8eab-55b0-b7d0-a46cefbfec0b", "f10f5c1f08eab-55b0-b7d0-a46cefbfec0b", "paper-main", "Paper", "aaaaaaaaaaaaaaaaaaaaaaaaa",
	} {
		f.Add(s)
	}
	decimal := regexp.MustCompile(DecimalPattern)
	uuid := regexp.MustCompile(`\A[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\z`)
	account := regexp.MustCompile(`\A[a-z0-9-]{1,24}\z`)
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := Decimal(s).Valid(), decimal.MatchString(s) && s != "-0"; got != want {
			t.Errorf("%q is a decimal: %t, by the pattern %t", s, got, want)
		}
		if got, want := isUUID(s), uuid.MatchString(s); got != want {
			t.Errorf("%q is a UUID: %t, by the pattern %t", s, got, want)
		}
		if got, want := isAccount(s), account.MatchString(s); got != want {
			t.Errorf("%q is an account: %t, by the pattern %t", s, got, want)
		}
	})
}

func TestScalarsAreStrings(t *testing.T) {
	var d Decimal
	var day Date
	var at Time
	for _, raw := range []string{`null`, `5`, `true`, `{}`, `"x"`, `"1.50"`} {
		if json.Unmarshal([]byte(raw), &d) == nil && raw != "null" {
			t.Errorf("%s is a decimal", raw)
		}
		if json.Unmarshal([]byte(raw), &day) == nil && raw != "null" {
			t.Errorf("%s is a date", raw)
		}
		if json.Unmarshal([]byte(raw), &at) == nil && raw != "null" {
			t.Errorf("%s is a time", raw)
		}
	}
	if err := json.Unmarshal([]byte(`"1.\u0035"`), &d); err != nil || d != "1.5" {
		t.Errorf("an escaped decimal: %s %v", d, err)
	}
}
