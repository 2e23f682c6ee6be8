package notifier

import (
	"regexp"
	"strings"
)

// What may stand in free text that came from a broker, a library or an error,
// and must not leave the house.
var (
	mailAddress   = regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+`)
	plainToken    = regexp.MustCompile(`[A-Za-z0-9.]+`) // a number with its point is one token
	accountNumber = regexp.MustCompile(`^(PA[A-Z0-9]{8,12}|[0-9]{9})\.?$`)
	longToken     = regexp.MustCompile(`[A-Za-z0-9+/_=-]{16,}`)
	ownOrder      = regexp.MustCompile(`^alc-[A-Z0-9-]{1,10}-[sb][0-9]{2}-[a-z2-7]{26}$`)
	uuid          = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	keyID         = regexp.MustCompile(`^[A-Z0-9]{16,}$`)
	hexSecret     = regexp.MustCompile(`^[0-9a-f]{32,}$`)
)

const removed = "[removed]"

// redact removes mail addresses, account numbers and strings that look like
// keys. Order ids and event ids stay whole: a shortened id helps nobody.
func redact(s string) string {
	s = mailAddress.ReplaceAllString(s, removed)
	s = longToken.ReplaceAllStringFunc(s, func(token string) string {
		if !ownOrder.MatchString(token) && !uuid.MatchString(token) && looksSecret(token) {
			return removed
		}
		return token
	})
	return plainToken.ReplaceAllStringFunc(s, func(token string) string {
		if accountNumber.MatchString(token) {
			return removed
		}
		return token
	})
}

// looksSecret: a key id is upper case and digits, a key mixes all three kinds
// of characters, a digest is hexadecimal. Words, paths and codes are none.
func looksSecret(token string) bool {
	digit := strings.ContainsAny(token, "0123456789")
	mixed := strings.ToLower(token) != token && strings.ToUpper(token) != token
	return digit && (keyID.MatchString(token) || hexSecret.MatchString(token) || (len(token) >= 20 && mixed))
}

// In neutral mode free text keeps places in files, dates, times, windows of
// indicators, percentages and ids; every other number could be an amount, a
// quantity or a price.
var neutralToken = regexp.MustCompile(
	`[\w./-]+\.[a-z]+:\d+(:\d+)?` + // file:line:column
		`|\d{4}-\d{2}-\d{2}(T[\d:.]+Z)?` + // date
		`|\b\d{1,2}:\d{2}(:\d{2})?\b` + // time
		`|\b\d+-day\b|\b(?:highest|lowest) \d+\b` + // of a strategy's reason
		`|alc-[A-Z0-9-]{1,10}-[sb]\d{2}-[a-z2-7]{26}` +
		`|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}` +
		`|([$€£]\s?)?[-−+]?\d[\d,]*(\.\d+)?([eE][-+]?\d+)?(\s?%)?`)

var amount = regexp.MustCompile(`^([$€£]\s?)?[-−+]?\d[\d,]*(\.\d+)?([eE][-+]?\d+)?$`)

func neutralise(s string) string {
	s = neutralToken.ReplaceAllStringFunc(s, func(token string) string {
		if !amount.MatchString(token) {
			return token
		}
		return "#"
	})
	return strings.ReplaceAll(s, " (#)", "") // a value in brackets said how much, the words say what
}

// scrubber is what every free text of a view passes.
func scrubber(neutral bool) func(string) string {
	if neutral {
		return func(s string) string { return neutralise(redact(s)) }
	}
	return redact
}
